package webhook_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

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

func TestTheRuleForTheKey(t *testing.T) {
	t.Parallel()
	signed := giving(webhook.Receipt{Scheme: "s", ID: "signed-1"}, nil)
	unsigned := webhook.UnsignedIDHeader("idempotency-key")
	long := strings.Repeat("x", 200)
	// SHA-256 of {} and of the long id, in base64.
	const digest, longDigest = "RBNvo1WzZ4oRRq0W9-hknpT7T8If536DEMBg9hyq_4o", "qiDCPjIBg0BQZ54diJQbmm_tBVfJpwXLLDFeLmP9SG0"
	for _, c := range []struct {
		rule   string
		cfg    webhook.Config[any]
		header []string
		want   string
	}{
		{"a digest of the verified body without an id", webhook.Config[any]{}, nil, "webhook:body:" + digest},
		{"a signed id", webhook.Config[any]{Verify: signed}, nil, "webhook:id:signed-1"},
		{"the name in front", webhook.Config[any]{Name: "vendor", Verify: signed}, nil, "vendor:id:signed-1"},
		{"a long id as its digest", webhook.Config[any]{Verify: giving(webhook.Receipt{ID: long}, nil)}, nil, "webhook:id#:" + longDigest},
		{"an unsigned id is not looked at", webhook.Config[any]{}, []string{"Idempotency-Key", "u-1"}, "webhook:body:" + digest},
		{"an unsigned id by choice", webhook.Config[any]{DeliveryID: unsigned}, []string{"Idempotency-Key", "u-1"}, "webhook:unsigned:u-1"},
		{"an unsigned id that is not there", webhook.Config[any]{DeliveryID: unsigned}, nil, "webhook:body:" + digest},
		{"an unsigned id that is too long", webhook.Config[any]{DeliveryID: unsigned}, []string{"Idempotency-Key", long + long}, "webhook:body:" + digest},
		{"an unsigned id in two words", webhook.Config[any]{DeliveryID: unsigned}, []string{"Idempotency-Key", "u 1"}, "webhook:body:" + digest},
		{"an event's own id", webhook.Config[any]{Verify: signed, EventID: func(*webhook.Delivery, any) (string, error) {
			return "OPERATION/o-1/APPROVED", nil
		}}, nil, "webhook:event:OPERATION/o-1/APPROVED"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			log := &keyLog{Store: webhook.NoStore}
			c.cfg.Store = log
			h, _, _ := counting(t, c.cfg)
			assert.Equal(t, 200, post(h, "{}", c.header...).Code)
			assert.Equal(t, []string{c.want}, log.keys)
		})
	}
}

func TestEventsOfABatchHaveKeysOfTheirOwn(t *testing.T) {
	t.Parallel()
	log := &keyLog{Store: webhook.NoStore}
	h, _, _ := counting(t, webhook.Config[int]{
		Store: log, Decode: webhook.JSONList[int], DeliveryID: func(*webhook.Delivery) (string, error) { return "d", nil },
	})
	assert.Equal(t, 200, post(h, "[5,6]").Code)
	assert.Equal(t, []string{"webhook:unsigned[0]:d", "webhook:unsigned[1]:d"}, log.keys)
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
		h, _, runs := counting(t, webhook.Config[any]{Name: name, Store: store})
		assert.Equal(t, 200, post(h, "{}").Code)
		assert.Equal(t, 200, post(h, "{}").Code)
		assert.EqualValues(t, 1, runs.Load(), name)
	}
}
