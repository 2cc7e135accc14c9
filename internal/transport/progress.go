package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"

	"github.com/identkit/identkit"
)

// progress follows an attempt through net/http. Its hooks may still fire from net/http's goroutines when the attempt is
// over.
type progress struct {
	step        atomic.Int32
	traced      atomic.Bool // the transport calls the hooks, so that their silence says something
	has         atomic.Bool // there is a connection
	multiplexed atomic.Bool // it speaks HTTP/2
	wrote       atomic.Bool // the header, or its beginning, was written
	stopped     atomic.Bool // net/http was about to repeat the request
	fault       atomic.Pointer[bodyFault]
	native      bool // the transport is net/http's own, which calls the hooks before it sends anything
	trace       httptrace.ClientTrace
	http1       bool // the client's connections speak HTTP/1, as far as is known

	// For HTTP/2 connections of the client's own pool:
	conn     *conn
	received int64       // what had come in when the attempt got the connection
	headers  atomic.Bool // the request's header was written

	// For bodies that ask first:
	asks   bool
	agreed atomic.Bool // the server said 100 Continue

	// For an operation that must not be repeated:
	once       bool // it is one
	replayable bool // of a method that net/http repeats by itself over HTTP/1
	cancel     context.CancelCauseFunc
}

const (
	stepConnect = iota // nothing can have been sent
	stepSent           // a connection is there; the request is on its way, or the response is waited for
	stepBody
)

func (p *progress) hooks() *httptrace.ClientTrace {
	p.trace.GetConn, p.trace.GotConn = p.getConn, p.gotConn
	switch {
	case p.once && (!p.native || !p.http1):
		p.trace.WroteHeaderField = p.wroteHeaderField
		p.trace.WroteHeaders = p.wroteHeaders
	case p.once, !p.http1:
		p.trace.WroteHeaders = p.wroteHeaders // over HTTP/1 it is called before the end of the header leaves
	}
	if p.asks {
		p.trace.Got100Continue = p.got100
	}
	return &p.trace
}

// wroteHeaderField sees the beginning of a header; over HTTP/2, also without TLS, that is a pseudo-header.
func (p *progress) wroteHeaderField(name string, _ []string) {
	p.wrote.Store(true)
	if strings.HasPrefix(name, ":") {
		p.multiplexed.Store(true)
	}
}

func (p *progress) wroteHeaders() {
	p.wrote.Store(true)
	p.headers.Store(true)
}

// getConn begins the search for a connection, also when net/http looks for another one after the first was closed under it.
func (p *progress) getConn(string) {
	p.traced.Store(true)
	p.has.Store(false)
}

func (p *progress) gotConn(info httptrace.GotConnInfo) {
	h2 := p.multiplexed.Load() // as before, without TLS
	switch c := info.Conn.(type) {
	case *tls.Conn:
		if h2 = c.ConnectionState().NegotiatedProtocol == "h2"; h2 {
			p.follow(c)
		}
		if h2 && p.once && p.trace.WroteHeaderField == nil {
			defer p.wrote.Store(true) // HTTP/2 tells of the whole header too late
		}
	case *http1Conn:
		if _, secure := c.Conn.(*tls.Conn); secure {
			h2 = false
		}
	}
	p.has.Store(true)
	p.advance(stepSent)
	if !p.stopRepeat(info.Conn, h2) && h2 {
		p.multiplexed.Store(true)
	}
}

// stopRepeat ends an attempt when net/http comes back for another connection after it has written the request. It does so by itself
// for a request without a body whose HTTP/2 stream was reset, and over HTTP/1 for methods that it takes for idempotent; otherwise only
// when nothing reached the server. Requests with a body it can repeat only if it gets the body again, see bodyAgain. The new connection
// need not speak the protocol of the one before.
func (p *progress) stopRepeat(conn net.Conn, h2 bool) bool {
	if !p.once || !p.wrote.Load() || !p.multiplexed.Load() && !p.replayable {
		return false
	}
	p.stopped.Store(true)
	p.cancel(errRepeat) // HTTP/2 looks at the context before it writes a header
	if !h2 {
		_ = conn.Close() // HTTP/1 does not
	}
	return true
}

func (p *progress) advance(to int32) {
	for {
		at := p.step.Load()
		if at >= to || p.step.CompareAndSwap(at, to) {
			return
		}
	}
}

// sent reports whether anything may have reached the server. A RoundTripper that knows no hooks may have sent everything.
func (p *progress) sent() bool { return p.step.Load() > stepConnect || !p.traced.Load() && !p.native }

func (p *progress) phase(err error) identkit.Phase {
	switch p.step.Load() {
	case stepSent:
		var op *net.OpError
		if errors.As(err, &op) && op.Op == "write" {
			return identkit.PhaseWrite
		}
		return identkit.PhaseResponse
	case stepBody:
		return identkit.PhaseBody
	}
	var (
		dns *net.DNSError
		op  *net.OpError
	)
	switch {
	case errors.As(err, &dns):
		return identkit.PhaseDNS
	case isTLS(err), errors.Is(err, errHandshakeTimeout):
		return identkit.PhaseTLS
	case p.traced.Load(), p.native, errors.Is(err, identkit.ErrNotSent), errors.As(err, &op) && op.Op == "dial":
		return identkit.PhaseDial
	}
	return identkit.PhaseResponse
}

var (
	errRepeat  = errors.New("transport: net/http was about to repeat the request")
	errNotRead = errors.New("transport: the server did not process the request")
)

// provenUnprocessed reports whether an error of net/http says that the server did not process the request. net/http says it in no other
// way than by its text: that it wanted to send the request again, for which it had no body, or that it got a GOAWAY whose last stream is
// below the connection's first. The texts of other errors quote the server, so that only their beginning counts.
func provenUnprocessed(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		text := err.Error()
		if strings.HasPrefix(text, "net/http: cannot rewind body after connection loss") || // only after nothing was written
			strings.HasPrefix(text, "http2: Transport received GOAWAY from server ErrCode:") {
			return true
		}
		if why, found := strings.CutPrefix(text, "http2: Transport: cannot retry err ["); found {
			why, _, _ = strings.Cut(why, "]")
			return strings.Contains(why, "GOAWAY") || strings.Contains(why, "REFUSED_STREAM")
		}
	}
	return false
}

// repeatsOnlyUnprocessed reports whether a transport repeats by itself, over HTTP/2, only what the server did not process. The HTTP/2 of
// another module may stand in the place of net/http's.
func repeatsOnlyUnprocessed(rt http.RoundTripper) bool {
	t, ok := rt.(*http.Transport)
	return ok && http2RepeatsOnlyUnprocessed && t.Clone().TLSNextProto == nil // which a clone keeps if it was the caller's
}
