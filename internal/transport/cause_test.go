package transport

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/internal/fakeserver"
	"github.com/identkit/identkit/internal/providertest/frames"
)

// chain is every error along Unwrap, joined ones included.
func chain(err error) []error {
	if err == nil {
		return nil
	}
	all := []error{err}
	switch e := err.(type) { //nolint:errorlint // each one is looked at on its own
	case interface{ Unwrap() error }:
		all = append(all, chain(e.Unwrap())...)
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			all = append(all, chain(inner)...)
		}
	}
	return all
}

// raws is a response of a server that writes these bytes to every request, and then closes the connection.
func raws(t *testing.T, response string) *Client {
	t.Helper()
	base, _ := raw(t, func(_ int32, c net.Conn, r *bufio.Reader) {
		_, _ = http.ReadRequest(r)
		_, _ = io.WriteString(c, response)
	})
	return frameClient(t, nil, base, 1)
}

func TestNoErrorOfAChainHoldsAByteOfTheResponse(t *testing.T) {
	t.Parallel()
	const canary = "canary-4711-canary"
	for name, response := range map[string]string{
		"status line":            "HTTP/1.1 " + canary + "\r\n\r\n",
		"status line, no status": canary + "\r\n\r\n",
		"status code":            "HTTP/1.1 2" + canary + " OK\r\n\r\n",
		"version":                "HTTP/" + canary + " 200 OK\r\n\r\n",
		"header without a colon": "HTTP/1.1 200 OK\r\nSet-Cookie " + canary + "\r\n\r\n",
		"header name":            "HTTP/1.1 200 OK\r\nSet Cookie" + canary + ": x\r\n\r\n",
		"first header line":      "HTTP/1.1 200 OK\r\n " + canary + "\r\n\r\n",
		"Content-Length":         "HTTP/1.1 200 OK\r\nContent-Length: " + canary + "\r\n\r\n",
		"Content-Lengths":        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: " + canary + "\r\n\r\n",
		"Transfer-Encoding":      "HTTP/1.1 200 OK\r\nTransfer-Encoding: " + canary + "\r\n\r\n",
		"chunk size":             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + canary + "\r\n",
		"gzip":                   "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 18\r\n\r\n" + canary,
		"JSON":                   "HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\n" + `{"id":{"` + canary + `"`,
		"JSON, type":             "HTTP/1.1 200 OK\r\nContent-Length: 31\r\n\r\n" + `{"id":["` + canary + `"],}` + `{}`,
		"JSON, member":           "HTTP/1.1 200 OK\r\nContent-Length: 49\r\n\r\n" + `{"` + canary + `":1,"` + canary + `":2,"":1}`,
		"refusal":                "HTTP/1.1 400 " + canary + "\r\nContent-Length: 18\r\n\r\n" + canary,
	} {
		c := raws(t, response)
		for _, call := range []func(context.Context, *Client, ...identkit.CallOption) error{read, create} {
			err := call(t.Context(), c)
			require.Error(t, err, name)
			lc := identkittest.NewLeakCheck(t)
			lc.Seed("canary", canary)
			lc.Error(err)
			for _, one := range chain(err) {
				assert.NotContains(t, one.Error(), "canary", "%s: %T", name, one)
			}
		}
	}
}

func TestMalformedResponsesAreCalledSo(t *testing.T) {
	t.Parallel()
	for _, response := range []string{"HTTP/1.1 x\r\n\r\n", "HTTP/1.1 200 OK\r\nSet-Cookie x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"} {
		err := create(t.Context(), raws(t, response))
		require.ErrorContains(t, err, "response is malformed", response)
		require.ErrorIs(t, err, identkit.ErrOutcomeUnknown)
	}
	header := "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 2<<20) + "\r\n\r\n"
	require.ErrorContains(t, read(t.Context(), raws(t, header)), "response header is over the limit")
}

func TestDebugDataOfHTTP2DoesNotShow(t *testing.T) {
	t.Parallel()
	s := frames.New(t, frames.HTTP2, frames.On(frames.Whole, func(x *frames.Exchange) {
		x.GoAway(1, frames.InternalError, "canary")
		_ = x.Close()
	}))
	err := create(t.Context(), frameClient(t, &http.Client{Transport: s.Transport(t)}, s.URL(), 1))
	require.ErrorIs(t, err, identkit.ErrNetwork)
	for _, one := range chain(err) {
		assert.NotContains(t, one.Error(), "canary", "%T", one)
	}
}

