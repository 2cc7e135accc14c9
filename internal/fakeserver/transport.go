package fakeserver

import (
	"cmp"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/identkit/identkit/internal/fault"
)

// transport delivers without a socket, with the behaviour of an *http.Transport.
type transport struct {
	server *Server
	used   atomic.Bool
}

// Transport returns an [http.RoundTripper] that reaches the fake without a socket, for any host. It calls the hooks
// GetConn, ConnectStart, ConnectDone, GotConn, WroteHeaders, WroteRequest and GotFirstResponseByte of an httptrace.ClientTrace.
func (s *Server) Transport() http.RoundTripper { return &s.transport }

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	defer closeBody(r)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	received, implicitGzip, err := asReceived(r)
	if err != nil {
		return nil, err
	}
	trace := noTrace
	httptrace.WithClientTrace(ctx, &trace) // joins the context's hooks to it
	x := t.server.begin(received, r.Body)
	if err := t.connect(x, r.URL, &trace); err != nil {
		return nil, err
	}
	trace.WroteHeaders()
	err = x.body.loadWithin(ctx, r)
	trace.WroteRequest(httptrace.WroteRequestInfo{Err: err})
	if err != nil {
		x.record(x.body.arrived(ctx), "the body was not received")
		return nil, err
	}

	reply := x.respond()
	if d := x.plan.Delay; d > 0 {
		if err := pause(ctx, nil, d); err != nil {
			return nil, err
		}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if reply == nil {
		return nil, reset(r.URL)
	}
	trace.GotFirstResponseByte()
	x.responded(reply.status)
	return x.response(r, shape(reply, x.plan, r.Method), implicitGzip), nil
}

// noTrace has the hooks that are called, so that they need no test for nil.
var noTrace = httptrace.ClientTrace{
	GetConn: func(string) {}, ConnectStart: func(_, _ string) {}, ConnectDone: func(_, _ string, _ error) {}, GotConn: func(httptrace.GotConnInfo) {},
	WroteHeaders: func() {}, WroteRequest: func(httptrace.WroteRequestInfo) {}, GotFirstResponseByte: func() {},
}

// connect simulates dialling.
func (t *transport) connect(x *exchange, u *url.URL, trace *httptrace.ClientTrace) error {
	trace.GetConn(net.JoinHostPort(u.Hostname(), port(u)))
	refused := x.plan.Connection == fault.Refuse
	reused := t.used.Swap(!refused) && !refused
	if !reused {
		trace.ConnectStart("tcp", address(u).String())
		var err error
		if refused {
			err = &net.OpError{Op: "dial", Net: "tcp", Addr: address(u), Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
			x.record(new(requestBody), "")
		}
		trace.ConnectDone("tcp", address(u).String(), err)
		if refused {
			return err
		}
	}
	conn, _ := net.Pipe() // some tracers read its addresses
	trace.GotConn(httptrace.GotConnInfo{Conn: conn, Reused: reused})
	return nil
}

// response is what the client gets.
func (x *exchange) response(r *http.Request, d response, implicitGzip bool) *http.Response {
	resp := &http.Response{
		Status:        strconv.Itoa(d.status) + " " + http.StatusText(d.status),
		StatusCode:    d.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        d.header,
		ContentLength: d.length,
		Body:          http.NoBody,
		Request:       r,
	}
	if r.URL.Scheme == "https" {
		resp.TLS = &tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true, ServerName: r.URL.Hostname()}
	}
	if d.body == nil {
		resp.ContentLength = max(d.length, 0)
		return resp
	}
	if d.length < 0 {
		resp.TransferEncoding = []string{"chunked"}
	}
	body := &responseBody{paced: newPaced(r.Context(), d.body, x.plan), end: d.end, url: r.URL}
	resp.Body = body
	if implicitGzip && d.header.Get("Content-Encoding") == "gzip" {
		d.header.Del("Content-Encoding")
		d.header.Del("Content-Length")
		resp.ContentLength, resp.Uncompressed = -1, true
		resp.Body = &gunzipped{wire: body}
	}
	return resp
}

// responseBody ends as the fault has it.
type responseBody struct {
	*paced
	end    fault.End
	url    *url.URL
	closed atomic.Bool
}

