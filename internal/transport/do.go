package transport

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/seal"
)

// Input is what one call sends.
type Input struct {
	Path   Path // the values of the operation's {parts}, in the order of its template
	Query  url.Values
	Header http.Header
	Body   Body
	Check  func(*Check) // refuses bad input before anything is sent
}

// Path holds path values. No known operation has more than two.
type Path [2]string

// Do sends a call and decodes its answer, a JSON object, into W. finish checks that the answer says what callers depend on
// (see Missing, Same) and turns it into the result, which keeps the answer's bytes if it embeds identkit.Raw.
func Do[W, T any](ctx context.Context, r *Road, op *Operation, in Input, finish func(*W, Path) (*T, error), opts []identkit.CallOption) (*T, error) {
	d := decoding[W, T]{finish: finish, path: in.Path}
	if err := r.run(ctx, op, in, opts, &d); err != nil {
		return nil, err
	}
	return d.result, nil
}

// acceptor makes something of the body of a 2xx answer.
type acceptor interface{ accept(body []byte) error }

type decoding[W, T any] struct {
	answer W
	finish func(*W, Path) (*T, error)
	path   Path
	result *T
}

func (d *decoding[W, T]) accept(body []byte) error {
	if err := decodeObject(body, &d.answer); err != nil {
		return err
	}
	t, err := d.finish(&d.answer, d.path)
	if err != nil {
		return err
	}
	seal.RawJSON(t, body)
	d.result = t
	return nil
}

type acceptFunc func([]byte) error

func (f acceptFunc) accept(body []byte) error { return f(body) }

// Exec sends a call whose answer says nothing beyond success. A 2xx answer still has to be a JSON object, or 204 without
// a body, or empty where the operation allows it: a proxy's HTML page is not a success.
func Exec(ctx context.Context, r *Road, op *Operation, in Input, opts []identkit.CallOption) error {
	return r.run(ctx, op, in, opts, acceptFunc(func(body []byte) error {
		if body == nil || op.EmptyAnswer && len(body) == 0 {
			return nil
		}
		var object map[string]json.RawMessage
		return decodeObject(body, &object)
	}))
}

// Call is the escape hatch: a call that is not in the catalogue. With an out of nil the answer is not looked at; 204 leaves it as it is.
func (r *Road) Call(ctx context.Context, in identkit.Request, out any, opts []identkit.CallOption) error {
	op := &Operation{Name: in.Name, Method: strings.ToUpper(in.Method), Path: in.Path, Retry: in.Retry}
	if op.Name == "" {
		op.Name = r.provider + ".Call"
	}
	if op.Method == "" {
		op.Method = http.MethodGet
	}
	target := reflect.ValueOf(out)
	usable := out == nil || target.Kind() == reflect.Pointer && !target.IsNil()
	input := Input{Query: in.Query, Header: in.Header}
	t, fault := parseTemplate(in.Path)
	input.Check = func(c *Check) {
		c.That(fault == "", "Path", fault)
		c.That(usable, "out", "is not a pointer")
		c.That(validToken(op.Method), "Method", "is not an HTTP method")
		for name := range in.PathValues {
			c.That(fault != "" || slices.Contains(t.names, name), "PathValues["+name+"]", "is not a part of Path")
		}
	}
	if len(t.names) > len(input.Path) {
		t, fault = template{}, "has more than two parts"
	}
	op.adhoc = &t
	for i, name := range t.names {
		input.Path[i] = in.PathValues[name]
	}
	if in.Body != nil {
		input.Body = JSON(in.Body).unmasked()
	}
	return r.run(ctx, op, input, opts, acceptFunc(func(body []byte) error {
		if out == nil || body == nil {
			return nil
		}
		if len(body) == 0 {
			return errNoObject
		}
		return json.Unmarshal(body, out)
	}))
}

// run makes a call: begin, check, send, accept, end.
func (r *Road) run(ctx context.Context, op *Operation, in Input, opts []identkit.CallOption, to acceptor) error {
	c := &call{road: r, op: op, settings: settingsOf(opts), started: time.Now()}
	timeout := r.timeout
	if c.settings.Timeout > 0 {
		timeout = c.settings.Timeout
	}
	c.deadline = c.started.Add(timeout)
	ctx = c.begin(ctx)
	c.context = callContext{ctx, c}
	e := c.outcome(&c.context, &in, to)
	c.end(ctx, e)
	if e != nil {
		return e
	}
	return nil
}

func (c *call) outcome(ctx context.Context, in *Input, to acceptor) *identkit.Error {
	if refused := c.prepare(ctx, in); refused != nil {
		return c.err(&identkit.Error{Kind: identkit.ErrInvalidRequest, Fields: refused})
	}
	if ctx.Err() != nil {
		return c.err(canceled(ctx))
	}
	c.send(ctx, in.Body)
	if c.failure != nil {
		return c.err(c.failure.err)
	}
	if err := c.accept(to); err != nil {
		c.unknown = true
		return c.err(err)
	}
	c.road.budget.refund()
	return nil
}

