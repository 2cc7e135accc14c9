package webhook_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/webhook"
	"github.com/identkit/identkit/webhook/webhooktest"
)

func TestEqualIDsOfTwoSendersAreTwoEvents(t *testing.T) {
	t.Parallel()
	cfg := webhook.HMACConfig{Header: "X-Signature", Content: "{id}.{body}", IDHeader: "X-Id"}
	const rotated identkit.Secret = "canary-rotated-key-1"
	for rule, combine := range map[string]func(a, b webhook.Verifier) (webhook.Verifier, error){
		"by position": func(a, b webhook.Verifier) (webhook.Verifier, error) { return webhook.Any(a, b) },
		"by name": func(a, b webhook.Verifier) (webhook.Verifier, error) {
			first, err := webhook.Named("a", a)
			require.NoError(t, err)
			second, err := webhook.Named("b", b)
			require.NoError(t, err)
			return webhook.Any(first, second)
		},
		"inside another": func(a, b webhook.Verifier) (webhook.Verifier, error) {
			first, err := webhook.Any(a)
			require.NoError(t, err)
			all, err := webhook.All(first, accept)
			require.NoError(t, err)
			return webhook.Any(all, b)
		},
	} {
		ringA, ringB := keyring(t, secret), keyring(t, other)
		withA, withB := cfg, cfg
		withA.Keys, withB.Keys = ringA, ringB
		v, err := combine(hmacVerifier(t, withA), hmacVerifier(t, withB))
		require.NoError(t, err)
		h, seen, runs := counting(t, webhook.Config[any]{Verify: v})
		deliver := func(key identkit.Secret, body string) webhook.Reason {
			sender := &webhooktest.Sender{Handler: h, Sign: webhooktest.SignHMAC(cfg, key), Attempts: 1}
			report, err := sender.Send(t.Context(), webhooktest.Message{ID: "evt_1", Body: []byte(body)})
			require.NoError(t, err)
			require.Equal(t, []int{200}, report.Statuses(), rule)
			return webhook.Reason(seen.last().Reason)
		}
		assert.Empty(t, deliver(secret, `{"n":1}`), rule)
		from := seen.last().Sender
		assert.Empty(t, deliver(other, `{"n":2}`), rule)
		assert.NotEqual(t, from, seen.last().Sender, rule)
		assert.EqualValues(t, 2, runs.Load(), rule)
		require.NoError(t, ringA.Replace(webhook.Key{ID: "new", Secret: rotated}))
		assert.Equal(t, webhook.ReasonDuplicate, deliver(rotated, `{"n":1}`), "%s: the sender is the same after a rotation", rule)
	}
}

func TestNamedVerifiers(t *testing.T) {
	t.Parallel()
	for _, sender := range []string{"", "a:b", "a b", "#1"} {
		_, err := webhook.Named(sender, accept)
		assert.ErrorContains(t, err, "sender", sender)
	}
	_, err := webhook.Named("a", nil)
	require.ErrorIs(t, err, identkit.ErrInvalidRequest)
	bearer, err := webhook.NewBearer(keyring(t, secret))
	require.NoError(t, err)
	v, err := webhook.Named("vendor", bearer)
	require.NoError(t, err)
	webhooktest.RunVerifierTests(t, webhooktest.VerifierTest{Verifier: v, Sign: webhooktest.SignBearer(secret), Forge: webhooktest.SignBearer(other)})
	h, seen, _ := counting(t, webhook.Config[any]{Verify: v})
	assert.Equal(t, "Bearer", post(h, "{}").Header().Get("Www-Authenticate"))
	assert.Equal(t, 200, post(h, "{}", "Authorization", "Bearer "+secret.Reveal()).Code)
	assert.Equal(t, "vendor", seen.last().Sender)
}

func TestASenderOfACustomVerifierIsPartOfTheKey(t *testing.T) {
	t.Parallel()
	sender := ""
	h, seen, runs := counting(t, webhook.Config[any]{Name: "h", Verify: webhook.VerifierFunc(func(context.Context, *webhook.Request) (webhook.Receipt, error) {
		return webhook.Receipt{ID: "1", Sender: sender}, nil
	})})
	for i, name := range []string{"a", "b", "tenant 1: \"é\"", "a"} {
		sender = name
		assert.Equal(t, 200, post(h, "{}").Code)
		assert.Regexp(t, `^h:[^: ]+:[A-Za-z0-9_-]{43}$`, seen.last().Key)
		assert.EqualValues(t, min(i+1, 3), runs.Load(), name)
	}
}

