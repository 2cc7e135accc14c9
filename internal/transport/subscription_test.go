package transport

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
)

func TestANotifiedStateIsSeenWithin250Milliseconds(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Duration{0, time.Millisecond, 100 * time.Millisecond, time.Second, 10*time.Second + time.Millisecond, 3 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			notifier := identkit.NewNotifier()
			var done atomic.Bool
			j := newJobs(t, func(n int, r *http.Request) (*http.Response, error) {
				if done.Load() {
					return inState("DONE")(n, r)
				}
				return inState("WAITING")(n, r)
			}, func(o *identkit.Options) { o.Notifier = notifier })
			time.AfterFunc(at, func() {
				done.Store(true)
				_ = notifier.Notify(t.Context(), jobKey)
			})
			_, err := j.wait(t.Context(), identkit.WaitPolicy{})
			require.NoError(t, err)
			assert.LessOrEqual(t, time.Since(j.started)-at, 250*time.Millisecond)
			assert.Zero(t, notifier.Subscribers(), "the wait has unsubscribed")
			if at > time.Second {
				assert.Equal(t, 1, j.infos[0].Notified)
			}
		})
	}
}

func TestAChangeDuringAReadIsNotMissed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		notifier := identkit.NewNotifier()
		j := newJobs(t, func(n int, r *http.Request) (*http.Response, error) {
			if n > 1 {
				return inState("DONE")(n, r)
			}
			_ = notifier.Notify(r.Context(), jobKey) // the state changes while the old one is on its way
			time.Sleep(50 * time.Millisecond)
			return inState("WAITING")(n, r)
		})
		_, err := j.wait(t.Context(), identkit.WaitPolicy{Notifier: notifier})
		require.NoError(t, err)
		assert.Equal(t, []time.Duration{0, 250 * time.Millisecond}, j.reads)
	})
}

func TestNotificationsAreCoalescedAndReadsKeepTheirDistance(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		notifier := identkit.NewNotifier()
		j := newJobs(t, inState("WAITING"))
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		var notifying sync.WaitGroup
		notifying.Go(func() {
			for ctx.Err() == nil {
				_ = notifier.Notify(ctx, jobKey)
				_ = notifier.Notify(ctx, "test.job:2")
				time.Sleep(time.Millisecond)
			}
		})
		_, err := j.wait(ctx, identkit.WaitPolicy{Notifier: notifier})
		require.ErrorIs(t, err, identkit.ErrTimeout)
		notifying.Wait()
		for n := 1; n < len(j.reads); n++ {
			assert.GreaterOrEqual(t, j.reads[n]-j.reads[n-1], 200*time.Millisecond)
		}
		assert.InDelta(t, 10, len(j.reads), 1)
	})
}

func TestAPolicysNotifierReplacesThatOfTheClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		clients, policys := identkit.NewNotifier(), identkit.NewNotifier()
		j := newJobs(t, thenDone(1, stub(200, `{"state":"WAITING"}`)), func(o *identkit.Options) { o.Notifier = clients })
		time.AfterFunc(100*time.Millisecond, func() {
			assert.Zero(t, clients.Subscribers())
			_ = policys.Notify(t.Context(), jobKey)
		})
		_, err := j.wait(t.Context(), identkit.WaitPolicy{Notifier: policys})
		require.NoError(t, err)
		assert.Equal(t, 200*time.Millisecond, j.reads[1])
	})
}

func TestPollingGoesOnSlowerBesideANotifier(t *testing.T) {
	t.Parallel()
	count := func(n identkit.Notifier) (reads int) {
		synctest.Test(t, func(t *testing.T) {
			j := newJobs(t, inState("WAITING"))
			_, err := j.wait(t.Context(), identkit.WaitPolicy{Notifier: n, Until: j.started.Add(10 * time.Minute)})
			require.ErrorIs(t, err, identkit.ErrTimeout)
			reads = len(j.reads)
		})
		return reads
	}
	assert.InDelta(t, 160, count(nil), 30)
	assert.InDelta(t, 55, count(identkit.NewNotifier()), 15)
}

// teamNotifier is a notifier of the team's own.
type teamNotifier struct {
	subscribe func(ctx context.Context) (<-chan struct{}, error)
	stopped   atomic.Bool
}

