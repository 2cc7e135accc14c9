package transport

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/wire"
)

// Call is the escape hatch: a call that is not in the catalogue. With an out of nil the response is not looked at, unless it is an
// HTML page; 204 leaves out as it is. A response that cannot be read leaves out as it was.
func (c *Client) Call(ctx context.Context, in identkit.Request, out any, opts []identkit.CallOption) error {
	t, fault := parseTemplate(in.Path)
	op := spec{name: in.Name, method: strings.ToUpper(in.Method), path: in.Path, retry: in.Retry, template: &t, bodyless: out == nil}
	if op.name == "" && c != nil {
		op.name = c.provider + ".Call"
	}
	if op.method == "" {
		op.method = http.MethodGet
	}
	call, err := begin(ctx, c, op, opts)
	if err != nil {
		return err
	}
	r := &call.request
	r.That(fault == "", "Path", fault)
	r.That(validToken(op.method), "Method", "is not an HTTP method")
	target := reflect.ValueOf(out)
	r.That(out == nil || target.Kind() == reflect.Pointer && !target.IsNil(), "out", "is not a pointer")
	for name, value := range in.PathValues {
		r.That(fault != "" || slices.Contains(t.names, name), "PathValues["+name+"]", "is not a part of Path")
		r.Path(name, value)
	}
	r.Usable("Body", in.Body)
	if in.Body != nil {
		r.JSON(in.Body)
	}
	r.Query, r.Header = in.Query, in.Header
	return call.end(call.runRaw(out, target))
}

func (c *call) runRaw(out any, target reflect.Value) *identkit.Error {
	if err := c.validate(); err != nil {
		return err
	}
	if err := c.send(); err != nil {
		return err
	}
	if out == nil {
		if isHTML(c.body) {
			return c.invalid(errHTML)
		}
		return nil
	}
	if c.status == http.StatusNoContent {
		return nil
	}
	body, err := c.payload()
	if err != nil {
		return c.invalid(err)
	}
	switch {
	case len(body) == 0:
		return c.invalid(errEmpty)
	case isHTML(body):
		return c.invalid(errHTML)
	case wire.Kind(body) == 'n':
		return c.invalid(errNull)
	}
	fresh := reflect.New(target.Type().Elem()) // the library fills what it can before it finds a fault
	if err := c.client.codec.Unmarshal(body, fresh.Interface()); err != nil {
		return c.invalid(err)
	}
	target.Elem().Set(fresh.Elem())
	return nil
}
