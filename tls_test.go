package identkit_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
)

func TestRootsThatChangeVerifyAServer(t *testing.T) {
	t.Parallel()
	srv := httptest.NewTLSServer(nil)
	t.Cleanup(srv.Close)
	leaf := srv.Certificate()
	trusted := x509.NewCertPool()
	trusted.AddCert(leaf)
	failed := errors.New("vault is sealed")
	state := tls.ConnectionState{ServerName: "example.com", PeerCertificates: []*x509.Certificate{leaf}}
	roots := func(p *x509.CertPool, err error) func() (*x509.CertPool, error) {
		return func() (*x509.CertPool, error) { return p, err }
	}
	require.NoError(t, identkit.VerifyRoots(roots(trusted, nil))(state))
	require.ErrorIs(t, identkit.VerifyRoots(roots(trusted, failed))(state), failed)
	require.Error(t, identkit.VerifyRoots(nil)(state))
	require.Error(t, identkit.VerifyRoots(roots(nil, nil))(state), "never the roots of the system")

	var refused *tls.CertificateVerificationError
	require.ErrorAs(t, identkit.VerifyRoots(roots(x509.NewCertPool(), nil))(state), &refused)
	other := state
	other.ServerName = "other.example"
	require.ErrorAs(t, identkit.VerifyRoots(roots(trusted, nil))(other), &refused)
	require.ErrorAs(t, refused, new(x509.HostnameError))
	other.ServerName = ""
	require.Error(t, identkit.VerifyRoots(roots(trusted, nil))(other), "a certificate for any host would pass")
	other = state
	other.PeerCertificates = nil
	assert.Error(t, identkit.VerifyRoots(roots(trusted, nil))(other))
}

// A private CA and a client certificate that a job on the host renews, without a new client.
func ExampleVerifyRoots() {
	var roots atomic.Pointer[x509.CertPool] // stored again when the CA is replaced
	var own atomic.Pointer[tls.Certificate] // stored again when the certificate is renewed
	roots.Store(x509.NewCertPool())
	options := identkit.Options{TLS: &tls.Config{
		InsecureSkipVerify:   true,
		VerifyConnection:     identkit.VerifyRoots(func() (*x509.CertPool, error) { return roots.Load(), nil }),
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own.Load(), nil },
	}}
	fmt.Println(options.TLS.VerifyConnection != nil)
	// Output: true
}
