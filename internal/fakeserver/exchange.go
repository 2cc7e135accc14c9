package fakeserver

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/internal/fault"
)

// exchange is one request, from its first line to the response. With and without a socket the steps are the same: begin, load the
// body, respond.
type exchange struct {
	server  *Server
	request *http.Request
	body    *requestBody
	route   *route
	values  map[string]string
	query   url.Values
	allowed []string
	plan    fault.Plan
	number  int // in the journal
}

// begin routes a request and looks up its fault. The body stays unread unless a rule reads it.
func (s *Server) begin(r *http.Request, body io.ReadCloser) *exchange {
	x := &exchange{server: s, request: r, body: &requestBody{src: body, limit: s.config.MaxBody}}
	x.route, x.values, x.allowed = s.find(r.Method, r.URL.EscapedPath())
	x.query = r.URL.Query()

	seen := r.WithContext(r.Context())
	seen.Body = x.body.reader()
	x.plan = s.faults.next(x.route.op.Name, seen)
	return x
}

// record enters the request into the journal.
func (x *exchange) record(body []byte, problem string) {
	r := x.request
	x.number = x.server.entries.record(identkittest.Entry{
		Operation:  x.route.op.Name,
		Method:     r.Method,
		Host:       r.Host,
		Path:       r.URL.EscapedPath(),
		Template:   x.route.op.Path,
		PathValues: maps.Clone(x.values),
		Query:      x.query,
		Header:     r.Header.Clone(),
		Body:       body,
		Time:       x.server.config.Clock.Now(),
		Processed:  x.plan.Processes() && x.route.handler != nil && !x.body.tooLong && problem == "",
		Fault:      x.plan.Text,
		Problem:    problem,
	})
	x.server.changed(identkittest.ChangeRequest, x.route.op.Name, x.number)
}

// respond records the request, whose body has arrived, lets the fake process it unless a fault prevents that, and returns the
// reply; nil when the connection is to be reset instead.
func (x *exchange) respond() *reply {
	x.record(x.body.data, "")
	var out *reply
	if x.plan.Processes() {
		out = x.handle()
	}
	if p := x.plan.Reply; p != nil {
		out = newReply(p.Status, p.Type, p.Body, nil)
	}
	if x.plan.Connection != "" {
		return nil
	}
	if out.stream != nil && (x.plan.Body != "" || x.plan.Padding > 0 || x.plan.Encoding != "" || x.plan.End != "") {
		out.body, _ = io.ReadAll(io.LimitReader(out.stream, x.server.config.MaxBody)) // the fault needs all of it
		out.stream = nil
	}
	if _, set := out.header["Date"]; !set { // times in the body are those of the same clock
		out.header["Date"] = []string{x.server.config.Clock.Now().UTC().Format(http.TimeFormat)}
	}
	for name, values := range x.plan.Header {
		out.header[name] = values
	}
	return out
}

// amend changes the request's entry in the journal.
func (x *exchange) amend(change func(*identkittest.Entry)) {
	x.server.entries.amend(x.number, change)
	x.server.changed(identkittest.ChangeRequest, x.route.op.Name, x.number)
}

// responded records the status that is about to be sent.
func (x *exchange) responded(status int) {
	x.amend(func(e *identkittest.Entry) { e.Status = status })
}

// handle runs the handler. A panic or a missing response is a bug of the fake: it is shown in the response and in the
// journal, because a reset connection would look like a fault rule.
func (x *exchange) handle() (out *reply) {
	c := &Call{
		operation: x.route.op,
		values:    x.values,
		query:     x.query,
		request:   x.request,
		body:      x.body.data,
		plan:      x.plan,
		now:       x.server.config.Clock.Now(),
		header:    make(http.Header),
	}
	defer func() {
		if v := recover(); v != nil {
			out = x.internalError(fmt.Sprint("panic: ", v))
		}
	}()
	x.server.handling(c.now, func() { x.handler()(c) })
	if c.reply == nil {
		return x.internalError("the handler set no response")
	}
	for name, values := range c.header {
		c.reply.header[name] = values
	}
	return c.reply
}

// handling runs a function that works on the fake's state.
func (s *Server) handling(now time.Time, f func()) {
	s.config.Lock.Lock()
	defer s.config.Lock.Unlock()
	s.config.Tick(now)
	f()
}

func (x *exchange) handler() func(*Call) {
	config := x.server.config
	switch {
	case x.body.tooLong:
		return orEmpty(config.TooLarge, http.StatusRequestEntityTooLarge)
	case x.route.handler != nil:
		return x.route.handler
	case len(x.allowed) > 0:
		return func(c *Call) {
			c.SetHeader("Allow", strings.Join(x.allowed, ", "))
			orEmpty(config.MethodNotAllowed, http.StatusMethodNotAllowed)(c)
		}
	default:
		return orEmpty(config.NotFound, http.StatusNotFound)
	}
}

func orEmpty(h func(*Call), status int) func(*Call) {
	if h != nil {
		return h
	}
	return func(c *Call) { c.Empty(status) }
}

func (x *exchange) internalError(problem string) *reply {
	x.amend(func(e *identkittest.Entry) { e.Problem = problem })
	text := "fakeserver: " + x.route.op.Name + ": " + problem + "\n"
	return newReply(http.StatusInternalServerError, "text/plain; charset=utf-8", []byte(text), nil)
}

// requestBody is read once, when it is first needed.
type requestBody struct {
	src     io.ReadCloser // nil for none
	limit   int64
	once    sync.Once
	data    []byte
	tooLong bool
	err     error
}

// load reads the body up to the limit.
func (b *requestBody) load() error {
	b.once.Do(func() {
		if b.src == nil {
			return
		}
		b.data, b.err = io.ReadAll(io.LimitReader(b.src, b.limit+1))
		if int64(len(b.data)) > b.limit {
			b.data, b.tooLong = b.data[:b.limit], true
		}
	})
	return b.err
}

// reader returns the body for a fault rule to look at; reading it loads it.
func (b *requestBody) reader() io.ReadCloser { return io.NopCloser(&lazyReader{body: b}) }

type lazyReader struct {
	body *requestBody
	src  *bytes.Reader
}

func (r *lazyReader) Read(p []byte) (int, error) {
	if err := r.body.load(); err != nil {
		return 0, err
	}
	if r.src == nil {
		r.src = bytes.NewReader(r.body.data)
	}
	return r.src.Read(p)
}
