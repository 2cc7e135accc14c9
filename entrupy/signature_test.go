package entrupy_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/entrupy"
	"github.com/identkit/identkit/entrupy/entrupytest"
	"github.com/identkit/identkit/webhook"
	"github.com/identkit/identkit/webhook/webhooktest"
)

const hookSecret identkit.Secret = "whsec-0123456789abcdef" //nolint:gosec // made up

func keyring(t testing.TB, secrets ...identkit.Secret) *webhook.Keyring {
	t.Helper()
	keys := make([]webhook.Key, len(secrets))
	for i, secret := range secrets {
		keys[i].Secret = secret
	}
	ring, err := webhook.NewKeyring(keys...)
	require.NoError(t, err)
	return ring
}

func verifier(t testing.TB, secrets ...identkit.Secret) webhook.Verifier {
	t.Helper()
	v, err := entrupy.NewSignatureVerifier(keyring(t, secrets...))
	require.NoError(t, err)
	return v
}

// digest is the signature of a body, without a form.
func digest(secret, body string) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return mac.Sum(nil)
}

// reasonOf is why a delivery with these values of the header is refused; "" if it is not.
func reasonOf(t testing.TB, v webhook.Verifier, body string, signatures ...string) webhook.Reason {
	t.Helper()
	header := http.Header{}
	for _, s := range signatures {
		header.Add(entrupy.SignatureHeader, s)
	}
	receipt, err := webhook.VerifyRequest(t.Context(), v, &webhook.Request{Header: header, Body: []byte(body), Time: time.Now()})
	if err == nil {
		assert.True(t, receipt.BodySigned)
		assert.True(t, receipt.ID == "" && receipt.Time.IsZero(), "neither is signed")
		assert.Equal(t, "hmac-sha256", receipt.Scheme)
	}
	return webhook.ReasonOf(err)
}

func TestSignaturesInEveryFormAreVerified(t *testing.T) {
	t.Parallel()
	v := verifier(t, "another-0123456789", hookSecret)
	for _, form := range entrupytest.SignatureForms() {
		webhooktest.RunVerifierTests(t, webhooktest.VerifierTest{
			Verifier: v, Sign: entrupytest.Sign(hookSecret, form), Forge: entrupytest.Sign("a-third-0123456789", form),
			Body: []byte(`{"items":[` + itemV14 + `]}`), Secrets: []identkit.Secret{hookSecret, "another-0123456789"},
		})
	}
	assert.Equal(t, entrupytest.SignatureHeader, entrupy.SignatureHeader)
}

func TestTheBytesOfASecretAreTheKey(t *testing.T) {
	t.Parallel()
	const body = `{"items":[]}`
	for _, secret := range []string{
		strings.Repeat("0f", 32),                               // looks like hex
		base64.StdEncoding.EncodeToString([]byte(body + body)), // like base64
		"whsec_" + base64.StdEncoding.EncodeToString([]byte(body)),
		"ein Schlüssel mit Wörtern und ÄÖÜ",
		"0123456789abcdef", // the shortest
		strings.Repeat("longer than a block of the hash ", 9) + ".",
	} {
		v := verifier(t, identkit.Secret(secret))
		assert.Empty(t, reasonOf(t, v, body, "SHA256:"+hex.EncodeToString(digest(secret, body))), secret)
		for _, decode := range []func(string) ([]byte, error){hex.DecodeString, base64.StdEncoding.DecodeString} {
			if key, err := decode(strings.TrimPrefix(secret, "whsec_")); err == nil {
				assert.Equal(t, webhook.ReasonMismatch, reasonOf(t, v, body, "SHA256:"+hex.EncodeToString(digest(string(key), body))), secret)
			}
		}
	}
	for _, secret := range []identkit.Secret{"", " ", "too-short", "0123456789abcdef\n"} {
		_, err := webhook.NewKeyring(webhook.Key{Secret: secret})
		if err == nil {
			ring := keyring(t, secret)
			_, err = entrupy.NewSignatureVerifier(ring)
		}
		require.ErrorIs(t, err, identkit.ErrInvalidRequest, "%q", secret.Reveal())
	}
	_, err := entrupy.NewSignatureVerifier(nil)
	require.ErrorIs(t, err, identkit.ErrInvalidRequest, "without a secret nothing is accepted")
}

