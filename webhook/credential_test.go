package webhook_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/webhook"
	"github.com/identkit/identkit/webhook/webhooktest"
)

func authorized(value ...string) *webhook.Request {
	return &webhook.Request{Header: http.Header{"Authorization": value}}
}

func bearing(token string) *webhook.Request { return authorized("Bearer " + token) }

func TestCredentialsAcceptTheirSecretAndNothingElse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		make        func(*webhook.Keyring) (webhook.Verifier, error)
		sign, forge webhooktest.Signer
	}{
		"basic": {
			func(k *webhook.Keyring) (webhook.Verifier, error) { return webhook.NewBasicAuth("user", k) },
			webhooktest.SignBasic("user", secret), webhooktest.SignBasic("user", other),
		},
		"basic with another user": {
			func(k *webhook.Keyring) (webhook.Verifier, error) { return webhook.NewBasicAuth("user", k) },
			webhooktest.SignBasic("user", secret), webhooktest.SignBasic("User", secret),
		},
		"bearer": {webhook.NewBearer, webhooktest.SignBearer(secret), webhooktest.SignBearer(other)},
		"header": {
			func(k *webhook.Keyring) (webhook.Verifier, error) {
				return webhook.NewAPIKey(webhook.APIKeyConfig{Keys: k, Header: "x-api-key"})
			},
			webhooktest.SignHeader("X-Api-Key", secret), webhooktest.SignHeader("X-Api-Key", other),
		},
		"query": {
			func(k *webhook.Keyring) (webhook.Verifier, error) {
				return webhook.NewAPIKey(webhook.APIKeyConfig{Keys: k, Query: "key"})
			},
			webhooktest.SignQuery("key", secret), webhooktest.SignQuery("key", other),
		},
		"path": {webhook.NewPathSecret, webhooktest.SignPath(secret), webhooktest.SignPath(other)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, err := c.make(keyring(t, secret))
			require.NoError(t, err)
			webhooktest.RunVerifierTests(t, webhooktest.VerifierTest{
				Verifier: v, Sign: c.sign, Forge: c.forge, Secrets: []identkit.Secret{secret},
			})
			_, err = c.make(nil)
			assert.Error(t, err, "no keyring")
		})
	}
}

func TestBasicAuthForms(t *testing.T) {
	t.Parallel()
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	v, err := webhook.NewBasicAuth("user", keyring(t, "pass:word"))
	require.NoError(t, err)
	for _, c := range []struct {
		rule  string
		value []string
		want  webhook.Reason
	}{
		{"a password with a colon", []string{"Basic " + encode("user:pass:word")}, ""},
		{"the scheme in another case", []string{"bAsIc " + encode("user:pass:word")}, ""},
		{"another scheme", []string{"Bearer " + encode("user:pass:word")}, webhook.ReasonMalformed},
		{"no scheme", []string{encode("user:pass:word")}, webhook.ReasonMalformed},
		{"not base64", []string{"Basic user:pass:word"}, webhook.ReasonMalformed},
		{"no colon", []string{"Basic " + encode("userpass")}, webhook.ReasonMismatch},
		{"no password", []string{"Basic " + encode("user:")}, webhook.ReasonMismatch},
		{"another user", []string{"Basic " + encode("admin:pass:word")}, webhook.ReasonMismatch},
		{"twice", []string{"Basic " + encode("user:pass:word"), "Basic " + encode("user:pass:word")}, webhook.ReasonMalformed},
		{"absent", nil, webhook.ReasonMissing},
	} {
		_, err := webhook.VerifyRequest(t.Context(), v, authorized(c.value...))
		assert.Equal(t, c.want, webhook.ReasonOf(err), c.rule)
	}
	for _, user := range []string{"", "us:er"} {
		_, err := webhook.NewBasicAuth(user, keyring(t, secret))
		assert.Error(t, err, user)
	}
}

