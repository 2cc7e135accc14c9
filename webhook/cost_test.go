//go:build !race

package webhook_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/webhook"
	"github.com/identkit/identkit/webhook/webhooktest"
)

// costCases are deliveries of 1 KiB, right and wrong.
func costCases(t testing.TB) map[string]struct {
	verifier  webhook.Verifier
	good, bad *webhook.Request
} {
	t.Helper()
	body := bytes.Repeat([]byte("0123456789abcdef"), 64)
	type pair = struct {
		verifier  webhook.Verifier
		good, bad *webhook.Request
	}
	cases := make(map[string]pair)
	add := func(name string, v webhook.Verifier, sign webhooktest.Signer) {
		signed := func(s webhooktest.Signer) *webhook.Request {
			r, err := http.NewRequest(http.MethodPost, "http://example.test/hook", nil)
			require.NoError(t, err)
			require.NoError(t, s(&webhooktest.Outgoing{Request: r, Body: body, ID: "msg_1", Time: time.Now()}))
			return webhook.NewRequest(r, body)
		}
		cases[name] = pair{v, signed(sign), signed(webhooktest.SignWithFault(sign, webhooktest.FaultOtherBody))}
	}
	prefixed := webhook.HMACConfig{Header: "X-Signature", Prefixes: []string{"sha256="}}
	add("hmac", hmacVerifier(t, prefixed), webhooktest.SignHMAC(prefixed, secret))
	listed := hmacForms["timestamp element"]
	add("hmac with timestamp", hmacVerifier(t, listed), webhooktest.SignHMAC(listed, secret))
	add("standard", standardVerifier(t, vectorSecret), webhooktest.SignStandard(vectorSecret))
	basic, err := webhook.NewBasicAuth("user", keyring(t, secret))
	require.NoError(t, err)
	add("basic", basic, webhooktest.SignBasic("user", secret))
	return cases
}

// Not parallel: AllocsPerRun counts the allocations of the whole process. Not under the race detector: there, a
// sync.Pool forgets at random.
func TestVerifyingAllocatesAtMostTwice(t *testing.T) {
	for name, c := range costCases(t) {
		accepted := testing.AllocsPerRun(200, func() {
			if _, err := c.verifier.Verify(t.Context(), c.good); err != nil {
				t.Error(err)
			}
		})
		refused := testing.AllocsPerRun(200, func() { _, _ = c.verifier.Verify(t.Context(), c.bad) })
		assert.LessOrEqual(t, accepted, 2.0, name)
		assert.LessOrEqual(t, refused, accepted, "%s: a refusal must not be dearer", name)
	}
}

func BenchmarkVerify(b *testing.B) {
	for name, c := range costCases(b) {
		b.Run(strings.ReplaceAll(name, " ", "-")+"/accept", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.verifier.Verify(b.Context(), c.good); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(strings.ReplaceAll(name, " ", "-")+"/refuse", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = c.verifier.Verify(b.Context(), c.bad)
			}
		})
	}
}

// BenchmarkByHand is what everybody writes, for comparison with BenchmarkVerify/hmac.
func BenchmarkByHand(b *testing.B) {
	r := costCases(b)["hmac"].good
	key := []byte(secret.Reveal())
	b.ReportAllocs()
	for b.Loop() {
		if !verifyByHand(r.Header, r.Body, key) {
			b.Fatal("refused")
		}
	}
}

func verifyByHand(h http.Header, body, key []byte) bool {
	given, err := hex.DecodeString(strings.TrimPrefix(h.Get("X-Signature"), "sha256="))
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(body)
	return hmac.Equal(mac.Sum(nil), given)
}
