package webhook_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/webhook"
	"github.com/identkit/identkit/webhook/webhooktest"
)

const (
	secret identkit.Secret = "canary-8c1f2e5a7b9d"
	other  identkit.Secret = "canary-of-somebody-else"
)

func keyring(t testing.TB, secrets ...identkit.Secret) *webhook.Keyring {
	t.Helper()
	var keys []webhook.Key
	for _, s := range secrets {
		keys = append(keys, webhook.Key{Secret: s})
	}
	ring, err := webhook.NewKeyring(keys...)
	require.NoError(t, err)
	return ring
}

func hmacVerifier(t testing.TB, cfg webhook.HMACConfig) webhook.Verifier {
	t.Helper()
	if cfg.Keys == nil {
		cfg.Keys = keyring(t, secret)
	}
	v, err := webhook.NewHMAC(cfg)
	require.NoError(t, err)
	return v
}

var hmacForms = map[string]webhook.HMACConfig{
	"plain":            {Header: "X-Signature"},
	"prefixed":         {Header: "X-Signature", Prefixes: []string{"SHA256:", "sha256="}},
	"prefix required":  {Header: "X-Signature", Prefixes: []string{"sha256="}, RequirePrefix: true},
	"base64":           {Header: "X-Signature", Encoding: webhook.Base64},
	"sha384":           {Header: "X-Signature", Hash: webhook.SHA384},
	"sha512 in base64": {Header: "X-Signature", Hash: webhook.SHA512, Encoding: webhook.Base64},
	"sha1 by name":     {Header: "X-Signature", Hash: webhook.SHA1},
	"timestamp header": {Header: "X-Signature", Content: "v0:{timestamp}:{body}", TimestampHeader: "X-Timestamp", Prefixes: []string{"v0="}},
	"timestamp element": {
		Header: "X-Signature", Content: "{timestamp}.{body}", Separator: ",", Prefixes: []string{"v1="}, TimestampPrefix: "t=",
	},
	"id and milliseconds": {
		Header: "X-Signature", Content: "{id}|{timestamp}|{body}", IDHeader: "X-Id", TimestampHeader: "X-Time",
		TimestampFormat: webhook.UnixMillis,
	},
	"date behind the body": {
		Header: "X-Signature", Content: "{body}.{timestamp}", TimestampHeader: "X-Time", TimestampFormat: webhook.RFC3339,
	},
	"encoded key": {Header: "X-Signature", DecodeKey: func(s identkit.Secret) ([]byte, error) {
		return hex.DecodeString(hex.EncodeToString([]byte(s.Reveal() + "!")))
	}},
}

func TestHMACAcceptsAuthenticDeliveriesAndNothingElse(t *testing.T) {
	t.Parallel()
	for name, cfg := range hmacForms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			webhooktest.RunVerifierTests(t, webhooktest.VerifierTest{
				Verifier: hmacVerifier(t, cfg),
				Sign:     webhooktest.SignHMAC(cfg, secret),
				Forge:    webhooktest.SignHMAC(cfg, other),
				Secrets:  []identkit.Secret{secret},
			})
		})
	}
}

// HMAC-SHA256 of "Hello, World!" under "It's a Secret to Everybody", as published in GitHub's documentation.
const publishedHex = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

