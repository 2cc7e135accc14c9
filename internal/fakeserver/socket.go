package fakeserver

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"time"

	"github.com/identkit/identkit/internal/fault"
)

// socket is the fake's listener, once it has one.
type socket struct {
	mu     sync.Mutex
	server *httptest.Server
	cancel context.CancelFunc // of all requests
}

// placeholderURL is the address of a fake without a socket. It never listens.
const placeholderURL = "https://fake.test"

// errBubble explains why a socket is useless inside testing/synctest: goroutines that wait for the network are not durably blocked.
var errBubble = errors.New("fakeserver: a socket stops the clock of a testing/synctest bubble; " +
	"inside one make the fake with New, whose Client and Transport need no socket")

// inBubble reports whether the goroutine belongs to a testing/synctest bubble, which only its stack trace shows.
func inBubble() bool {
	header := make([]byte, 100)
	header, _, _ = bytes.Cut(header[:runtime.Stack(header, false)], []byte("\n"))
	return bytes.Contains(header, []byte("synctest bubble"))
}

// Start listens on a free port of the loopback interface.
func (s *Server) Start() error { return s.start((*httptest.Server).Start) }

// StartTLS listens like [Server.Start], with TLS; see [Server.RootCAs]. HTTP/1.1 only: resetting one stream of an HTTP/2
// connection does not reset the connection.
func (s *Server) StartTLS() error { return s.start((*httptest.Server).StartTLS) }

func (s *Server) start(serve func(*httptest.Server)) error {
	s.socket.mu.Lock()
	defer s.socket.mu.Unlock()
	switch {
	case inBubble():
		return errBubble
	case s.socket.server != nil:
		return errors.New("fakeserver: started already")
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("fakeserver: listen on loopback: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	server := &httptest.Server{Listener: listener, Config: &http.Server{
		Handler:           s,
		ReadHeaderTimeout: time.Minute,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          log.New(io.Discard, "", 0),
	}}
	serve(server)
	s.socket.server, s.socket.cancel = server, cancel
	return nil
}

// started returns the fake's server, or nil.
func (s *Server) started() *httptest.Server {
	return locked(&s.socket.mu, func() *httptest.Server { return s.socket.server })
}

// URL returns the base URL of the fake, base path included. One that was not started has a placeholder.
func (s *Server) URL() string {
	if server := s.started(); server != nil {
		return server.URL + s.config.BasePath
	}
	return placeholderURL + s.config.BasePath
}

// RootCAs returns a pool with the certificate of a fake that was started with TLS; nil otherwise.
func (s *Server) RootCAs() *x509.CertPool {
	server := s.started()
	if server == nil || server.Certificate() == nil {
		return nil
	}
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	return pool
}

// Close stops deliveries and listening, closes the remaining connections and waits for them. It may be called again.
func (s *Server) Close() {
	s.outbox.close()
	if server := s.started(); server != nil {
		s.socket.cancel()
		_ = server.Config.Close() // also those that are sending a body
		server.Close()
	}
}

// ServeHTTP implements [http.Handler]. Faults that reset the connection need a ResponseWriter that can be hijacked;
// without one they panic with http.ErrAbortHandler, which makes an http.Server drop the stream.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	x := s.begin(r, r.Body)
	if err := x.body.load(); err != nil {
		x.record(x.body, "the body was not received")
		panic(http.ErrAbortHandler)
	}
	reply := x.respond()
	if d := x.plan.Delay; d > 0 {
		if err := pause(ctx, nil, d); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
	if reply == nil {
		resetConnection(w)
		return
	}
	x.responded(reply.status)
	x.write(w, shape(reply, x.plan, r.Method))
}

// write sends a response as its fault has it.
func (x *exchange) write(w http.ResponseWriter, d response) {
	header := w.Header()
	for name, values := range d.header {
		header[name] = values
	}
	if _, typed := d.header["Content-Type"]; !typed {
		header["Content-Type"] = nil // net/http would guess
	}
	w.WriteHeader(d.status)
	if d.body != nil && !x.stream(w, d) {
		panic(http.ErrAbortHandler) // else net/http would end a chunked body as if it were whole
	}
	switch {
	case d.end == fault.Cut:
		_ = http.NewResponseController(w).Flush()
		resetConnection(w)
	case d.end == fault.Truncated && d.length < 0:
		panic(http.ErrAbortHandler)
	}
	// After a truncated body of an announced length net/http closes the connection itself.
}

// stream reports whether the body could be sent to its end.
func (x *exchange) stream(w http.ResponseWriter, d response) bool {
	control := http.NewResponseController(w)
	src := newPaced(x.request.Context(), d.body, x.plan)
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return false
			}
			if x.plan.ChunkBytes > 0 || d.length < 0 {
				_ = control.Flush()
			}
		}
		if err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}

// resetConnection closes a connection so that the peer gets RST rather than FIN.
func resetConnection(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	if t, ok := conn.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = conn.Close()
}
