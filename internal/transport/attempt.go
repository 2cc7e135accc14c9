package transport

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/seal"
)

// RoundTrip is what the loop's http.Client calls: it waits as long as was decided, makes one attempt and notes how it went. The
// request it gets is blank, and so is the response it returns; all that matters is in the call.
func (c *call) RoundTrip(blank *http.Request) (*http.Response, error) {
	c.reply = http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: blank}
	if c.wait > 0 && !c.pause() {
		return &c.reply, nil
	}
	try := &attempt{call: c, info: identkit.Attempt{Start: time.Now(), Wait: c.wait, Reason: c.reason}, ctx: c.ctx}
	c.status, c.responseHeader, c.body, c.requestID = 0, nil, nil, ""
	observer := &c.client.observer
	if observer.AttemptStart != nil {
		if within := observer.AttemptStart(c.ctx, c.attemptInfo(try.info, len(c.attempts)+1)); within != nil {
			try.ctx = within
		}
	}
	c.failure = try.run(blank)
	c.reportCredential()
	try.info.Duration = time.Since(try.info.Start)
	try.info.Status = c.status
	if c.failure != nil {
		try.info.Kind, try.info.Phase = c.failure.err.Kind, c.failure.phase
	}
	c.attempts = append(c.attempts, try.info)
	if observer.AttemptEnd != nil {
		observer.AttemptEnd(try.ctx, c.attemptInfo(try.info, len(c.attempts)))
	}
	c.reply.Header = cookiesOf(c.responseHeader)
	return &c.reply, nil
}

// pause waits before the next attempt. When the context ends first, the call ends with what the last attempt said beside it.
func (c *call) pause() bool {
	if sleep(c.ctx, c.wait) == nil {
		return true
	}
	last := c.failure.err
	e := canceled(c.ctx)
	e.Status, e.Code, e.RequestID, e.Err = last.Status, last.Code, last.RequestID, errors.Join(e.Err, last)
	c.failure = &failure{err: e, permanent: true, paused: true}
	return false
}

// attempt is one attempt: gate and limiter, credential, body, round trip, read, classify. It is also the context of the request, in which
// the dialler finds it.
type attempt struct {
	context.Context // the attempt's own
	progress
	watch  watch
	call   *call
	ctx    context.Context // the caller's, which decides whether a failure is a cancellation
	info   identkit.Attempt
	in     counted
	passed time.Duration // how long after its start it passed gate and limiter, whose waits are the call's
	out    Outgoing
}

type attemptKey struct{}

func (a *attempt) Value(key any) any {
	if key == (attemptKey{}) {
		return a
	}
	return a.Context.Value(key)
}

func (a *attempt) run(blank *http.Request) *failure {
	c, client := a.call, a.call.client
	if f := a.limit(); f != nil {
		return f
	}
	within, cancel := context.WithCancelCause(a.ctx)
	a.Context = within
	a.watch.cancel, a.watch.deadline, a.watch.timeout, a.watch.rate = cancel, c.deadline, client.retry.AttemptTimeout, client.retry.MinRate
	a.watch.start(a.sentAt())
	defer a.leave(cancel)
	a.once, a.cancel, a.http1 = c.op.retry == identkit.RetryIfNotProcessed, cancel, client.http1.Load()
	a.replayable = isReplayable(c.op.method)
	_, a.native = client.transport.(*http.Transport)
	a.out = Outgoing{Header: a.header(blank), Body: c.request.Body, query: c.query, values: c.request.values}
	if f := a.authorize(); f != nil {
		return f
	}
	req, f := a.build()
	if f != nil {
		return f
	}
	if at := c.request.Sent; at != nil {
		*at = time.Now()
	}
	resp, err := client.transport.RoundTrip(req)
	if err == nil && resp == nil {
		err = errNoResponse
	}
	if err != nil {
		return a.lost(err)
	}
	if f = a.read(resp); f != nil && a.stopped.Load() {
		f.unknown, f.permanent = true, true // the RoundTripper repeated the request nevertheless: this is not the first one's response
	}
	return f
}

// header is a fresh copy of the call's own, with the jar's cookies of now.
func (a *attempt) header(blank *http.Request) http.Header {
	h := a.call.header
	if len(a.call.attempts) > 0 || a.call.client.jar != nil {
		h = h.Clone() // net/http may still be writing the last attempt's
	}
	if a.call.client.jar != nil {
		if cookies, ok := blank.Header["Cookie"]; ok {
			h["Cookie"] = append(h["Cookie"], cookies...)
			delete(blank.Header, "Cookie")
		}
	}
	return h
}

// isReplayable reports whether net/http takes a method for idempotent.
func isReplayable(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions || method == http.MethodTrace
}

