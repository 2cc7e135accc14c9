package transport

import (
	"context"
	"net/http"
	"net/url"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/seal"
	"github.com/identkit/identkit/internal/wire"
)

// What follows serves resources that are not described by an Op yet.

type (
	// Road is a Client.
	Road = Client
	// Path holds path values in the order of the template.
	Path [2]string
)

// The retry classes, under the names that old operations use.
const (
	RetryIfNotProcessed = identkit.RetryIfNotProcessed
	RetrySafe           = identkit.RetrySafe
)

// OldOperation is one call of a provider's API, as data.
type OldOperation struct {
	Name, Method, Path     string
	Retry                  identkit.RetryClass
	Unmetered, EmptyAnswer bool
}

// Info is the operation's public description.
func (o *OldOperation) Info() identkit.OperationInfo {
	return identkit.OperationInfo{Name: o.Name, Method: o.Method, Path: o.Path, Retry: o.Retry}
}

// Input is what one call sends.
type Input struct {
	Path   Path
	Query  url.Values
	Header http.Header
	Body   Body
	Check  func(*Check)
}

func (o *OldOperation) begin(ctx context.Context, r *Client, in Input, opts []identkit.CallOption) (*call, error) {
	s := spec{name: o.Name, method: o.Method, path: o.Path, retry: o.Retry, unmetered: o.Unmetered}
	if o.EmptyAnswer {
		s.response = ResponseOptional
	}
	c, err := begin(ctx, r, s, opts)
	if err != nil {
		return nil, err
	}
	if in.Check != nil {
		in.Check(&c.request.Check)
	}
	t, _ := parseTemplate(o.Path)
	for i, name := range t.names {
		c.request.Path(name, in.Path[i])
	}
	c.request.Query, c.request.Header, c.request.Body = in.Query, in.Header, in.Body
	return c, nil
}

// Do sends a call and decodes its response into W.
func Do[W, T any](ctx context.Context, r *Client, op *OldOperation, in Input, finish func(*W, Path) (*T, error), opts []identkit.CallOption) (*T, error) {
	c, err := op.begin(ctx, r, in, opts)
	if err != nil {
		return nil, err
	}
	var (
		w      W
		result *T
	)
	run := func() *identkit.Error {
		if e := c.validate(); e != nil {
			return e
		}
		if e := c.send(); e != nil {
			return e
		}
		if e := c.decode(&w); e != nil {
			return e
		}
		var err error
		result, err = finish(&w, in.Path)
		body := c.body
		if c.client.unwrap != nil {
			body, _ = c.client.unwrap(body)
		}
		if err == nil {
			seal.RawJSON(result, body)
		}
		return c.invalid(err)
	}
	if err := c.end(run()); err != nil {
		return nil, err
	}
	return result, nil
}

// Exec sends a call whose response says nothing beyond success.
func Exec(ctx context.Context, r *Client, op *OldOperation, in Input, opts []identkit.CallOption) error {
	c, err := op.begin(ctx, r, in, opts)
	if err != nil {
		return err
	}
	run := func() *identkit.Error {
		if e := c.validate(); e != nil {
			return e
		}
		if e := c.send(); e != nil {
			return e
		}
		return c.decode(new(None))
	}
	return c.end(run())
}

var plainCodec = wire.NewCodec(nil, nil)

// JSON is v as a JSON body.
func JSON(v any) Body { return jsonBody(plainCodec, v) }

// KeepRaw keeps the JSON that a part of a result was read from.
func KeepRaw(result any, b []byte) { seal.RawJSON(result, b) }

// KeepBody keeps a response's body in an error.
func KeepBody(e *identkit.Error, b []byte) { seal.ErrorBody(e, b) }

// Once is OneShot.
var Once = OneShot

// ResponseOf is the target that the options of a call name, or nil.
func ResponseOf(opts []identkit.CallOption) *identkit.Response {
	var s seal.CallSettings
	for _, o := range opts {
		o(&s)
	}
	r, _ := s.Response.(*identkit.Response)
	return r
}
