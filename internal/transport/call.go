package transport

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"
	"golang.org/x/time/rate"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/seal"
)

// call is one call on its way: the state between its attempts. The loop is the road's; it finds the call in the context.
type call struct {
	context  callContext
	road     *Road
	op       *Operation
	settings seal.CallSettings
	progress atomic.Pointer[progress] // of the present attempt
	check    Check
	started  time.Time
	deadline time.Time
	request  *http.Request

	attempts []identkit.Attempt
	room     [1]identkit.Attempt
	failure  *failure // of the last attempt; nil: it brought a 2xx answer
	unknown  bool     // an attempt may have taken effect
	used     string   // credential of the last attempt
	renewed  bool     // the one replay with a newer credential was made

	pending bool                 // another attempt is due
	wait    time.Duration        // before it
	reason  identkit.RetryReason // of the wait

	status    int // of the last answer
	header    http.Header
	body      []byte
	requestID string
}

// callContext is the caller's context with the call in it; a part of the call, so that it costs nothing.
type callContext struct {
	context.Context
	call *call
}

type callKey struct{}

func (c *callContext) Value(key any) any {
	if key == (callKey{}) {
		return c.call
	}
	return c.Context.Value(key)
}

func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// send drives the attempts. Afterwards c.failure says how it ended.
func (c *call) send(ctx context.Context, body Body) {
	c.attempts = c.room[:0]
	req := retryablehttp.Request{Request: c.request}
	if body.open != nil && body.length > 0 {
		if err := req.SetBody(retryablehttp.ReaderFunc(func() (io.Reader, error) { return body.open() })); err != nil {
			c.failure = bodyFailure(err)
			return
		}
		req.ContentLength = body.length
	}
	resp, err := c.road.loop.Do(&req)
	if resp != nil {
		_ = resp.Body.Close()
	}
	switch {
	case c.pending && ctx.Err() != nil:
		// The context ended while the call waited: keep what the last attempt said.
		last := c.failure.err
		c.failure = &failure{err: canceled(ctx)}
		c.failure.err.Status, c.failure.err.Code, c.failure.err.RequestID = last.Status, last.Code, last.RequestID
		c.failure.err.Err = errors.Join(c.failure.err.Err, last)
	case err != nil && (c.failure == nil || c.pending):
		c.failure = bodyFailure(err)
	}
}

func bodyFailure(err error) *failure {
	return &failure{permanent: true, err: &identkit.Error{Kind: identkit.ErrInvalidRequest, Detail: "request body cannot be read", Err: err}}
}

// roundTripper is what the loop's http.Client sees as its transport. It has no CloseIdleConnections, which the loop would call
// after every failure.
type roundTripper struct{}

// RoundTrip makes one attempt. It reads the whole answer, so that the attempt's timeout and the cap cover it.
func (roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	c := callOf(req.Context())
	c.pending = false
	a := identkit.Attempt{Start: time.Now(), Wait: c.wait, Reason: c.reason}
	c.status, c.header, c.body, c.requestID = 0, nil, nil, ""
	resp, f := c.attempt(req, a.Start)
	a.Duration = time.Since(a.Start)
	a.Status = c.status
	if f != nil {
		a.Kind, a.Phase = f.err.Kind, f.phase
	}
	c.failure = f
	c.attempts = append(c.attempts, a)
	if c.road.observer.AttemptEnd != nil {
		c.observeAttempt(req.Context(), a)
	}
	if resp == nil {
		return nil, f.err
	}
	return resp, nil
}

