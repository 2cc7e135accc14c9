package webhook_test

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/webhook"
	"github.com/identkit/identkit/webhook/webhooktest"
)

func TestSecretsThatAreAsGoodAsNoneAreRefused(t *testing.T) {
	t.Parallel()
	const good = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"
	bad := map[string]identkit.Secret{
		"a line end": good + "\n", "a Windows line end": good + "\r\n", "a leading blank": " " + good, "a tab behind": good + "\t",
		"a control character": "9f8e7d6c\x075b4a39281706f5", "blank": "                ", "no-break spaces": "\u00a0\u00a0\u00a0\u00a0\u00a0\u00a0\u00a0\u00a0\u00a0\u00a0",
		"7 bytes": "1234567",
	}
	for scheme, newVerifier := range schemes {
		for rule, text := range bad {
			key := webhook.Key{ID: "next", Secret: text}
			ring, err := webhook.NewKeyring(key)
			if err == nil {
				_, err = newVerifier(ring)
			}
			require.ErrorIs(t, err, identkit.ErrInvalidRequest, "%s: %s", scheme, rule)
			require.ErrorContains(t, err, "Keys[next].Secret", "%s: %s", scheme, rule)
			assert.NotContains(t, err.Error(), good, "%s: %s", scheme, rule)

			ring = keyring(t, goodKey(scheme))
			v, err := newVerifier(ring)
			require.NoError(t, err, scheme)
			require.ErrorContains(t, ring.Replace(key), "Keys[next].Secret", "%s: %s, on Replace", scheme, rule)

			require.NoError(t, ring.Replace(webhook.Key{ID: "next", Source: identkit.Static(text)}))
			_, err = v.Verify(t.Context(), allPlaces(scheme, "0123456789abcdef"))
			require.Equal(t, webhook.ReasonUnavailable, webhook.ReasonOf(err), "%s: %s, from a source", scheme, rule)
			require.ErrorContains(t, err, "key next: its text from the source", "%s: %s", scheme, rule)
		}
	}
}

func TestTheShortestSecretOfEachScheme(t *testing.T) {
	t.Parallel()
	for scheme, shortest := range map[string]int{"hmac": 16, "bearer": 16, "path": 16, "basic": 8, "header": 8, "query": 8} {
		text := identkit.Secret(strings.Repeat("x", shortest))
		_, err := schemes[scheme](keyring(t, text))
		require.NoError(t, err, scheme)
		_, err = schemes[scheme](keyring(t, text[1:]))
		require.ErrorContains(t, err, "is shorter than", scheme)
		ring, err := webhook.NewKeyring(webhook.Key{Secret: text[1:], AllowShort: true})
		require.NoError(t, err)
		_, err = schemes[scheme](ring)
		assert.Equal(t, scheme == "path", err != nil, "%s: a short one by choice", scheme)
	}
	decoded := func(identkit.Secret) ([]byte, error) { return make([]byte, 15), nil }
	_, err := webhook.NewHMAC(webhook.HMACConfig{Keys: keyring(t, secret), Header: "X", DecodeKey: decoded})
	require.ErrorContains(t, err, "shorter than 16 bytes", "what counts is the decoded key")
}

func TestABearerTokenThatCannotBeSentIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []identkit.Secret{"two words in a token", "ünprintable-in-ascii"} {
		_, err := webhook.NewBearer(keyring(t, text))
		require.ErrorContains(t, err, "is no bearer token", text.Reveal())
	}
}

