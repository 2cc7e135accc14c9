// Package frames is a server that writes the frames of HTTP/2 and the bytes of HTTP/1.1 by hand, so that it can do to a request what a
// server of net/http does not. Tests of the transport and of every provider use it.
package frames

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Protocol is what a server speaks.
type Protocol string

// The protocols.
const (
	HTTP2 Protocol = "HTTP/2"             // over TLS, see Offer
	H2C   Protocol = "HTTP/2 without TLS" // with prior knowledge
	HTTP1 Protocol = "HTTP/1.1"           // without TLS
)

// Script acts on requests. It is called at each [Moment] of each request, and once for each connection.
type Script func(x *Exchange)

// Server counts the requests that arrive, and leaves the rest to a script.
type Server struct {
	protocol Protocol
	listener net.Listener
	play     atomic.Pointer[play]
	offer    atomic.Pointer[[]string]

	group sync.WaitGroup
	mu    sync.Mutex
	open  []net.Conn
	over  bool
}

// play is a script and what it has seen.
type play struct {
	script                Script
	connections, arrivals atomic.Int32
}

// certificate is one for example.com, with a pool that trusts it.
var certificate = sync.OnceValues(func() (tls.Certificate, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{host}, NotAfter: time.Now().Add(24 * time.Hour)}
	if err != nil {
		panic(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool
})

const host = "example.com"

// New starts a server that ends with the test.
func New(tb testing.TB, protocol Protocol, script Script) *Server {
	tb.Helper()
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &Server{protocol: protocol, listener: l}
	s.Offer("h2")
	s.Play(script)
	tb.Cleanup(s.close)
	s.group.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			if s.open = append(s.open, c); s.over {
				_ = c.Close() // accepted while the others were closed
			}
			s.mu.Unlock()
			s.group.Go(func() { s.serve(c) })
		}
	})
	return s
}

func (s *Server) close() {
	_ = s.listener.Close()
	s.mu.Lock()
	s.over = true
	for _, c := range s.open {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.group.Wait()
}

// Play replaces the script and counts from zero.
func (s *Server) Play(script Script) { s.play.Store(&play{script: script}) }

// Offer sets the protocols that later TLS connections may choose from, h2 and http/1.1.
func (s *Server) Offer(protocols ...string) { s.offer.Store(&protocols) }

// Arrivals is how many requests have begun to arrive since Play.
func (s *Server) Arrivals() int { return int(s.play.Load().arrivals.Load()) }

// URL is the base URL of the server.
func (s *Server) URL() string { return s.scheme() + "://" + s.listener.Addr().String() }

func (s *Server) scheme() string {
	if s.protocol == HTTP2 {
		return "https"
	}
	return "http"
}

// Transport makes a transport that speaks the server's protocol, trusts it, and reaches it whatever the address is.
func (s *Server) Transport(tb testing.TB) *http.Transport {
	tb.Helper()
	t := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", s.listener.Addr().String())
	}}
	switch s.protocol {
	case HTTP2:
		_, roots := certificate()
		t.TLSClientConfig = &tls.Config{RootCAs: roots, ServerName: host, MinVersion: tls.VersionTLS12, CurvePreferences: []tls.CurveID{tls.X25519}}
		t.ForceAttemptHTTP2 = true
	case H2C:
		t.Protocols = new(http.Protocols)
		t.Protocols.SetUnencryptedHTTP2(true)
	case HTTP1:
	}
	tb.Cleanup(t.CloseIdleConnections)
	return t
}

func (s *Server) serve(tcp net.Conn) {
	c, two := tcp, s.protocol == H2C
	if s.scheme() == "https" {
		own, _ := certificate()
		secure := tls.Server(tcp, &tls.Config{Certificates: []tls.Certificate{own}, NextProtos: *s.offer.Load(), MinVersion: tls.VersionTLS12})
		if secure.HandshakeContext(context.Background()) != nil {
			_ = tcp.Close()
			return
		}
		c, two = secure, secure.ConnectionState().NegotiatedProtocol == "h2"
	}
	defer func() { _ = c.Close() }()
	x := Exchange{Conn: c, HTTP2: two, tcp: tcp, closed: new(bool)}
	r := bufio.NewReader(c)
	if two {
		s.serve2(x, r)
	} else {
		s.serve1(x, r)
	}
}

// connected calls the script for a new connection.
func (s *Server) connected(x Exchange) {
	p := s.play.Load()
	x.N = int(p.connections.Add(1))
	p.script(&x)
}

// serve1 reads requests of HTTP/1.1.
func (s *Server) serve1(x Exchange, r *bufio.Reader) {
	s.connected(x)
	for !*x.closed {
		if _, err := r.Peek(1); err != nil {
			return
		}
		p := s.play.Load()
		x.N = int(p.arrivals.Add(1))
		x.at(Begun, p.script)
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		x.at(Header, p.script)
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return
		}
		x.at(Whole, p.script)
	}
}

// serve2 reads frames.
func (s *Server) serve2(x Exchange, r *bufio.Reader) {
	if _, err := io.CopyN(io.Discard, r, int64(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))); err != nil {
		return
	}
	x.Frame(Settings, 0)
	x.Frame(WindowUpdate, 0, 0x3f, 0, 0, 0) // so that no request body waits for another one
	s.connected(x)
	type request struct {
		play *play
		x    Exchange
	}
	requests := map[uint32]*request{}
	for !*x.closed {
		head := make([]byte, frameHeader)
		if _, err := io.ReadFull(r, head); err != nil {
			return
		}
		length, kind, flags, stream := parse(head)
		of := requests[stream]
		if kind == Headers && of == nil {
			of = &request{s.play.Load(), x}
			of.x.Stream, of.x.N = stream, int(of.play.arrivals.Add(1))
			requests[stream] = of
			of.x.at(Begun, of.play.script)
		}
		payload := make([]byte, length)
		if _, err := io.ReadFull(r, payload); err != nil {
			return
		}
		switch {
		case slices.Contains([]byte{Settings, Ping}, kind) && flags&Ack == 0:
			if kind == Settings {
				payload = nil
			}
			x.Frame(kind, Ack, payload...)
		case of == nil:
		case (kind == Headers || kind == Continuation) && flags&EndHeaders != 0:
			of.x.at(Header, of.play.script)
			fallthrough
		case kind == Data, kind == Headers:
			// The end of the stream may be flagged before the header's last frame.
			of.x.ended = of.x.ended || kind != Continuation && flags&EndStream != 0
			if of.x.ended && of.x.At == Header {
				of.x.at(Whole, of.play.script)
			}
		}
	}
}
