package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/webhook"
)

func TestKeyringRefusesInvalidKeys(t *testing.T) {
	t.Parallel()
	source := identkit.Static(secret)
	day := time.Date(2026, 5, 4, 0, 0, 0, 0, time.UTC)
	for rule, keys := range map[string][]webhook.Key{
		"no keys":               {},
		"an empty secret":       {{Secret: ""}},
		"one empty among good":  {{Secret: secret}, {Secret: ""}},
		"secret and source":     {{Secret: secret, Source: source}},
		"an id twice":           {{ID: "a", Secret: secret}, {ID: "a", Secret: other}},
		"an id given and taken": {{ID: "key-2", Secret: secret}, {Secret: other}},
		"an unprintable id":     {{ID: "a\nb", Secret: secret}},
		"a long id":             {{ID: strings.Repeat("a", 65), Secret: secret}},
		"an id with the secret": {{ID: "is-" + secret.Reveal(), Secret: secret}},
		"ends before it begins": {{Secret: secret, NotBefore: day, NotAfter: day.Add(-1)}},
		"17 keys":               make([]webhook.Key, 17),
	} {
		_, err := webhook.NewKeyring(keys...)
		require.Error(t, err, rule)
		assert.NotContains(t, err.Error(), secret.Reveal(), rule)
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	ring, err := webhook.NewKeyring(webhook.Key{ID: "2025", Secret: "the-old-secret-1"})
	require.NoError(t, err)
	v, err := webhook.NewBearer(ring)
	require.NoError(t, err)
	verify := func(token string) (string, error) {
		receipt, err := webhook.VerifyRequest(t.Context(), v, bearing(token))
		return receipt.KeyID, err
	}
	id, err := verify("the-old-secret-1")
	require.NoError(t, err)
	assert.Equal(t, "2025", id)

	require.NoError(t, ring.Replace(webhook.Key{ID: "2026", Secret: "the-new-secret-2"}, webhook.Key{ID: "2025", Secret: "the-old-secret-1"}))
	assert.Equal(t, []string{"2026", "2025"}, ring.KeyIDs())
	for token, want := range map[string]string{"the-old-secret-1": "2025", "the-new-secret-2": "2026"} {
		id, err := verify(token)
		require.NoError(t, err)
		assert.Equal(t, want, id)
	}

	require.Error(t, ring.Replace(webhook.Key{Secret: ""}))
	_, err = verify("the-old-secret-1")
	require.NoError(t, err, "a failed Replace changes nothing")

	require.NoError(t, ring.Replace(webhook.Key{ID: "2026", Secret: "the-new-secret-2"}))
	_, err = verify("the-old-secret-1")
	assert.Equal(t, webhook.ReasonMismatch, webhook.ReasonOf(err))
}

func TestReplaceRefusesKeysThatAVerifierCannotUse(t *testing.T) {
	t.Parallel()
	ring := keyring(t, vectorSecret)
	v, err := webhook.NewStandardWebhooks(webhook.StandardConfig{Keys: ring})
	require.NoError(t, err)
	require.Error(t, ring.Replace(webhook.Key{Secret: "whsec_!"}))
	_, err = v.Verify(t.Context(), vectorRequest())
	assert.NoError(t, err)
}

func TestKeysCountOnlyWhileTheyAreValid(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	ring, err := webhook.NewKeyring(
		webhook.Key{Secret: secret, NotBefore: from, NotAfter: from.Add(time.Hour)},
		webhook.Key{Secret: other, NotAfter: from},
	)
	require.NoError(t, err)
	v, err := webhook.NewBearer(ring)
	require.NoError(t, err)
	for _, c := range []struct {
		rule  string
		token identkit.Secret
		after time.Duration
		want  webhook.Reason
	}{
		{"before it begins", secret, -1, webhook.ReasonMismatch},
		{"when it begins", secret, 0, ""},
		{"when it ends", secret, time.Hour, ""},
		{"after it ended", secret, time.Hour + 1, webhook.ReasonExpired},
		{"an open beginning", other, -1000 * time.Hour, ""},
		{"an open beginning that ended", other, 1, webhook.ReasonMismatch},
	} {
		r := bearing(c.token.Reveal())
		r.Time = from.Add(c.after)
		_, err := v.Verify(t.Context(), r)
		assert.Equal(t, c.want, webhook.ReasonOf(err), c.rule)
	}
	_, err = v.Verify(t.Context(), bearing(other.Reveal()))
	assert.Equal(t, webhook.ReasonExpired, webhook.ReasonOf(err), "without a time, limited keys do not count")
}

func TestKeysFromASource(t *testing.T) {
	t.Parallel()
	var current atomic.Pointer[identkit.Secret]
	now := identkit.Secret("secret-number-one")
	current.Store(&now)
	source := func(context.Context) (identkit.Secret, error) {
		s := current.Load()
		if s == nil {
			return "", errors.New("vault is sealed")
		}
		return *s, nil
	}
	ring, err := webhook.NewKeyring(webhook.Key{Source: source}, webhook.Key{Secret: "the-spare-secret"})
	require.NoError(t, err)
	v, err := webhook.NewBearer(ring)
	require.NoError(t, err)
	verify := func(token string) error {
		_, err := webhook.VerifyRequest(t.Context(), v, bearing(token))
		return err
	}
	require.NoError(t, verify("secret-number-one"))
	require.Equal(t, webhook.ReasonMismatch, webhook.ReasonOf(verify("secret-number-two")))

	next := identkit.Secret("secret-number-two")
	current.Store(&next)
	require.NoError(t, verify("secret-number-two"), "a rotated secret counts from the next delivery on")
	require.Equal(t, webhook.ReasonMismatch, webhook.ReasonOf(verify("secret-number-one")))

	empty := identkit.Secret("")
	current.Store(&empty)
	require.Equal(t, webhook.ReasonMalformed, webhook.ReasonOf(verify("")))
	require.Equal(t, webhook.ReasonUnavailable, webhook.ReasonOf(verify("secret-number-two")), "an empty secret is no secret")

	current.Store(nil)
	require.Equal(t, webhook.ReasonUnavailable, webhook.ReasonOf(verify("secret-number-two")), "no decision without the key")
	require.NoError(t, verify("the-spare-secret"), "another key still counts")

	current.Store(&next)
	require.NoError(t, verify("secret-number-two"))
}

func TestNothingPrintsASecret(t *testing.T) {
	t.Parallel()
	ring := keyring(t, secret)
	values := map[string]any{"ring": ring, "key": webhook.Key{Secret: secret}, "config": webhook.HMACConfig{Keys: ring, Header: "X"}}
	values["hmac"] = hmacVerifier(t, webhook.HMACConfig{Keys: ring, Header: "X-Signature"})
	var err error
	values["basic"], err = webhook.NewBasicAuth("user", ring)
	require.NoError(t, err)
	values["bearer"], err = webhook.NewBearer(ring)
	require.NoError(t, err)
	values["path"], err = webhook.NewPathSecret(ring)
	require.NoError(t, err)
	values["standard"] = standardVerifier(t, vectorSecret)
	v, ok := values["basic"].(webhook.Verifier)
	require.True(t, ok)
	values["all"], err = webhook.All(v, v)
	require.NoError(t, err)
	values["handler"], err = webhook.NewHandler(webhook.Config[int]{Verify: v, Handle: func(context.Context, int) error { return nil }})
	require.NoError(t, err)
	for name, value := range values {
		// A verifier that has been used holds more than a new one.
		if v, ok := value.(webhook.Verifier); ok {
			_, _ = v.Verify(t.Context(), bearing(secret.Reveal()))
		}
		text := fmt.Sprintf("%v %+v %#v %s %x", value, value, value, value, value)
		if b, err := json.Marshal(value); err == nil {
			text += string(b)
		}
		for _, s := range []identkit.Secret{secret, vectorSecret} {
			assert.NotContains(t, text, s.Reveal(), name)
			assert.NotContains(t, text, fmt.Sprintf("%x", s.Reveal()), name)
			assert.NotContains(t, text, strings.Trim(fmt.Sprintf("%d", []byte(s.Reveal())), "[]"), name)
		}
	}
}