func TestCausesStayReachable(t *testing.T) {
	t.Parallel()
	own := errors.New("RoundTripper's own canary")
	for name, c := range map[string]struct{ err, sentinel error }{
		"own":               {own, own},
		"own, in a URL's":   {&url.Error{Op: "Get", URL: "https://h/?canary", Err: own}, own},
		"joined":            {errors.Join(io.EOF, own), own},
		"reset":             {&net.OpError{Op: "read", Err: syscall.ECONNRESET}, syscall.ECONNRESET},
		"cut":               {io.ErrUnexpectedEOF, io.ErrUnexpectedEOF},
		"gzip":              {gzip.ErrHeader, gzip.ErrHeader},
		"scheme":            {http.ErrSchemeMismatch, http.ErrSchemeMismatch},
		"closed connection": {net.ErrClosed, net.ErrClosed},
	} {
		_, client := things(t, func(cfg *Config) {
			cfg.Options.HTTPClient = &http.Client{Transport: tripper(func(*http.Request) (*http.Response, error) { return nil, c.err })}
		})
		err := create(t.Context(), client)
		require.ErrorIs(t, err, c.sentinel, name)
		for _, one := range chain(err) {
			assert.NotContains(t, one.Error(), "canary", name)
			var withURL *url.Error
			assert.NotErrorAs(t, one, &withURL)
			if netErr := net.Error(nil); errors.As(one, &netErr) {
				assert.NotContains(t, netErr.Error(), "canary", "an interface does not reveal the text")
				assert.False(t, netErr.Timeout())
			}
		}
	}
	timeout := causeOf(context.DeadlineExceeded, "")
	var netErr net.Error
	require.ErrorAs(t, timeout, &netErr)
	assert.True(t, netErr.Timeout())
}

func TestACertificateDoesNotShow(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	pool := srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	base := strings.Replace(srv.URL, "127.0.0.1", "localhost", 1) // the certificate is for example.com and for addresses
	err := create(t.Context(), clientOf(t, base, &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}))
	require.ErrorContains(t, err, strings.TrimPrefix(base, "https://")+": certificate is for another host")
	for _, one := range chain(err) {
		assert.NotContains(t, one.Error(), "example.com", "%T", one)
	}
	var mismatch x509.HostnameError
	require.ErrorAs(t, err, &mismatch, "for who asks for it by name")
}

func TestAConnectionFailureNamesHostAndPort(t *testing.T) {
	t.Parallel()
	refuse := func(op string, inner error, addr net.Addr) http.RoundTripper {
		return &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: op, Net: "tcp", Addr: addr, Err: inner}
		}}
	}
	at := &net.TCPAddr{IP: net.IPv4(10, 0, 0, 7), Port: 443}
	for name, c := range map[string]struct {
		base string
		trip http.RoundTripper
		want string
	}{
		"refused":            {"https://pac.example/ctx", refuse("dial", syscall.ECONNREFUSED, at), "pac.example:443 (at 10.0.0.7:443): dial: connection refused"},
		"refused, same":      {"https://10.0.0.7", refuse("dial", syscall.ECONNREFUSED, at), "10.0.0.7:443: dial: connection refused"},
		"no host":            {"https://pac.example:8443", refuse("dial", &net.DNSError{IsNotFound: true, Name: "pac.example"}, nil), "pac.example:8443: no such host"},
		"socket":             {"https://pac.example", refuse("dial", syscall.ENOENT, &net.UnixAddr{Name: "/secret/path"}), "pac.example:443: dial: no such file or directory"},
		"unknown":            {"https://[::1]/ctx", refuse("dial", errors.New("canary"), nil), "[::1]:443"},
		"after a connection": {"https://pac.example", tripper(func(*http.Request) (*http.Response, error) { return nil, io.EOF }), "pac.example:443: connection closed"},
	} {
		err := read(t.Context(), clientOf(t, c.base, c.trip), identkit.WithAttempts(1))
		require.EqualError(t, err, "test.Read: network failure: "+strings.Replace(c.want, "network failure: ", "", 1), name)
	}
}

