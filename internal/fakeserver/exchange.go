package fakeserver

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/identkit/identkit/identkittest"
)

// exchange is one request, from its first line to the answer that shall be delivered. Both ways of delivery go
// through it: begin, load the body, act.
type exchange struct {
	server  *Server
	request *http.Request
	arrival *arrival
	route   route
	values  map[string]string
	query   url.Values
	allowed []string
	plan    identkittest.Plan
	number  int // in the journal
}

// begin routes a request and asks for its fault. The body stays unread unless a rule reads it.
func (s *Server) begin(r *http.Request, body io.ReadCloser) *exchange {
	x := &exchange{server: s, request: r, arrival: &arrival{src: body, limit: s.config.MaxBody}}
	x.route, x.values, x.allowed = s.find(r.Method, r.URL.EscapedPath())
	x.query = r.URL.Query()

	seen := r.WithContext(r.Context())
	seen.Body = x.arrival.reader()
	x.plan = s.faults.Next(x.route.op.Name, seen)
	return x
}

// record enters the request into the journal.
func (x *exchange) record(body []byte, problem string) {
	r := x.request
	x.number = x.server.journal.Record(identkittest.Entry{
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
		Processed:  x.plan.Acts() && x.route.handler != nil && !x.arrival.tooLong && problem == "",
		Fault:      x.plan.Rule,
		Problem:    problem,
	})
}

// act records the request, whose body has arrived, lets the fake act unless a fault forbids it, and returns the
// answer; nil when the connection is to be reset in its place.
func (x *exchange) act() *reply {
	x.record(x.arrival.data, "")
	var answer *reply
	if x.plan.Acts() {
		answer = x.handle()
	}
	if p := x.plan.Reply; p != nil {
		answer = &reply{status: p.Status, header: p.Header.Clone(), body: p.Body}
	}
	if x.plan.Refuse || x.plan.Reset || x.plan.LoseResponse {
		return nil
	}
	for name, values := range x.plan.Header {
		answer.header[name] = values
	}
	return answer
}

// answered notes the status that is about to be delivered.
func (x *exchange) answered(status int) {
	x.server.journal.Amend(x.number, func(e *identkittest.Entry) { e.Status = status })
}

// handle runs the handler. A panic or a missing reply is a fault of the fake: it is told in the answer and in the
// journal, because a crash of the connection would look like a fault rule.
func (x *exchange) handle() (answer *reply) {
	c := &Call{
		operation: x.route.op,
		values:    x.values,
		query:     x.query,
		request:   x.request,
		body:      x.arrival.data,
		plan:      x.plan,
		now:       x.server.config.Clock.Now(),
		header:    make(http.Header),
	}
	defer func() {
		if v := recover(); v != nil {
			answer = x.broken(fmt.Sprint("panic: ", v))
		}
	}()
	x.handler()(c)
	if c.reply == nil {
		return x.broken("the handler gave no reply")
	}
	for name, values := range c.header {
		c.reply.header[name] = values
	}
	return c.reply
}

func (x *exchange) handler() func(*Call) {
	config := x.server.config
	switch {
	case x.arrival.tooLong:
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

func (x *exchange) broken(problem string) *reply {
	x.server.journal.Amend(x.number, func(e *identkittest.Entry) { e.Problem = problem })
	header := http.Header{"Content-Type": {"text/plain; charset=utf-8"}}
	return &reply{status: http.StatusInternalServerError, header: header, body: []byte("fakeserver: " + x.route.op.Name + ": " + problem + "\n")}
}

// arrival is a request body that is read once, when somebody first wants it.
type arrival struct {
	src     io.ReadCloser // nil for none
	limit   int64
	once    sync.Once
	data    []byte
	tooLong bool
	err     error
}

// load reads the body up to the limit.
func (a *arrival) load() error {
	a.once.Do(func() {
		if a.src == nil {
			return
		}
		a.data, a.err = io.ReadAll(io.LimitReader(a.src, a.limit+1))
		if int64(len(a.data)) > a.limit {
			a.data, a.tooLong = a.data[:a.limit], true
		}
	})
	return a.err
}

// reader returns the body for a fault rule's eyes; reading it loads it.
func (a *arrival) reader() io.ReadCloser { return io.NopCloser(&arrivalReader{arrival: a}) }

type arrivalReader struct {
	arrival *arrival
	offset  int
}

func (r *arrivalReader) Read(p []byte) (int, error) {
	if err := r.arrival.load(); err != nil {
		return 0, err
	}
	if r.offset == len(r.arrival.data) {
		return 0, io.EOF
	}
	n := copy(p, r.arrival.data[r.offset:])
	r.offset += n
	return n, nil
}