func TestAStandardKeyWithItsVersionInFront(t *testing.T) {
	t.Parallel()
	text := identkit.Secret("v1,whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 32)))
	_, err := webhook.NewStandardWebhooks(webhook.StandardConfig{Keys: keyring(t, text)})
	require.ErrorContains(t, err, `"v1,"`)

	ring := keyring(t, vectorSecret)
	v, err := webhook.NewStandardWebhooks(webhook.StandardConfig{Keys: ring})
	require.NoError(t, err)
	require.NoError(t, ring.Replace(webhook.Key{ID: "k", Source: identkit.Static(text)}))
	_, err = v.Verify(t.Context(), vectorRequest())
	require.ErrorContains(t, err, `key k: its text from the source begins with "v1,"`)
	down := func(context.Context) (identkit.Secret, error) { return "", errors.New("vault is sealed: s3cr3t") }
	require.NoError(t, ring.Replace(webhook.Key{ID: "k", Source: down}))
	_, err = v.Verify(t.Context(), vectorRequest())
	require.ErrorContains(t, err, "key k: its source failed")
	assert.NotContains(t, err.Error(), "s3cr3t")
}

func TestAKeyThatIsNotNeededCostsNothing(t *testing.T) {
	t.Parallel()
	cfg := webhook.HMACConfig{Header: "X-Signature"}
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		hangs := webhook.Key{ID: "next", Source: func(ctx context.Context) (identkit.Secret, error) {
			asked.Add(1)
			<-ctx.Done()
			return "", ctx.Err()
		}}
		now := webhook.Key{ID: "now", Secret: secret}
		for _, keys := range [][]webhook.Key{{now, hangs}, {hangs, now}} {
			ring, err := webhook.NewKeyring(keys...)
			require.NoError(t, err)
			with := cfg
			with.Keys = ring
			h, seen, runs := counting(t, webhook.Config[any]{Verify: hmacVerifier(t, with), Timeout: 300 * time.Millisecond})
			send := func(key identkit.Secret) []int {
				sender := &webhooktest.Sender{Handler: h, Sign: webhooktest.SignHMAC(cfg, key), Attempts: 1}
				report, err := sender.Send(t.Context(), webhooktest.Message{Body: []byte("{}")})
				require.NoError(t, err)
				return report.Statuses()
			}
			assert.Equal(t, []int{200}, send(secret))
			assert.EqualValues(t, 1, runs.Load())
			assert.Equal(t, "now", seen.last().KeyID)
			assert.Zero(t, asked.Load())

			assert.Equal(t, []int{503}, send(other), "the key that is asked for might be it")
			assert.Equal(t, string(webhook.ReasonUnavailable), seen.last().Reason)
			require.ErrorContains(t, seen.last().Err, "key next: its source timed out")
			assert.EqualValues(t, 1, asked.Swap(0))
		}
	})
}

func TestSourcesShareTheTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		ignores := func(context.Context) (identkit.Secret, error) { asked.Add(1); time.Sleep(time.Hour); return "", nil }
		expired := func(context.Context) (identkit.Secret, error) {
			t.Error("a key that is not valid is not asked for")
			return "", nil
		}
		panics := func(context.Context) (identkit.Secret, error) { panic("vault") }
		ring, err := webhook.NewKeyring(
			webhook.Key{Source: ignores}, webhook.Key{Source: ignores}, webhook.Key{Source: expired, NotAfter: time.Unix(1, 0)},
			webhook.Key{ID: "good", Source: identkit.Static(secret)}, webhook.Key{ID: "last", Source: panics},
		)
		require.NoError(t, err)
		v, err := webhook.NewBearer(ring)
		require.NoError(t, err)
		h, seen, _ := counting(t, webhook.Config[any]{Verify: v, Timeout: 4 * time.Second})
		start := time.Now()
		assert.Equal(t, 200, post(h, "{}", "Authorization", "Bearer "+secret.Reveal()).Code)
		assert.Equal(t, 3*time.Second, time.Since(start), "half of what is left, for each")
		assert.Equal(t, "good", seen.last().KeyID)
		assert.EqualValues(t, 2, asked.Load())
		assert.Equal(t, 503, post(h, "{}", "Authorization", "Bearer "+other.Reveal()).Code)
		require.ErrorContains(t, seen.last().Err, "key last: its source failed")

		start = time.Now()
		_, err = v.Verify(t.Context(), &webhook.Request{Header: newPost("", "Authorization", "Bearer "+secret.Reveal()).Header, Time: time.Now()})
		require.NoError(t, err)
		assert.Equal(t, 10*time.Second, time.Since(start), "5 s each where nothing bounds the time")
		for range 30 {
			assert.Equal(t, 200, post(h, "{}", "Authorization", "Bearer "+secret.Reveal()).Code)
		}
		assert.EqualValues(t, 32, asked.Load(), "16 fetches of each hang, and no more are begun")
		time.Sleep(2 * time.Hour)
	})
}

func TestHeadersUnderAnotherLetterCase(t *testing.T) {
	t.Parallel()
	v := hmacVerifier(t, webhook.HMACConfig{Header: "X-Signature"})
	_, err := webhook.VerifyRequest(t.Context(), v, &webhook.Request{Header: map[string][]string{"x-signature": {publishedHex}}, Body: []byte("{}")})
	require.Equal(t, webhook.ReasonMissing, webhook.ReasonOf(err))
	require.ErrorContains(t, err, "another letter case")
}