func TestHMACHeaderForms(t *testing.T) {
	t.Parallel()
	const b64 = "dXEH6g6yUJ/CESIczphLijdXC211hsIsRvQ3nIsEPhc="
	loose := webhook.HMACConfig{Header: "x-signature", Prefixes: []string{"v1", "SHA256:", "sha256=", "v1,"}}
	strict := loose
	strict.RequirePrefix = true
	list := webhook.HMACConfig{Header: "X-Signature", Prefixes: []string{"v1="}, Separator: ","}
	wrong := strings.Repeat("0", 64)
	for _, c := range []struct {
		rule   string
		cfg    webhook.HMACConfig
		header []string
		want   webhook.Reason
	}{
		{"bare hex", loose, []string{publishedHex}, ""},
		{"upper hex", loose, []string{strings.ToUpper(publishedHex)}, ""},
		{"base64", loose, []string{b64}, ""},
		{"URL base64, unpadded", loose, []string{strings.NewReplacer("/", "_", "=", "").Replace(b64)}, ""},
		{"prefix as given", loose, []string{"SHA256:" + publishedHex}, ""},
		{"prefix in another case", loose, []string{"Sha256=" + b64}, ""},
		{"the longest prefix wins", loose, []string{"v1," + publishedHex}, ""},
		{"spaces around", loose, []string{"  sha256= " + publishedHex + "\t"}, ""},
		{"a required prefix", strict, []string{"sha256=" + publishedHex}, ""},
		{"one of several listed", list, []string{"v1=" + wrong + ", v1=" + publishedHex}, ""},
		{"unknown elements are ignored", list, []string{"v0=abc,v1=" + publishedHex + ",x"}, ""},

		{"absent", loose, nil, webhook.ReasonMissing},
		{"empty", loose, []string{""}, webhook.ReasonMissing},
		{"blank", loose, []string{" \t"}, webhook.ReasonMissing},
		{"only a prefix", loose, []string{"sha256="}, webhook.ReasonMalformed},
		{"repeated", loose, []string{publishedHex, publishedHex}, webhook.ReasonMalformed},
		{"two in one value", loose, []string{publishedHex + "," + publishedHex}, webhook.ReasonMalformed},
		{"over-long", loose, []string{publishedHex + strings.Repeat(" ", 5000)}, webhook.ReasonMalformed},
		{"another scheme's prefix", loose, []string{"sha512=" + publishedHex}, webhook.ReasonMalformed},
		{"another hash's length", loose, []string{"sha256=" + publishedHex[:40]}, webhook.ReasonMalformed},
		{"truncated", loose, []string{publishedHex[:62]}, webhook.ReasonMalformed},
		{"prefix twice", loose, []string{"sha256=sha256=" + publishedHex}, webhook.ReasonMalformed},
		{"a missing required prefix", strict, []string{publishedHex}, webhook.ReasonMalformed},
		{"right length, wrong key", loose, []string{wrong}, webhook.ReasonMismatch},
		{"a list without signatures", list, []string{"v0=" + publishedHex}, webhook.ReasonMalformed},
		{"a list with a broken signature", list, []string{"v1=" + publishedHex + ",v1=zz"}, webhook.ReasonMalformed},
		{"a list with 9 signatures", list, []string{strings.Repeat("v1="+publishedHex+",", 9)}, webhook.ReasonMalformed},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			c.cfg.Keys = keyring(t, "It's a Secret to Everybody")
			_, err := hmacVerifier(t, c.cfg).Verify(t.Context(), &webhook.Request{
				Header: http.Header{"X-Signature": c.header}, Body: []byte("Hello, World!"), Time: time.Now(),
			})
			require.Equal(t, c.want, webhook.ReasonOf(err))
			if err != nil {
				assert.NotContains(t, err.Error(), publishedHex)
			}
		})
	}
}

func TestHMACTimestampElement(t *testing.T) {
	t.Parallel()
	cfg := hmacForms["timestamp element"]
	v := hmacVerifier(t, cfg)
	now := time.Unix(1_777_896_000, 0)
	signed := &webhooktest.Outgoing{Request: &http.Request{Header: http.Header{}}, Body: []byte("{}"), Time: now}
	require.NoError(t, webhooktest.SignHMAC(cfg, secret)(signed))
	good := signed.Request.Header.Get("X-Signature")
	stamp := "t=" + strconv.FormatInt(now.Unix(), 10)
	for rule, c := range map[string]struct {
		header string
		want   webhook.Reason
	}{
		"as signed":          {good, ""},
		"another order":      {strings.TrimPrefix(good, stamp+",") + "," + stamp, ""},
		"no timestamp":       {strings.TrimPrefix(good, stamp+","), webhook.ReasonMalformed},
		"two timestamps":     {stamp + "," + good, webhook.ReasonMalformed},
		"an empty timestamp": {"t=," + strings.TrimPrefix(good, stamp+","), webhook.ReasonMalformed},
		"another timestamp":  {strings.Replace(good, stamp, "t=1777896001", 1), webhook.ReasonMismatch},
	} {
		_, err := v.Verify(t.Context(), &webhook.Request{
			Header: http.Header{"X-Signature": {c.header}}, Body: []byte("{}"), Time: now,
		})
		assert.Equal(t, c.want, webhook.ReasonOf(err), rule)
	}
}

func TestHMACReceiptHoldsWhatIsSigned(t *testing.T) {
	t.Parallel()
	cfg := hmacForms["id and milliseconds"]
	now := time.Now().Truncate(time.Millisecond)
	o := &webhooktest.Outgoing{Request: &http.Request{Header: http.Header{}}, Body: []byte("{}"), ID: "d-1", Time: now}
	require.NoError(t, webhooktest.SignHMAC(cfg, secret)(o))
	receipt, err := webhook.VerifyRequest(t.Context(), hmacVerifier(t, cfg), &webhook.Request{Header: o.Request.Header, Body: o.Body})
	require.NoError(t, err)
	assert.Equal(t, webhook.Receipt{Scheme: "hmac-sha256", KeyID: "key-1", ID: "d-1", Time: now, BodySigned: true}, receipt)
}

