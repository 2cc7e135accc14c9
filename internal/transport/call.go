package transport

import (
	"context"
	"errors"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/seal"
)

// call is one call on its way: its input, its loop, and the state between its attempts.
type call struct {
	client   *Client
	op       spec
	settings seal.CallSettings
	ctx      context.Context // the loop's hooks are methods of the call
	request  Request
	template *template
	url      *url.URL
	query    string // the call's own, without that of the template
	header   http.Header
	started  time.Time
	deadline time.Time

	loop  retryablehttp.Client
	http  http.Client
	blank retryablehttp.Request
	reply http.Response // what the loop and its http.Client see of a response

	attempts []identkit.Attempt
	first    [1]identkit.Attempt
	failure  *failure // of the last attempt; nil: it brought a result
	unknown  bool     // an attempt may have taken effect
	used     string   // credential of the last attempt
	renewed  bool     // the one replay with a newer credential was made
	wait     time.Duration
	reason   identkit.RetryReason

	status         int // of the last response
	responseHeader http.Header
	body           []byte
	requestID      string
}

const notMade = "the client was not made by its constructor"

func nilContext() *identkit.Error {
	return &identkit.Error{Kind: identkit.ErrInvalidRequest, Fields: []identkit.FieldError{{Field: "ctx", Reason: "is nil"}}}
}

// begin makes a call of a client.
func begin(ctx context.Context, client *Client, op spec, opts []identkit.CallOption) (*call, error) {
	c := &call{client: client, op: op, ctx: ctx, started: time.Now()}
	for _, o := range opts {
		if o != nil {
			o(&c.settings)
		}
	}
	if r, ok := c.settings.Response.(*identkit.Response); ok && r != nil {
		*r = identkit.Response{} // also when the call goes no further
	}
	var missing *identkit.Error
	switch {
	case client == nil:
		missing = &identkit.Error{Kind: identkit.ErrInvalidRequest, Detail: notMade}
	case IsNil(ctx):
		missing = nilContext()
	}
	if missing != nil {
		missing.Operation = op.name
		return nil, missing
	}
	c.request.codec = client.codec
	if c.template = op.template; c.template == nil {
		c.template = client.template(op.name, op.path)
		c.op.path = c.template.text
		if c.template.method != "" {
			c.op.method = c.template.method
		}
	}
	timeout := client.timeout
	if c.settings.Timeout > 0 {
		timeout = c.settings.Timeout
	}
	c.deadline = c.started.Add(timeout)
	if o := client.observer.CallStart; o != nil {
		if within := o(ctx, c.info()); within != nil {
			c.ctx = within
		}
	}
	return c, nil
}

var acceptJSON = []string{"application/json"}

// validate builds the call's URL and header, or says what is wrong with the input.
func (c *call) validate() *identkit.Error {
	r := &c.request
	if r.IfNotProcessed {
		c.op.retry = identkit.RetryIfNotProcessed
	}
	for _, name := range r.later {
		r.Path(name, "later") // replaced in each attempt
	}
	u, refused := c.template.fill(c.client.base, r.values)
	r.Faults = append(r.Faults, refused...)
	if c.settings.BodyFields != nil {
		r.Body = r.Body.with(c.client.codec, c.settings.BodyFields, &r.Check)
	}
	switch {
	case errors.Is(r.Body.err, identkit.ErrMasked):
		r.Refuse("Body", "holds a masked secret: it was stored without Reveal")
	case errors.Is(r.Body.err, errNegative):
		r.Refuse(r.Body.name(), errNegative.Error())
	case r.Body.err != nil && r.Body.field != "":
		r.Refuse(r.Body.field, "cannot be read")
	case r.Body.err != nil:
		r.Refuse("Body", "cannot be encoded")
	}
	h := make(http.Header, 6)
	h["User-Agent"] = c.client.agent
	h["Accept"] = acceptJSON
	own := c.client.header(u)
	maps.Copy(h, own)
	addHeader(h, r.Header, own, &r.Check)
	addHeader(h, c.settings.Header, own, &r.Check)
	if c.op.retry == identkit.RetryIfNotProcessed {
		for _, name := range [...]string{"Idempotency-Key", "X-Idempotency-Key"} {
			_, given := h[name]
			r.That(!given, "header "+name, "cannot be set: net/http would repeat the call by itself")
		}
	}
	r.That(c.settings.Timeout >= 0, "WithTimeout", "is negative")
	r.That(c.settings.Attempts >= 0, "WithAttempts", "is negative")
	if len(r.Faults) > 0 {
		return &identkit.Error{Kind: identkit.ErrInvalidRequest, Fields: r.Faults}
	}
	if len(r.Query) > 0 {
		c.query = r.Query.Encode()
		u.RawQuery = joinQueries(u.RawQuery, c.query)
	}
	c.url, c.header = u, h
	if c.ctx.Err() != nil {
		return canceled(c.ctx)
	}
	return nil
}