func TestEqualBodiesWithoutAnIDAreNotTheSameDelivery(t *testing.T) {
	t.Parallel()
	bodies := []string{`{"state":"locked"}`, `{"state":"unlocked"}`, `{"state":"locked"}`, `{"state":"unlocked"}`}
	for rule, c := range map[string]struct {
		cfg  webhook.Config[any]
		want int64
	}{
		"by default":          {webhook.Config[any]{}, 4},
		"DeduplicateWithin":   {webhook.Config[any]{DeduplicateWithin: time.Hour}, 2},
		"a signed id":         {webhook.Config[any]{Verify: giving(webhook.Receipt{ID: "d-1"}, nil)}, 1},
		"a contract's id":     {webhook.Config[any]{DeliveryID: webhook.UnsignedIDHeader("Idempotency-Key")}, 1},
		"an id of each event": {webhook.Config[any]{EventID: func(*webhook.Delivery, any) (string, error) { return "e-1", nil }}, 1},
	} {
		h, _, runs := counting(t, c.cfg)
		for _, body := range bodies {
			assert.Equal(t, 200, post(h, body, "Idempotency-Key", "k-1").Code, rule)
		}
		assert.Equal(t, c.want, runs.Load(), rule)
	}
}

func TestDeduplicateWithinEnds(t *testing.T) {
	t.Parallel()
	clock := identkittest.NewClock(time.Unix(1_777_896_000, 0))
	h, _, runs := counting(t, webhook.Config[any]{DeduplicateWithin: time.Minute, Clock: clock.Now})
	for _, want := range []int64{1, 1, 2} {
		assert.Equal(t, 200, post(h, "{}").Code)
		assert.Equal(t, want, runs.Load())
		clock.Advance(40 * time.Second)
	}
}

func TestAnEqualBodyThatIsBeingHandledComesAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, seen, runs := counting(t, webhook.Config[any]{Handle: func(context.Context, any) error {
			time.Sleep(time.Second)
			return nil
		}})
		var all sync.WaitGroup
		all.Go(func() { assert.Equal(t, 200, post(h, "{}").Code) })
		synctest.Wait()
		assert.Equal(t, 503, post(h, "{}").Code)
		assert.Equal(t, string(webhook.ReasonInProgress), seen.last().Reason)
		all.Wait()
		assert.Equal(t, 200, post(h, "{}").Code)
		assert.EqualValues(t, 2, runs.Load())
	})
}

func TestAStoreNeedsAName(t *testing.T) {
	t.Parallel()
	cfg := webhook.Config[any]{Verify: accept, Handle: func(context.Context, any) error { return nil }, Store: webhook.NewMemoryStore(webhook.MemoryConfig{})}
	_, err := webhook.NewHandler(cfg)
	require.ErrorContains(t, err, "Name is needed beside a Store")
	cfg.Name = "vendor"
	_, err = webhook.NewHandler(cfg)
	require.NoError(t, err)
	cfg.Name, cfg.Store = "", webhook.NoStore
	_, err = webhook.NewHandler(cfg)
	require.NoError(t, err, "which remembers nothing")
	cfg.DeduplicateWithin = -1
	_, err = webhook.NewHandler(cfg)
	require.ErrorContains(t, err, "DeduplicateWithin")
}

func TestAnEventCanBeForgotten(t *testing.T) {
	t.Parallel()
	store := webhook.NewMemoryStore(webhook.MemoryConfig{})
	h, seen, runs := counting(t, webhook.Config[any]{Name: "vendor", Store: store, Verify: giving(webhook.Receipt{ID: "m1"}, nil)})
	assert.Equal(t, 200, post(h, "{}").Code)
	assert.Equal(t, 200, post(h, "{}").Code)
	assert.EqualValues(t, 1, runs.Load())
	assert.True(t, store.Forget(seen.last().Key))
	assert.False(t, store.Forget(seen.last().Key))
	assert.Equal(t, 200, post(h, "{}").Code)
	assert.EqualValues(t, 2, runs.Load())
	open := claim(t, store, "open")
	assert.False(t, store.Forget("open"), "an open claim stays")
	require.NoError(t, open.Commit(t.Context(), time.Hour))
}

func TestWhatStandsInLogsShowsNoID(t *testing.T) {
	t.Parallel()
	keys := keysOf(t, webhook.Config[any]{EventID: func(*webhook.Delivery, any) (string, error) { return "user/jane-doe/locked", nil }}, "{}")
	assert.NotContains(t, keys[0], "jane")
}