func (c *call) attempt(req *http.Request, start time.Time) (*http.Response, *failure) {
	ctx, r := req.Context(), c.road
	if err := c.turn(ctx); err != nil {
		closeBody(req)
		return nil, &failure{err: err, permanent: true}
	}
	deadline := start.Add(r.retry.AttemptTimeout)
	if now := time.Now(); now.Sub(start) > time.Millisecond {
		deadline = now.Add(r.retry.AttemptTimeout) // the limiter's wait is the call's, not the attempt's
	}
	within, cancel := context.WithDeadline(ctx, earlier(c.deadline, deadline))
	defer cancel()
	p := newProgress()
	c.progress.Store(p)
	try := req.WithContext(httptrace.WithClientTrace(within, &p.trace))
	if len(c.attempts) > 0 {
		// net/http may still be writing the last attempt's header.
		try.Header = req.Header.Clone()
	}
	if try.Body != nil && try.Body != http.NoBody {
		try.Body = &watchedBody{ReadCloser: try.Body, p: p}
		if c.op.Retry == RetryIfNotProcessed {
			try.GetBody = singly(req.GetBody, p)
		}
	}
	if r.auth != nil {
		var err error
		if c.used, err = r.auth.Authorize(within, try.Header); err != nil {
			closeBody(req)
			return nil, c.noCredential(ctx, err)
		}
	}
	resp, err := r.transport.RoundTrip(try)
	if err == nil && resp == nil {
		err = errNoResponse
	}
	if err != nil {
		return nil, c.lost(ctx, err, p)
	}
	if resp.Body == nil {
		resp.Body = http.NoBody
	}
	p.advance(stepBody)
	c.status, c.header, c.requestID = resp.StatusCode, resp.Header, requestID(resp.Header)
	c.body, err = readAnswer(req.Method, resp, r.maxBody)
	_ = resp.Body.Close()
	if err == nil {
		err = ctx.Err() // also when it ended inside the body of a failed answer
	}
	if err != nil {
		f := c.lost(ctx, err, p)
		f.err.Status, f.err.RequestID = c.status, c.requestID
		return nil, f
	}
	// What http.Client does with redirects and bodies must not matter.
	resp.Header, resp.Body, resp.Request = cookiesOf(c.header), http.NoBody, req
	if c.status/100 != 2 {
		return resp, c.refused(c.header)
	}
	return resp, nil
}

// turn waits for the limiter.
func (c *call) turn(ctx context.Context) *identkit.Error {
	l := c.road.limiter
	if l == nil || c.op.Unmetered {
		return nil
	}
	// Most of the time there is a token to be had: no context with the call's deadline is needed then.
	if quick, ok := l.(*rate.Limiter); ok && quick.Allow() {
		return nil
	}
	within, cancel := context.WithDeadline(ctx, c.deadline)
	defer cancel()
	err := l.Wait(within)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return canceled(ctx)
	}
	return &identkit.Error{Kind: identkit.ErrRateLimited, Detail: "the local limiter would wait longer than the call may take", Err: err}
}

func (c *call) noCredential(ctx context.Context, err error) *failure {
	var e *identkit.Error
	switch {
	case ctx.Err() != nil:
		return &failure{err: canceled(ctx), permanent: true}
	case errors.Is(err, context.DeadlineExceeded):
		return &failure{permanent: !time.Now().Before(c.deadline), err: &identkit.Error{Kind: identkit.ErrTimeout, Detail: "no credential in time", Err: err}}
	case errors.As(err, &e):
		own := *e
		return &failure{err: &own, permanent: true}
	}
	return &failure{permanent: true, err: &identkit.Error{Kind: identkit.ErrUnauthorized, Detail: "no credential to send", Err: err}}
}

func (c *call) lost(ctx context.Context, err error, p *progress) *failure {
	f := lost(ctx, err, p)
	switch {
	case p.unreadable.Load():
		f.permanent = true
		f.err.Detail = "request body cannot be read"
	case f.err.Kind == identkit.ErrTimeout && ctx.Err() == nil && !time.Now().Before(c.deadline):
		f.permanent = true
		f.err.Detail = "call timed out"
	}
	return f
}

// refused is the failure of an answer that is not 2xx.
func (c *call) refused(h http.Header) *failure {
	e := &identkit.Error{Kind: kindOf(c.status), Status: c.status, RequestID: c.requestID}
	seal.ErrorBody(e, c.body)
	if d, ok := retryAfter(h, time.Now()); ok {
		e.RetryAfter = d
	}
	if c.status/100 == 3 {
		e.Detail = "redirects are not followed"
	}
	if c.road.failure != nil {
		c.road.failure(e, c.body)
	}
	return &failure{err: e, sent: true}
}

// unknown reports whether the request may have taken effect.
func (f *failure) unknown() bool {
	if !f.sent {
		return false
	}
	switch f.err.Kind {
	case identkit.ErrUnavailable, identkit.ErrBadResponse, identkit.ErrNetwork, identkit.ErrTimeout, identkit.ErrCanceled, identkit.ErrResponseTooLarge:
		return true
	}
	return false
}

