package webhook_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/webhook"
	"github.com/identkit/identkit/webhook/webhooktest"
)

func TestMemoryStoreFollowsTheRules(t *testing.T) {
	t.Parallel()
	webhooktest.RunStoreTests(t, func(*testing.T) (webhook.Store, func(time.Duration)) {
		clock := identkittest.NewClock(time.Unix(1_777_896_000, 0))
		return webhook.NewMemoryStore(webhook.MemoryConfig{Clock: clock.Now}), func(d time.Duration) { clock.Advance(d) }
	})
}

func claim(t *testing.T, s webhook.Store, key string) webhook.Claim {
	t.Helper()
	c, err := s.Claim(t.Context(), key, time.Minute)
	require.NoError(t, err, key)
	return c
}

func TestMemoryStoreForgetsTheOldestCommittedFirst(t *testing.T) {
	t.Parallel()
	s := webhook.NewMemoryStore(webhook.MemoryConfig{MaxEntries: 3})
	open := claim(t, s, "open")
	for _, key := range []string{"a", "b", "c", "d"} {
		require.NoError(t, claim(t, s, key).Commit(t.Context(), time.Hour))
		assert.LessOrEqual(t, s.Len(), 3)
	}
	for _, key := range []string{"c", "d"} {
		_, err := s.Claim(t.Context(), key, time.Minute)
		require.ErrorIs(t, err, webhook.ErrDuplicate, key)
	}
	_, err := s.Claim(t.Context(), "open", time.Minute)
	require.ErrorIs(t, err, webhook.ErrInProgress, "an open claim is never dropped")
	require.NoError(t, open.Commit(t.Context(), time.Hour))
	claim(t, s, "a")
}

func TestMemoryStoreIsFullOfOpenClaims(t *testing.T) {
	t.Parallel()
	clock := identkittest.NewClock(time.Unix(1_777_896_000, 0))
	s := webhook.NewMemoryStore(webhook.MemoryConfig{MaxEntries: 2, Clock: clock.Now})
	first := claim(t, s, "a")
	claim(t, s, "b")
	_, err := s.Claim(t.Context(), "c", time.Minute)
	require.ErrorIs(t, err, webhook.ErrStoreFull)
	require.NoError(t, first.Release(t.Context()))
	claim(t, s, "c")
	_, err = s.Claim(t.Context(), "d", time.Minute)
	require.ErrorIs(t, err, webhook.ErrStoreFull)
	clock.Advance(time.Minute)
	claim(t, s, "d")
	assert.Equal(t, 2, s.Len(), "an expired claim is replaced")
}

func TestMemoryStoreShrinksAgain(t *testing.T) {
	t.Parallel()
	clock := identkittest.NewClock(time.Unix(1_777_896_000, 0))
	s := webhook.NewMemoryStore(webhook.MemoryConfig{Clock: clock.Now})
	for i := range 1000 {
		require.NoError(t, claim(t, s, fmt.Sprint("old-", i)).Commit(t.Context(), time.Hour))
	}
	clock.Advance(2 * time.Hour)
	for i := range 1000 {
		require.NoError(t, claim(t, s, fmt.Sprint("new-", i)).Commit(t.Context(), time.Hour))
	}
	assert.Equal(t, 1000, s.Len())
}

// Not parallel: it measures the memory of the whole process.
func TestDeliveriesLeaveMemoryFlat(t *testing.T) {
	store := webhook.NewMemoryStore(webhook.MemoryConfig{MaxEntries: 1000})
	h, err := webhook.NewHandler(webhook.Config[map[string]any]{
		Name: "h", Verify: accept, DeduplicateWithin: time.Hour, Store: store, Handle: func(_ context.Context, _ map[string]any) error { return nil },
	})
	require.NoError(t, err)
	padding := strings.Repeat("x", 1000)
	deliver := func(from, to int) {
		for i := from; i < to; i++ {
			if post(h, fmt.Sprintf(`{"n":%d,"padding":%q}`, i, padding)).Code != 200 {
				t.Error("refused")
			}
		}
	}
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	deliver(0, 2000)
	before := heap()
	deliver(2000, 12_000)
	grown := heap() - before
	assert.Less(t, grown, int64(1<<20), "10,000 bodies of 1 KiB were delivered, none may stay")
	assert.Equal(t, 1000, store.Len())
}
