package webhook_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/webhook"
)

// slowly resolves events, one in 100 milliseconds, and records them.
type slowly struct{ resolved []int }

func (s *slowly) Resolve(ctx context.Context, e int) (int, error) {
	deadline, _ := ctx.Deadline()
	if time.Until(deadline) < 100*time.Millisecond {
		return 0, errors.New("there is not enough time")
	}
	time.Sleep(100 * time.Millisecond)
	s.resolved = append(s.resolved, e)
	return e, nil
}

func itself(_ *webhook.Delivery, e int) (string, error) { return strconv.Itoa(e), nil }

// numbers is a batch of n events, from 1 on.
func numbers(n int) (body string) {
	all := make([]string, n)
	for i := range all {
		all[i] = strconv.Itoa(i + 1)
	}
	return "[" + strings.Join(all, ",") + "]"
}

func TestALargeBatchGoesOnWhereItsTimeRanOut(t *testing.T) {
	t.Parallel()
	for name, delivered := range map[string]func(*webhook.Delivery, int) (string, error){
		"events with ids":    itself,
		"events without ids": func(*webhook.Delivery, int) (string, error) { return "", nil },
	} {
		synctest.Test(t, func(t *testing.T) {
			var s slowly
			unique := 0
			h, seen, runs := counting(t, webhook.Config[int]{
				Decode: webhook.JSONList[int], Timeout: time.Second, Resolve: s.Resolve, DeliveredID: delivered,
				EventID: func(*webhook.Delivery, int) (string, error) { // names nothing that comes again
					unique++
					return strconv.Itoa(unique), nil
				},
			})
			deliveries := 1
			for post(h, numbers(30)).Code == 503 {
				assert.Positive(t, seen.last().Handled, "%s: each delivery goes on", name)
				deliveries++
				require.Less(t, deliveries, 10, name)
			}
			assert.Greater(t, deliveries, 2, name)
			assert.Len(t, s.resolved, 30, "%s: each event was resolved once", name)
			assert.EqualValues(t, 30, runs.Load(), "%s: and handled once", name)
			assert.Equal(t, 30, seen.last().Handled+seen.last().Duplicates, name)
		})
	}
}

func TestOnlyAFailedDeliveryIsRememberedByItsContent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fails := 0
		h, _, runs := counting(t, webhook.Config[int]{
			Decode:      webhook.JSONList[int],
			Resolve:     func(_ context.Context, e int) (int, error) { return e, nil },
			DeliveredID: func(*webhook.Delivery, int) (string, error) { return "", nil },
			Handle: func(_ context.Context, e int) error {
				if e == fails {
					return errors.New("it failed")
				}
				return nil
			},
		})
		deliver := func(failing int, body string, status int, handled int64) {
			t.Helper()
			fails = failing
			runs.Store(0)
			assert.Equal(t, status, post(h, body).Code)
			assert.Equal(t, handled, runs.Load())
		}
		deliver(2, "[1,2,3]", 503, 3)
		deliver(2, "[1,2,4]", 503, 3) // another one
		deliver(2, "[1,2,3]", 503, 1)
		deliver(0, "[1,2,3]", 200, 1)
		deliver(0, "[1,2,3]", 200, 3) // a door that is locked again
		deliver(2, "[1,2,3]", 503, 3)
		time.Sleep(2 * time.Hour)
		deliver(0, "[1,2,3]", 200, 3)
		deliver(2, "[2]", 503, 1)
		deliver(0, "[2]", 200, 1)
	})
}