// checkRetry decides whether there is another attempt, and how long to wait for it.
func checkRetry(ctx context.Context, _ *http.Response, err error) (bool, error) {
	c := callOf(ctx)
	if c.failure == nil {
		if err != nil {
			c.failure = lost(ctx, err, new(progress))
			return false, err
		}
		return false, nil
	}
	f, r := c.failure, c.road
	c.unknown = c.unknown || f.unknown()
	c.wait, c.reason = 0, ""
	if ctx.Err() != nil {
		return false, nil //nolint:nilerr // the attempt's failure is the answer
	}
	if r.auth != nil && !c.renewed && f.err.Status != 0 && c.renews(ctx, f.err) {
		c.renewed, c.pending, c.reason = true, true, identkit.ReasonCredential
		c.logRetry(ctx)
		return true, nil
	}
	made := len(c.attempts)
	if c.renewed {
		made--
	}
	most := r.retry.MaxAttempts
	if c.settings.Attempts > 0 {
		most = c.settings.Attempts
	}
	if made >= most || !retryable(c.op.Retry, f) {
		return false, nil
	}
	c.wait, c.reason = jitter(made, r.retry.InitialBackoff, r.retry.MaxBackoff), identkit.ReasonBackoff
	if asked := f.err.RetryAfter; asked > c.wait {
		c.wait, c.reason = asked, identkit.ReasonRetryAfter
	}
	if c.wait > r.retry.MaxBackoff || !c.timeFor(ctx, c.wait) {
		return false, nil
	}
	if !r.budget.take() {
		spent := *f.err
		spent.Kind, spent.Err, spent.Detail = identkit.ErrRetryBudget, f.err, "stopped locally after "+string(f.err.Kind)
		f.err = &spent
		return false, nil
	}
	c.pending = true
	c.logRetry(ctx)
	return true, nil
}

// renews reports whether there is a newer credential, in no more time than an attempt may take.
func (c *call) renews(ctx context.Context, e *identkit.Error) bool {
	within, cancel := context.WithDeadline(ctx, earlier(c.deadline, time.Now().Add(c.road.retry.AttemptTimeout)))
	defer cancel()
	return c.road.auth.Rejected(within, c.used, e)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// timeFor reports whether the call outlives a wait.
func (c *call) timeFor(ctx context.Context, wait time.Duration) bool {
	end := c.deadline
	if d, ok := ctx.Deadline(); ok && d.Before(end) {
		end = d
	}
	return wait < time.Until(end)
}

// pause waits before the next attempt, or until the context ends.
func pause(req *http.Request) error {
	ctx := req.Context()
	timer := time.NewTimer(callOf(ctx).wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// err completes the error of a call that failed.
func (c *call) err(e *identkit.Error) *identkit.Error {
	e.Provider, e.Operation = c.road.provider, c.op.Name
	e.Attempts = slices.Clone(c.attempts)
	e.OutcomeUnknown = c.unknown && (c.op.Retry == RetryIfNotProcessed || c.op.Method != http.MethodGet && c.op.Method != http.MethodHead)
	return e
}

// watchedBody remembers that a request body could not be read, which no other attempt will mend.
type watchedBody struct {
	io.ReadCloser
	p *progress
}

func (b *watchedBody) Read(buf []byte) (int, error) {
	n, err := b.ReadCloser.Read(buf)
	if err != nil && err != io.EOF && !errors.Is(err, errStaleBody) {
		b.p.unreadable.Store(true)
	}
	return n, err
}

var errNoResponse = errors.New("transport: the RoundTripper gave neither a response nor an error")

var errNoReplay = errors.New("transport: the request may have been read already")

// singly keeps net/http from sending a request again by itself that must not be repeated. Over HTTP/1 it does so only when nothing was
// written; over HTTP/2 also after the server has read the body and reset the stream.
func singly(body func() (io.ReadCloser, error), p *progress) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		if p.multiplexed.Load() {
			return nil, errNoReplay
		}
		return body()
	}
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// cookiesOf is all that http.Client may look at, for a caller's cookie jar.
func cookiesOf(h http.Header) http.Header {
	if c, ok := h["Set-Cookie"]; ok {
		return http.Header{"Set-Cookie": c}
	}
	return nil
}

// requestID is the id the provider, or a gateway before it, gave the request.
func requestID(h http.Header) string {
	for _, name := range [...]string{"X-Request-Id", "X-Correlation-Id", "Request-Id"} {
		if v := h[name]; len(v) > 0 && v[0] != "" {
			return v[0]
		}
	}
	return ""
}
