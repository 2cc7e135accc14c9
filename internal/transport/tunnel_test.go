package transport

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
)

// tunnels is a proxy that passes on what follows a CONNECT.
func tunnels(t *testing.T, secure bool) *url.URL {
	t.Helper()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		far, err := new(net.Dialer).DialContext(t.Context(), "tcp", r.Host)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		near, buffered, err := w.(http.Hijacker).Hijack()
		if err != nil {
			_ = far.Close()
			return
		}
		_, _ = io.WriteString(near, "HTTP/1.1 200 OK\r\n\r\n")
		go func() {
			_, _ = io.Copy(far, buffered)
			_ = far.Close()
		}()
		go func() {
			_, _ = io.Copy(near, far)
			_ = near.Close()
		}()
	}))
	if secure {
		srv.StartTLS()
	} else {
		srv.Start()
	}
	t.Cleanup(srv.Close)
	u, err := url.Parse(srv.URL)
	require.NoError(t, err)
	return u
}

func TestAConnectionThatWentSilentBehindAProxyIsNotUsedAgain(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		c, r := pooledH2(t, func(w http.ResponseWriter, req *http.Request) {
			if req.ProtoMajor == 2 {
				_, _ = io.WriteString(w, `{"id":"1"}`)
			}
		}, identkit.RetryPolicy{AttemptTimeout: 300 * time.Millisecond, MaxAttempts: 3})
		c.own.Proxy = http.ProxyURL(tunnels(t, secure))
		_, err := readOne(t.Context(), c, "1")
		require.NoError(t, err)
		r.mute()
		failed := 0
		for range 6 {
			if _, err := readOne(t.Context(), c, "1"); err != nil {
				failed++
			}
		}
		assert.LessOrEqual(t, failed, 1, "TLS to the proxy: %v", secure)
		assert.EqualValues(t, 2, r.conns.Load())
	}
}

// The address that is verified is the one that was dialled, not that of the client's first base URL.
func TestAVerificationOfOnesOwnKnowsTheAddressOfAnotherBase(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "private")
	roots := identkit.VerifyRoots(func() (*x509.CertPool, error) { return ca.pool(), nil })
	o := identkit.Options{TLS: &tls.Config{InsecureSkipVerify: true, VerifyConnection: roots}}
	for name, c := range map[string]struct {
		holds net.IP
		ok    bool
	}{"of the other base": {loopback, true}, "of the first base": {net.IPv4(192, 0, 2, 1), false}} {
		d := deploy(t, false, &tls.Config{Certificates: []tls.Certificate{ca.server(c.holds)}})
		var check Check
		first := New(Config{Provider: "test", BaseURL: "https://192.0.2.1", Operations: thingOperations, Options: o}, &check)
		other := first.WithBase("TokenURL", d.URL, o, &check)
		require.NoError(t, check.Err("test", "test.New"))
		t.Cleanup(first.CloseIdleConnections)
		_, err := readOne(t.Context(), other, "1")
		if c.ok {
			require.NoError(t, err, name)
		} else {
			require.ErrorContains(t, err, "certificate is for another host", name)
		}
	}
}