func (c *call) accept(to acceptor) *identkit.Error {
	body := c.body
	if c.status == http.StatusNoContent {
		body = nil
	}
	var err error
	if c.road.unwrap != nil && len(body) > 0 {
		body, err = c.road.unwrap(body)
	}
	if err == nil {
		err = to.accept(body)
	}
	if err == nil {
		return nil
	}
	var e *identkit.Error
	if !errors.As(err, &e) {
		e = &identkit.Error{Kind: identkit.ErrBadResponse, Detail: explain(err), Err: err}
	}
	e.Status, e.RequestID = c.status, c.requestID
	seal.ErrorBody(e, c.body)
	return e
}

// explain says what is wrong with an answer without repeating it.
func explain(err error) string {
	var (
		missing missingError
		odd     contradiction
		typed   *json.UnmarshalTypeError
	)
	switch {
	case errors.As(err, &missing), errors.As(err, &odd), errors.Is(err, errNotObject), errors.Is(err, errNoObject):
		return err.Error()
	case errors.As(err, &typed) && typed.Field != "":
		return "answer has another type than expected at " + typed.Field
	}
	return "answer cannot be decoded"
}

// prepare builds the request, or says what is wrong with the input.
func (c *call) prepare(ctx context.Context, in *Input) []identkit.FieldError {
	check := &c.check
	if in.Check != nil {
		in.Check(check)
	}
	t := c.road.template(c.op)
	u, refused := t.fill(c.road.base, t.order, in.Path[:len(t.order)])
	check.Faults = append(check.Faults, refused...)
	if c.settings.BodyFields != nil {
		in.Body = in.Body.with(c.settings.BodyFields, check)
	}
	switch {
	case errors.Is(in.Body.err, errMask):
		check.Refuse("Body", "holds a Secret, which encodes as a mask; Reveal it")
	case in.Body.err != nil:
		check.Refuse("Body", "cannot be encoded")
	}
	h := make(http.Header, 6)
	h["User-Agent"] = c.road.agent
	h["Accept"] = acceptJSON
	if in.Body.contentType != "" {
		h["Content-Type"] = []string{in.Body.contentType}
	}
	addHeader(h, in.Header, check)
	addHeader(h, c.settings.Header, check)
	if c.op.Retry == RetryIfNotProcessed {
		for _, name := range [...]string{"Idempotency-Key", "X-Idempotency-Key"} {
			_, given := h[name]
			check.That(!given, "header "+name, "cannot be set: net/http would repeat the call by itself")
		}
	}
	check.That(c.settings.Timeout >= 0, "WithTimeout", "is negative")
	check.That(c.settings.Attempts >= 0, "WithAttempts", "is negative")
	if len(check.Faults) > 0 {
		return check.Faults
	}
	if len(in.Query) > 0 {
		u.RawQuery = in.Query.Encode()
	}
	req := http.Request{Method: c.op.Method, URL: u, Host: u.Host, Header: h, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	c.request = req.WithContext(ctx)
	return nil
}

var acceptJSON = []string{"application/json"}

func addHeader(h, more http.Header, check *Check) {
	for name, values := range more {
		key := http.CanonicalHeaderKey(name)
		switch key {
		case "Authorization", "Host", "Content-Length", "Transfer-Encoding", "Connection", "Trailer", "Upgrade":
			check.Refuse("header "+key, "cannot be set")
			continue
		}
		if !validToken(name) {
			check.Refuse("header", "name is not a token")
			continue
		}
		for _, v := range values {
			check.That(validHeaderValue(v), "header "+key, "value must be printable ASCII")
		}
		h[key] = values
	}
}

func validToken(s string) bool {
	for _, r := range s {
		if r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r) {
			return false
		}
	}
	return s != ""
}

func validHeaderValue(s string) bool {
	for i := range len(s) {
		if b := s[i]; b < ' ' && b != '\t' || b >= 0x7f {
			return false
		}
	}
	return true
}

func settingsOf(opts []identkit.CallOption) (s seal.CallSettings) {
	for _, o := range opts {
		if o != nil {
			o(&s)
		}
	}
	return s
}

// KeepRaw keeps the JSON that a part of a result was read from.
func KeepRaw(result any, b []byte) { seal.RawJSON(result, b) }

// KeepBody keeps a response's body in an error.
func KeepBody(e *identkit.Error, b []byte) { seal.ErrorBody(e, b) }

// ResponseOf is the target that the options of a call name, or nil.
func ResponseOf(opts []identkit.CallOption) *identkit.Response {
	r, _ := settingsOf(opts).Response.(*identkit.Response)
	return r
}
