package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync"
	"time"
)

// dropSurplus makes a transport close an HTTP/1 connection on which more arrives than the response. net/http does so, too, but prints these
// bytes to the standard logger. It comes after all that sets up the transport's dialling.
func dropSurplus(t *http.Transport) {
	dial := t.DialContext
	t.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return newHTTP1Conn(c), nil
	}
	t.DialTLSContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		secure, err := handshake(ctx, t, c, addr)
		switch {
		case err != nil:
			_ = c.Close()
			return nil, err
		case secure.ConnectionState().NegotiatedProtocol == "h2":
			return secure, nil // of this type net/http needs it
		}
		return newHTTP1Conn(secure), nil
	}
}

// handshake does what net/http does without a DialTLSContext. The hooks of a trace see it; for HTTP/2, net/http calls them once more.
func handshake(ctx context.Context, t *http.Transport, c net.Conn, addr string) (*tls.Conn, error) {
	config := t.TLSClientConfig.Clone()
	if config.ServerName == "" {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		config.ServerName = host
	}
	if verify := config.VerifyConnection; verify != nil {
		config.VerifyConnection = func(s tls.ConnectionState) error {
			if s.ServerName == "" { // see connectAs; here it may also be another base URL's address, or a proxy's
				s.ServerName = config.ServerName
			}
			return verify(s)
		}
	}
	if t.TLSHandshakeTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, t.TLSHandshakeTimeout, errHandshakeTimeout)
		defer cancel()
	}
	trace := httptrace.ContextClientTrace(ctx)
	if trace != nil && trace.TLSHandshakeStart != nil {
		trace.TLSHandshakeStart()
	}
	secure := tls.Client(c, config)
	err := secure.HandshakeContext(ctx)
	if err != nil && context.Cause(ctx) == errHandshakeTimeout { //nolint:errorlint // not a wrapped one
		err = errHandshakeTimeout
	}
	if trace != nil && trace.TLSHandshakeDone != nil {
		trace.TLSHandshakeDone(secure.ConnectionState(), err)
	}
	return secure, err
}

// http1Conn follows the framing of the responses on a connection, and ends it where one is followed by anything but the response to a
// next request. What it does not understand to the letter it passes on unseen from then on, as it does with all that is not HTTP/1: TLS
// to a proxy, tunnels, HTTP/2.
type http1Conn struct {
	net.Conn
	begun   chan struct{} // closed with the first write
	mu      sync.Mutex
	written bool
	at      responsePart
	over    bool
	head    bool   // the request is a HEAD
	status  int    // of the response
	length  int64  // its Content-Length; -1: none
	chunked bool   // its Transfer-Encoding
	left    int64  // bytes of the body or chunk
	line    []byte // the beginning of a line
}

type responsePart uint8

const (
	betweenResponses responsePart = iota
	statusLine
	headerLine
	fixedBody
	chunkSize
	chunkData
	chunkEnd
	trailerLine
	unfollowed
)

func newHTTP1Conn(c net.Conn) *http1Conn { return &http1Conn{Conn: c, begun: make(chan struct{})} }

// requestPatience is how long a response may come before the first request of a connection.
const requestPatience = 50 * time.Millisecond

// awaitRequest holds what came first until there is a request: a server that is overloaded responds as soon as it has accepted the
// connection, and the request for which that was dialled is written a moment later.
func (c *http1Conn) awaitRequest() {
	select {
	case <-c.begun:
		return
	default:
	}
	timer := time.NewTimer(requestPatience)
	defer timer.Stop()
	select {
	case <-c.begun:
	case <-timer.C:
	}
}

func (c *http1Conn) Write(b []byte) (int, error) {
	c.mu.Lock()
	if c.over {
		c.mu.Unlock()
		return 0, net.ErrClosed // net/http then knows that nothing was sent
	}
	if c.at == betweenResponses {
		method, target, ok := bytes.Cut(b[:min(len(b), 32)], []byte(" "))
		ok = ok && (bytes.HasPrefix(target, []byte("/")) || bytes.HasPrefix(target, []byte("http"))) // else a body whose response came early
		c.at, c.head = unfollowed, ok && string(method) == http.MethodHead
		if ok && validToken(string(method)) && string(method) != http.MethodConnect && string(method) != "PRI" {
			c.at = statusLine
		}
	}
	if !c.written {
		c.written = true
		close(c.begun)
	}
	c.mu.Unlock()
	return c.Conn.Write(b)
}