func (f *teamNotifier) Subscribe(ctx context.Context, _ string) (again <-chan struct{}, stop func(), err error) {
	again, err = f.subscribe(ctx)
	return again, func() { f.stopped.Store(true) }, err
}

func (f *teamNotifier) Notify(context.Context, string) error { return nil }

func TestANotifierThatFailsDoesNotFailTheWait(t *testing.T) {
	t.Parallel()
	down := errors.New("the database is down")
	for name, c := range map[string]struct {
		subscribe func(ctx context.Context) (<-chan struct{}, error)
		first     time.Duration // when the first read is
		err       error
	}{
		"fails":    {func(context.Context) (<-chan struct{}, error) { return nil, down }, 0, down},
		"panics":   {func(context.Context) (<-chan struct{}, error) { panic("x") }, 0, errNotifierPanic},
		"nil":      {func(context.Context) (<-chan struct{}, error) { return nil, nil }, 0, errNotifierNil},
		"is slow":  {func(ctx context.Context) (<-chan struct{}, error) { <-ctx.Done(); return nil, ctx.Err() }, time.Second, errNotifierSlow},
		"is stuck": {func(context.Context) (<-chan struct{}, error) { time.Sleep(time.Hour); return nil, down }, time.Second, errNotifierSlow},
		"closes":   {func(context.Context) (<-chan struct{}, error) { c := make(chan struct{}); close(c); return c, nil }, 0, errNotifierClosed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				n := &teamNotifier{subscribe: c.subscribe}
				j := newJobs(t, inState("WAITING"), func(o *identkit.Options) {
					o.Notifier, o.Logger = n, slog.New(slog.NewTextHandler(&log, nil))
				})
				_, err := j.wait(t.Context(), identkit.WaitPolicy{Until: j.started.Add(10 * time.Minute)})
				require.ErrorIs(t, err, identkit.ErrTimeout)
				assert.Equal(t, c.first, j.reads[0])
				assert.InDelta(t, 160, len(j.reads), 30, "it polls as without a notifier")
				require.ErrorIs(t, j.infos[0].NotifierErr, c.err)
				assert.Contains(t, log.String(), "level=WARN msg=\"wait polled without its notifier\" operation=test.Jobs.Wait error=")
				time.Sleep(2 * time.Hour)
				synctest.Wait()
				assert.Equal(t, name != "panics", n.stopped.Load(), "the subscription is given up, however late")
			})
		})
	}
}

func TestANotifierThatSubscribesLateIsUsed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		again := make(chan struct{}, 1)
		n := &teamNotifier{subscribe: func(context.Context) (<-chan struct{}, error) {
			time.Sleep(20 * time.Second)
			return again, nil
		}}
		time.AfterFunc(50*time.Second, func() { again <- struct{}{} })
		j := newJobs(t, func(i int, r *http.Request) (*http.Response, error) {
			if time.Now().Second() < 50 { // a bubble begins with a minute
				return inState("WAITING")(i, r)
			}
			return inState("DONE")(i, r)
		})
		_, err := j.wait(t.Context(), identkit.WaitPolicy{Notifier: n})
		require.NoError(t, err)
		soon := func(at time.Duration) bool { return at >= 20*time.Second && at <= 20*time.Second+notifiedPause }
		assert.True(t, slices.ContainsFunc(j.reads, soon), "what happened before was not notified")
		assert.LessOrEqual(t, time.Since(j.started), 50*time.Second+250*time.Millisecond)
		require.NoError(t, j.infos[0].NotifierErr)
		synctest.Wait()
		assert.True(t, n.stopped.Load())
	})
}

func TestAContextThatEndsWhileANotifierHangsEndsTheWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := newJobs(t, inState("WAITING"))
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		n := &teamNotifier{subscribe: func(context.Context) (<-chan struct{}, error) { time.Sleep(time.Hour); return nil, nil }}
		_, err := j.wait(ctx, identkit.WaitPolicy{Notifier: n})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 300*time.Millisecond, time.Since(j.started))
		time.Sleep(2 * time.Hour) // the notifier's goroutine ends with it
	})
}