func TestBearerFunc(t *testing.T) {
	t.Parallel()
	v, err := webhook.NewBearerFunc(func(_ context.Context, token identkit.Secret) (webhook.Receipt, error) {
		switch token.Reveal() {
		case "good":
			return webhook.Receipt{KeyID: "issuer-1"}, nil
		case "unknown":
			return webhook.Receipt{Scheme: "x"}, fmt.Errorf("the right one is %s", secret.Reveal())
		case "down":
			return webhook.Receipt{}, fmt.Errorf("introspection: %w", identkit.ErrUnavailable)
		case "slow":
			return webhook.Receipt{}, context.DeadlineExceeded
		case "old":
			return webhook.Receipt{}, &webhook.VerifyError{Reason: webhook.ReasonExpired, Detail: "expired yesterday"}
		default:
			panic("no such token")
		}
	})
	require.NoError(t, err)
	receipt, err := webhook.VerifyRequest(t.Context(), v, bearing("good"))
	require.NoError(t, err)
	assert.Equal(t, webhook.Receipt{Scheme: "bearer", KeyID: "issuer-1"}, receipt)
	for token, want := range map[string]webhook.Reason{
		"unknown": webhook.ReasonMismatch, "down": webhook.ReasonUnavailable, "slow": webhook.ReasonUnavailable,
		"old": webhook.ReasonExpired, "": webhook.ReasonMalformed, "two words": webhook.ReasonMalformed, "boom": webhook.ReasonPanic,
	} {
		receipt, err := webhook.VerifyRequest(t.Context(), v, bearing(token))
		require.Equal(t, want, webhook.ReasonOf(err), token)
		assert.Zero(t, receipt)
		assert.NotContains(t, err.Error(), secret.Reveal())
	}
	_, err = webhook.NewBearerFunc(nil)
	assert.Error(t, err)
}

func TestAPIKeyPlaces(t *testing.T) {
	t.Parallel()
	inQuery, err := webhook.NewAPIKey(webhook.APIKeyConfig{Keys: keyring(t, "a b&c and more"), Query: "key"})
	require.NoError(t, err)
	for raw, want := range map[string]webhook.Reason{
		"key=a%20b%26c%20and%20more": "",
		"x=1&key=a+b%26c+and+more":   "",
		"key=":                       webhook.ReasonMissing,
		"Key=a%20b%26c%20and%20more": webhook.ReasonMissing,
		"":                           webhook.ReasonMissing,
		"key=a%20b%26c%20and%20more&key=a%20b%26c%20and%20more":   webhook.ReasonMalformed,
		"key=a%20b%26c%20and%20more&%zz=50%":                      "",
		"note=a;b&key=a%20b%26c%20and%20more":                     "",
		"key=a%zz":                                                webhook.ReasonMalformed,
		"key=wrong":                                               webhook.ReasonMismatch,
		"key=a%20b%26c%20and%20more&" + strings.Repeat("x", 5000): webhook.ReasonMalformed,
	} {
		_, err := webhook.VerifyRequest(t.Context(), inQuery, &webhook.Request{URL: &url.URL{RawQuery: raw}})
		assert.Equal(t, want, webhook.ReasonOf(err), raw)
	}
	_, err = webhook.VerifyRequest(t.Context(), inQuery, &webhook.Request{})
	require.Equal(t, webhook.ReasonMissing, webhook.ReasonOf(err), "no URL")

	plus, err := webhook.NewAPIKey(webhook.APIKeyConfig{Keys: keyring(t, "Kk+example/0123456789ab=="), Query: "token"})
	require.NoError(t, err)
	for _, raw := range []string{"token=Kk%2Bexample/0123456789ab==", "token=Kk+example/0123456789ab=="} {
		_, err = webhook.VerifyRequest(t.Context(), plus, &webhook.Request{URL: &url.URL{RawQuery: raw}})
		require.NoError(t, err, raw)
	}

	verbatim, err := webhook.NewAPIKey(webhook.APIKeyConfig{Keys: keyring(t, "Token abc"), Header: "authorization"})
	require.NoError(t, err)
	_, err = webhook.VerifyRequest(t.Context(), verbatim, authorized("Token abc"))
	require.NoError(t, err, "a whole Authorization value can be the key")

	for rule, cfg := range map[string]webhook.APIKeyConfig{
		"no place": {Keys: keyring(t, secret)}, "two places": {Keys: keyring(t, secret), Header: "A", Query: "b"},
		"no header name": {Keys: keyring(t, secret), Header: "a b"}, "no keys": {Query: "key"},
	} {
		_, err := webhook.NewAPIKey(cfg)
		assert.Error(t, err, rule)
	}
}