func (c *http1Conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.awaitRequest()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return 0, io.EOF
	}
	if used := c.follow(b[:n]); used < n {
		c.over = true
		clear(b[used:n])
		return used, io.EOF
	}
	return n, err
}

// follow returns how many of the bytes belong to a response.
func (c *http1Conn) follow(b []byte) int {
	const maxLine = 1 << 20
	used := 0
	for used < len(b) {
		switch c.at {
		case betweenResponses:
			return used
		case unfollowed:
			return len(b)
		case fixedBody, chunkData:
			n := min(c.left, int64(len(b)-used))
			used += int(n)
			if c.left -= n; c.left > 0 {
				continue
			}
			if c.at == fixedBody {
				c.at = betweenResponses
			} else {
				c.at = chunkEnd
			}
		default:
			i := bytes.IndexByte(b[used:], '\n')
			if i < 0 {
				if c.line = append(c.line, b[used:]...); len(c.line) > maxLine {
					c.at = unfollowed
				}
				return len(b)
			}
			line := b[used : used+i]
			if len(c.line) > 0 {
				line = append(c.line, line...)
				c.line = line[:0]
			}
			used += i + 1
			c.at = c.next(bytes.TrimSuffix(line, []byte("\r")))
		}
	}
	return used
}

// next reads a line, and returns what follows it.
func (c *http1Conn) next(line []byte) responsePart {
	switch {
	case c.at == statusLine:
		code, ok := bytes.CutPrefix(line, []byte("HTTP/1.1 "))
		status, err := strconv.Atoi(string(code[:min(3, len(code))]))
		if !ok || err != nil || status < 100 {
			return unfollowed
		}
		c.status, c.length, c.chunked = status, -1, false
		return headerLine
	case c.at == headerLine && len(line) > 0:
		return c.field(line)
	case c.at == headerLine:
		return c.body()
	case c.at == chunkSize:
		size, _, _ := strings.Cut(string(line), ";")
		n, err := strconv.ParseInt(strings.TrimSpace(size), 16, 64)
		switch {
		case err != nil || n < 0:
			return unfollowed
		case n == 0:
			return trailerLine
		}
		c.left = n
		return chunkData
	case c.at == chunkEnd && len(line) == 0:
		return chunkSize
	case c.at == trailerLine && len(line) > 0:
		return trailerLine
	case c.at == trailerLine:
		return betweenResponses
	}
	return unfollowed
}

func (c *http1Conn) field(line []byte) responsePart {
	if line[0] == ' ' || line[0] == '\t' {
		return unfollowed // a line that goes on
	}
	name, value, _ := bytes.Cut(line, []byte(":"))
	switch value = bytes.TrimSpace(value); {
	case bytes.EqualFold(name, []byte("Transfer-Encoding")):
		if c.chunked = bytes.EqualFold(value, []byte("chunked")); !c.chunked {
			return unfollowed
		}
	case bytes.EqualFold(name, []byte("Content-Length")):
		n, err := strconv.ParseUint(string(value), 10, 63)
		if err != nil || c.length >= 0 && c.length != int64(n) {
			return unfollowed
		}
		c.length = int64(n)
	}
	return headerLine
}

// body is what follows the header.
func (c *http1Conn) body() responsePart {
	switch {
	case c.status == http.StatusSwitchingProtocols:
		return unfollowed
	case c.status/100 == 1:
		return statusLine
	case c.head, c.status == http.StatusNoContent, c.status == http.StatusNotModified:
		return betweenResponses
	case c.chunked:
		return chunkSize
	case c.length == 0:
		return betweenResponses
	case c.length > 0:
		c.left = c.length
		return fixedBody
	}
	return unfollowed // it ends with the connection
}
