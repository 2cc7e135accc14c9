package transport

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"

	"github.com/identkit/identkit/internal/seal"
)

// cause stands for an error of net/http, crypto/tls or a RoundTripper in the chain of an *identkit.Error. Their texts quote what the
// server sent: a malformed status line or header, names in a certificate, debug data of HTTP/2. errors.Is finds what is behind it, and
// errors.As every concrete type, which a caller then asks for by name.
type cause struct {
	text   string
	behind seal.Hidden[error]
}

func causeOf(err error, text string) error {
	if text == "" {
		text = "connection failed"
	}
	return &cause{"transport: " + text, seal.Hide(err)}
}

func (c *cause) Error() string { return c.text }

// Is finds sentinels, and the RoundTripper's own errors.
func (c *cause) Is(target error) bool { return errors.Is(c.behind.Get(), target) }

// As finds concrete types; through an interface the text could be printed unasked. A *url.Error prints the URL.
func (c *cause) As(target any) bool {
	kind := reflect.TypeOf(target).Elem()
	if kind.Kind() == reflect.Interface || kind == reflect.TypeFor[*url.Error]() {
		return false
	}
	return errors.As(c.behind.Get(), target)
}

// Timeout implements net.Error.
func (c *cause) Timeout() bool { return isNetTimeout(c.behind.Get()) }

// Temporary implements net.Error.
func (c *cause) Temporary() bool { return false }

// proxyRefusal is the status of a proxy's response to CONNECT, when it is not 200.
type proxyRefusal int

func (p proxyRefusal) Error() string {
	if p == http.StatusProxyAuthRequired {
		return "a proxy asks for credentials (HTTP 407)"
	}
	return "a proxy refuses the connection (HTTP " + strconv.Itoa(int(p)) + ")"
}

// namesRefusals makes a transport tell how a proxy responded to CONNECT, where net/http gives the proxy's own text alone.
func namesRefusals(t *http.Transport) {
	before := t.OnProxyConnectResponse
	t.OnProxyConnectResponse = func(ctx context.Context, proxy *url.URL, req *http.Request, resp *http.Response) error {
		if before != nil {
			if err := before(ctx, proxy, req, resp); err != nil {
				return err
			}
		}
		if resp.StatusCode != http.StatusOK {
			return proxyRefusal(resp.StatusCode)
		}
		return nil
	}
}

// refusedByProxy is the proxy's refusal in an error, or 0. A transport of the caller's gives no more than the usual text of a 407.
func refusedByProxy(err error) proxyRefusal {
	var p proxyRefusal
	if !errors.As(err, &p) && err.Error() == http.StatusText(http.StatusProxyAuthRequired) {
		return http.StatusProxyAuthRequired
	}
	return p
}

// unreached names the other end of a connection that failed: host and port, and the address that was dialled if it is another one.
func unreached(host string, err error) string {
	var outer, dial *net.OpError
	if !errors.As(err, &outer) || outer.Op != "dial" && outer.Op != "proxyconnect" {
		return host
	}
	if dial = outer; outer.Op == "proxyconnect" {
		_ = errors.As(outer.Err, &dial)
	}
	at, ok := dial.Addr.(*net.TCPAddr) // never the path of a socket
	switch proxied := outer.Op == "proxyconnect"; {
	case proxied && ok:
		return host + " (proxy at " + at.String() + ")"
	case proxied:
		return host + " (proxy)"
	case ok && at.String() != host:
		return host + " (at " + at.String() + ")"
	}
	return host
}

// isMalformed reports whether an error of net/http or net/textproto says that a status line or header cannot be read.
func isMalformed(err error) bool {
	text := err.Error()
	return strings.Contains(text, "malformed ") || strings.Contains(text, "bad Content-Length") || strings.Contains(text, "unsupported transfer encoding")
}
