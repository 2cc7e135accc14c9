package fakeserver

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
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
	x := &exchange{server: s, request: r, body: &requestBody{limit: s.config.MaxBody}}
	if body != nil {
		x.body.src = body
	}
	x.route, x.values, x.allowed = s.find(r.Method, r.URL.EscapedPath())
	x.query = r.URL.Query()
	if x.route.receive != nil {
		x.body.streamed, x.body.limit = true, x.route.limit
	}

	seen := r.WithContext(r.Context())
	seen.Body = x.body.reader()
	x.plan = s.faults.next(x.route.op.Name, seen)
	if x.plan.Processes() {
		x.body.receive = x.route.receive
	}
	return x
}

// record enters the request into the journal, with its body as far as that has arrived.
func (x *exchange) record(arrived *requestBody, problem string) {
	r := x.request
	e := identkittest.Entry{
		Operation:  x.route.op.Name,
		Method:     r.Method,
		Host:       r.Host,
		Path:       r.URL.EscapedPath(),
		Template:   x.route.op.Path,
		PathValues: maps.Clone(x.values),
		Query:      x.query,
		Header:     r.Header.Clone(),
		Time:       x.server.config.Clock.Now(),
		Processed:  x.plan.Processes() && x.route.handler != nil && !x.body.tooLong && problem == "",
		Fault:      x.plan.Text,
		Problem:    problem,
	}
	arrived.enter(&e)
	x.number = x.server.entries.record(e)
	x.server.changed(identkittest.ChangeRequest, x.route.op.Name, x.number)
}

// respond records the request, whose body has arrived, lets the fake process it unless a fault prevents that, and returns the
// reply; nil when the connection is to be reset instead.
func (x *exchange) respond() *reply {
	x.record(x.body, "")
	var out *reply
	if x.plan.Processes() {
		out = x.handle()
	}
	if p := x.plan.Reply; p != nil {
		out = newReply(p.Status, p.Type, p.Body)
	}
	if x.plan.Connection != "" {
		return nil
	}
	if out.stream != nil && (x.plan.Body == fault.BadJSON || x.plan.Body == fault.Duplicate || x.plan.Encoding == fault.GzipTruncated) {
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
		body:      x.body,
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
	return newReply(http.StatusInternalServerError, "text/plain; charset=utf-8", []byte(text))
}
