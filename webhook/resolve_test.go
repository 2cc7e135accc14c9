package webhook_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/identkit/identkit/webhook"
)

func TestResolveComesBeforeEventIDAndStore(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var steps []string
	step := func(text string) {
		mu.Lock()
		defer mu.Unlock()
		steps = append(steps, text)
	}
	h, _, _ := counting(t, webhook.Config[string]{
		Name: "h",
		Resolve: func(_ context.Context, e string) (string, error) {
			step("resolve " + e)
			return strings.ToUpper(e), nil
		},
		EventID: func(_ *webhook.Delivery, e string) (string, error) { step("id " + e); return e, nil },
		Store: storeFunc(func() (webhook.Claim, error) {
			step("claim")
			return webhook.NoStore.Claim(t.Context(), "", 0)
		}),
		Handle: func(_ context.Context, e string) error { step("handle " + e); return nil },
	})
	assert.Equal(t, 200, post(h, `"a"`).Code)
	assert.Equal(t, []string{"resolve a", "id A", "claim", "handle A"}, steps)
}

func TestABatchResolvesEachEvent(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var handled []int
	h, seen, _ := counting(t, webhook.Config[int]{
		Decode: webhook.JSONList[int],
		Resolve: func(_ context.Context, e int) (int, error) {
			switch e {
			case 2:
				return 0, webhook.ErrGone
			case 3:
				return 0, errors.New("API is down")
			}
			return e * 10, nil
		},
		Handle: func(_ context.Context, e int) error {
			mu.Lock()
			defer mu.Unlock()
			handled = append(handled, e)
			return nil
		},
	})
	assert.Equal(t, 503, post(h, "[1,2,3,4]").Code)
	assert.Equal(t, []int{10, 40}, handled)
	d := seen.last()
	assert.Equal(t, []int{4, 2, 1, 1}, []int{d.Events, d.Handled, d.Gone, d.Failed})
	assert.Equal(t, string(webhook.ReasonResolveFailed), d.Reason)
	assert.ErrorContains(t, d.Err, "API is down")
}

func TestWhatResolveReturnsDecidesTheStatus(t *testing.T) {
	t.Parallel()
	for rule, c := range map[string]struct {
		resolve func(context.Context, int) (int, error)
		status  int
		reason  webhook.Reason
	}{
		"an error":         {func(context.Context, int) (int, error) { return 0, errors.New("down") }, 503, webhook.ReasonResolveFailed},
		"gone":             {func(context.Context, int) (int, error) { return 0, webhook.ErrGone }, 200, webhook.ReasonGone},
		"an invalid event": {func(context.Context, int) (int, error) { return 0, webhook.ErrInvalidEvent }, 400, webhook.ReasonInvalidEvent},
		"a panic":          {func(context.Context, int) (int, error) { panic("boom") }, 503, webhook.ReasonPanic},
		"a cancelled call": {func(context.Context, int) (int, error) { return 0, context.Canceled }, 503, webhook.ReasonResolveFailed},
	} {
		claims := 0
		h, seen, runs := counting(t, webhook.Config[int]{Name: "h", Resolve: c.resolve, Store: storeFunc(func() (webhook.Claim, error) {
			claims++
			return webhook.NoStore.Claim(context.Background(), "", 0)
		})})
		assert.Equal(t, c.status, post(h, "1").Code, rule)
		assert.Equal(t, string(c.reason), seen.last().Reason, rule)
		assert.Zero(t, runs.Load(), rule)
		assert.Zero(t, claims, rule)
	}
}

func TestResolveHasHalfOfTheTime(t *testing.T) {
	t.Parallel()
	for rule, ignores := range map[string]bool{"obeys its context": false, "ignores its context": true} {
		synctest.Test(t, func(t *testing.T) {
			slow := true
			h, seen, runs := counting(t, webhook.Config[int]{
				Timeout: 4 * time.Second,
				Resolve: func(ctx context.Context, e int) (int, error) {
					switch {
					case slow && ignores:
						time.Sleep(time.Minute)
					case slow:
						<-ctx.Done()
						return 0, ctx.Err()
					}
					return e, nil
				},
			})
			start := time.Now()
			assert.Equal(t, 503, post(h, "1").Code, rule)
			want := 2 * time.Second
			if ignores {
				want = 4 * time.Second
			}
			assert.Equal(t, want, time.Since(start), rule)
			assert.Equal(t, string(webhook.ReasonResolveFailed), seen.last().Reason, rule)
			time.Sleep(time.Minute)
			synctest.Wait()
			assert.Zero(t, runs.Load(), "%s: an event resolved too late is not handled", rule)
			slow = false
			assert.Equal(t, 200, post(h, "1").Code, rule)
			assert.EqualValues(t, 1, runs.Load(), rule)
		})
	}
}

func TestAResolveThatAlwaysHangsDoesNotStarveTheBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var handled []int
		h, _, _ := counting(t, webhook.Config[int]{
			Decode: webhook.JSONList[int], Timeout: time.Second,
			Resolve: func(_ context.Context, e int) (int, error) {
				if e == 1 {
					time.Sleep(3 * time.Second)
				}
				return e, nil
			},
			Handle: func(_ context.Context, e int) error {
				mu.Lock()
				defer mu.Unlock()
				handled = append(handled, e)
				return nil
			},
		})
		for range 2 {
			assert.Equal(t, 503, post(h, "[1,2,3]").Code)
		}
		time.Sleep(5 * time.Second)
		mu.Lock()
		defer mu.Unlock()
		assert.True(t, slices.Contains(handled, 2) && slices.Contains(handled, 3), handled)
	})
}
