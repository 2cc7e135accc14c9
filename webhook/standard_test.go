package webhook_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/webhook"
	"github.com/identkit/identkit/webhook/webhooktest"
)

// The published test vector of the Standard Webhooks reference libraries.
const (
	vectorSecret    identkit.Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vectorID        string          = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorTime      string          = "1614265330"
	vectorBody      string          = `{"test": 2432232314}`
	vectorSignature string          = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

const standardOther identkit.Secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"

func edKey(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(rune(seed)), ed25519.SeedSize)))
}

func standardVerifier(t testing.TB, keys ...identkit.Secret) webhook.Verifier {
	t.Helper()
	v, err := webhook.NewStandardWebhooks(webhook.StandardConfig{Keys: keyring(t, keys...)})
	require.NoError(t, err)
	return v
}

func vectorRequest() *webhook.Request {
	return &webhook.Request{
		Header: http.Header{"Webhook-Id": {vectorID}, "Webhook-Timestamp": {vectorTime}, "Webhook-Signature": {vectorSignature}},
		Body:   []byte(vectorBody), Time: time.Unix(1614265330, 0),
	}
}

func TestStandardWebhooksPublishedVector(t *testing.T) {
	t.Parallel()
	for _, key := range []identkit.Secret{vectorSecret, identkit.Secret(strings.TrimPrefix(vectorSecret.Reveal(), "whsec_"))} {
		receipt, err := standardVerifier(t, key).Verify(t.Context(), vectorRequest())
		require.NoError(t, err)
		assert.Equal(t, webhook.Receipt{
			Scheme: "standard-webhooks-v1", KeyID: "key-1", ID: vectorID, Time: time.Unix(1614265330, 0), BodySigned: true,
		}, receipt)
	}
}

func TestStandardWebhooksAcceptsAuthenticDeliveriesAndNothingElse(t *testing.T) {
	t.Parallel()
	t.Run("v1", func(t *testing.T) {
		t.Parallel()
		webhooktest.RunVerifierTests(t, webhooktest.VerifierTest{
			Verifier: standardVerifier(t, vectorSecret), Secrets: []identkit.Secret{vectorSecret},
			Sign: webhooktest.SignStandard(vectorSecret), Forge: webhooktest.SignStandard(standardOther),
		})
	})
	t.Run("v1a", func(t *testing.T) {
		t.Parallel()
		webhooktest.RunVerifierTests(t, webhooktest.VerifierTest{
			Verifier: standardVerifier(t, webhooktest.PublicKey(edKey('a'))),
			Sign:     webhooktest.SignStandardEd25519(edKey('a')), Forge: webhooktest.SignStandardEd25519(edKey('b')),
		})
	})
	t.Run("another header prefix", func(t *testing.T) {
		t.Parallel()
		v, err := webhook.NewStandardWebhooks(webhook.StandardConfig{Keys: keyring(t, vectorSecret), HeaderPrefix: "svix-"})
		require.NoError(t, err)
		webhooktest.RunVerifierTests(t, webhooktest.VerifierTest{Verifier: v, Sign: webhooktest.SignStandardAs("svix-", vectorSecret)})
	})
}

func TestStandardWebhooksSignatureLists(t *testing.T) {
	t.Parallel()
	wrong := "v1," + base64.StdEncoding.EncodeToString(make([]byte, 32))
	for _, c := range []struct {
		rule, list string
		want       webhook.Reason
	}{
		{"a right one behind a wrong one", wrong + " " + vectorSignature, ""},
		{"unknown versions are ignored", "v2,abc " + vectorSignature + " v1b,x junk", ""},
		{"only unknown versions", "v2,abc", webhook.ReasonMalformed},
		{"no version", strings.TrimPrefix(vectorSignature, "v1,"), webhook.ReasonMalformed},
		{"another case of the version", "V1," + strings.TrimPrefix(vectorSignature, "v1,"), webhook.ReasonMalformed},
		{"a malformed one makes the list malformed", "v1,abc " + vectorSignature, webhook.ReasonMalformed},
		{"9 of one version", strings.Repeat(wrong+" ", 9), webhook.ReasonMalformed},
		{"3 of the expensive version", strings.Repeat("v1a,"+base64.StdEncoding.EncodeToString(make([]byte, 64))+" ", 3), webhook.ReasonMalformed},
		{"hex", "v1," + publishedHex, webhook.ReasonMalformed},
		{"only wrong ones", wrong + " " + wrong, webhook.ReasonMismatch},
	} {
		r := vectorRequest()
		r.Header.Set("Webhook-Signature", c.list)
		_, err := standardVerifier(t, vectorSecret).Verify(t.Context(), r)
		assert.Equal(t, c.want, webhook.ReasonOf(err), c.rule)
	}
}

