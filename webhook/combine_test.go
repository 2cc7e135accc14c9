package webhook_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/webhook"
	"github.com/identkit/identkit/webhook/webhooktest"
)

func giving(r webhook.Receipt, err error) webhook.Verifier {
	return webhook.VerifierFunc(func(context.Context, *webhook.Request) (webhook.Receipt, error) { return r, err })
}

func refusing(r webhook.Reason) webhook.Verifier {
	return giving(webhook.Receipt{}, &webhook.VerifyError{Reason: r})
}

func TestAllNeedsEveryVerifier(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 5, 4, 0, 0, 0, 0, time.UTC)
	first := giving(webhook.Receipt{Scheme: "a", KeyID: "k1"}, nil)
	second := giving(webhook.Receipt{Scheme: "b", KeyID: "k2", ID: "id", Time: at, BodySigned: true}, nil)
	v, err := webhook.All(first, second)
	require.NoError(t, err)
	receipt, err := webhook.VerifyRequest(t.Context(), v, &webhook.Request{})
	require.NoError(t, err)
	assert.Equal(t, webhook.Receipt{Scheme: "a+b", KeyID: "k1", ID: "id", Time: at, BodySigned: true}, receipt)

	wrong := refusing(webhook.ReasonMismatch)
	for _, order := range [][]webhook.Verifier{{first, wrong}, {wrong, first}} {
		v, err := webhook.All(order...)
		require.NoError(t, err)
		receipt, err := webhook.VerifyRequest(t.Context(), v, &webhook.Request{})
		require.Equal(t, webhook.ReasonMismatch, webhook.ReasonOf(err))
		assert.Zero(t, receipt)
	}
}

func TestAnyNeedsOneVerifier(t *testing.T) {
	t.Parallel()
	good := giving(webhook.Receipt{Scheme: "good"}, nil)
	v, err := webhook.Any(giving(webhook.Receipt{Scheme: "bad"}, errors.New("no")), good)
	require.NoError(t, err)
	receipt, err := webhook.VerifyRequest(t.Context(), v, &webhook.Request{})
	require.NoError(t, err)
	assert.Equal(t, "good", receipt.Scheme)

	order := []webhook.Reason{webhook.ReasonMissing, webhook.ReasonMalformed, webhook.ReasonMismatch, webhook.ReasonExpired, webhook.ReasonUnavailable}
	for i := 1; i < len(order); i++ {
		for _, pair := range [][2]webhook.Reason{{order[i-1], order[i]}, {order[i], order[i-1]}} {
			v, err := webhook.Any(refusing(pair[0]), refusing(pair[1]))
			require.NoError(t, err)
			_, err = webhook.VerifyRequest(t.Context(), v, &webhook.Request{})
			assert.Equal(t, order[i], webhook.ReasonOf(err), "the error of the verifier that came furthest")
		}
	}
}

func TestEmptyCombinationsAreRefused(t *testing.T) {
	t.Parallel()
	for name, combine := range map[string]func(...webhook.Verifier) (webhook.Verifier, error){"All": webhook.All, "Any": webhook.Any} {
		_, err := combine()
		assert.ErrorContains(t, err, name)
		_, err = combine(accept, nil)
		assert.ErrorContains(t, err, name)
	}
}

func TestCombinedSchemes(t *testing.T) {
	t.Parallel()
	basic, err := webhook.NewBasicAuth("user", keyring(t, secret))
	require.NoError(t, err)
	from, err := webhook.NewAddresses(webhook.AddressConfig{Allow: []string{"203.0.113.0/24"}})
	require.NoError(t, err)
	bearer, err := webhook.NewBearer(keyring(t, secret))
	require.NoError(t, err)
	byFunc, err := webhook.NewBearerFunc(func(context.Context, identkit.Secret) (webhook.Receipt, error) {
		return webhook.Receipt{}, errors.New("no")
	})
	require.NoError(t, err)
	either, err := webhook.Any(basic, bearer, byFunc)
	require.NoError(t, err)
	open, _, _ := counting(t, webhook.Config[any]{Verify: either})
	refused := post(open, "{}")
	assert.Equal(t, []string{`Basic realm="webhook", charset="UTF-8"`, "Bearer", "Bearer"}, refused.Header().Values("Www-Authenticate"))
	assert.Equal(t, 200, post(open, "{}", "Authorization", "Bearer "+secret.Reveal()).Code)

	both, err := webhook.All(basic, from)
	require.NoError(t, err)
	h, _, runs := counting(t, webhook.Config[any]{Verify: both})
	for rule, c := range map[string]struct {
		sign webhooktest.Signer
		want int
	}{
		"both":         {webhooktest.SignAll(webhooktest.SignBasic("user", secret), webhooktest.From("203.0.113.7:1")), http.StatusOK},
		"only basic":   {webhooktest.SignBasic("user", secret), http.StatusUnauthorized},
		"only address": {webhooktest.From("203.0.113.7:1"), http.StatusUnauthorized},
	} {
		sender := &webhooktest.Sender{Handler: h, Sign: c.sign, Attempts: 1}
		report, err := sender.Send(t.Context(), webhooktest.Message{Body: []byte(`{"rule":"` + rule + `"}`)})
		require.NoError(t, err)
		assert.Equal(t, []int{c.want}, report.Statuses(), rule)
		if c.want == http.StatusUnauthorized {
			assert.Contains(t, report.Attempts[0].Header.Get("Www-Authenticate"), "Basic", rule)
		}
	}
	assert.EqualValues(t, 1, runs.Load())
}
