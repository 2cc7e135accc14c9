package transport

import (
	"context"
	"errors"
	"slices"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/seal"
	"github.com/identkit/identkit/internal/wire"
)

// Op is one operation of a provider's API, as data: what goes in, what comes out, and the rules of the wire. Request and Check must
// not read a catalogue that holds the operation, which would be an initialization cycle.
//
// With an Out of [identkit.Download] the body of a success streams to the caller: any bytes but an HTML page, and not none unless
// Response is [ResponseOptional]. Check sees its type and size.
type Op[In, Out any] struct {
	Name   string              // "powerauth.Operations.Create"
	Method string              // HTTP method
	Path   string              // template; {parts} are filled by [Request.Path]
	Retry  identkit.RetryClass // when it may be repeated
	// Unmetered operations do not wait for the limiter.
	Unmetered bool
	// Response says what a successful response carries. The zero value is a JSON object.
	Response ResponseBody
	// MaxBytes caps a download. Zero means 256 MiB.
	MaxBytes int64
	// Result reports whether a response that is not 2xx carries a result all the same.
	Result func(status int, body []byte) bool
	// Verdicts are the members that must be true or false; missing, null or of another type is an error.
	Verdicts []string
	// Assumption is the id of the assumption that the path is, see internal/assumption: 404 and 405 then say nothing about an entity.
	Assumption string
	// AfterLoss is what to do when the outcome is unknown; it stands in the error.
	AfterLoss string
	// Request fills the request from the input, and notes the input's faults. Nil: the operation has no input.
	Request func(in *In, r *Request)
	// Check says what is missing from the response, or contradicts itself in it.
	Check func(out *Out) error
	// Same compares the response with the input it repeats.
	Same func(in *In, out *Out) error
}

// None is the input or output of operations that have none.
type None struct{}

// ResponseBody says what a successful response carries.
type ResponseBody uint8

// The kinds of response bodies. An HTML page is a gateway's and never a success.
const (
	ResponseObject   ResponseBody = iota // a JSON object; 204 without a body where there is no result
	ResponseOptional                     // the same, or nothing
	ResponseIgnored                      // whatever it is, it says nothing
	ResponseArray                        // a JSON array
)

// Operation is an [Op] of any types, for catalogues.
type Operation interface {
	Info() identkit.OperationInfo
}

// Info is the operation's public description.
func (o *Op[In, Out]) Info() identkit.OperationInfo {
	return identkit.OperationInfo{Name: o.Name, Method: o.Method, Path: o.Path, Retry: o.Retry}
}

// Facts are what of an operation says how its responses are judged, for tests that hold it against a table of their own.
type Facts struct {
	Response              ResponseBody
	Verdicts              []string
	AfterLoss, Assumption string
	MaxBytes              int64 // of a download; 0: it is none
}

// Facts returns the operation's.
func (o *Op[In, Out]) Facts() Facts {
	return Facts{o.Response, o.Verdicts, o.AfterLoss, o.Assumption, o.maxDownload()}
}

// Catalog describes operations, in the order given.
func Catalog(ops []Operation) []identkit.OperationInfo {
	infos := make([]identkit.OperationInfo, len(ops))
	for i, o := range ops {
		infos[i] = o.Info()
	}
	return infos
}

// Do makes a call: begin, validate, send, decode, check, end.
func (o *Op[In, Out]) Do(ctx context.Context, client *Client, in In, opts []identkit.CallOption) (*Out, error) {
	c, err := begin(ctx, client, o.spec(), opts)
	if err != nil {
		return nil, err
	}
	out := new(Out)
	if err := c.end(o.run(c, &in, out)); err != nil {
		return nil, err
	}
	return out, nil
}

// Exec is Do for a call without a result.
func (o *Op[In, Out]) Exec(ctx context.Context, client *Client, in In, opts []identkit.CallOption) error {
	_, err := o.Do(ctx, client, in, opts)
	return err
}

func (o *Op[In, Out]) run(c *call, in *In, out *Out) *identkit.Error {
	if o.Request != nil {
		o.Request(in, &c.request)
	}
	if err := c.validate(); err != nil {
		return err
	}
	if err := c.send(); err != nil {
		return err
	}
	if err := c.decode(out); err != nil {
		return err
	}
	err := o.check(out)
	if err == nil && o.Same != nil {
		err = o.Same(in, out)
	}
	return c.invalid(err)
}

func (o *Op[In, Out]) check(out *Out) error {
	if o.Check == nil {
		return nil
	}
	return o.Check(out)
}

// Parse reads a stored response, as RawJSON gave it, by the rules of the operation.
func (o *Op[In, Out]) Parse(codec *wire.Codec, body []byte) (*Out, error) {
	out := new(Out)
	s := o.spec()
	err := s.decode(codec, body, out, false)
	if err == nil {
		err = o.check(out)
	}
	if err != nil {
		var e *identkit.Error
		if !errors.As(err, &e) {
			e = &identkit.Error{Kind: identkit.ErrBadResponse, Detail: describeResponse(err), Err: err}
		}
		e.Operation = o.Name
		return nil, e
	}
	return out, nil
}

// spec is what of an operation does not depend on its types.
type spec struct {
	name, method, path string
	retry              identkit.RetryClass
	unmetered          bool
	response           ResponseBody
	bodyless           bool // a success may have no body
	result             func(int, []byte) bool
	verdicts           []string
	afterLoss          string
	assumption         string
	maxDownload        int64     // zero: the result is no download
	template           *template // of a call that is not in a catalogue
}

func (o *Op[In, Out]) spec() spec {
	return spec{
		name: o.Name, method: o.Method, path: o.Path, retry: o.Retry, unmetered: o.Unmetered, response: o.Response,
		bodyless: o.Response == ResponseOptional || o.Response == ResponseIgnored,
		result:   o.Result, verdicts: o.Verdicts, afterLoss: o.AfterLoss, assumption: o.Assumption,
		maxDownload: o.maxDownload(),
	}
}

// decode reads a response into out, which then keeps its JSON if it embeds identkit.Raw.
func (s *spec) decode(codec *wire.Codec, body []byte, out any, textVerdicts bool) error {
	kind := wire.Kind(body)
	_, none := out.(*None)
	switch {
	case kind == 0 && isHTML(body):
		return errHTML
	case s.response == ResponseIgnored:
		return nil
	case len(body) == 0 && (s.response == ResponseOptional || none && body == nil):
		return nil
	case len(body) == 0:
		return errEmpty
	case kind != '{' && s.response != ResponseArray:
		return errNotObject
	case kind != '[' && s.response == ResponseArray:
		return errNotArray
	case none:
		var object map[string]rawValue
		return codec.Unmarshal(body, &object)
	}
	if err := codec.Unmarshal(body, out); err != nil {
		return err
	}
	for _, name := range s.verdicts {
		switch value := wire.Member(body, name); {
		case value == nil || value.Kind() == 'n':
			return Missing(name)
		case value.Kind() == 't' || value.Kind() == 'f':
		case slices.Contains([]string{`"true"`, `"false"`}, string(value)):
			if !textVerdicts {
				return Contradiction(name + " is a text, not a boolean")
			}
		default:
			return Contradiction(name + " is not a boolean")
		}
	}
	seal.RawJSON(out, wire.TrimBOM(body))
	return nil
}
