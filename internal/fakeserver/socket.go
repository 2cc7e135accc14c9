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
	"runtime"
	"sync"
	"time"

	"github.com/identkit/identkit/internal/fault"
)

// socket is the fake's listener, once it has one.
type socket struct {
	mu      sync.Mutex
	server  *http.Server
	cancel  context.CancelFunc
	serving chan struct{} // closed when Serve returned
	url     string
	cert    *x509.Certificate

	conns    sync.WaitGroup
	requests sync.WaitGroup
}

// placeholderURL is the address of a fake without a socket. Nothing listens there.
const placeholderURL = "https://fake.test"

// Start listens on a free port of the loopback interface.
func (s *Server) Start() error { return s.start(nil) }

// errBubble says why a socket is no use inside testing/synctest: goroutines that wait for the network are not durably blocked.
var errBubble = errors.New("fakeserver: a socket stops the clock of a testing/synctest bubble; " +
	"inside one make the fake with New, whose Client and Transport need no socket")

// inBubble reports whether the goroutine belongs to a testing/synctest bubble, which only its stack trace says.
func inBubble() bool {
	header := make([]byte, 100)
	header, _, _ = bytes.Cut(header[:runtime.Stack(header, false)], []byte("\n"))
	return bytes.Contains(header, []byte("synctest bubble"))
}

// StartTLS listens like [Server.Start], with TLS and a certificate of its own for 127.0.0.1; see [Server.RootCAs].
func (s *Server) StartTLS() error { return s.startTLS(time.Now().Add(24 * time.Hour)) }

// StartExpiredTLS listens like [Server.StartTLS] with a certificate that is no longer valid.
func (s *Server) StartExpiredTLS() error { return s.startTLS(time.Now().Add(-time.Hour)) }

// URL returns the base URL of the fake, base path included. One that was not started has a placeholder.
func (s *Server) URL() string {
	s.socket.mu.Lock()
	defer s.socket.mu.Unlock()
	if s.socket.url == "" {
		return placeholderURL + s.config.BasePath
	}
	return s.socket.url + s.config.BasePath
}

// Started reports whether there is a socket.
func (s *Server) Started() bool {
	s.socket.mu.Lock()
	defer s.socket.mu.Unlock()
	return s.socket.url != ""
}

// RootCAs returns a pool with the certificate of a fake that was started with TLS; nil otherwise.
func (s *Server) RootCAs() *x509.CertPool {
	s.socket.mu.Lock()
	defer s.socket.mu.Unlock()
	if s.socket.cert == nil {
		return nil
	}
	pool := x509.NewCertPool()
	pool.AddCert(s.socket.cert)
	return pool
}

// Close stops deliveries and listening, cuts the connections that are left and returns when no goroutine of the fake is left. It may be
// called again.
func (s *Server) Close() {
	if s.outbox != nil {
		s.outbox.close()
	}
	s.socket.mu.Lock()
	server, cancel, serving := s.socket.server, s.socket.cancel, s.socket.serving
	s.socket.mu.Unlock()
	if server == nil {
		return
	}
	cancel()
	_ = server.Close() // the listener may be gone already
	<-serving
	s.socket.conns.Wait()
	s.socket.requests.Wait()
}

func (s *Server) startTLS(notAfter time.Time) error {
	cert, err := selfSigned(notAfter)
	if err != nil {
		return err
	}
	return s.start(&cert)
}

func (s *Server) start(cert *tls.Certificate) error {
	if inBubble() {
		return errBubble
	}
	s.socket.mu.Lock()
	defer s.socket.mu.Unlock()
	if s.socket.server != nil {
		return errors.New("fakeserver: started already")
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("fakeserver: listen on loopback: %w", err)
	}
	scheme := "http"
	if cert != nil {
		scheme, s.socket.cert = "https", cert.Leaf
		// HTTP/1.1 only: a reset of one stream of an HTTP/2 connection is no reset of a connection.
		listener = tls.NewListener(listener, &tls.Config{
			MinVersion:   tls.VersionTLS12,
			Certificates: []tls.Certificate{*cert},
			NextProtos:   []string{"http/1.1"},
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	server := &http.Server{
		Handler:           http.HandlerFunc(s.serveOwn),
		ReadHeaderTimeout: time.Minute,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnState:         s.socket.count,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	serving := make(chan struct{})
	s.socket.server, s.socket.cancel, s.socket.serving = server, cancel, serving
	s.socket.url = scheme + "://" + listener.Addr().String()
	go func() {
		defer close(serving)
		_ = server.Serve(listener) // always ends with Close
	}()
	return nil
}

// count keeps track of the connections, whose goroutines outlive http.Server.Close.
func (k *socket) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		k.conns.Add(1)
	case http.StateClosed, http.StateHijacked:
		k.conns.Done()
	}
}

func (s *Server) serveOwn(w http.ResponseWriter, r *http.Request) {
	s.socket.requests.Add(1)
	defer s.socket.requests.Done()
	s.ServeHTTP(w, r)
}

// ServeHTTP implements [http.Handler]. Faults that reset the connection need a ResponseWriter that can be hijacked;
// without one they panic with http.ErrAbortHandler, which makes an http.Server drop the stream.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	x := s.begin(r, r.Body)
	if err := x.body.load(); err != nil {
		x.record(x.body.data, "the body did not arrive")
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

// write sends a response the way its fault wants it.
func (x *exchange) write(w http.ResponseWriter, d response) {
	header := w.Header()
	for name, values := range d.header {
		header[name] = values
	}
	if _, typed := d.header["Content-Type"]; !typed {
		header["Content-Type"] = nil // keeps net/http from guessing
	}
	w.WriteHeader(d.status)
	if d.body != nil && !x.stream(w, d.body) {
		panic(http.ErrAbortHandler) // else net/http would end a chunked body as if it were whole
	}
	if d.end == fault.Broken {
		_ = http.NewResponseController(w).Flush()
		resetConnection(w)
	}
	// After a truncated body net/http closes the connection itself.
}

// stream reports whether the body could be sent to its end.
func (x *exchange) stream(w http.ResponseWriter, body io.Reader) bool {
	control := http.NewResponseController(w)
	src := newPaced(x.request.Context(), body, x.plan)
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return false
			}
			if x.plan.ChunkBytes > 0 {
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