func TestSignaturesThatAreWrong(t *testing.T) {
	t.Parallel()
	const body = `{"items":[{"entrupy_id":"A","status":{"result":{"id":"authentic","final":true}}}]}`
	v := verifier(t, hookSecret)
	sum := digest(hookSecret.Reveal(), body)
	right, b64 := hex.EncodeToString(sum), base64.StdEncoding.EncodeToString(sum)
	require.Empty(t, reasonOf(t, v, body, right))
	sum512 := sha512.Sum512([]byte(body))
	other := []byte(right)
	other[10] ^= 1
	for name, c := range map[string]struct {
		signatures []string
		want       webhook.Reason
	}{
		"absent":                    {nil, webhook.ReasonMissing},
		"empty":                     {[]string{""}, webhook.ReasonMissing},
		"blank":                     {[]string{"  "}, webhook.ReasonMissing},
		"a prefix alone":            {[]string{"SHA256:"}, webhook.ReasonMalformed},
		"sent two times":            {[]string{right, right}, webhook.ReasonMalformed},
		"two in one value":          {[]string{right + "," + right}, webhook.ReasonMalformed},
		"two prefixes":              {[]string{"SHA256:sha256=" + right}, webhook.ReasonMalformed},
		"the prefix of another":     {[]string{"SHA1:" + right}, webhook.ReasonMalformed},
		"a prefix without its end":  {[]string{"SHA256" + right}, webhook.ReasonMalformed},
		"blanks inside":             {[]string{right[:32] + " " + right[32:]}, webhook.ReasonMalformed},
		"a line break inside":       {[]string{b64[:20] + "\n" + b64[20:]}, webhook.ReasonMalformed},
		"cut":                       {[]string{right[:62]}, webhook.ReasonMalformed},
		"cut to nothing to compare": {[]string{right[:2]}, webhook.ReasonMalformed},
		"too long":                  {[]string{right + "00"}, webhook.ReasonMalformed},
		"very long":                 {[]string{strings.Repeat(right, 200)}, webhook.ReasonMalformed},
		"no digits":                 {[]string{strings.Repeat("z", 64)}, webhook.ReasonMalformed},
		"two alphabets":             {[]string{strings.Repeat("+_", 21) + "A"}, webhook.ReasonMalformed},
		"base64, cut":               {[]string{b64[:42]}, webhook.ReasonMalformed},
		"base64, bits left over":    {[]string{strings.Repeat("A", 42) + "B"}, webhook.ReasonMalformed},
		"base64 of the hex":         {[]string{base64.StdEncoding.EncodeToString([]byte(right))}, webhook.ReasonMalformed},
		"SHA-512":                   {[]string{hex.EncodeToString(sum512[:])}, webhook.ReasonMalformed},
		"one digit":                 {[]string{"SHA256:" + string(other)}, webhook.ReasonMismatch},
		"another secret":            {[]string{hex.EncodeToString(digest("another-0123456789", body))}, webhook.ReasonMismatch},
		"another body":              {[]string{hex.EncodeToString(digest(hookSecret.Reveal(), body+" "))}, webhook.ReasonMismatch},
		"no key":                    {[]string{hex.EncodeToString(digest("", body))}, webhook.ReasonMismatch},
	} {
		assert.Equal(t, c.want, reasonOf(t, v, body, c.signatures...), name)
	}
	_, err := v.Verify(t.Context(), &webhook.Request{Header: http.Header{"X-Entrupy-Signature": {right}}, Body: []byte(body), Time: time.Now()})
	assert.Equal(t, webhook.ReasonMissing, webhook.ReasonOf(err), "no page has this header")
}

func TestABodyThatAProxyWroteAgainIsNotWhatWasSigned(t *testing.T) {
	t.Parallel()
	const body = `{ "items": [ {"entrupy_id":"A","text_fields":{"note":"\u00e9"},"timestamp":{"epoch":1772439330.10}} ] }`
	v := verifier(t, hookSecret)
	signature := "SHA256:" + hex.EncodeToString(digest(hookSecret.Reveal(), body))
	require.Empty(t, reasonOf(t, v, body, signature))
	var compact, indented bytes.Buffer
	require.NoError(t, json.Compact(&compact, []byte(body)))
	require.NoError(t, json.Indent(&indented, []byte(body), "", "\t"))
	var value any
	require.NoError(t, json.Unmarshal([]byte(body), &value))
	printed, err := json.Marshal(value)
	require.NoError(t, err)
	for _, again := range []string{compact.String(), indented.String(), string(printed), body + "\n", "\xef\xbb\xbf" + body, strings.ToUpper(body)} {
		assert.Equal(t, webhook.ReasonMismatch, reasonOf(t, v, again, signature), again)
	}
}

func FuzzSignatureHeader(f *testing.F) {
	const body = `{"items":[]}`
	sum := digest(hookSecret.Reveal(), body)
	for _, seed := range []string{"", "SHA256:", "sha256=" + hex.EncodeToString(sum), base64.StdEncoding.EncodeToString(sum), "SHA256: " + base64.RawURLEncoding.EncodeToString(sum)} {
		f.Add(seed)
	}
	v := verifier(f, hookSecret)
	f.Fuzz(func(t *testing.T, header string) {
		if reasonOf(t, v, body, header) != "" {
			return
		}
		text := strings.Trim(header, " \t")
		if len(text) > 7 && (text[6] == ':' || text[6] == '=') {
			text = strings.Trim(text[7:], " \t")
		}
		decoded, err := hex.DecodeString(text)
		if err != nil || len(text) != 64 {
			decoded, err = base64.RawStdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "/", "=", "").Replace(text))
		}
		require.NoError(t, err)
		require.Equal(t, sum, decoded, "nothing else is accepted")
	})
}
