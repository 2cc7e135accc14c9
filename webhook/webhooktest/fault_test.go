package webhooktest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/webhook/webhooktest"
)

func signed(t *testing.T, sign webhooktest.Signer) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://example.test/hooks?a=1", nil)
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	require.NoError(t, sign(&webhooktest.Outgoing{Request: r, Body: []byte("body"), ID: "m", Time: time.Unix(1_000_000, 0)}))
	return r
}

func TestFaultsChangeOnlyTheAuthentication(t *testing.T) {
	t.Parallel()
	const value = "0123456789abcdef"
	for fault, want := range map[webhooktest.Fault][]string{
		webhooktest.FaultMissing:   nil,
		webhooktest.FaultEmpty:     {""},
		webhooktest.FaultRepeated:  {value, value},
		webhooktest.FaultTruncated: {value[:10]},
		webhooktest.FaultTampered:  {"0123456789" + "0" + "bcdef"},
		webhooktest.FaultOtherBody: {value},
	} {
		r := signed(t, webhooktest.SignWithFault(webhooktest.SignHeader("X-Key", value), fault))
		assert.Equal(t, want, r.Header["X-Key"], fault)
		assert.Equal(t, "application/json", r.Header.Get("Content-Type"), fault)
	}
	long := signed(t, webhooktest.SignWithFault(webhooktest.SignHeader("X-Key", value), webhooktest.FaultTooLong))
	assert.True(t, strings.HasPrefix(long.Header.Get("X-Key"), value))
	assert.Greater(t, len(long.Header.Get("X-Key")), 100<<10)
}

func TestFaultsReachQueryAndPath(t *testing.T) {
	t.Parallel()
	const value = "0123456789abcdef"
	for fault, want := range map[webhooktest.Fault]string{
		webhooktest.FaultMissing:   "http://example.test/hooks?a=1",
		webhooktest.FaultEmpty:     "http://example.test/hooks?a=1&key=",
		webhooktest.FaultRepeated:  "http://example.test/hooks?a=1&key=0123456789abcdef&key=0123456789abcdef",
		webhooktest.FaultTruncated: "http://example.test/hooks?a=1&key=0123456789",
	} {
		r := signed(t, webhooktest.SignWithFault(webhooktest.SignQuery("key", value), fault))
		assert.Equal(t, want, r.URL.String(), fault)
	}
	for fault, want := range map[webhooktest.Fault]string{
		webhooktest.FaultMissing:   "/hooks",
		webhooktest.FaultEmpty:     "/hooks/",
		webhooktest.FaultTruncated: "/hooks/0123456789",
		webhooktest.FaultTampered:  "/hooks/01234567890bcdef",
	} {
		r := signed(t, webhooktest.SignWithFault(webhooktest.SignPath(value), fault))
		assert.Equal(t, want, r.URL.EscapedPath(), fault)
	}
}

func TestFaultsOfTimeAndBodyAreSigned(t *testing.T) {
	t.Parallel()
	stamps := map[webhooktest.Fault]string{webhooktest.FaultExpired: "999400", webhooktest.FaultFuture: "316532800"}
	for fault, want := range stamps {
		r := signed(t, webhooktest.SignWithFault(webhooktest.SignStandard(key), fault))
		assert.Equal(t, want, r.Header.Get("Webhook-Timestamp"), fault)
	}
	good := signed(t, webhooktest.SignStandard(key)).Header.Get("Webhook-Signature")
	for _, fault := range []webhooktest.Fault{webhooktest.FaultOtherBody, webhooktest.FaultBodyPrefix} {
		bad := signed(t, webhooktest.SignWithFault(webhooktest.SignStandard(key), fault)).Header.Get("Webhook-Signature")
		assert.NotEqual(t, good, bad, fault)
		assert.Len(t, bad, len(good), fault)
	}
	assert.Len(t, webhooktest.Faults(), 10)
}
