package identkit_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
)

func TestALocalNotifierWakesTheSubscribersOfAKey(t *testing.T) {
	t.Parallel()
	var n identkit.LocalNotifier // the zero value is ready
	subscribe := func(key string) (<-chan struct{}, func()) {
		again, stop, err := n.Subscribe(t.Context(), key)
		require.NoError(t, err)
		return again, stop
	}
	require.NoError(t, n.Notify(t.Context(), "a:1"), "nobody listens")
	first, stopFirst := subscribe("a:1")
	second, stopSecond := subscribe("a:1")
	other, stopOther := subscribe("a:2")
	assert.Empty(t, first, "it was notified before")
	for range 3 {
		require.NoError(t, n.Notify(t.Context(), "a:1"))
	}
	assert.Len(t, first, 1, "coalesced")
	assert.Len(t, second, 1)
	assert.Empty(t, other)
	<-first
	require.NoError(t, n.Notify(t.Context(), "a:1"))
	assert.Len(t, first, 1, "and again")
	stopSecond()
	stopSecond()
	<-second
	require.NoError(t, n.Notify(t.Context(), "a:1"))
	assert.Empty(t, second, "it was stopped")
	assert.Equal(t, 2, n.Subscribers())
	stopFirst()
	stopOther()
	assert.Zero(t, n.Subscribers())
}

func TestALocalNotifierIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	n := identkit.NewNotifier()
	ctx, cancel := context.WithCancel(t.Context())
	var notifying sync.WaitGroup
	notifying.Go(func() {
		for ctx.Err() == nil {
			_ = n.Notify(ctx, "a:1")
		}
	})
	var waiting sync.WaitGroup
	for range 8 {
		waiting.Go(func() {
			for range 100 {
				again, stop, _ := n.Subscribe(ctx, "a:1")
				<-again
				stop()
			}
		})
	}
	waiting.Wait()
	cancel()
	notifying.Wait()
	assert.Zero(t, n.Subscribers())
}
