package webhook_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/webhook"
	"github.com/identkit/identkit/webhook/webhooktest"
)

func TestAHandlerThatFailsGetsTheNextDelivery(t *testing.T) {
	t.Parallel()
	for rule, c := range map[string]struct {
		fail   func() error
		status int
		reason webhook.Reason
	}{
		"an error":             {func() error { return errors.New("database is down") }, 503, webhook.ReasonHandlerFailed},
		"a panic":              {func() error { panic("boom") }, 503, webhook.ReasonPanic},
		"a panic of Go itself": {func() error { zero := 0; return fmt.Errorf("%d", 1/zero) }, 503, webhook.ReasonPanic},
		"an abort":             {func() error { panic(http.ErrAbortHandler) }, 503, webhook.ReasonPanic},
		"a panic with nil":     {func() error { panic(nil) }, 503, webhook.ReasonPanic}, //nolint:govet // the rule
		"Goexit":               {func() error { runtime.Goexit(); return nil }, 503, webhook.ReasonPanic},
		"undecodable":          {func() error { return fmt.Errorf("inside: %w", webhook.ErrInvalidEvent) }, 400, webhook.ReasonInvalidEvent},
		"a deadline elsewhere": {func() error { return context.DeadlineExceeded }, 503, webhook.ReasonHandlerTimeout},
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			failing := true
			h, seen, runs := counting(t, webhook.Config[any]{DeduplicateWithin: time.Hour, Handle: func(context.Context, any) error {
				if failing {
					return c.fail()
				}
				return nil
			}})
			assert.Equal(t, c.status, post(h, "{}").Code)
			assert.Equal(t, string(c.reason), seen.last().Reason)
			assert.Equal(t, 1, seen.last().Failed)
			failing = false
			assert.Equal(t, 200, post(h, "{}").Code, "the redelivery is handled")
			assert.Equal(t, 200, post(h, "{}").Code)
			assert.Equal(t, string(webhook.ReasonDuplicate), seen.last().Reason)
			assert.EqualValues(t, 2, runs.Load())
		})
	}
}

func TestPanicsElsewhereAreContained(t *testing.T) {
	t.Parallel()
	for rule, cfg := range map[string]webhook.Config[any]{
		"verifier":    {Verify: webhook.VerifierFunc(func(context.Context, *webhook.Request) (webhook.Receipt, error) { panic(1) })},
		"decoder":     {Decode: func(*webhook.Delivery) ([]any, error) { panic(1) }},
		"delivery id": {DeliveryID: func(*webhook.Delivery) (string, error) { panic(1) }},
		"event id":    {EventID: func(*webhook.Delivery, any) (string, error) { panic(1) }},
		"claim":       {Name: "h", Store: storeFunc(func() (webhook.Claim, error) { panic(1) })},
		"commit":      {Name: "h", DeduplicateWithin: 1, Store: storeFunc(func() (webhook.Claim, error) { return settling{commit: func() error { panic(1) }}, nil })},
	} {
		h, seen, _ := counting(t, cfg)
		assert.Equal(t, 503, post(h, "{}").Code, rule)
		assert.Equal(t, string(webhook.ReasonPanic), seen.last().Reason, rule)
	}
}

type storeFunc func() (webhook.Claim, error)

func (f storeFunc) Claim(context.Context, string, time.Duration) (webhook.Claim, error) { return f() }

type settling struct{ commit, release func() error }

func (s settling) Commit(context.Context, time.Duration) error { return s.commit() }
func (s settling) Release(context.Context) error               { return s.release() }

func TestAStoreThatFails(t *testing.T) {
	t.Parallel()
	down := errors.New("store is down")
	for rule, c := range map[string]struct {
		store  storeFunc
		status int
		runs   int64
	}{
		"at the claim":          {func() (webhook.Claim, error) { return nil, down }, 503, 0},
		"with nothing at all":   {func() (webhook.Claim, error) { return nil, nil }, 503, 0},
		"when it is full":       {func() (webhook.Claim, error) { return nil, webhook.ErrStoreFull }, 503, 0},
		"at the commit":         {func() (webhook.Claim, error) { return settling{commit: func() error { return down }}, nil }, 503, 1},
		"that has a duplicate":  {func() (webhook.Claim, error) { return nil, fmt.Errorf("row: %w", webhook.ErrDuplicate) }, 200, 0},
		"that has it in flight": {func() (webhook.Claim, error) { return nil, webhook.ErrInProgress }, 503, 0},
	} {
		h, _, runs := counting(t, webhook.Config[any]{Name: "h", DeduplicateWithin: time.Hour, Store: c.store})
		w := post(h, "{}")
		assert.Equal(t, c.status, w.Code, rule)
		assert.Equal(t, c.runs, runs.Load(), rule)
		if rule == "that has it in flight" {
			assert.Equal(t, "1", w.Header().Get("Retry-After"))
		}
	}
	h, seen, _ := counting(t, webhook.Config[any]{
		Name: "h", Store: storeFunc(func() (webhook.Claim, error) { return settling{release: func() error { return down }}, nil }),
		Handle: func(context.Context, any) error { return errors.New("handler is down") },
	})
	assert.Equal(t, 503, post(h, "{}").Code)
	assert.ErrorContains(t, seen.last().Err, "handler is down")
	assert.ErrorContains(t, seen.last().Err, "store is down")
}