func TestAnEventThatFailsIsResolvedAgain(t *testing.T) {
	t.Parallel()
	resolved, fails := 0, true
	h, seen, runs := counting(t, webhook.Config[int]{
		Resolve:     func(_ context.Context, e int) (int, error) { resolved++; return e, nil },
		DeliveredID: itself,
		Handle: func(context.Context, int) error {
			if fails {
				panic("it failed")
			}
			return nil
		},
	})
	assert.Equal(t, 503, post(h, "1").Code)
	fails = false
	assert.Equal(t, 200, post(h, "1").Code)
	assert.Equal(t, 2, resolved)
	assert.Equal(t, 200, post(h, "1").Code)
	assert.Equal(t, string(webhook.ReasonDuplicate), seen.last().Reason)
	assert.Equal(t, 2, resolved, "what was handled is not resolved again")
	assert.EqualValues(t, 2, runs.Load())
}

func TestAnEventResolvedToAHandledOneIsNotResolvedAgain(t *testing.T) {
	t.Parallel()
	resolved := 0
	h, seen, runs := counting(t, webhook.Config[int]{
		Resolve:     func(context.Context, int) (int, error) { resolved++; return 10, nil },
		DeliveredID: itself, EventID: itself,
	})
	for _, c := range []struct {
		body     string
		resolved int
	}{{"1", 1}, {"2", 2}, {"2", 2}, {"1", 2}} {
		assert.Equal(t, 200, post(h, c.body).Code)
		assert.Equal(t, c.resolved, resolved)
	}
	assert.EqualValues(t, 1, runs.Load())
	assert.Equal(t, string(webhook.ReasonDuplicate), seen.last().Reason)
}

func TestTheSameDeliveredEventIsInProgress(t *testing.T) {
	t.Parallel()
	var h *webhook.Handler
	var inner int
	h, _, _ = counting(t, webhook.Config[int]{
		Resolve: func(_ context.Context, e int) (int, error) {
			if inner == 0 {
				inner = post(h, "1").Code
			}
			return e, nil
		},
		DeliveredID: itself,
	})
	assert.Equal(t, 200, post(h, "1").Code)
	assert.Equal(t, 503, inner)
}

func TestWhatDeliveredIDReturnsDecides(t *testing.T) {
	t.Parallel()
	for rule, c := range map[string]struct {
		id     func(*webhook.Delivery, int) (string, error)
		status int
		reason webhook.Reason
	}{
		"an error": {func(*webhook.Delivery, int) (string, error) { return "x", errors.New("no id") }, 400, webhook.ReasonInvalidEvent},
		"a panic":  {func(*webhook.Delivery, int) (string, error) { panic("boom") }, 503, webhook.ReasonPanic},
	} {
		h, seen, runs := counting(t, webhook.Config[int]{Resolve: func(_ context.Context, e int) (int, error) { return e, nil }, DeliveredID: c.id})
		assert.Equal(t, c.status, post(h, "1").Code, rule)
		assert.Equal(t, string(c.reason), seen.last().Reason, rule)
		assert.Zero(t, runs.Load(), rule)
	}
	_, err := webhook.NewHandler(webhook.Config[int]{Verify: accept, Handle: func(context.Context, int) error { return nil }, DeliveredID: itself})
	require.ErrorContains(t, err, "DeliveredID is set without Resolve")
}

// settleFailing is a store whose claims cannot be settled.
type settleFailing struct{}

func (settleFailing) Claim(context.Context, string, time.Duration) (webhook.Claim, error) {
	return settleFailing{}, nil
}
func (settleFailing) Commit(context.Context, time.Duration) error { panic("boom") }
func (settleFailing) Release(context.Context) error               { return errors.New("down") }

func TestAFailureToSettleTheDeliveredEventChangesNothing(t *testing.T) {
	t.Parallel()
	for gone, status := range map[bool]int{true: 200, false: 503} { // no claim of its own
		h, _, _ := counting(t, webhook.Config[int]{
			Name: "h", Store: settleFailing{}, DeliveredID: itself,
			Resolve: func(context.Context, int) (int, error) {
				if gone {
					return 0, webhook.ErrGone
				}
				return 0, errors.New("down")
			},
		})
		assert.Equal(t, status, post(h, "1").Code)
	}
}