func TestStandardWebhooksKeepsItsSchemesApart(t *testing.T) {
	t.Parallel()
	public := webhooktest.PublicKey(edKey('a'))
	asSymmetric := identkit.Secret(strings.TrimPrefix(public.Reveal(), "whpk_"))
	sign := func(s webhooktest.Signer) *webhook.Request {
		o := &webhooktest.Outgoing{Request: &http.Request{Header: http.Header{}}, Body: []byte("{}"), ID: "m", Time: time.Now()}
		require.NoError(t, s(o))
		return &webhook.Request{Header: o.Request.Header, Body: o.Body, Time: o.Time}
	}
	_, err := standardVerifier(t, public).Verify(t.Context(), sign(webhooktest.SignStandard(asSymmetric)))
	require.Equal(t, webhook.ReasonMismatch, webhook.ReasonOf(err), "a public key must not serve as a shared one")

	both := standardVerifier(t, public, vectorSecret)
	receipt, err := both.Verify(t.Context(), sign(webhooktest.SignStandard(vectorSecret)))
	require.NoError(t, err)
	assert.Equal(t, "standard-webhooks-v1 key-2", receipt.Scheme+" "+receipt.KeyID)
	receipt, err = both.Verify(t.Context(), sign(webhooktest.SignStandardEd25519(edKey('a'))))
	require.NoError(t, err)
	assert.Equal(t, "standard-webhooks-v1a key-1", receipt.Scheme+" "+receipt.KeyID)
}

func TestStandardWebhooksPartsCannotBeShifted(t *testing.T) {
	t.Parallel()
	// Signed as id "m.1614265330" with time 1614265331; the same bytes are id "m", time 1614265330, body
	// "1614265331.{}".
	o := &webhooktest.Outgoing{
		Request: &http.Request{Header: http.Header{}}, Body: []byte("{}"), ID: "m.1614265330", Time: time.Unix(1614265331, 0),
	}
	require.NoError(t, webhooktest.SignStandard(vectorSecret)(o))
	_, err := standardVerifier(t, vectorSecret).Verify(t.Context(), &webhook.Request{Header: o.Request.Header, Body: o.Body, Time: o.Time})
	assert.Equal(t, webhook.ReasonMalformed, webhook.ReasonOf(err))
}

func TestStandardWebhooksKeys(t *testing.T) {
	t.Parallel()
	for rule, key := range map[string]identkit.Secret{
		"not base64":           "whsec_!!!",
		"nothing but a prefix": "whsec_",
		"23 bytes":             identkit.Secret("whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 23))),
		"a private key":        "whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
		"a short public key":   "whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
	} {
		_, err := webhook.NewStandardWebhooks(webhook.StandardConfig{Keys: keyring(t, key)})
		require.Error(t, err, rule)
		assert.NotContains(t, err.Error(), strings.TrimLeft(key.Reveal(), "whsecpk_")+"!", rule)
	}
	_, err := webhook.NewStandardWebhooks(webhook.StandardConfig{Keys: keyring(t, vectorSecret), Tolerance: -1, HeaderPrefix: "a b"})
	assert.ErrorContains(t, err, "Tolerance")
	assert.ErrorContains(t, err, "header name")
}

func FuzzStandardHeaders(f *testing.F) {
	v := standardVerifier(f, vectorSecret, webhooktest.PublicKey(edKey('a')))
	f.Add(vectorID, vectorTime, vectorSignature)
	f.Add(vectorID, vectorTime, "v1a,"+base64.StdEncoding.EncodeToString(make([]byte, 64))+" "+vectorSignature)
	f.Add("", "-1", "v1,")
	f.Add("a.b", "9999999999999", ", ,v1 v1a v1,v1,v1")
	f.Fuzz(func(t *testing.T, id, stamp, signature string) {
		r := vectorRequest()
		r.Header = http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {stamp}, "Webhook-Signature": {signature}}
		if _, err := v.Verify(context.Background(), r); err == nil {
			bare := strings.TrimSuffix(strings.TrimPrefix(vectorSignature, "v1,"), "=")
			asStd := strings.NewReplacer("-", "+", "_", "/").Replace(signature)
			if strings.Trim(id, " \t") != vectorID || strings.Trim(stamp, " \t") != vectorTime || !strings.Contains(asStd, bare) {
				t.Fatalf("accepted %q %q %q", id, stamp, signature)
			}
		}
	})
}
