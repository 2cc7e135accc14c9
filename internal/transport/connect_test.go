package transport

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
)

// authority is a private CA.
type authority struct {
	t    testing.TB
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	a := &authority{t: t}
	template := &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	issued := a.sign(template)
	a.key, a.cert = issued.PrivateKey.(*ecdsa.PrivateKey), issued.Leaf
	return a
}

func (a *authority) sign(template *x509.Certificate) tls.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(a.t, err)
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	require.NoError(a.t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(a.t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func (a *authority) server(ips ...net.IP) tls.Certificate {
	return a.sign(&x509.Certificate{DNSNames: []string{"pac.test"}, IPAddresses: ips, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
}

func (a *authority) client(name string) tls.Certificate {
	return a.sign(&x509.Certificate{Subject: pkix.Name{CommonName: name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

var loopback = net.IPv4(127, 0, 0, 1)

// deployment is a TLS server that responds with the thing asked for, and says in a header who the client is.
type deployment struct {
	*httptest.Server
	config      atomic.Pointer[tls.Config]
	connections atomic.Int32
	requests    atomic.Int32
}

func deploy(t *testing.T, http2 bool, cfg *tls.Config) *deployment {
	t.Helper()
	d := new(deployment)
	d.config.Store(cfg)
	d.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.requests.Add(1)
		if len(r.TLS.PeerCertificates) > 0 {
			w.Header().Set("X-Client", r.TLS.PeerCertificates[0].Subject.CommonName)
		}
		w.Header().Set("X-Proto", r.Proto)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"id":"`+strings.Split(r.URL.Path, "/")[2]+`"}`)
	}))
	d.EnableHTTP2 = http2
	d.Config.ErrorLog = log.New(io.Discard, "", 0)
	d.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			d.connections.Add(1)
		}
	}
	protos := []string{"http/1.1"}
	if http2 {
		protos = []string{"h2", "http/1.1"}
	}
	d.TLS = &tls.Config{NextProtos: protos, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		c := d.config.Load().Clone()
		c.NextProtos = protos
		return c, nil
	}}
	d.StartTLS()
	t.Cleanup(d.Close)
	return d
}

func (d *deployment) reach(t *testing.T, o identkit.Options) *Client {
	t.Helper()
	var check Check
	c := New(Config{Provider: "test", BaseURL: d.URL, Operations: thingOperations, Options: o}, &check)
	require.NoError(t, check.Err("test", "test.New"))
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func TestAPrivateCAAndAClientCertificateKeepThePool(t *testing.T) { // not parallel: its handshakes would slow down tests against real time
	ca := newAuthority(t, "private")
	for name, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			d := deploy(t, http2, &tls.Config{Certificates: []tls.Certificate{ca.server(loopback)}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.pool()})
			c := d.reach(t, identkit.Options{TLS: &tls.Config{RootCAs: ca.pool(), Certificates: []tls.Certificate{ca.client("backend")}}})
			const workers, calls = 100, 3000
			var group sync.WaitGroup
			var next atomic.Int32
			for range workers {
				group.Go(func() {
					for next.Add(1) <= calls {
						var resp identkit.Response
						_, err := readOne(t.Context(), c, "1", identkit.WithResponse(&resp))
						if !assert.NoError(t, err) {
							return
						}
						assert.Equal(t, "backend", resp.Header.Get("X-Client"))
						assert.Equal(t, http2, resp.Header.Get("X-Proto") == "HTTP/2.0")
					}
				})
			}
			group.Wait()
			assert.EqualValues(t, calls, d.requests.Load())
			assert.LessOrEqual(t, d.connections.Load(), int32(5*workers), "connections; a pool of two idle ones needs about %d", calls)
		})
	}
}

func TestCertificatesAreReplacedWithoutANewClient(t *testing.T) {
	t.Parallel()
	old, next := newAuthority(t, "old"), newAuthority(t, "next")
	serve := func(ca *authority) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{ca.server(loopback)}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.pool()}
	}
	d := deploy(t, true, serve(old))
	var roots atomic.Pointer[x509.CertPool]
	var own atomic.Pointer[tls.Certificate]
	use := func(ca *authority, client string) {
		cert := ca.client(client)
		roots.Store(ca.pool())
		own.Store(&cert)
	}
	use(old, "one")
	c := d.reach(t, identkit.Options{Retry: identkit.RetryPolicy{MaxAttempts: 1}, TLS: &tls.Config{
		InsecureSkipVerify:   true,
		VerifyConnection:     identkit.VerifyRoots(func() (*x509.CertPool, error) { return roots.Load(), nil }),
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own.Load(), nil },
	}})
	call := func() (string, error) {
		var resp identkit.Response
		_, err := readOne(t.Context(), c, "1", identkit.WithResponse(&resp))
		return resp.Header.Get("X-Client"), err
	}
	who, err := call()
	require.NoError(t, err)
	assert.Equal(t, "one", who)

	d.config.Store(serve(next))
	who, err = call()
	require.NoError(t, err, "the connection that is open goes on")
	assert.Equal(t, "one", who)

	c.CloseIdleConnections()
	_, err = call()
	require.ErrorIs(t, err, identkit.ErrNetwork, "the old CA vouches for the server no longer")
	require.ErrorContains(t, err, "unknown authority")
	use(next, "two")
	who, err = call()
	require.NoError(t, err)
	assert.Equal(t, "two", who)

	roots.Store(nil)
	c.CloseIdleConnections()
	_, err = call()
	require.ErrorIs(t, err, identkit.ErrNetwork, "without roots there is no connection")
	require.NotErrorIs(t, err, identkit.ErrOutcomeUnknown)
}

// An IP address is no server name: crypto/tls then leaves ServerName empty, and the recipe of its documentation would verify no host.
func TestAVerificationOfOnesOwnKnowsTheHostOfAnAddress(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "private")
	d := deploy(t, false, &tls.Config{Certificates: []tls.Certificate{ca.server(net.IPv4(192, 0, 2, 1))}})
	var names []string
	recipe := func(s tls.ConnectionState) error {
		names = append(names, s.ServerName)
		_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: ca.pool(), DNSName: s.ServerName})
		return err
	}
	for name, verify := range map[string]func(tls.ConnectionState) error{
		"recipe": recipe, "VerifyRoots": identkit.VerifyRoots(func() (*x509.CertPool, error) { return ca.pool(), nil }),
	} {
		c := d.reach(t, identkit.Options{TLS: &tls.Config{InsecureSkipVerify: true, VerifyConnection: verify}})
		_, err := readOne(t.Context(), c, "1")
		require.ErrorIs(t, err, identkit.ErrNetwork, name)
		require.ErrorContains(t, err, "certificate is for another host", name)
	}
	assert.Equal(t, []string{"127.0.0.1"}, names, "a certificate is never a passing failure")
	assert.Zero(t, d.requests.Load())
}

func TestTLSIsCopiedAndProtocolsAreThoseAskedFor(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "private")
	d := deploy(t, true, &tls.Config{Certificates: []tls.Certificate{ca.server(loopback)}})
	for name, c := range map[string]struct {
		protos []string
		want   string
	}{"none named": {nil, "HTTP/2.0"}, "both": {[]string{"h2", "http/1.1"}, "HTTP/2.0"}, "HTTP/1.1": {[]string{"http/1.1"}, "HTTP/1.1"}, "HTTP/2": {[]string{"h2"}, "HTTP/2.0"}} {
		given := &tls.Config{RootCAs: ca.pool(), NextProtos: c.protos}
		client := d.reach(t, identkit.Options{TLS: given})
		given.RootCAs = nil
		var resp identkit.Response
		_, err := readOne(t.Context(), client, "1", identkit.WithResponse(&resp))
		require.NoError(t, err, name)
		assert.Equal(t, c.want, resp.Header.Get("X-Proto"), name)
		assert.Equal(t, c.protos, given.NextProtos, "the caller's is not changed")
		assert.EqualValues(t, tls.VersionTLS12, client.own.TLSClientConfig.MinVersion)
		assert.Equal(t, pooled().MaxIdleConnsPerHost, client.own.MaxIdleConnsPerHost)
		assert.True(t, client.own.ForceAttemptHTTP2)
	}
}

func TestAProxyKeepsThePool(t *testing.T) {
	t.Parallel()
	var proxied atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proxied.Add(1)
		assert.Equal(t, "pac.test", r.URL.Host)
		_, _ = io.WriteString(w, `{"id":"1"}`)
	}))
	t.Cleanup(proxy.Close)
	u, err := url.Parse(proxy.URL)
	require.NoError(t, err)
	var check Check
	c := New(Config{Provider: "test", BaseURL: "http://pac.test", Operations: thingOperations, Options: identkit.Options{
		AllowPlainHTTP: true, Proxy: http.ProxyURL(u),
	}}, &check)
	require.NotNil(t, c)
	t.Cleanup(c.CloseIdleConnections)
	_, err = readOne(t.Context(), c, "1")
	require.NoError(t, err)
	assert.EqualValues(t, 1, proxied.Load())
	assert.Equal(t, pooled().MaxIdleConnsPerHost, c.own.MaxIdleConnsPerHost)

	none := New(Config{Provider: "test", BaseURL: "http://pac.test", Options: identkit.Options{AllowPlainHTTP: true}}, &check)
	assert.NotNil(t, none.own.Proxy, "that of the environment")
}

func TestConnectionsThatCannotWorkAreRefused(t *testing.T) {
	t.Parallel()
	verify := func(tls.ConnectionState) error { return errors.New("no") }
	for name, c := range map[string]struct {
		o     identkit.Options
		field string
	}{
		"TLS beside a client":         {identkit.Options{HTTPClient: http.DefaultClient, TLS: new(tls.Config)}, "Options.TLS"},
		"proxy beside a client":       {identkit.Options{HTTPClient: http.DefaultClient, Proxy: http.ProxyFromEnvironment}, "Options.Proxy"},
		"no verification":             {identkit.Options{TLS: &tls.Config{InsecureSkipVerify: true}}, "Options.TLS.InsecureSkipVerify"},
		"TLS 1.1":                     {identkit.Options{TLS: &tls.Config{MaxVersion: tls.VersionTLS11}}, "Options.TLS.MaxVersion"},
		"TLS 1.0 as the minimum":      {identkit.Options{TLS: &tls.Config{MinVersion: tls.VersionTLS10}}, "Options.TLS.MinVersion"},
		"maximum under the minimum":   {identkit.Options{TLS: &tls.Config{MinVersion: tls.VersionTLS13, MaxVersion: tls.VersionTLS12}}, "Options.TLS.MaxVersion"},
		"another protocol":            {identkit.Options{TLS: &tls.Config{NextProtos: []string{"http/1.1", "spdy/3"}}}, "Options.TLS.NextProtos"},
		"limiter that holds nothing":  {identkit.Options{Limiter: (*countingLimiter)(nil)}, "Options.Limiter"},
		"limiter function of nothing": {identkit.Options{Limiter: limiterFunc(nil)}, "Options.Limiter"},
		"transport of nothing":        {identkit.Options{HTTPClient: &http.Client{Transport: (*http.Transport)(nil)}}, "Options.HTTPClient.Transport"},
		"jar of nothing":              {identkit.Options{HTTPClient: &http.Client{Jar: (*cookiejar.Jar)(nil)}}, "Options.HTTPClient.Jar"},
	} {
		var check Check
		assert.Nil(t, New(Config{Provider: "test", BaseURL: "https://h", Options: c.o}, &check), name)
		require.Len(t, check.Faults, 1, name)
		assert.Equal(t, c.field, check.Faults[0].Field, name)
	}
	var check Check
	require.NotNil(t, New(Config{Provider: "test", BaseURL: "https://h", Options: identkit.Options{
		TLS: &tls.Config{InsecureSkipVerify: true, VerifyConnection: verify, MaxVersion: tls.VersionTLS12}, Limiter: identkit.NoLimit,
	}}, &check))
	require.NotNil(t, New(Config{Provider: "test", BaseURL: "https://h", Options: identkit.Options{HTTPClient: new(http.Client)}}, &check))
}

type limiterFunc func(context.Context) error

func (f limiterFunc) Wait(ctx context.Context) error { return f(ctx) }
