package webhook_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/webhook"
	"github.com/identkit/identkit/webhook/webhooktest"
)

func TestClientCertificates(t *testing.T) {
	t.Parallel()
	v, err := webhook.NewClientCertificate(webhook.CertificateConfig{
		Subjects: []string{"CN=hooks,O=Vendor"}, DNSNames: []string{"hooks.vendor.test"}, URIs: []string{"spiffe://vendor/hooks"},
	})
	require.NoError(t, err)
	uri, err := url.Parse("spiffe://vendor/hooks")
	require.NoError(t, err)
	verified := func(c *x509.Certificate) *tls.ConnectionState {
		return &tls.ConnectionState{PeerCertificates: []*x509.Certificate{c}, VerifiedChains: [][]*x509.Certificate{{c}}}
	}
	named := &x509.Certificate{Subject: pkix.Name{CommonName: "hooks", Organization: []string{"Vendor"}}}
	for _, c := range []struct {
		rule  string
		state *tls.ConnectionState
		want  webhook.Reason
	}{
		{"the subject", verified(named), ""},
		{"a DNS name, in any case", verified(&x509.Certificate{DNSNames: []string{"a", "HOOKS.vendor.test"}}), ""},
		{"a URI", verified(&x509.Certificate{URIs: []*url.URL{uri}}), ""},
		{"plain HTTP", nil, webhook.ReasonMissing},
		{"no certificate", &tls.ConnectionState{}, webhook.ReasonMissing},
		{"one that was not verified", &tls.ConnectionState{PeerCertificates: []*x509.Certificate{named}}, webhook.ReasonMissing},
		{"an empty chain", &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{}}}, webhook.ReasonMissing},
		{"a part of the subject", verified(&x509.Certificate{Subject: pkix.Name{CommonName: "hooks"}}), webhook.ReasonMismatch},
		{"a longer DNS name", verified(&x509.Certificate{DNSNames: []string{"x.hooks.vendor.test"}}), webhook.ReasonMismatch},
		{"a DNS name as common name", verified(&x509.Certificate{Subject: pkix.Name{CommonName: "hooks.vendor.test"}}), webhook.ReasonMismatch},
	} {
		_, err := webhook.VerifyRequest(t.Context(), v, &webhook.Request{TLS: c.state})
		assert.Equal(t, c.want, webhook.ReasonOf(err), c.rule)
	}
	webhooktest.RunVerifierTests(t, webhooktest.VerifierTest{
		Verifier: v, Sign: webhooktest.SignCertificate("x", "hooks.vendor.test"), Forge: webhooktest.SignCertificate("hooks.vendor.test"),
	})
	for rule, cfg := range map[string]webhook.CertificateConfig{"nobody": {}, "an empty name": {DNSNames: []string{""}}} {
		_, err := webhook.NewClientCertificate(cfg)
		assert.Error(t, err, rule)
	}
}
