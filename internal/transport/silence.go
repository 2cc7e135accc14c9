package transport

import (
	"context"
	"crypto/tls"
	"net"
	"sync/atomic"
	"time"
)

// conn counts what comes in, so that a connection which went silent can be distinguished from one that is slow.
type conn struct {
	net.Conn
	received atomic.Int64
	last     atomic.Int64 // when, in nanoseconds since dialing
	opened   time.Time
	dialled  time.Duration // how long that took: an upper bound of the round-trip time

	// pinged: an attempt timed out, something came in behind it, and no response since. net/http does not ping again before a response.
	pinged atomic.Bool
}

func dialConn(ctx context.Context, dial func(context.Context, string, string) (net.Conn, error), network, addr string) (net.Conn, error) {
	began := time.Now()
	c, err := dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, opened: began, dialled: time.Since(began)}, nil
}

func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.last.Store(int64(time.Since(c.opened)))
	c.received.Add(int64(n))
	return n, err
}

// follow notes the pool's own connection below an HTTP/2 one, which may be in a tunnel through a proxy.
func (p *progress) follow(c *tls.Conn) {
	below := c.NetConn()
	for {
		switch outer := below.(type) {
		case *http1Conn: // the proxy's
			below = outer.Conn
		case *tls.Conn:
			below = outer.NetConn()
		case *conn:
			p.conn, p.received = outer, outer.received.Load()
			return
		default:
			return
		}
	}
}

// heard notes a response.
func (p *progress) heard() {
	if p.conn != nil {
		p.conn.pinged.Store(false)
	}
}

const silence = 250 * time.Millisecond

// checkSilence closes the attempt's HTTP/2 connection, after an attempt that timed out at that time, if nothing at all comes in any
// more: not even the response to the PING that net/http sends when it resets a stream on a connection from which nothing came since
// the request. Where it sends none, the connection is left to the pool's own PING.
func (p *progress) checkSilence(timedOut time.Time) {
	c := p.conn
	if c == nil || !p.headers.Load() {
		return
	}
	if c.last.Load() > int64(timedOut.Sub(c.opened)) {
		c.pinged.Store(true)
		return
	}
	received := c.received.Load()
	silent := received == p.received && !c.pinged.Load()
	time.AfterFunc(max(silence, 4*c.dialled), func() {
		switch {
		case c.received.Load() > received:
			c.pinged.Store(true)
		case silent:
			_ = c.Close()
		}
	})
}
