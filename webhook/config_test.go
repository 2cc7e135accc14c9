package webhook_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/webhook"
)

func TestConstructorsReportAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	second := func(_ any, err error) error { return err }
	for operation, c := range map[string]struct {
		err    error
		fields []string
	}{
		"webhook.NewHandler": {
			second(webhook.NewHandler(webhook.Config[int]{Name: "a:b", Timeout: -1, Retention: -1})), []string{"Name", "Verify", "Handle", "Retention", "Timeout"},
		},
		"webhook.NewHMAC": {
			second(webhook.NewHMAC(webhook.HMACConfig{Hash: "md5", Encoding: "x", Content: "{nonce}"})), []string{"Hash", "Encoding", "Header", "Content"},
		},
		"webhook.NewStandardWebhooks": {
			second(webhook.NewStandardWebhooks(webhook.StandardConfig{HeaderPrefix: "a b", Tolerance: -1})), []string{"HeaderPrefix", "Tolerance", "Keys"},
		},
		"webhook.NewBasicAuth":         {second(webhook.NewBasicAuth("a:b", nil)), []string{"user", "Keys"}},
		"webhook.NewBearer":            {second(webhook.NewBearer(nil)), []string{"Keys"}},
		"webhook.NewBearerFunc":        {second(webhook.NewBearerFunc(nil)), []string{"check"}},
		"webhook.NewAPIKey":            {second(webhook.NewAPIKey(webhook.APIKeyConfig{Header: "a b", Query: "c"})), []string{"Header", "Keys"}},
		"webhook.NewPathSecret":        {second(webhook.NewPathSecret(nil)), []string{"Keys"}},
		"webhook.NewAddresses":         {second(webhook.NewAddresses(webhook.AddressConfig{TrustedProxies: []string{"x"}})), []string{"Allow", "TrustedProxies[0]"}},
		"webhook.NewClientCertificate": {second(webhook.NewClientCertificate(webhook.CertificateConfig{DNSNames: []string{""}, URIs: []string{""}})), []string{"DNSNames", "URIs"}},
		"webhook.All":                  {second(webhook.All(nil, nil)), []string{"verifiers[0]", "verifiers[1]"}},
		"webhook.Any":                  {second(webhook.Any()), []string{"verifiers"}},
		"webhook.NewKeyring":           {second(webhook.NewKeyring(webhook.Key{}, webhook.Key{ID: "b c", Secret: secret})), []string{"Keys[key-1].Secret", "Keys[1].ID"}},
		"webhook.Keyring.Replace":      {keyring(t, secret).Replace(), []string{"Keys"}},
		"webhook.NewDispatcher":        {second(webhook.NewDispatcher(webhook.DispatcherConfig[int]{})), []string{"Type", "Data", "Fallback"}},
	} {
		require.ErrorIs(t, c.err, identkit.ErrInvalidRequest, operation)
		var e *identkit.Error
		require.ErrorAs(t, c.err, &e)
		assert.Equal(t, operation, e.Operation)
		var fields []string
		for _, f := range e.Fields {
			assert.NotEmpty(t, f.Reason, "%s: %s", operation, f.Field)
			if !slices.Contains(fields, f.Field) {
				fields = append(fields, f.Field)
			}
		}
		assert.ElementsMatch(t, c.fields, fields, operation)
	}
}

// schemes makes each verifier that takes a keyring.
var schemes = map[string]func(*webhook.Keyring) (webhook.Verifier, error){
	"hmac": func(k *webhook.Keyring) (webhook.Verifier, error) {
		return webhook.NewHMAC(webhook.HMACConfig{Keys: k, Header: "X-Signature"})
	},
	"standard": func(k *webhook.Keyring) (webhook.Verifier, error) {
		return webhook.NewStandardWebhooks(webhook.StandardConfig{Keys: k})
	},
	"basic":  func(k *webhook.Keyring) (webhook.Verifier, error) { return webhook.NewBasicAuth("user", k) },
	"bearer": webhook.NewBearer,
	"header": func(k *webhook.Keyring) (webhook.Verifier, error) {
		return webhook.NewAPIKey(webhook.APIKeyConfig{Keys: k, Header: "X-Api-Key"})
	},
	"query": func(k *webhook.Keyring) (webhook.Verifier, error) {
		return webhook.NewAPIKey(webhook.APIKeyConfig{Keys: k, Query: "key"})
	},
	"path": webhook.NewPathSecret,
}

// goodKey is a key that the scheme accepts.
func goodKey(scheme string) identkit.Secret {
	if scheme == "standard" {
		return vectorSecret
	}
	return secret
}

func TestAMaskIsNoSecret(t *testing.T) {
	t.Parallel()
	const mask = identkit.Secret("[secret]")
	_, err := webhook.NewKeyring(webhook.Key{ID: "stored", Secret: mask})
	require.ErrorContains(t, err, "Keys[stored].Secret")
	require.ErrorContains(t, err, "masked")
	for scheme, newVerifier := range schemes {
		ring := keyring(t, goodKey(scheme))
		v, err := newVerifier(ring)
		require.NoError(t, err, scheme)
		require.ErrorContains(t, ring.Replace(webhook.Key{Secret: mask, AllowShort: true}), "masked", scheme)
		require.NoError(t, ring.Replace(webhook.Key{ID: "vault", Source: identkit.Static(mask)}))
		r := allPlaces(scheme, mask)
		_, err = v.Verify(t.Context(), r)
		require.Equal(t, webhook.ReasonUnavailable, webhook.ReasonOf(err), scheme)
		require.ErrorContains(t, err, "key vault: its text from the source is a masked secret", scheme)
	}
}

func TestVerifiersThatCannotAskAreUnavailable(t *testing.T) {
	t.Parallel()
	for _, kind := range []error{
		identkit.ErrUnavailable, identkit.ErrNetwork, identkit.ErrTimeout, identkit.ErrRateLimited, context.DeadlineExceeded,
		&identkit.Error{Kind: identkit.ErrBadResponse},
	} {
		h, seen, _ := counting(t, webhook.Config[any]{Verify: giving(webhook.Receipt{}, kind)})
		assert.Equal(t, 503, post(h, "{}").Code)
		assert.Equal(t, string(webhook.ReasonUnavailable), seen.last().Reason, kind)
	}
	assert.Equal(t, webhook.ReasonMismatch, webhook.ReasonOf(errors.New("no")))
	assert.Equal(t, webhook.ReasonMismatch, webhook.ReasonOf(identkit.ErrForbidden))
}
