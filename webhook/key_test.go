package webhook_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/webhook"
)

// keyLog is a store that remembers the keys it was asked for.
type keyLog struct {
	webhook.Store
	mu   sync.Mutex
	keys []string
}

func (l *keyLog) Claim(ctx context.Context, key string, lease time.Duration) (webhook.Claim, error) {
	l.mu.Lock()
	l.keys = append(l.keys, key)
	l.mu.Unlock()
	return l.Store.Claim(ctx, key, lease)
}

// keysOf delivers a body and returns the keys that its events were claimed under.
func keysOf[E any](t *testing.T, cfg webhook.Config[E], body string, header ...string) []string {
	t.Helper()
	log := &keyLog{Store: webhook.NoStore}
	cfg.Store = log
	if cfg.Name == "" {
		cfg.Name = "vendor"
	}
	h, seen, _ := counting(t, cfg)
	require.Equal(t, 200, post(h, body, header...).Code)
	if len(log.keys) == 1 {
		assert.Equal(t, log.keys[0], seen.last().Key, "observers see the key")
	}
	return log.keys
}

func TestTheRuleForTheKey(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_777_896_000, 0)
	signed := func(id string) webhook.Verifier { return giving(webhook.Receipt{Scheme: "s", ID: id, Time: at}, nil) }
	byHeader := webhook.Config[any]{DeliveryID: webhook.UnsignedIDHeader("idempotency-key")}
	long := strings.Repeat("x", 200)
	key := func(cfg webhook.Config[any], body string, header ...string) string {
		return keysOf(t, cfg, body, header...)[0]
	}
	for rule, c := range map[string]struct {
		a, b string
		same bool
	}{
		"equal bodies": {key(webhook.Config[any]{}, "{}"), key(webhook.Config[any]{}, "{}"), true},
		"other bodies": {key(webhook.Config[any]{}, "{}"), key(webhook.Config[any]{}, "[]"), false},
		"equal bodies, signed at other times": {
			key(webhook.Config[any]{Verify: giving(webhook.Receipt{Time: at}, nil)}, "{}"),
			key(webhook.Config[any]{Verify: giving(webhook.Receipt{Time: at.Add(time.Second)}, nil)}, "{}"), false,
		},
		"a signed id and other bodies":    {key(webhook.Config[any]{Verify: signed("1")}, "{}"), key(webhook.Config[any]{Verify: signed("1")}, "[]"), true},
		"other signed ids":                {key(webhook.Config[any]{Verify: signed("1")}, "{}"), key(webhook.Config[any]{Verify: signed("2")}, "{}"), false},
		"other names":                     {key(webhook.Config[any]{Name: "a", Verify: signed("1")}, "{}"), key(webhook.Config[any]{Name: "b", Verify: signed("1")}, "{}"), false},
		"an unsigned id is ignored":       {key(webhook.Config[any]{}, "{}", "Idempotency-Key", "1"), key(webhook.Config[any]{}, "{}"), true},
		"an unsigned id by choice":        {key(byHeader, "{}", "Idempotency-Key", "1"), key(byHeader, "[]", "Idempotency-Key", "1"), true},
		"an absent unsigned id":           {key(byHeader, "{}"), key(webhook.Config[any]{}, "{}"), true},
		"an unsigned id that is too long": {key(byHeader, "{}", "Idempotency-Key", long+long), key(byHeader, "{}"), true},
		"an unsigned id in two words":     {key(byHeader, "{}", "Idempotency-Key", "1 2"), key(byHeader, "{}"), true},
		"equal ids of other kinds":        {key(byHeader, "{}", "Idempotency-Key", "1"), key(webhook.Config[any]{Verify: signed("1")}, "{}"), false},
		"an event's own id": {
			key(webhook.Config[any]{Verify: signed("1"), EventID: func(*webhook.Delivery, any) (string, error) { return "o-1", nil }}, "{}"),
			key(webhook.Config[any]{Verify: signed("2"), EventID: func(*webhook.Delivery, any) (string, error) { return "o-1", nil }}, "[]"), true,
		},
	} {
		assert.Equal(t, c.same, c.a == c.b, rule)
		for _, k := range []string{c.a, c.b} {
			assert.Regexp(t, `^(vendor|a|b)::[A-Za-z0-9_-]{43}$`, k, rule)
		}
	}
}

func TestEventsOfABatchHaveKeysOfTheirOwn(t *testing.T) {
	t.Parallel()
	keys := keysOf(t, webhook.Config[int]{
		Decode: webhook.JSONList[int], DeliveryID: func(*webhook.Delivery) (string, error) { return "d", nil },
	}, "[5,6]")
	require.Len(t, keys, 2)
	assert.Equal(t, strings.TrimSuffix(keys[0], "[0]"), strings.TrimSuffix(keys[1], "[1]"))
	assert.NotEqual(t, keys[0], keys[1])
}

func TestAnIDThatFailsGets400(t *testing.T) {
	t.Parallel()
	for rule, cfg := range map[string]webhook.Config[any]{
		"delivery":     {DeliveryID: func(*webhook.Delivery) (string, error) { return "", errors.New("no") }},
		"event":        {EventID: func(*webhook.Delivery, any) (string, error) { return "", errors.New("no") }},
		"empty event":  {EventID: func(*webhook.Delivery, any) (string, error) { return "", nil }},
		"not a header": {DeliveryID: webhook.UnsignedIDHeader("a b")},
	} {
		h, _, runs := counting(t, cfg)
		assert.Equal(t, 400, post(h, "{}").Code, rule)
		assert.Zero(t, runs.Load(), rule)
	}
}

func TestASharedStoreKeepsHandlersApart(t *testing.T) {
	t.Parallel()
	store := webhook.NewMemoryStore(webhook.MemoryConfig{})
	for _, name := range []string{"one", "two"} {
		h, _, runs := counting(t, webhook.Config[any]{Name: name, DeduplicateWithin: time.Hour, Store: store})
		assert.Equal(t, 200, post(h, "{}").Code)
		assert.Equal(t, 200, post(h, "{}").Code)
		assert.EqualValues(t, 1, runs.Load(), name)
	}
}
