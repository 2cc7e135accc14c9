package identkit

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
)

var (
	errNoRoots      = errors.New("identkit: no roots to verify the server by")
	errNoServerName = errors.New("identkit: no server name to verify a certificate for")
)

// VerifyRoots returns a function for the VerifyConnection field of a [tls.Config] that verifies a server as crypto/tls does, by roots
// that may change: a private CA is replaced without a new client.
//
// Set InsecureSkipVerify beside it, see the example: that switches off the check by fixed roots, which this one then replaces for every
// connection, resumed ones included. roots is called for each new connection, so it should cache; when it fails or returns nil, there
// is no connection. Open connections go on: the CloseIdleConnections method of a client closes those that no call is using.
//
// Under [Options].TLS it also holds for addresses without a name. In another transport crypto/tls does not say which IP address was
// dialled, and the connection is refused unless ServerName is set.
func VerifyRoots(roots func() (*x509.CertPool, error)) func(tls.ConnectionState) error {
	return func(s tls.ConnectionState) error {
		if roots == nil {
			return errNoRoots
		}
		pool, err := roots()
		switch {
		case err != nil:
			return fmt.Errorf("%w: %w", errNoRoots, err)
		case pool == nil || len(s.PeerCertificates) == 0:
			return errNoRoots
		case s.ServerName == "":
			return errNoServerName
		}
		between := x509.NewCertPool()
		for _, c := range s.PeerCertificates[1:] {
			between.AddCert(c)
		}
		if _, err = s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: pool, Intermediates: between, DNSName: s.ServerName}); err != nil {
			return &tls.CertificateVerificationError{UnverifiedCertificates: s.PeerCertificates, Err: err}
		}
		return nil
	}
}
