package webhook_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

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

func TestCredentialsAcceptTheRightProofAndNothingElse(t *testing.T) {
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
		want  error
	}{
		{"a password with a colon", []string{"Basic " + encode("user:pass:word")}, nil},
		{"the scheme in another case", []string{"bAsIc " + encode("user:pass:word")}, nil},
		{"another scheme", []string{"Bearer " + encode("user:pass:word")}, webhook.ErrProofMalformed},
		{"no scheme", []string{encode("user:pass:word")}, webhook.ErrProofMalformed},
		{"not base64", []string{"Basic user:pass:word"}, webhook.ErrProofMalformed},
		{"no colon", []string{"Basic " + encode("userpass")}, webhook.ErrProofWrong},
		{"no password", []string{"Basic " + encode("user:")}, webhook.ErrProofWrong},
		{"another user", []string{"Basic " + encode("admin:pass:word")}, webhook.ErrProofWrong},
		{"twice", []string{"Basic " + encode("user:pass:word"), "Basic " + encode("user:pass:word")}, webhook.ErrProofMalformed},
		{"absent", nil, webhook.ErrProofMissing},
	} {
		_, err := webhook.VerifyRequest(t.Context(), v, authorized(c.value...))
		assert.ErrorIs(t, err, c.want, c.rule)
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
			return webhook.Receipt{}, fmt.Errorf("introspection: %w", webhook.ErrUnavailable)
		case "slow":
			return webhook.Receipt{}, context.DeadlineExceeded
		case "old":
			return webhook.Receipt{}, &webhook.ProofError{Reason: webhook.ErrProofStale, Detail: "expired yesterday"}
		default:
			panic("no such token")
		}
	})
	require.NoError(t, err)
	receipt, err := webhook.VerifyRequest(t.Context(), v, bearing("good"))
	require.NoError(t, err)
	assert.Equal(t, webhook.Receipt{Scheme: "bearer", KeyID: "issuer-1"}, receipt)
	for token, want := range map[string]error{
		"unknown": webhook.ErrProofWrong, "down": webhook.ErrUnavailable, "slow": webhook.ErrUnavailable,
		"old": webhook.ErrProofStale, "": webhook.ErrProofMalformed, "two words": webhook.ErrProofMalformed, "boom": webhook.ErrPanic,
	} {
		receipt, err := webhook.VerifyRequest(t.Context(), v, bearing(token))
		require.ErrorIs(t, err, want, token)
		assert.Zero(t, receipt)
		assert.NotContains(t, err.Error(), secret.Reveal())
	}
	_, err = webhook.NewBearerFunc(nil)
	assert.Error(t, err)
}

func TestAPIKeyPlaces(t *testing.T) {
	t.Parallel()
	inQuery, err := webhook.NewAPIKey(webhook.APIKeyConfig{Keys: keyring(t, "a b&c"), Query: "key"})
	require.NoError(t, err)
	for raw, want := range map[string]error{
		"key=a%20b%26c":               nil,
		"x=1&key=a+b%26c":             nil,
		"key=":                        webhook.ErrProofMissing,
		"Key=a%20b%26c":               webhook.ErrProofMissing,
		"":                            webhook.ErrProofMissing,
		"key=a%20b%26c&key=a%20b%26c": webhook.ErrProofMalformed,
		"key=a%20b%26c&%zz":           webhook.ErrProofMalformed,
		"key=wrong":                   webhook.ErrProofWrong,
		"key=a%20b%26c&" + strings.Repeat("x", 5000): webhook.ErrProofMalformed,
	} {
		_, err := webhook.VerifyRequest(t.Context(), inQuery, &webhook.Request{URL: &url.URL{RawQuery: raw}})
		assert.ErrorIs(t, err, want, raw)
	}
	_, err = webhook.VerifyRequest(t.Context(), inQuery, &webhook.Request{})
	require.ErrorIs(t, err, webhook.ErrProofMissing, "no URL")

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
	for path, want := range map[string]error{
		"/" + segment:                           nil,
		"/hooks/" + segment + "/events":         nil,
		"/hooks/" + segment + "/":               nil,
		"":                                      webhook.ErrProofMissing,
		"/hooks":                                webhook.ErrProofMissing,
		"/hooks/" + segment + "x":               webhook.ErrProofWrong,
		"/hooks/" + segment[1:]:                 webhook.ErrProofWrong,
		"/hooks/" + strings.ToUpper(segment):    webhook.ErrProofWrong,
		strings.Repeat("/0123456789abcdef", 33): webhook.ErrProofMalformed,
		"/" + segment + strings.Repeat("/too", 2000): webhook.ErrProofMalformed,
	} {
		_, err := webhook.VerifyRequest(t.Context(), v, &webhook.Request{URL: &url.URL{Path: path}})
		assert.ErrorIs(t, err, want, path)
	}
	_, err = webhook.VerifyRequest(t.Context(), v, &webhook.Request{})
	require.ErrorIs(t, err, webhook.ErrProofMissing, "no URL")
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
		"a proof without":       &webhook.ProofError{},
		"a duplicate as reason": &webhook.ProofError{Reason: webhook.ErrDuplicate},
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