func (a *attempt) authorize() *failure {
	auth := a.call.authorizer()
	if auth == nil {
		return nil
	}
	began := time.Now()
	err := auth.Authorize(a, &a.out)
	a.info.Queued += time.Since(began)
	a.call.used = a.out.Used
	if err == nil {
		return nil
	}
	f := &failure{phase: identkit.PhaseCredential, permanent: true}
	var e *identkit.Error
	switch {
	case a.ctx.Err() != nil:
		f.err = canceled(a.ctx)
	case errors.Is(err, context.DeadlineExceeded), a.timedOut() != nil:
		f.permanent = !time.Now().Before(a.call.deadline)
		f.err = &identkit.Error{Kind: identkit.ErrTimeout, Detail: "no credential in time", Err: err}
	case errors.As(err, &e):
		own := *e
		f.err = &own
	default:
		f.err = &identkit.Error{Kind: identkit.ErrCredential, Detail: "no credential to send", Err: err}
	}
	return f
}

func (c *call) authorizer() Authorizer {
	if c.request.Auth != nil {
		return c.request.Auth
	}
	return c.client.auth
}

// build makes the request of this attempt and opens its body.
func (a *attempt) build() (*http.Request, *failure) {
	c, o := a.call, &a.out
	if name := c.template.clash(o.query); name != "" {
		e := &identkit.Error{Kind: identkit.ErrInvalidRequest, Fields: []identkit.FieldError{{Field: "Options.Paths[" + c.op.name + "]", Reason: "has the query member " + name + ", which the operation sends itself"}}}
		return nil, &failure{permanent: true, err: e}
	}
	u := c.url
	if o.moved {
		values := make([]pathValue, 0, len(o.values))
		for i := len(o.values) - 1; i >= 0; i-- { // the last one counts
			values = append(values, o.values[i])
		}
		var refused []identkit.FieldError
		if u, refused = c.template.fill(c.client.base, values); refused != nil {
			return nil, &failure{permanent: true, err: &identkit.Error{Kind: identkit.ErrInvalidRequest, Fields: refused}}
		}
		u.RawQuery = joinQueries(u.RawQuery, o.query)
	}
	req := http.Request{Method: c.op.method, URL: u, Host: u.Host, Header: o.Header, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	if !o.Body.IsZero() {
		o.Header["Content-Type"] = []string{o.Body.contentType}
		a.askFirst()
		body, err := a.body()
		if err != nil && a.Err() != nil {
			return nil, a.lost(err)
		}
		if err != nil {
			return nil, a.bodyFailure(err)
		}
		if o.Body.length == 0 && o.Body.memory == nil {
			_, err := body.Read(make([]byte, 1))
			_ = body.Close()
			switch {
			case err == io.EOF:
			case a.Err() != nil:
				return nil, a.lost(err)
			default:
				return nil, a.bodyFailure(err)
			}
		}
		if req.ContentLength = o.Body.length; req.ContentLength > 0 {
			req.Body = body
			// Without GetBody, net/http says why it would have sent the request again. Where it is known to speak HTTP/1, it would only
			// do so after nothing was written to a connection that the server had closed.
			if !a.once || !a.replayable && a.http1 {
				req.GetBody = a.bodyAgain
			}
		}
	}
	return req.WithContext(httptrace.WithClientTrace(a, a.hooks())), nil
}

// smallBody is what fits in the buffers below any connection.
const smallBody = 16 << 10

// body opens the body. How a larger one moves is watched.
func (a *attempt) body() (io.ReadCloser, error) {
	b := &a.out.Body
	switch {
	case b.err != nil:
		return nil, b.err
	case b.memory != nil && len(b.memory) <= smallBody:
		return b.reader(a)
	case b.memory != nil || b.local:
		r, err := b.reader(a)
		return &watchedBody{r, a, b.length}, err
	}
	r, err := foreign(a, b.reader)
	if err != nil {
		a.noteBody(err)
		return nil, err
	}
	return &watchedBody{newPump(a, r), a, b.length}, nil
}

// bodyAgain opens the body again for net/http. Over HTTP/2 that may be for a request that the server has read.
func (a *attempt) bodyAgain() (io.ReadCloser, error) {
	if a.once && a.multiplexed.Load() {
		return nil, errRepeat
	}
	return a.body()
}

// read reads the response and classifies it.
func (a *attempt) read(resp *http.Response) *failure {
	c := a.call
	if resp.Body == nil {
		resp.Body = http.NoBody
	}
	a.advance(stepBody)
	a.watch.download()
	a.heard()
	if one := resp.ProtoMajor == 1; one != c.client.http1.Load() {
		c.client.http1.Store(one)
	}
	c.status, c.responseHeader, c.requestID = resp.StatusCode, resp.Header, requestID(resp.Header)
	if c.op.maxDownload > 0 && c.status/100 == 2 {
		return a.openDownload(resp)
	}
	var err error
	c.body, err = readResponse(c.op.method, resp, a.counted(resp.Body), c.client.maxBody)
	if err == nil && len(c.body) == maxErrorBody {
		a.drain(resp, &a.in)
	}
	if err == nil && c.op.isCut(resp, c.body) {
		err = io.ErrUnexpectedEOF
	}
	_ = resp.Body.Close()
	if c.status/100 != 2 && a.ctx.Err() == nil {
		err = nil // what could be read is enough, the status decides
	}
	switch { // a whole response is the result, also when the context has ended since
	case err != nil:
		f := a.lost(err)
		f.err.Status, f.err.RequestID = c.status, c.requestID
		return f
	case c.status/100 == 2, c.op.result != nil && c.op.result(c.status, c.body):
		return nil
	}
	f := a.limited(c.refused())
	if a.refusedToAsk() {
		f.sent, f.unknown, f.unprocessed = false, false, true
	}
	return f
}

// lost is the failure of an attempt that brought no whole response.
func (a *attempt) lost(err error) *failure {
	if cause := a.timedOut(); cause != nil {
		err = cause
		a.checkSilence(a.watch.ended())
	} else if end, ok := a.ctx.Deadline(); ok && errors.Is(a.ctx.Err(), context.DeadlineExceeded) {
		a.checkSilence(end)
	}
	f := lost(a.ctx, err, &a.progress)
	fault := a.fault.Load()
	unprocessed := a.unprocessed(err)
	if unprocessed || a.notSent(err) {
		f.sent, f.unknown = false, false
	}
	switch {
	case fault != nil && a.ctx.Err() == nil:
		return a.bodyFailure(fault.err)
	case unprocessed && a.ctx.Err() == nil:
		f.err.Kind, f.err.Err, f.err.Detail = identkit.ErrNetwork, errNotRead, "the server did not process the request"
	case a.stopped.Load() && a.ctx.Err() == nil:
		f.permanent = true
		f.err.Kind, f.err.Err, f.err.Detail = identkit.ErrNetwork, errRepeat, "the connection was lost or reset after the request was sent"
	case f.err.Kind == identkit.ErrTimeout && a.ctx.Err() == nil && !time.Now().Before(a.call.deadline):
		f.permanent = true
		f.err.Detail = "call timed out"
	}
	a.locate(f.err, err)
	return f
}

// locate names the other end of a connection that failed.
func (a *attempt) locate(e *identkit.Error, err error) {
	switch {
	case a.ctx.Err() != nil:
		if a.traced.Load() && !a.sent() {
			addDetail(e, "while connecting to "+hostPort(a.call.url))
		}
	case e.Kind == identkit.ErrNetwork, e.Kind == identkit.ErrTimeout:
		where := unreached(hostPort(a.call.url), err)
		if e.Detail != "" {
			where += ": "
		}
		e.Detail = where + e.Detail
	}
}

// unprocessed reports whether the server surely did not process the request of an attempt that was lost before its response.
func (a *attempt) unprocessed(err error) bool {
	switch {
	case !a.once || a.step.Load() >= stepBody:
		return false
	case a.stopped.Load(), errors.Is(err, errRepeat):
		return a.multiplexed.Load() && repeatsOnlyUnprocessed(a.call.client.transport)
	}
	return provenUnprocessed(err)
}

// notSent reports whether the RoundTripper says that it sent nothing.
func (a *attempt) notSent(err error) bool {
	return errors.Is(err, identkit.ErrNotSent) && a.step.Load() < stepBody && !a.stopped.Load()
}

// refused is the failure of a response that is not 2xx.
func (c *call) refused() *failure {
	e := &identkit.Error{Kind: kindOf(c.status), Status: c.status, RequestID: c.requestID}
	seal.ErrorBody(e, c.body)
	if d, ok := retryAfter(c.responseHeader, time.Now()); ok {
		e.RetryAfter = d
	}
	// What the status says is decided before the provider's reading of the body may rename the kind.
	f := &failure{err: e, sent: true, unknown: e.Kind == identkit.ErrUnavailable || e.Kind == identkit.ErrBadResponse && !c.unprocessed()}
	c.readFailure(e)
	if c.op.assumption != "" && (c.status == http.StatusNotFound || c.status == http.StatusMethodNotAllowed) {
		e.Kind = identkit.ErrRejected
		addDetail(e, "the path is an assumption ("+c.op.assumption+"): Options.Paths["+strconv.Quote(c.op.name)+"] replaces it")
	}
	return f
}

var errNoResponse = errors.New("transport: the RoundTripper gave neither a response nor an error")

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
