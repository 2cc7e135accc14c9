package fakeserver

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/fault"
	"github.com/identkit/identkit/internal/wire"
)

// Call is one request to a handler, and the response to it. The last response set is sent. Without one the engine responds with 500,
// because that is a bug of the fake.
type Call struct {
	operation identkit.OperationInfo
	values    map[string]string
	query     url.Values
	request   *http.Request
	body      *requestBody
	plan      fault.Plan
	now       time.Time

	header http.Header
	reply  *reply
}

type reply struct {
	status int
	header http.Header
	body   []byte
	stream io.Reader // in place of body
	size   int64     // of stream; -1: it is not announced
}

func newReply(status int, contentType string, body []byte) *reply {
	header := make(http.Header)
	if contentType != "" {
		header.Set("Content-Type", contentType)
	}
	return &reply{status: status, header: header, body: body}
}

// Operation returns what is called; the zero value in NotFound and MethodNotAllowed.
func (c *Call) Operation() identkit.OperationInfo { return c.operation }

// Context returns the request's context. It ends when the client goes away.
func (c *Call) Context() context.Context { return c.request.Context() }

// Now returns when the request came in, by the fake's clock.
func (c *Call) Now() time.Time { return c.now }

// ExpireToken reports whether a fault rule makes the access token of the request expire.
func (c *Call) ExpireToken() bool { return c.plan.ExpireToken }

// PathValue returns the value of one of the path's {parts}, unescaped; an escaped slash is part of it.
func (c *Call) PathValue(name string) string { return c.values[name] }

// Query returns the query.
func (c *Call) Query() url.Values { return c.query }

// Header returns the request's headers. They must not be changed.
func (c *Call) Header() http.Header { return c.request.Header }

// Body returns the request's body, at most Config.MaxBody of it, or the text that [Server.Receive] made of it. It must not be changed.
func (c *Call) Body() []byte { return c.body.data }

// Received returns what the function of [Server.Receive] made of the body, and why that failed.
func (c *Call) Received() (any, error) { return c.body.value, c.body.invalid }

// Request returns a copy of the request whose body can be read from its beginning, for BasicAuth, ParseMultipartForm and the like.
func (c *Call) Request() *http.Request {
	r := c.request.WithContext(c.request.Context())
	r.Body = io.NopCloser(bytes.NewReader(c.Body()))
	return r
}

// HasJSON reports whether the Content-Type is JSON: application/json or a +json type, in UTF-8.
func (c *Call) HasJSON() bool {
	media, params, err := mime.ParseMediaType(c.request.Header.Get("Content-Type"))
	if err != nil {
		return false
	}
	charset, set := params["charset"]
	return (media == "application/json" || strings.HasSuffix(media, "+json")) && (!set || strings.EqualFold(charset, "utf-8"))
}

// Decode reads the body as JSON into v strictly: exact names, no duplicate members at any depth, nothing after the value. It returns
// the first problem, or nil. Unknown members are ignored.
func (c *Call) Decode(v any) *Problem { return decode(c.Body(), v) }

// DecodeKnown is like [Call.Decode] and reports unknown members as well.
func (c *Call) DecodeKnown(v any) *Problem {
	return decode(c.Body(), v, json.RejectUnknownMembers(true))
}

// SetHeader sets a header of the response, of any kind.
func (c *Call) SetHeader(name, value string) { c.header.Set(name, value) }

// JSON responds with v as JSON. A value that cannot be marshalled is a bug of the fake, which panics.
func (c *Call) JSON(status int, v any) {
	b, err := wire.Marshal(v)
	if err != nil {
		panic("fakeserver: response of " + c.operation.Name + ": " + err.Error())
	}
	c.Raw(status, "application/json", b)
}

// Empty responds without a body.
func (c *Call) Empty(status int) { c.Raw(status, "", nil) }

// Raw responds with any body. An empty contentType sends none.
func (c *Call) Raw(status int, contentType string, body []byte) {
	c.reply = newReply(status, contentType, body)
}

// Stream responds with the bytes of a reader as they come, after the handler has returned. A reader that fails cuts the connection.
func (c *Call) Stream(status int, contentType string, body io.Reader) {
	c.File(status, contentType, body, -1)
}

// File is [Call.Stream] with a Content-Length. A reader that ends before its size
// cuts the connection, too.
func (c *Call) File(status int, contentType string, body io.Reader, size int64) {
	c.reply = newReply(status, contentType, nil)
	c.reply.stream, c.reply.size = body, size
	if size >= 0 {
		c.reply.stream = &sized{body, size}
	}
}

// sized fails for a reader that ends before its size, and ends at it.
type sized struct {
	src  io.Reader
	left int64
}

func (s *sized) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	n, err := s.src.Read(p[:min(int64(len(p)), s.left)])
	if s.left -= int64(n); s.left > 0 && errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
