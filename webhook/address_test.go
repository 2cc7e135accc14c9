package webhook_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/webhook"
	"github.com/identkit/identkit/webhook/webhooktest"
)

func TestSourceAddresses(t *testing.T) {
	t.Parallel()
	cfg := webhook.AddressConfig{
		Allow:          []string{"203.0.113.0/24", "198.51.100.7", "2001:db8::/32"},
		TrustedProxies: []string{"10.0.0.0/8", "fd00::1"},
	}
	v, err := webhook.NewAddresses(cfg)
	require.NoError(t, err)
	for _, c := range []struct {
		rule, peer string
		forwarded  []string
		want       webhook.Reason
	}{
		{"in a range", "203.0.113.9:1234", nil, ""},
		{"a single address", "198.51.100.7:1", nil, ""},
		{"without a port", "198.51.100.7", nil, ""},
		{"IPv6", "[2001:db8::5]:443", nil, ""},
		{"IPv6 without a port", "2001:db8::5", nil, ""},
		{"IPv4-mapped", "[::ffff:203.0.113.9]:1", nil, ""},
		{"next to a single address", "198.51.100.8:1", nil, webhook.ReasonMismatch},
		{"outside", "192.0.2.1:1", nil, webhook.ReasonMismatch},
		{"a peer outside that names another", "192.0.2.1:1", []string{"203.0.113.9"}, webhook.ReasonMismatch},
		{"no address", "", nil, webhook.ReasonMissing},
		{"a socket", "@", nil, webhook.ReasonMissing},
		{"through a proxy", "10.1.2.3:1", []string{"203.0.113.9"}, ""},
		{"through two proxies", "[fd00::1]:1", []string{"203.0.113.9, 10.9.9.9"}, ""},
		{"through two header lines", "10.1.2.3:1", []string{"203.0.113.9", "10.9.9.9"}, ""},
		{"with a port in the header", "10.1.2.3:1", []string{"203.0.113.9:80"}, ""},
		{"IPv6 in brackets in the header", "10.1.2.3:1", []string{"[2001:db8::5]"}, ""},
		{"a claim in front of the real source", "10.1.2.3:1", []string{"203.0.113.9, 192.0.2.1"}, webhook.ReasonMismatch},
		{"an invalid entry in front of the real source", "10.1.2.3:1", []string{"whatever, 203.0.113.9"}, ""},
		{"an invalid entry as the source", "10.1.2.3:1", []string{"203.0.113.9, whatever"}, webhook.ReasonMalformed},
		{"a proxy that adds no header", "10.1.2.3:1", nil, webhook.ReasonMismatch},
		{"only proxies", "10.1.2.3:1", []string{"10.0.0.1"}, webhook.ReasonMismatch},
		{"33 hops", "10.1.2.3:1", []string{strings.Repeat("10.0.0.1,", 32) + "203.0.113.9"}, webhook.ReasonMalformed},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			receipt, err := webhook.VerifyRequest(t.Context(), v, &webhook.Request{
				RemoteAddr: c.peer, Header: http.Header{"X-Forwarded-For": c.forwarded},
			})
			require.Equal(t, c.want, webhook.ReasonOf(err))
			assert.Equal(t, c.want == "", receipt.Scheme == "addresses")
		})
	}
	webhooktest.RunVerifierTests(t, webhooktest.VerifierTest{
		Verifier: v, Sign: webhooktest.From("203.0.113.9:1"), Forge: webhooktest.From("192.0.2.1:1", "203.0.113.9"),
	})
	direct, err := webhook.NewAddresses(webhook.AddressConfig{Allow: cfg.Allow})
	require.NoError(t, err)
	_, err = webhook.VerifyRequest(t.Context(), direct, &webhook.Request{
		RemoteAddr: "10.1.2.3:1", Header: http.Header{"X-Forwarded-For": {"203.0.113.9"}},
	})
	assert.Equal(t, webhook.ReasonMismatch, webhook.ReasonOf(err), "without trusted proxies the header means nothing")
}

func TestAProxyThatIsItselfAllowed(t *testing.T) {
	t.Parallel()
	v, err := webhook.NewAddresses(webhook.AddressConfig{Allow: []string{"10.9.9.9"}, TrustedProxies: []string{"10.0.0.0/8"}})
	require.NoError(t, err)
	for peer, want := range map[string]webhook.Reason{"10.9.9.9:99": "", "10.0.0.1:99": webhook.ReasonMismatch} {
		_, err = webhook.VerifyRequest(t.Context(), v, &webhook.Request{RemoteAddr: peer})
		assert.Equal(t, want, webhook.ReasonOf(err), peer)
	}
}

func TestAProxyOnASocket(t *testing.T) {
	t.Parallel()
	request := &webhook.Request{RemoteAddr: "@", Header: http.Header{"X-Forwarded-For": {"203.0.113.7"}}}
	for rule, c := range map[string]struct {
		trusted []string
		want    webhook.Reason
	}{"named": {[]string{"unix"}, ""}, "not named": {nil, webhook.ReasonMissing}} {
		v, err := webhook.NewAddresses(webhook.AddressConfig{Allow: []string{"203.0.113.7"}, TrustedProxies: c.trusted})
		require.NoError(t, err)
		_, err = webhook.VerifyRequest(t.Context(), v, request)
		assert.Equal(t, c.want, webhook.ReasonOf(err), rule)
	}
}

func TestAddressConfigurations(t *testing.T) {
	t.Parallel()
	for rule, cfg := range map[string]webhook.AddressConfig{
		"nothing allowed":     {},
		"no address":          {Allow: []string{"example.test"}},
		"no range":            {Allow: []string{"203.0.113.0/33"}},
		"an IPv4-mapped one":  {Allow: []string{"::ffff:203.0.113.0/120"}},
		"everybody trusted":   {Allow: []string{"203.0.113.9"}, TrustedProxies: []string{"0.0.0.0/0"}},
		"all of IPv6 trusted": {Allow: []string{"203.0.113.9"}, TrustedProxies: []string{"::/0"}},
		"a bad trusted one":   {Allow: []string{"203.0.113.9"}, TrustedProxies: []string{"10."}},
		"no header name":      {Allow: []string{"203.0.113.9"}, ForwardedHeader: "a b"},
	} {
		_, err := webhook.NewAddresses(cfg)
		assert.Error(t, err, rule)
	}
}