func TestACallThatEndsWhileItConnectsNamesHostAndPort(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		over := make(chan struct{})
		defer close(over)
		hang := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			<-over // net/http dials in a context of its own
			return nil, net.ErrClosed
		}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := create(ctx, clientOf(t, "https://pac.example", hang))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "while connecting to pac.example:443")

		err = create(t.Context(), clientOf(t, "https://pac.example", hang), identkit.WithTimeout(time.Second))
		require.ErrorContains(t, err, "pac.example:443: call timed out")
	})
	bubble(t, func(t *testing.T, srv *fakeserver.Server) {
		srv.Fault(identkittest.Any().SlowHeader(time.Minute))
		err := create(t.Context(), clientFor(t, srv), identkit.WithAttempts(1))
		require.ErrorContains(t, err, "fake.test:443: attempt timed out")
	})
}

// proxy is a proxy that responds to CONNECT, and the number of requests that it got.
func proxy(t *testing.T, response string) (u *url.URL, asked func() int32) {
	t.Helper()
	base, connections := raw(t, func(_ int32, c net.Conn, r *bufio.Reader) {
		_, _ = http.ReadRequest(r)
		_, _ = io.WriteString(c, response)
	})
	u, err := url.Parse(base)
	require.NoError(t, err)
	u.User = url.UserPassword("user", "proxy-password")
	return u, connections.Load
}

func TestAProxyThatRefusesIsCalledSo(t *testing.T) {
	t.Parallel()
	for response, c := range map[string]struct {
		want  string
		asked int32
	}{
		"HTTP/1.1 407 Canary\r\nContent-Length: 0\r\n\r\n": {"pac.example:443: a proxy asks for credentials (HTTP 407)", 1},
		"HTTP/1.1 503 Canary\r\nContent-Length: 0\r\n\r\n": {"pac.example:443: a proxy refuses the connection (HTTP 503)", 3},
		"HTTP/1.1 canary\r\n\r\n":                          {"pac.example:443: response is malformed", 3},
	} {
		u, asked := proxy(t, response)
		own := pooled()
		t.Cleanup(own.CloseIdleConnections)
		own.Proxy = http.ProxyURL(u)
		err := create(t.Context(), clientOf(t, "https://pac.example", own))
		require.ErrorIs(t, err, identkit.ErrNetwork)
		require.NotErrorIs(t, err, identkit.ErrOutcomeUnknown, "nothing was sent")
		require.ErrorContains(t, err, c.want)
		assert.Equal(t, c.asked, asked(), "a proxy's 407 is not retried")
		for _, one := range chain(err) {
			assert.NotContains(t, strings.ToLower(one.Error()), "canary", "%T", one)
			assert.NotContains(t, one.Error(), "proxy-password")
		}
	}
	u, asked := proxy(t, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
	own := &http.Transport{Proxy: http.ProxyURL(u)} // one of the caller's
	t.Cleanup(own.CloseIdleConnections)
	require.ErrorContains(t, create(t.Context(), clientOf(t, "https://pac.example", own)), "pac.example:443: a proxy asks for credentials (HTTP 407)")
	assert.EqualValues(t, 1, asked())
}

func TestAProxyThatCannotBeReachedIsNamed(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	own := &http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "http", User: url.UserPassword("user", "proxy-password"), Host: l.Addr().String()})}
	err = create(t.Context(), clientOf(t, "https://pac.example", own), identkit.WithAttempts(1))
	require.ErrorContains(t, err, "pac.example:443 (proxy at "+l.Addr().String()+"): ")
	assert.NotContains(t, err.Error(), "proxy-password")
}

func TestTheProxyHookOfATransportIsKept(t *testing.T) {
	t.Parallel()
	var seen int
	refused := errors.New("refused by the program")
	tr := &http.Transport{OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
		if seen++; resp.StatusCode == http.StatusTeapot {
			return refused
		}
		return nil
	}}
	namesRefusals(tr)
	require.NoError(t, tr.OnProxyConnectResponse(t.Context(), nil, nil, &http.Response{StatusCode: 200}))
	require.ErrorIs(t, tr.OnProxyConnectResponse(t.Context(), nil, nil, &http.Response{StatusCode: 418}), refused)
	require.ErrorIs(t, tr.OnProxyConnectResponse(t.Context(), nil, nil, &http.Response{StatusCode: 407}), proxyRefusal(407))
	assert.Equal(t, 3, seen)
}