func TestHMACConfigurationsThatSignTooLittleAreRefused(t *testing.T) {
	t.Parallel()
	good := webhook.HMACConfig{Keys: keyring(t, secret), Header: "X-Signature"}
	for rule, change := range map[string]func(*webhook.HMACConfig){
		"no keyring":                       func(c *webhook.HMACConfig) { c.Keys = nil },
		"a keyring not made by us":         func(c *webhook.HMACConfig) { c.Keys = new(webhook.Keyring) },
		"no header":                        func(c *webhook.HMACConfig) { c.Header = "" },
		"no header name":                   func(c *webhook.HMACConfig) { c.Header = "X Signature" },
		"unknown hash":                     func(c *webhook.HMACConfig) { c.Hash = "md5" },
		"unknown encoding":                 func(c *webhook.HMACConfig) { c.Encoding = "base32" },
		"unknown timestamp format":         func(c *webhook.HMACConfig) { timestamped(c).TimestampFormat = "rfc822" },
		"negative tolerance":               func(c *webhook.HMACConfig) { timestamped(c).Tolerance = -1 },
		"a timestamp that is not signed":   func(c *webhook.HMACConfig) { c.TimestampHeader = "X-Time" },
		"an id that is not signed":         func(c *webhook.HMACConfig) { c.IDHeader = "X-Id" },
		"a signed timestamp from nowhere":  func(c *webhook.HMACConfig) { c.Content = "{timestamp}.{body}" },
		"a signed id from nowhere":         func(c *webhook.HMACConfig) { c.Content = "{id}.{body}" },
		"two places for the timestamp":     func(c *webhook.HMACConfig) { timestamped(c).TimestampPrefix = "t=" },
		"tolerance without a timestamp":    func(c *webhook.HMACConfig) { c.Tolerance = time.Minute },
		"a body that is not signed":        func(c *webhook.HMACConfig) { timestamped(c).Content = "{timestamp}" },
		"a required prefix without one":    func(c *webhook.HMACConfig) { c.RequirePrefix = true },
		"an empty prefix":                  func(c *webhook.HMACConfig) { c.Prefixes = []string{""} },
		"a list without prefixes":          func(c *webhook.HMACConfig) { c.Separator = "," },
		"a timestamp element without list": func(c *webhook.HMACConfig) { c.Content, c.TimestampPrefix = "{timestamp}.{body}", "t=" },
		"a key that decodes to nothing": func(c *webhook.HMACConfig) {
			c.DecodeKey = func(identkit.Secret) ([]byte, error) { return nil, nil }
		},
		"a key that cannot be decoded": func(c *webhook.HMACConfig) {
			c.DecodeKey = func(s identkit.Secret) ([]byte, error) { return nil, fmt.Errorf("bad key %s", s.Reveal()) }
		},
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			cfg := good
			change(&cfg)
			v, err := webhook.NewHMAC(cfg)
			require.Error(t, err)
			assert.Nil(t, v)
			assert.NotContains(t, fmt.Sprintf("%+v %#v", err, err), secret.Reveal())
		})
	}
	_, err := webhook.NewHMAC(webhook.HMACConfig{Hash: "md5", Encoding: "x", RequirePrefix: true})
	for _, part := range []string{"Hash", "Encoding", "Header", "RequirePrefix"} {
		assert.ErrorContains(t, err, part, "all faults at once")
	}
}

func timestamped(c *webhook.HMACConfig) *webhook.HMACConfig {
	c.Content, c.TimestampHeader = "{timestamp}.{body}", "X-Time"
	return c
}

func FuzzHMACHeader(f *testing.F) {
	cfg := hmacForms["timestamp element"]
	listed := hmacVerifier(f, cfg)
	plain := hmacVerifier(f, hmacForms["prefixed"])
	now := time.Unix(1_777_896_000, 0)
	o := &webhooktest.Outgoing{Request: &http.Request{Header: http.Header{}}, Body: []byte("{}"), Time: now}
	require.NoError(f, webhooktest.SignHMAC(cfg, secret)(o))
	right := o.Request.Header.Get("X-Signature")
	_, digest, _ := strings.Cut(right, "v1=")
	for _, s := range []string{
		right, "t=1777896000,v1=" + publishedHex, "t=,v1=", "v1=,t=1,t=2", ",,,", "sha256=", "SHA256:" + publishedHex,
		strings.Repeat("v1=00,", 700), "t=1777896000,v1=\x00",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		for _, v := range []webhook.Verifier{listed, plain} {
			_, err := v.Verify(context.Background(), &webhook.Request{
				Header: http.Header{"X-Signature": {header}}, Body: []byte("{}"), Time: now,
			})
			if err == nil && !strings.Contains(strings.ToLower(header), digest) {
				t.Fatalf("accepted %q", header)
			}
		}
	})
}