func (b *responseBody) Read(p []byte) (int, error) {
	if b.closed.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	n, err := b.paced.Read(p)
	if errors.Is(err, io.EOF) {
		switch b.end {
		case fault.Truncated:
			err = io.ErrUnexpectedEOF
		case fault.Cut:
			err = reset(b.url)
		}
	}
	return n, err
}

func (b *responseBody) Close() error {
	b.closed.Store(true)
	b.stop()
	return nil
}

// gunzipped decompresses a body for a client that did not request compression.
type gunzipped struct {
	wire *responseBody
	once sync.Once
	zip  *gzip.Reader
	err  error
}

func (g *gunzipped) Read(p []byte) (int, error) {
	g.once.Do(func() { g.zip, g.err = gzip.NewReader(g.wire) })
	if g.err != nil {
		return 0, g.err
	}
	if g.wire.closed.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	return g.zip.Read(p)
}

func (g *gunzipped) Close() error { return g.wire.Close() }

// asReceived makes the request that a server would get. The second value reports that compression was requested on the client's behalf,
// as *http.Transport does.
func asReceived(r *http.Request) (*http.Request, bool, error) {
	if r.URL == nil || r.URL.Host == "" || r.URL.Scheme != "http" && r.URL.Scheme != "https" {
		return nil, false, errors.New("fakeserver: request needs an absolute http or https URL")
	}
	target, err := url.ParseRequestURI(r.URL.RequestURI())
	if err != nil {
		return nil, false, fmt.Errorf("fakeserver: request target: %w", err)
	}
	received := r.WithContext(r.Context())
	received.URL, received.RequestURI = target, r.URL.RequestURI()
	received.Proto, received.ProtoMajor, received.ProtoMinor = "HTTP/1.1", 1, 1
	received.RemoteAddr = "192.0.2.1:1234" // a documentation address
	received.GetBody, received.Response = nil, nil
	received.Method = cmp.Or(received.Method, http.MethodGet)
	received.Host = cmp.Or(received.Host, r.URL.Host)
	if r.URL.Scheme == "https" {
		received.TLS = &tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true, ServerName: r.URL.Hostname()}
	}

	received.Header = r.Header.Clone()
	if received.Header == nil {
		received.Header = make(http.Header)
	}
	if _, set := received.Header["User-Agent"]; !set {
		received.Header.Set("User-Agent", "Go-http-client/1.1")
	}
	if received.Header.Get("Authorization") == "" && r.URL.User != nil {
		password, _ := r.URL.User.Password()
		received.SetBasicAuth(r.URL.User.Username(), password)
	}
	if r.ContentLength > 0 {
		received.Header.Set("Content-Length", strconv.FormatInt(r.ContentLength, 10))
	}
	implicitGzip := received.Header.Get("Accept-Encoding") == "" && received.Header.Get("Range") == "" && r.Method != http.MethodHead
	if implicitGzip {
		received.Header.Set("Accept-Encoding", "gzip")
	}
	return received, implicitGzip, nil
}

// loadWithin reads the body of a request on its way out. A body that may block is abandoned when the context ends.
func (b *requestBody) loadWithin(ctx context.Context, r *http.Request) error {
	if r.Body != nil && r.GetBody == nil && ctx.Done() != nil {
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = b.load()
		}()
		select {
		case <-done:
		case <-ctx.Done():
			closeBody(r) // which unblocks the reader
			return context.Cause(ctx)
		}
	}
	if err := b.load(); err != nil {
		return err
	}
	if n := b.size; r.ContentLength > 0 && n != r.ContentLength && !b.tooLong {
		return fmt.Errorf("fakeserver: ContentLength=%d with Body length %d", r.ContentLength, n)
	}
	return nil
}

// arrived returns the body as far as it arrived, or none when it may still be read.
func (b *requestBody) arrived(ctx context.Context) *requestBody {
	if ctx.Err() != nil {
		return new(requestBody)
	}
	return b
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
}

func reset(u *url.URL) error {
	return &net.OpError{Op: "read", Net: "tcp", Addr: address(u), Err: os.NewSyscallError("read", syscall.ECONNRESET)}
}

func address(u *url.URL) net.Addr {
	n, _ := strconv.Atoi(port(u)) // an invalid port becomes 0
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: n}
}

func port(u *url.URL) string {
	return cmp.Or(u.Port(), map[string]string{"https": "443"}[u.Scheme], "80")
}
