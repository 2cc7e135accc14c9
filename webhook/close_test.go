package webhook_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/webhook"
)

func TestCloseWaitsForTheWorkLeftBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, seen, _ := counting(t, webhook.Config[any]{Name: "h", DeduplicateWithin: time.Hour, Timeout: time.Second, Handle: func(context.Context, any) error {
			time.Sleep(3 * time.Second)
			return nil
		}})
		start := time.Now()
		assert.Equal(t, 503, post(h, "{}").Code)
		assert.Equal(t, 1, h.Unfinished())

		soon, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := h.Close(soon)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "being handled: 1")
		assert.Equal(t, 503, post(h, `{"other":1}`).Code)
		assert.Equal(t, string(webhook.ReasonClosed), seen.last().Reason)

		require.NoError(t, h.Close(t.Context()))
		assert.Equal(t, 3*time.Second, time.Since(start))
		assert.Zero(t, h.Unfinished())
		require.NoError(t, h.Close(t.Context()), "again")
	})
}

func TestCloseWaitsForADeliveryOnItsWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, _, runs := counting(t, webhook.Config[int]{Decode: webhook.JSONList[int], Handle: func(context.Context, int) error {
			time.Sleep(time.Second)
			return nil
		}})
		var all sync.WaitGroup
		all.Go(func() { assert.Equal(t, 503, post(h, "[1,2]").Code, "what is not begun comes again") })
		synctest.Wait()
		require.NoError(t, h.Close(t.Context()))
		all.Wait()
		assert.EqualValues(t, 1, runs.Load())
	})
}

func TestALateEndReachesTheObserver(t *testing.T) {
	t.Parallel()
	for rule, c := range map[string]struct {
		err    error
		reason webhook.Reason
	}{"well": {nil, ""}, "badly": {errors.New("down"), webhook.ReasonHandlerFailed}} {
		synctest.Test(t, func(t *testing.T) {
			h, seen, _ := counting(t, webhook.Config[any]{
				Name: "h", Verify: giving(webhook.Receipt{Scheme: "s", KeyID: "k", ID: "d-1", Sender: "vendor"}, nil), Timeout: time.Second,
				Handle: func(context.Context, any) error { time.Sleep(3 * time.Second); return c.err },
			})
			assert.Equal(t, 503, post(h, "{}").Code)
			early := seen.last()
			assert.Equal(t, string(webhook.ReasonHandlerTimeout), early.Reason)
			assert.False(t, early.Late)
			require.NoError(t, h.Close(t.Context()))
			late := seen.last()
			assert.True(t, late.Late, rule)
			assert.Equal(t, string(c.reason), late.Reason, rule)
			assert.Equal(t, 3*time.Second, late.Duration)
			assert.Equal(t, []string{"h", "s", "k", "d-1", "vendor"}, []string{late.Name, late.Scheme, late.KeyID, late.DeliveryID, late.Sender})
			assert.NotEmpty(t, late.Key)
			assert.Equal(t, early.Key, late.Key)
			assert.Zero(t, late.Status+late.Events+late.Handled+late.Failed, "nothing is counted again")
			require.ErrorIs(t, late.Err, c.err)
		})
	}
}

func TestTheWorkLeftBehindIsCapped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		h, seen, runs := counting(t, webhook.Config[int]{Timeout: time.Second, MaxUnfinished: 2, Handle: func(_ context.Context, e int) error {
			if e < 3 {
				<-release
			}
			return nil
		}})
		assert.Equal(t, 503, post(h, "1").Code)
		assert.Equal(t, 200, post(h, "3").Code)
		assert.Equal(t, 503, post(h, "2").Code)
		w := post(h, "3")
		assert.Equal(t, 503, w.Code)
		assert.Equal(t, "1", w.Header().Get("Retry-After"))
		assert.Equal(t, string(webhook.ReasonOverloaded), seen.last().Reason)
		assert.EqualValues(t, 3, runs.Load())
		close(release)
		synctest.Wait()
		assert.Equal(t, 200, post(h, "3").Code)
	})
}
