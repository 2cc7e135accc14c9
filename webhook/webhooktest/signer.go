package webhooktest

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/identkit/identkit"
)

// Outgoing is a delivery to be sent.
type Outgoing struct {
	Request *http.Request // its header, URL, RemoteAddr and TLS may be changed; its body is set by the sender
	Body    []byte
	ID      string    // for schemes that carry an id
	Time    time.Time // for schemes that carry a timestamp
}

// Signer authenticates a delivery. It must only add to the request.
type Signer func(o *Outgoing) error

// Unsigned adds nothing.
func Unsigned() Signer { return func(*Outgoing) error { return nil } }

// SignAll signs with all signers in order.
func SignAll(signers ...Signer) Signer {
	return func(o *Outgoing) error {
		for _, sign := range signers {
			if err := sign(o); err != nil {
				return err
			}
		}
		return nil
	}
}

// SignBasic authenticates with HTTP Basic.
func SignBasic(user string, password identkit.Secret) Signer {
	return func(o *Outgoing) error {
		o.Request.SetBasicAuth(user, password.Reveal())
		return nil
	}
}

// SignBearer authenticates with a bearer token.
func SignBearer(token identkit.Secret) Signer {
	return SignHeader("Authorization", "Bearer "+token)
}

// SignHeader sends a header, for API keys and for ids that are not signed.
func SignHeader(name string, value identkit.Secret) Signer {
	return func(o *Outgoing) error {
		o.Request.Header.Set(name, value.Reveal())
		return nil
	}
}

// SignQuery sends an API key as a query parameter.
func SignQuery(name string, value identkit.Secret) Signer {
	return func(o *Outgoing) error {
		query := o.Request.URL.Query()
		query.Set(name, value.Reveal())
		o.Request.URL.RawQuery = query.Encode()
		return nil
	}
}

// SignPath appends a secret segment to the path.
func SignPath(segment identkit.Secret) Signer {
	return func(o *Outgoing) error {
		u := o.Request.URL
		base := strings.TrimSuffix(u.EscapedPath(), "/") + "/"
		parsed, err := url.Parse(base + url.PathEscape(segment.Reveal()))
		if err != nil {
			return err
		}
		u.Path, u.RawPath = parsed.Path, parsed.RawPath
		return nil
	}
}

// From sets the source address, such as "203.0.113.7:4711", and the addresses that proxies have added. The
// source address has an effect only on deliveries to an http.Handler.
func From(address string, forwardedFor ...string) Signer {
	return func(o *Outgoing) error {
		o.Request.RemoteAddr = address
		if len(forwardedFor) > 0 {
			o.Request.Header.Set("X-Forwarded-For", strings.Join(forwardedFor, ", "))
		}
		return nil
	}
}

// SignCertificate sets a verified TLS client certificate with this common name and these DNS names. It has an effect only on deliveries to an http.Handler.
func SignCertificate(commonName string, dnsNames ...string) Signer {
	return func(o *Outgoing) error {
		leaf := &x509.Certificate{Subject: pkix.Name{CommonName: commonName}, DNSNames: dnsNames}
		o.Request.TLS = &tls.ConnectionState{
			HandshakeComplete: true,
			PeerCertificates:  []*x509.Certificate{leaf},
			VerifiedChains:    [][]*x509.Certificate{{leaf}},
		}
		return nil
	}
}