// blankRequest is what the loop and its http.Client work on: they know nothing of the real request, which each attempt builds.
var blankRequest = &http.Request{Method: http.MethodGet, URL: &url.URL{Scheme: "http", Host: "blank"}, Header: http.Header{}}

// send drives the attempts. The loop is this call's own, its hooks are methods: RoundTrip makes an attempt, checkRetry decides
// about another one.
func (c *call) send() *identkit.Error {
	c.attempts = c.first[:0]
	c.http = http.Client{Transport: c, Jar: c.client.jar}
	c.loop = retryablehttp.Client{HTTPClient: &c.http, RetryMax: math.MaxInt32, CheckRetry: c.checkRetry, Backoff: noBackoff}
	c.blank.Request = blankRequest
	if c.client.jar != nil { // a jar looks at the URL and adds to the header
		c.blank.Request = &http.Request{Method: c.op.method, URL: c.url, Header: make(http.Header)}
	}
	if resp, err := c.loop.Do(&c.blank); err == nil {
		_ = resp.Body.Close() // blank, too
	} else if c.failure == nil {
		c.failure = &failure{err: &identkit.Error{Kind: identkit.ErrNetwork, Err: err}}
	}
	if c.failure != nil {
		return c.failure.err
	}
	return nil
}

func noBackoff(time.Duration, time.Duration, int, *http.Response) time.Duration { return 0 }

// payload is the response's body without its envelope; nil for 204.
func (c *call) payload() ([]byte, error) {
	switch {
	case c.status == http.StatusNoContent:
		return nil, nil
	case c.client.unwrap == nil || len(c.body) == 0:
		return c.body, nil
	}
	return c.client.unwrap(c.body)
}

// decode reads the response of a call into out.
func (c *call) decode(out any) *identkit.Error {
	body, err := c.payload()
	if err == nil {
		err = c.op.decode(c.client.codec, body, out, c.request.TextVerdicts)
	}
	if err == nil && c.op.response != ResponseIgnored {
		c.reportDrift(body, out)
	}
	return c.invalid(err)
}

// invalid is the failure of a call whose response arrived and is of no use.
func (c *call) invalid(err error) *identkit.Error {
	if err == nil {
		return nil
	}
	var e *identkit.Error
	if !errors.As(err, &e) {
		e = &identkit.Error{Kind: identkit.ErrBadResponse, Detail: describeResponse(err), Err: err}
	}
	own := *e // a Check may return the same one for every call
	e = &own
	e.Status = c.status
	c.keepRequestID(e)
	seal.ErrorBody(e, c.body)
	// A refusal is a result that is read: nothing happened.
	c.unknown = c.unknown || e.Kind != identkit.ErrRejected
	return e
}

func addDetail(e *identkit.Error, text string) {
	if e.Detail != "" && text != "" {
		e.Detail += "; "
	}
	e.Detail += text
}

// end completes the call's error, tells the observer and the log, and returns the error as one.
func (c *call) end(e *identkit.Error) error {
	if e != nil {
		e.Provider, e.Operation = c.client.provider, c.op.name
		e.Attempts = slices.Clone(c.attempts)
		e.OutcomeUnknown = c.unknown && (c.op.retry == identkit.RetryIfNotProcessed || c.op.method != http.MethodGet && c.op.method != http.MethodHead)
		if e.Kind == identkit.ErrRejected {
			addDetail(e, c.request.WhenRejected)
		}
		if e.OutcomeUnknown {
			addDetail(e, c.op.afterLoss)
		}
	} else {
		c.client.budget.refund()
	}
	c.report(e)
	if e != nil {
		return e
	}
	return nil
}
