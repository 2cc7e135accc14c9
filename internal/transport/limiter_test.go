package transport

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/identkit/identkit"
)

func TestALimiterPausesForAllWhoShareIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter(100, 10)
		api := refuseFirst(1)
		api.retryAfter = "3"
		shared := func(cfg *Config) { cfg.Limiter = l }
		one, other := ratedClient(t, api, shared), ratedClient(t, api, shared)
		require.Error(t, create(t.Context(), one, identkit.WithAttempts(1)))
		assert.Zero(t, together(t, other, 100))
		var last time.Duration
		for _, at := range api.arrivals[1:] {
			assert.GreaterOrEqual(t, at, 3*time.Second)
			last = at
		}
		assert.InDelta(t, 3.9, last.Seconds(), 0.001, "a burst of 10, the others at the limiter's rate")
		err := other.Call(t.Context(), identkit.Request{Path: "/any"}, nil, nil)
		require.NoError(t, err)
	})
}

func TestALimiterFailsAtOnceWhereThePauseIsTooLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter(rate.Inf, 1)
		require.NoError(t, l.Pause(t.Context(), 5*time.Second))
		require.NoError(t, l.Pause(t.Context(), time.Second), "a shorter one does not end it")
		c, start := ratedClient(t, refuseFirst(0), func(cfg *Config) { cfg.Options.Limiter = l }), time.Now()
		require.ErrorIs(t, create(t.Context(), c, identkit.WithTimeout(4*time.Second)), identkit.ErrRateLimited)
		assert.Zero(t, time.Since(start))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		require.ErrorIs(t, create(ctx, c), identkit.ErrCanceled)
		assert.Equal(t, time.Second, time.Since(start))
		require.NoError(t, create(t.Context(), c))
		assert.Equal(t, 5*time.Second, time.Since(start))
	})
}

func TestAPlaceInALimiterThatIsPausedMeanwhileIsAskedForAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, start := NewLimiter(1, 1), time.Now()
		require.NoError(t, l.Wait(t.Context()))
		time.AfterFunc(500*time.Millisecond, func() { _ = l.Pause(t.Context(), 10*time.Second) })
		require.NoError(t, l.Wait(t.Context()))
		assert.GreaterOrEqual(t, time.Since(start), 10500*time.Millisecond)
	})
}

// pauser is a limiter of a caller's own.
type pauser struct {
	pause  func(context.Context, time.Duration) error
	mu     sync.Mutex
	pauses []time.Duration
}

func (*pauser) Wait(context.Context) error { return nil }

func (p *pauser) Pause(ctx context.Context, d time.Duration) error {
	p.mu.Lock()
	p.pauses = append(p.pauses, d)
	p.mu.Unlock()
	if p.pause != nil {
		return p.pause(ctx, d)
	}
	return nil
}

func TestALimiterIsAskedToPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := new(pauser)
		api := refuseFirst(50)
		api.retryAfter, api.latency = "3", 10*time.Millisecond
		c := ratedClient(t, api, func(cfg *Config) { cfg.Options.Limiter = p })
		assert.Zero(t, together(t, c, 50))
		assert.Equal(t, []time.Duration{3 * time.Second}, p.pauses, "once for 429s that arrive together")

		api.take, api.retryAfter = refuseFirst(1).take, "3600"
		require.Error(t, create(t.Context(), c))
		assert.Equal(t, 10*time.Second, p.pauses[1], "as long as the client pauses")

		time.Sleep(10 * time.Second)
		unmetered := readThing
		unmetered.Unmetered, api.take = true, refuseFirst(1).take
		_, err := unmetered.Do(t.Context(), c, thingParams{id: "1"}, nil)
		require.Error(t, err)
		assert.Len(t, p.pauses, 2, "the limiter's rate is not that of an unmetered operation")
	})
}

func TestALimiterThatDoesNotReturnHoldsNoCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		end := make(chan struct{})
		defer close(end)
		p := &pauser{pause: func(context.Context, time.Duration) error { <-end; return nil }}
		api := refuseFirst(1)
		c, start := ratedClient(t, api, func(cfg *Config) { cfg.Options.Limiter = p }), time.Now()
		require.ErrorIs(t, create(t.Context(), c, identkit.WithTimeout(300*time.Millisecond)), identkit.ErrRateLimited)
		assert.Equal(t, 300*time.Millisecond, time.Since(start))
		require.NoError(t, create(t.Context(), c))
		assert.LessOrEqual(t, time.Since(start), 2*time.Second)
	})
}

func TestThePauseHoldsBehindTheLimiterToo(t *testing.T) {
	t.Parallel()
	for name, limiter := range map[string]func() identkit.Limiter{
		"x/time": func() identkit.Limiter { return rate.NewLimiter(10, 1) },
		"ours":   func() identkit.Limiter { return NewLimiter(10, 1) },
		"other":  func() identkit.Limiter { return struct{ *rate.Limiter }{rate.NewLimiter(10, 1)} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				api := refuseFirst(1)
				api.retryAfter = "5"
				assert.Zero(t, together(t, ratedClient(t, api, func(cfg *Config) { cfg.Options.Limiter = limiter() }), 20))
				for i, at := range api.arrivals[1:] {
					assert.GreaterOrEqual(t, at, 5*time.Second, "those that waited for the limiter when the pause began wait for it as well")
					assert.GreaterOrEqual(t, at, 5*time.Second+time.Duration(max(i-3, 0))*100*time.Millisecond, "and keep the rate after it")
				}
			})
		})
	}
}

func TestOurLimiterCostsNoAllocation(t *testing.T) { // not parallel: allocations are counted process-wide
	count := func(l identkit.Limiter) float64 {
		c := ratedClient(t, stub(http.StatusOK, `{"id":"1"}`), func(cfg *Config) { cfg.Options.Limiter = l })
		return testing.AllocsPerRun(300, func() {
			if err := create(t.Context(), c); err != nil {
				t.Error(err)
			}
		})
	}
	assert.LessOrEqual(t, count(NewLimiter(rate.Inf, 1)), count(nil))
	assert.LessOrEqual(t, count(rate.NewLimiter(rate.Inf, 1)), count(nil))
}