func TestTheSameDeliveryFrom64GoroutinesIsHandledOnce(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	h, _, runs := counting(t, webhook.Config[any]{
		Verify: standardVerifier(t, vectorSecret),
		Handle: func(context.Context, any) error { <-release; return nil },
	})
	sender := &webhooktest.Sender{Handler: h, Sign: webhooktest.SignStandard(vectorSecret)}
	message := webhooktest.Message{ID: "msg_1", Body: []byte("{}")}
	var report webhooktest.Report
	var err error
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		report, err = sender.SendConcurrently(t.Context(), message, 64)
	}()
	close(release)
	<-sent
	require.NoError(t, err)
	count := make(map[int]int)
	for _, s := range report.Statuses() {
		count[s]++
	}
	assert.Equal(t, 64, count[200]+count[503], "handled, a duplicate, or in progress")
	assert.GreaterOrEqual(t, count[200], 1)
	assert.EqualValues(t, 1, runs.Load())

	again, err := sender.Send(t.Context(), webhooktest.Message{ID: "msg_1", Body: []byte("{}"), Copies: 2})
	require.NoError(t, err)
	assert.Equal(t, []int{200, 200, 200}, again.Statuses())
	assert.EqualValues(t, 1, runs.Load())
}

func TestAnEventInProgressGets503(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, seen, runs := counting(t, webhook.Config[any]{DeduplicateWithin: time.Hour, Handle: func(context.Context, any) error {
			time.Sleep(3 * time.Second)
			return nil
		}})
		var all sync.WaitGroup
		all.Go(func() { assert.Equal(t, 200, post(h, "{}").Code) })
		synctest.Wait()
		assert.Equal(t, 503, post(h, "{}").Code)
		assert.Equal(t, string(webhook.ReasonInProgress), seen.last().Reason)
		all.Wait()
		assert.Equal(t, 200, post(h, "{}").Code)
		assert.EqualValues(t, 1, runs.Load())
	})
}

func TestAHandlerThatOverrunsAndObeysIsReleasedAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := true
		h, seen, _ := counting(t, webhook.Config[any]{Timeout: time.Second, Handle: func(ctx context.Context, _ any) error {
			if slow {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}})
		start := time.Now()
		assert.Equal(t, 503, post(h, "{}").Code)
		assert.Equal(t, time.Second, time.Since(start))
		assert.Equal(t, string(webhook.ReasonHandlerTimeout), seen.last().Reason)
		synctest.Wait()
		slow = false
		assert.Equal(t, 200, post(h, "{}").Code)
	})
}

func TestAHandlerThatHangsKeepsItsClaimForItsLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		var log bytes.Buffer
		var hung atomic.Bool
		h, _, runs := counting(t, webhook.Config[any]{
			DeduplicateWithin: time.Hour, Timeout: time.Second, Logger: slog.New(slog.NewTextHandler(&log, nil)),
			Handle: func(context.Context, any) error {
				if hung.CompareAndSwap(false, true) {
					<-hang
				}
				return nil
			},
		})
		assert.Equal(t, 503, post(h, "{}").Code)
		assert.Equal(t, 200, post(h, `{"other":1}`).Code, "other deliveries get through")
		assert.Equal(t, 503, post(h, "{}").Code, "the same one is still in progress")
		time.Sleep(6 * time.Second)
		assert.Equal(t, 200, post(h, "{}").Code, "the next one after the lease gets through")
		assert.EqualValues(t, 3, runs.Load())
		close(hang)
		synctest.Wait()
		assert.Contains(t, log.String(), "ended late")
		assert.Contains(t, log.String(), "claim lost")
		assert.Equal(t, 200, post(h, "{}").Code, "and the late end changes nothing")
		assert.EqualValues(t, 3, runs.Load())
	})
}

