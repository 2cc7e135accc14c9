package webhook

import (
	"context"
	"crypto/x509"
	"net/url"
	"slices"
	"strings"
)

// CertificateConfig lists the client certificates of a sender. A certificate is accepted if one of the entries
// equals it; at least one entry is needed.
type CertificateConfig struct {
	// Subjects are whole distinguished names as [crypto/x509/pkix.Name.String] prints them, such as
	// "CN=hooks,O=Vendor".
	Subjects []string
	// DNSNames and URIs are subject alternative names.
	DNSNames, URIs []string
}

// NewClientCertificate returns a verifier of mutual TLS. It relies on the TLS server having verified the chain
// (tls.RequireAndVerifyClientCert or VerifyClientCertIfGiven) and checks whose certificate it is: an unverified
// certificate counts as none. It does not fit behind a proxy that ends TLS.
func NewClientCertificate(cfg CertificateConfig) (Verifier, error) {
	var f faults
	f.that(len(cfg.Subjects)+len(cfg.DNSNames)+len(cfg.URIs) > 0, "Subjects", "DNSNames and URIs are all empty")
	f.that(!slices.Contains(cfg.Subjects, ""), "Subjects", "has an empty entry")
	f.that(!slices.Contains(cfg.DNSNames, ""), "DNSNames", "has an empty entry")
	f.that(!slices.Contains(cfg.URIs, ""), "URIs", "has an empty entry")
	return f.verifier("NewClientCertificate", &certificates{
		subjects: slices.Clone(cfg.Subjects), dnsNames: slices.Clone(cfg.DNSNames), uris: slices.Clone(cfg.URIs),
		missing:  &VerifyError{Reason: ReasonMissing, Scheme: "certificate", Detail: "there is no verified client certificate"},
		mismatch: &VerifyError{Reason: ReasonMismatch, Scheme: "certificate", Detail: "the client certificate is not on the list"},
	})
}

type certificates struct {
	subjects, dnsNames, uris []string
	missing, mismatch        *VerifyError
}

func (c *certificates) Verify(_ context.Context, r *Request) (Receipt, error) {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 || len(r.TLS.VerifiedChains[0]) == 0 {
		return Receipt{}, c.missing
	}
	if !c.fits(r.TLS.VerifiedChains[0][0]) {
		return Receipt{}, c.mismatch
	}
	return Receipt{Scheme: "certificate"}, nil
}

func (c *certificates) fits(cert *x509.Certificate) bool {
	isListed := func(name string) bool {
		return slices.ContainsFunc(c.dnsNames, func(want string) bool { return strings.EqualFold(want, name) })
	}
	return slices.Contains(c.subjects, cert.Subject.String()) || slices.ContainsFunc(cert.DNSNames, isListed) ||
		slices.ContainsFunc(cert.URIs, func(uri *url.URL) bool { return slices.Contains(c.uris, uri.String()) })
}