func TestPathSecretPlaces(t *testing.T) {
	t.Parallel()
	const segment = "canary-8c1f2e5a7b9d"
	v, err := webhook.NewPathSecret(keyring(t, segment))
	require.NoError(t, err)
	for path, want := range map[string]webhook.Reason{
		"/" + segment:                           "",
		"/hooks/" + segment + "/events":         "",
		"/hooks/" + segment + "/":               "",
		"":                                      webhook.ReasonMissing,
		"/hooks":                                webhook.ReasonMissing,
		"/hooks/" + segment + "x":               webhook.ReasonMismatch,
		"/hooks/" + segment[1:]:                 webhook.ReasonMismatch,
		"/hooks/" + strings.ToUpper(segment):    webhook.ReasonMismatch,
		strings.Repeat("/0123456789abcdef", 33): webhook.ReasonMalformed,
		"/" + segment + strings.Repeat("/too", 2000): webhook.ReasonMalformed,
	} {
		_, err := webhook.VerifyRequest(t.Context(), v, &webhook.Request{URL: &url.URL{Path: path}})
		assert.Equal(t, want, webhook.ReasonOf(err), path)
	}
	_, err = webhook.VerifyRequest(t.Context(), v, &webhook.Request{})
	require.Equal(t, webhook.ReasonMissing, webhook.ReasonOf(err), "no URL")
	for _, guessable := range []identkit.Secret{"123456789abcdef", "0123456789/abcdef"} {
		_, err := webhook.NewPathSecret(keyring(t, guessable))
		require.Error(t, err)
		assert.NotContains(t, err.Error(), guessable.Reveal())
	}
}

func TestCustomVerifierErrorsFailClosed(t *testing.T) {
	t.Parallel()
	for rule, err := range map[string]error{
		"any error":             errors.New("no"),
		"no reason":             &webhook.VerifyError{},
		"a duplicate as reason": &webhook.VerifyError{Reason: webhook.ReasonDuplicate},
		"a bare duplicate":      webhook.ErrDuplicate,
	} {
		v := webhook.VerifierFunc(func(context.Context, *webhook.Request) (webhook.Receipt, error) {
			return webhook.Receipt{ID: "x"}, err
		})
		receipt, got := webhook.VerifyRequest(t.Context(), v, &webhook.Request{})
		require.Error(t, got, rule)
		assert.Zero(t, receipt, rule)
		h, _, runs := counting(t, webhook.Config[any]{Verify: v})
		assert.Equal(t, http.StatusUnauthorized, post(h, "{}").Code, rule)
		assert.Zero(t, runs.Load(), rule)
	}
	_, err := webhook.VerifyRequest(t.Context(), nil, &webhook.Request{})
	require.Error(t, err)
	_, err = webhook.VerifyRequest(t.Context(), accept, nil)
	require.Error(t, err)
}

// allPlaces is a request with a text wherever a scheme may look for its secret.
func allPlaces(scheme string, text identkit.Secret) *webhook.Request {
	authorization := "Basic " + base64.StdEncoding.EncodeToString([]byte("user:"+text.Reveal()))
	if scheme == "bearer" {
		authorization = "Bearer " + text.Reveal()
	}
	signature := hex.EncodeToString(make([]byte, 32))
	return &webhook.Request{
		URL: &url.URL{Path: "/" + text.Reveal() + "-of-16-bytes-and-more", RawQuery: "key=" + url.QueryEscape(text.Reveal())},
		Header: http.Header{
			"Authorization": {authorization},
			"X-Api-Key":     {text.Reveal()}, "X-Signature": {signature},
			"Webhook-Id": {"msg_1"}, "Webhook-Timestamp": {"1614265330"},
			"Webhook-Signature": {"v1," + base64.StdEncoding.EncodeToString(make([]byte, 32))},
		},
		Body: []byte("{}"), Time: time.Unix(1614265330, 0),
	}
}
