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

func TestFaultsChangeOnlyTheProof(t *testing.T) {
	t.Parallel()
	const value = "0123456789abcdef"
	for fault, want := range map[webhooktest.Fault][]string{
		webhooktest.NoProof:      nil,
		webhooktest.EmptyProof:   {""},
		webhooktest.DoubledProof: {value, value},
		webhooktest.CutProof:     {value[:10]},
		webhooktest.WrongProof:   {"0123456789" + "0" + "bcdef"},
		webhooktest.OtherBody:    {value},
	} {
		r := signed(t, webhooktest.SignBadly(webhooktest.SignHeader("X-Key", value), fault))
		assert.Equal(t, want, r.Header["X-Key"], fault)
		assert.Equal(t, "application/json", r.Header.Get("Content-Type"), fault)
	}
	long := signed(t, webhooktest.SignBadly(webhooktest.SignHeader("X-Key", value), webhooktest.LongProof))
	assert.True(t, strings.HasPrefix(long.Header.Get("X-Key"), value))
	assert.Greater(t, len(long.Header.Get("X-Key")), 100<<10)
}

func TestFaultsReachQueryAndPath(t *testing.T) {
	t.Parallel()
	const value = "0123456789abcdef"
	for fault, want := range map[webhooktest.Fault]string{
		webhooktest.NoProof:      "http://example.test/hooks?a=1",
		webhooktest.EmptyProof:   "http://example.test/hooks?a=1&key=",
		webhooktest.DoubledProof: "http://example.test/hooks?a=1&key=0123456789abcdef&key=0123456789abcdef",
		webhooktest.CutProof:     "http://example.test/hooks?a=1&key=0123456789",
	} {
		r := signed(t, webhooktest.SignBadly(webhooktest.SignQuery("key", value), fault))
		assert.Equal(t, want, r.URL.String(), fault)
	}
	for fault, want := range map[webhooktest.Fault]string{
		webhooktest.NoProof:    "/hooks",
		webhooktest.EmptyProof: "/hooks/",
		webhooktest.CutProof:   "/hooks/0123456789",
		webhooktest.WrongProof: "/hooks/01234567890bcdef",
	} {
		r := signed(t, webhooktest.SignBadly(webhooktest.SignPath(value), fault))
		assert.Equal(t, want, r.URL.EscapedPath(), fault)
	}
}

func TestFaultsOfTimeAndBodyAreSignedRight(t *testing.T) {
	t.Parallel()
	stamps := map[webhooktest.Fault]string{webhooktest.TooOld: "999400", webhooktest.FromFuture: "316532800"}
	for fault, want := range stamps {
		r := signed(t, webhooktest.SignBadly(webhooktest.SignStandard(key), fault))
		assert.Equal(t, want, r.Header.Get("Webhook-Timestamp"), fault)
	}
	good := signed(t, webhooktest.SignStandard(key)).Header.Get("Webhook-Signature")
	for _, fault := range []webhooktest.Fault{webhooktest.OtherBody, webhooktest.BodyPrefix} {
		bad := signed(t, webhooktest.SignBadly(webhooktest.SignStandard(key), fault)).Header.Get("Webhook-Signature")
		assert.NotEqual(t, good, bad, fault)
		assert.Len(t, bad, len(good), fault)
	}
	assert.Len(t, webhooktest.Faults(), 10)
}