func TestAHandlerThatEndsLateButWellIsRemembered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, seen, runs := counting(t, webhook.Config[any]{DeduplicateWithin: time.Hour, Timeout: 2 * time.Second, Handle: func(context.Context, any) error {
			time.Sleep(3 * time.Second)
			return nil
		}})
		assert.Equal(t, 503, post(h, "{}").Code)
		time.Sleep(time.Second + time.Millisecond)
		assert.Equal(t, 200, post(h, "{}").Code)
		assert.Equal(t, string(webhook.ReasonDuplicate), seen.last().Reason)
		assert.EqualValues(t, 1, runs.Load())
	})
}

func TestTheWorkGoesOnWhenTheSenderHangsUp(t *testing.T) {
	t.Parallel()
	type key struct{}
	h, _, _ := counting(t, webhook.Config[any]{Handle: func(ctx context.Context, _ any) error {
		if ctx.Value(key{}) != "trace" {
			return errors.New("the request's values are gone")
		}
		return ctx.Err()
	}})
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "trace"))
	cancel()
	assert.Equal(t, 200, serve(h, newPost("{}").WithContext(ctx)).Code)
}

func TestBatches(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var done []int
	broken := map[int]bool{2: true}
	var log bytes.Buffer
	h, seen, _ := counting(t, webhook.Config[int]{
		Decode: webhook.JSONList[int], DeduplicateWithin: time.Hour, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Handle: func(_ context.Context, e int) error {
			mu.Lock()
			defer mu.Unlock()
			if broken[e] {
				return errors.New("not yet")
			}
			done = append(done, e)
			return nil
		},
	})
	assert.Equal(t, 503, post(h, "[1,2,3]").Code)
	assert.Equal(t, []int{1, 3}, done, "one that fails does not lose the others")
	o := seen.last()
	assert.Equal(t, []int{3, 2, 0, 1}, []int{o.Events, o.Handled, o.Duplicates, o.Failed})
	assert.Contains(t, log.String(), "event=1")

	broken = nil
	assert.Equal(t, 200, post(h, "[1,2,3]").Code)
	assert.Equal(t, []int{1, 3, 2}, done, "the redelivery brings only what failed")
	o = seen.last()
	assert.Equal(t, []int{3, 1, 2, 0}, []int{o.Events, o.Handled, o.Duplicates, o.Failed})

	assert.Equal(t, 200, post(h, "[1,2,3]").Code)
	assert.Equal(t, string(webhook.ReasonDuplicate), seen.last().Reason)
	assert.Equal(t, 200, post(h, "[]").Code, "an empty batch is nothing to do")
	assert.Equal(t, 200, post(h, "[7,7]").Code)
	assert.Equal(t, []int{1, 3, 2, 7, 7}, done, "equal events of one batch are two events")
}

func TestAPanicInOneEventsIDDoesNotLoseTheOthers(t *testing.T) {
	t.Parallel()
	var done []int
	h, seen, _ := counting(t, webhook.Config[int]{
		Decode: webhook.JSONList[int],
		EventID: func(_ *webhook.Delivery, e int) (string, error) {
			if e == 1 {
				panic("no id")
			}
			return fmt.Sprint(e), nil
		},
		Handle: func(_ context.Context, e int) error { done = append(done, e); return nil },
	})
	assert.Equal(t, 503, post(h, "[1,2,3]").Code)
	assert.Equal(t, []int{2, 3}, done)
	assert.Equal(t, string(webhook.ReasonPanic), seen.last().Reason)
}

func TestTheWorstEventOfABatchDecidesTheStatus(t *testing.T) {
	t.Parallel()
	h, _, _ := counting(t, webhook.Config[string]{Decode: webhook.JSONList[string], Handle: func(_ context.Context, e string) error {
		return map[string]error{"bad": webhook.ErrInvalidEvent, "down": errors.New("down")}[e]
	}})
	assert.Equal(t, 400, post(h, `["bad","ok"]`).Code)
	assert.Equal(t, 503, post(h, `["bad","down"]`).Code)
	assert.Equal(t, 503, post(h, `["down","bad"]`).Code)
}

func TestABatchThatRunsOutOfTimeIsFinishedByTheRedelivery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, seen, runs := counting(t, webhook.Config[int]{
			Decode: webhook.JSONList[int], DeduplicateWithin: time.Hour, Timeout: 2500 * time.Millisecond,
			Handle: func(ctx context.Context, _ int) error {
				select {
				case <-time.After(time.Second):
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			},
		})
		assert.Equal(t, 503, post(h, "[1,2,3,4]").Code)
		assert.Equal(t, 2, seen.last().Handled)
		synctest.Wait()
		assert.Equal(t, 200, post(h, "[1,2,3,4]").Code)
		o := seen.last()
		assert.Equal(t, []int{2, 2}, []int{o.Handled, o.Duplicates})
		assert.EqualValues(t, 5, runs.Load())
	})
}
