package webhook_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/webhook"
)

// foreignNotifier is one of the team's own.
type foreignNotifier struct {
	notify func(ctx context.Context) error

	mu   sync.Mutex
	keys []string
}

func (n *foreignNotifier) Subscribe(context.Context, string) (again <-chan struct{}, stop func(), err error) {
	return nil, nil, errors.New("not here")
}

func (n *foreignNotifier) Notify(ctx context.Context, key string) error {
	n.mu.Lock()
	n.keys = append(n.keys, key)
	n.mu.Unlock()
	return n.notify(ctx)
}

func (n *foreignNotifier) notified() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.keys
}

func keyOf(e string) string {
	if e == "nobody" {
		return ""
	}
	return "test.thing:" + e
}

func waitKeysOf(e string) []string { return []string{keyOf(e)} }

func TestAHandledEventIsNotified(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &foreignNotifier{notify: func(context.Context) error { return nil }}
		h, _, _ := counting(t, webhook.Config[string]{
			Decode: webhook.JSONList[string], Notifier: n, NotifyKeys: waitKeysOf,
			Handle: func(_ context.Context, e string) error {
				switch e {
				case "fails":
					return errors.New("it failed")
				case "known":
					return webhook.ErrDuplicate
				case "given up":
					return webhook.GiveUp(errors.New("never"))
				}
				assert.NotContains(t, n.notified(), keyOf(e), "not before it was handled")
				return nil
			},
		})
		post(h, `["1","fails","known","given up","nobody","2"]`)
		synctest.Wait()
		assert.ElementsMatch(t, []string{"test.thing:1", "test.thing:2"}, n.notified())
	})
}

func TestAnEventNotifiesAllItsKeys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &foreignNotifier{notify: func(context.Context) error { return errors.New("a failure keeps no other key from it") }}
		h, _, _ := counting(t, webhook.Config[string]{
			Notifier: n, NotifyKeys: func(e string) []string { return []string{"test.thing:" + e, "", "test.other:" + e} },
		})
		assert.Equal(t, 200, post(h, `"1"`).Code)
		synctest.Wait()
		assert.ElementsMatch(t, []string{"test.thing:1", "test.other:1"}, n.notified())
	})
}

func TestTheLocalNotifierHasNotifiedWhenTheResponseIsSent(t *testing.T) {
	t.Parallel()
	n := identkit.NewNotifier()
	again, stop, err := n.Subscribe(t.Context(), "test.thing:1")
	require.NoError(t, err)
	defer stop()
	h, _, _ := counting(t, webhook.Config[string]{Notifier: n, NotifyKeys: waitKeysOf})
	assert.Equal(t, 200, post(h, `"1"`).Code)
	assert.Len(t, again, 1)
}

func TestANotifierHoldsUpNothing(t *testing.T) {
	t.Parallel()
	for name, notify := range map[string]func(context.Context) error{
		"fails":               func(context.Context) error { return errors.New("the database is down") },
		"panics":              func(context.Context) error { panic("x") },
		"is slow":             func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		"ignores its context": func(context.Context) error { time.Sleep(time.Hour); return errors.New("late") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				n := &foreignNotifier{notify: notify}
				h, seen, runs := counting(t, webhook.Config[string]{
					Notifier: n, NotifyKeys: waitKeysOf, Logger: slog.New(slog.NewTextHandler(&log, nil)),
				})
				start := time.Now()
				assert.Equal(t, 200, post(h, `"1"`).Code)
				assert.Zero(t, time.Since(start), "the response does not wait for it")
				assert.Empty(t, seen.last().Reason)
				assert.EqualValues(t, 1, runs.Load())
				require.NoError(t, h.Close(t.Context()))
				assert.LessOrEqual(t, time.Since(start), time.Second, "nor does Close, for longer than its timeout")
				time.Sleep(2 * time.Hour)
				synctest.Wait()
				assert.Contains(t, log.String(), `level=WARN msg="webhook event was not notified" name=webhook error=`)
				assert.NotContains(t, log.String(), "test.thing")
			})
		})
	}
}

func TestNotificationsThatDoNotReturnAreCapped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		n := &foreignNotifier{notify: func(context.Context) error { time.Sleep(time.Hour); return nil }}
		h, _, _ := counting(t, webhook.Config[string]{Notifier: n, NotifyKeys: waitKeysOf, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		for range 101 {
			assert.Equal(t, 200, post(h, `"1"`).Code)
		}
		synctest.Wait()
		assert.Len(t, n.notified(), 100)
		assert.Contains(t, log.String(), "too many notifications have not returned")
		time.Sleep(2 * time.Hour)
		post(h, `"1"`)
		synctest.Wait()
		assert.Len(t, n.notified(), 101, "they may begin again")
		time.Sleep(2 * time.Hour)
	})
}

func TestCloseWaitsForANotification(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ended atomic.Bool
		n := &foreignNotifier{notify: func(context.Context) error {
			time.Sleep(300 * time.Millisecond)
			ended.Store(true)
			return nil
		}}
		h, _, _ := counting(t, webhook.Config[string]{Notifier: n, NotifyKeys: waitKeysOf})
		assert.Equal(t, 200, post(h, `"1"`).Code)
		require.NoError(t, h.Close(t.Context()))
		assert.True(t, ended.Load())
	})
}

func TestAPanicOfNotifyKeyChangesNothing(t *testing.T) {
	t.Parallel()
	h, seen, _ := counting(t, webhook.Config[string]{Notifier: identkit.NewNotifier(), NotifyKeys: func(string) []string { panic("x") }})
	assert.Equal(t, 200, post(h, `"1"`).Code)
	assert.Equal(t, 1, seen.last().Handled)
}

func TestANotifierNeedsKeys(t *testing.T) {
	t.Parallel()
	_, err := webhook.NewHandler(webhook.Config[string]{
		Verify: accept, Handle: func(context.Context, string) error { return nil }, Notifier: identkit.NewNotifier(),
	})
	require.ErrorContains(t, err, "NotifyKeys is nil beside a Notifier")
}
