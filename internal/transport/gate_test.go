package transport

import (
	"context"
	"math"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
)

// rated is an API of a limited rate: take reports whether it takes a request now.
type rated struct {
	take       func(now time.Duration) bool
	retryAfter string
	latency    time.Duration

	mu       sync.Mutex
	start    time.Time
	arrivals []time.Duration
}

func (r *rated) RoundTrip(req *http.Request) (*http.Response, error) {
	r.mu.Lock()
	if r.start.IsZero() {
		r.start = time.Now()
	}
	now := time.Since(r.start)
	r.arrivals = append(r.arrivals, now)
	taken := r.take(now)
	r.mu.Unlock()
	time.Sleep(r.latency)
	if taken {
		return stub(http.StatusOK, `{"id":"1"}`)(req)
	}
	resp, err := stub(http.StatusTooManyRequests, `{}`)(req)
	if r.retryAfter != "" {
		resp.Header.Set("Retry-After", r.retryAfter)
	}
	return resp, err
}

func (r *rated) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.arrivals)
}

// refuseFirst refuses the first n requests.
func refuseFirst(n int) *rated {
	var requests int
	return &rated{take: func(time.Duration) bool { requests++; return requests > n }}
}

func ratedClient(t *testing.T, api http.RoundTripper, adjust ...func(*Config)) *Client {
	t.Helper()
	cfg := Config{
		Provider: "test", BaseURL: "https://api.example", Operations: thingOperations,
		Options: identkit.Options{HTTPClient: &http.Client{Transport: api}},
	}
	for _, f := range adjust {
		f(&cfg)
	}
	var check Check
	c := New(cfg, &check)
	require.NoError(t, check.Err("test", "test.New"))
	return c
}

// together makes n calls at once and returns how many of them failed.
func together(t *testing.T, c *Client, n int) int {
	var failed atomic.Int32
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			if err := create(t.Context(), c); err != nil {
				failed.Add(1)
				t.Log(err)
			}
		})
	}
	wg.Wait()
	return int(failed.Load())
}

func TestThreeHundredCallsToAnAPIThatTakesAHundredASecondAllSucceed(t *testing.T) {
	t.Parallel()
	bucket := func(burst int) func(time.Duration) bool {
		tokens, last := float64(burst), time.Duration(0)
		return func(now time.Duration) bool {
			tokens = min(float64(burst), tokens+100*(now-last).Seconds())
			last = now
			if tokens < 1 {
				return false
			}
			tokens--
			return true
		}
	}
	window := func(until time.Duration) func(time.Duration) bool {
		second, taken := time.Duration(-1), 0
		return func(now time.Duration) bool {
			if s := now.Truncate(time.Second); s != second {
				second, taken = s, 0
			}
			taken++
			return taken <= 100 && now >= until
		}
	}
	sliding := func() func(time.Duration) bool {
		var log []time.Duration
		return func(now time.Duration) bool {
			for len(log) > 0 && now-log[0] >= time.Second {
				log = log[1:]
			}
			if len(log) >= 100 {
				return false
			}
			log = append(log, now)
			return true
		}
	}
	for name, take := range map[string]func() func(time.Duration) bool{
		"whole seconds":              func() func(time.Duration) bool { return window(0) },
		"whole seconds, none at all": func() func(time.Duration) bool { return window(1500 * time.Millisecond) },
		"the last second":            sliding,
		"a bucket of 100":            func() func(time.Duration) bool { return bucket(100) },
		"a bucket of 50":             func() func(time.Duration) bool { return bucket(50) },
	} {
		for _, retryAfter := range []string{"", "1"} {
			for _, latency := range []time.Duration{0, 20 * time.Millisecond} {
				t.Run(name+" "+retryAfter+" "+latency.String(), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						api := &rated{take: take(), retryAfter: retryAfter, latency: latency}
						start := time.Now()
						assert.Zero(t, together(t, ratedClient(t, api), 300), "failed calls")
						t.Log(api.count(), "requests in", time.Since(start))
						assert.Less(t, api.count(), 700)
						assert.Less(t, time.Since(start), 15*time.Second)
					})
				})
			}
		}
	}
}

func TestA429HoldsAllCallsOfTheClient(t *testing.T) {
	t.Parallel()
	unmetered := readThing
	unmetered.Unmetered = true
	for name, call := range map[string]func(context.Context, *Client, *identkit.Response) error{
		"typed": func(ctx context.Context, c *Client, r *identkit.Response) error {
			return create(ctx, c, identkit.WithResponse(r))
		},
		"unmetered": func(ctx context.Context, c *Client, r *identkit.Response) error {
			_, err := unmetered.Do(ctx, c, thingParams{id: "1"}, []identkit.CallOption{identkit.WithResponse(r)})
			return err
		},
		"Call": func(ctx context.Context, c *Client, r *identkit.Response) error {
			return c.Call(ctx, identkit.Request{Path: "/any"}, nil, []identkit.CallOption{identkit.WithResponse(r)})
		},
		"other credentials": func(ctx context.Context, c *Client, r *identkit.Response) error {
			return create(ctx, c.WithAuth(Basic("u", identkit.Static("password"))), identkit.WithResponse(r), identkit.WithAttempts(1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				api := refuseFirst(1)
				api.retryAfter = "3"
				c, start := ratedClient(t, api), time.Now()
				var first, second identkit.Response
				var wg sync.WaitGroup
				wg.Go(func() { assert.NoError(t, create(t.Context(), c, identkit.WithResponse(&first))) })
				time.Sleep(time.Second)
				wg.Go(func() { assert.NoError(t, call(t.Context(), c, &second)) })
				wg.Wait()
				require.Len(t, api.arrivals, 3)
				for _, at := range api.arrivals[1:] {
					assert.GreaterOrEqual(t, at, 3*time.Second)
					assert.LessOrEqual(t, at, 4*time.Second)
				}
				require.Len(t, first.Attempts, 2)
				retry := first.Attempts[1]
				assert.Equal(t, identkit.ReasonRetryAfter, retry.Reason)
				assert.Equal(t, retry.Wait, retry.Start.Sub(start), "the wait for the gate is the retry's whole wait")
				assert.Zero(t, retry.Queued, "it does not wait again")
				require.Len(t, second.Attempts, 1, "a call that waits loses no attempt")
				waited := second.Attempts[0]
				assert.Equal(t, start.Add(time.Second), waited.Start)
				assert.GreaterOrEqual(t, waited.Queued, 2*time.Second)
				assert.Equal(t, waited.Queued, waited.Duration)
				assert.Zero(t, waited.Wait)
				assert.Empty(t, waited.Reason)
			})
		})
	}
}

func TestA429WithoutRetryAfterHoldsForASecond(t *testing.T) {
	t.Parallel()
	for value, least := range map[string]time.Duration{"": time.Second, "-1": time.Second, "soon": time.Second, "0": 0, "0.25": 250 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			api := refuseFirst(1)
			api.retryAfter = value
			var r identkit.Response
			require.NoError(t, create(t.Context(), ratedClient(t, api), identkit.WithResponse(&r)))
			assert.GreaterOrEqual(t, api.arrivals[1], least, "Retry-After %q", value)
			assert.LessOrEqual(t, api.arrivals[1], least+time.Second, "Retry-After %q", value)
			reason := identkit.ReasonRateLimited
			switch value {
			case "0":
				reason = identkit.ReasonBackoff
			case "0.25":
				reason = identkit.ReasonRetryAfter
			}
			assert.Equal(t, reason, r.Attempts[1].Reason, "Retry-After %q", value)
		})
	}
}

func TestOtherRetriesWaitForTheGateAndOnlyOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var requests atomic.Int32
		c := ratedClient(t, tripper(func(r *http.Request) (*http.Response, error) {
			switch requests.Add(1) {
			case 1: // of the read, which fails after the other call was refused
				time.Sleep(time.Second)
				return stub(http.StatusServiceUnavailable, `{}`)(r)
			case 2:
				resp, err := stub(http.StatusTooManyRequests, `{}`)(r)
				resp.Header.Set("Retry-After", "5")
				return resp, err
			}
			return stub(http.StatusOK, `{"id":"1"}`)(r)
		}))
		start := time.Now()
		var r identkit.Response
		var wg sync.WaitGroup
		wg.Go(func() { assert.NoError(t, read(t.Context(), c, identkit.WithResponse(&r))) })
		synctest.Wait()
		require.NoError(t, create(t.Context(), c))
		wg.Wait()
		require.Len(t, r.Attempts, 2)
		retry := r.Attempts[1]
		assert.Equal(t, identkit.ReasonRateLimited, retry.Reason)
		assert.GreaterOrEqual(t, retry.Start.Sub(start), 5*time.Second)
		assert.Equal(t, retry.Wait, retry.Start.Sub(start)-time.Second)
		assert.Zero(t, retry.Queued)
	})
}

func TestCallsThatWaitedLeaveSpreadOverASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := refuseFirst(1)
		api.retryAfter = "2"
		c := ratedClient(t, api)
		var wg sync.WaitGroup
		wg.Go(func() { assert.NoError(t, create(t.Context(), c)) })
		synctest.Wait()
		assert.Zero(t, together(t, c, 1000))
		wg.Wait()
		tenths := make([]int, 10)
		for _, at := range api.arrivals[1:] {
			require.GreaterOrEqual(t, at, 2*time.Second)
			require.LessOrEqual(t, at, 3*time.Second)
			tenths[min((at-2*time.Second)/(100*time.Millisecond), 9)]++
		}
		for i, n := range tenths {
			assert.Positive(t, n, "tenth %d", i)
			assert.Less(t, n, 300, "tenth %d", i)
		}
		assert.Less(t, tenths[0], 50, "few at first")
	})
}

func TestACallThatEndsBeforeThePauseFailsAtOnce(t *testing.T) {
	t.Parallel()
	short := func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, 2*time.Second)
	}
	for name, call := range map[string]func(context.Context, *Client) error{
		"timeout": func(ctx context.Context, c *Client) error {
			return create(ctx, c, identkit.WithTimeout(2*time.Second))
		},
		"context": func(ctx context.Context, c *Client) error {
			ctx, cancel := short(ctx)
			defer cancel()
			return create(ctx, c)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				api := refuseFirst(1)
				api.retryAfter = "5"
				c := ratedClient(t, api)
				require.ErrorIs(t, create(t.Context(), c, identkit.WithAttempts(1)), identkit.ErrRateLimited)
				time.Sleep(time.Second)
				start := time.Now()
				err := call(t.Context(), c)
				assert.Zero(t, time.Since(start))
				require.ErrorIs(t, err, identkit.ErrRateLimited)
				require.NotErrorIs(t, err, identkit.ErrOutcomeUnknown)
				var e *identkit.Error
				require.ErrorAs(t, err, &e)
				assert.Equal(t, 4*time.Second, e.RetryAfter)
				assert.Zero(t, e.Status)
				assert.Contains(t, err.Error(), "not sent")
				require.Len(t, e.Attempts, 1)
				assert.Equal(t, identkit.PhaseLimiter, e.Attempts[0].Phase)
				assert.Equal(t, 1, api.count())
				time.Sleep(3 * time.Second)
				require.NoError(t, call(t.Context(), c), "a second is left after the pause")
			})
		})
	}
}

func TestACanceledCallLeavesTheGateAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := refuseFirst(1)
		api.retryAfter = "5"
		c := ratedClient(t, api)
		require.Error(t, create(t.Context(), c, identkit.WithAttempts(1)))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		err := create(ctx, c)
		assert.Equal(t, time.Second, time.Since(start))
		require.ErrorIs(t, err, identkit.ErrCanceled)
		require.NotErrorIs(t, err, identkit.ErrOutcomeUnknown)
		assert.Equal(t, 1, api.count())
	})
}

func TestARetryAfterBeyondMaxBackoff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := refuseFirst(1)
		api.retryAfter = "3600"
		c, start := ratedClient(t, api), time.Now()
		err := create(t.Context(), c)
		require.ErrorIs(t, err, identkit.ErrRateLimited)
		var e *identkit.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, time.Hour, e.RetryAfter, "as the provider said")
		assert.Equal(t, http.StatusTooManyRequests, e.Status)
		assert.Len(t, e.Attempts, 1)
		assert.Zero(t, time.Since(start))

		time.Sleep(time.Second)
		err = create(t.Context(), c, identkit.WithTimeout(time.Second))
		require.ErrorAs(t, err, &e)
		assert.Equal(t, time.Hour-time.Second, e.RetryAfter)
		require.NoError(t, create(t.Context(), c))
		assert.GreaterOrEqual(t, api.arrivals[1], 10*time.Second, "the gate stays closed for MaxBackoff")
		assert.LessOrEqual(t, api.arrivals[1], 11*time.Second)
	})
}

func TestAFailureBeforeThePauseStaysBesideIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := ratedClient(t, stub(http.StatusServiceUnavailable, `{}`), func(cfg *Config) {
			cfg.Options.Retry.InitialBackoff = time.Second
			var requests atomic.Int32
			inner := cfg.Options.HTTPClient.Transport
			cfg.Options.HTTPClient = &http.Client{Transport: tripper(func(r *http.Request) (*http.Response, error) {
				if requests.Add(1) == 2 { // another call's, in the wait of the first
					resp, err := stub(http.StatusTooManyRequests, `{}`)(r)
					resp.Header.Set("Retry-After", "10")
					return resp, err
				}
				return inner.RoundTrip(r)
			})}
		})
		var err error
		var wg sync.WaitGroup
		wg.Go(func() { err = read(t.Context(), c, identkit.WithTimeout(5*time.Second)) })
		synctest.Wait()
		require.ErrorIs(t, create(t.Context(), c, identkit.WithAttempts(1)), identkit.ErrRateLimited)
		wg.Wait()
		require.ErrorIs(t, err, identkit.ErrRateLimited)
		require.ErrorIs(t, err, identkit.ErrUnavailable, "the last real error")
	})
}

func TestRetriesAfterAPauseCostNoBudget(t *testing.T) {
	t.Parallel()
	for value, kind := range map[string]identkit.Kind{"": "", "1": "", "0": identkit.ErrRetryBudget} {
		synctest.Test(t, func(t *testing.T) {
			api := refuseFirst(2)
			api.retryAfter = value
			c := ratedClient(t, api, func(cfg *Config) { cfg.Options.Retry.Budget = 1 })
			err := create(t.Context(), c)
			if kind == "" {
				require.NoError(t, err, "Retry-After %q", value)
			} else {
				require.ErrorIs(t, err, kind, "Retry-After %q", value)
			}
		})
	}
}

func TestWhatTheProviderMeansByA429Counts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := refuseFirst(1)
		c := ratedClient(t, api, func(cfg *Config) {
			cfg.Failure = func(e *identkit.Error, _ FailedResponse) { e.Kind = identkit.ErrRejected }
		})
		require.ErrorIs(t, create(t.Context(), c), identkit.ErrRejected)
		require.NoError(t, create(t.Context(), c))
		assert.Zero(t, api.arrivals[1], "a refusal of one user does not hold the others back")
	})
}

func TestTheEndOfAPause(t *testing.T) {
	t.Parallel()
	second, at := time.Second, func(g *pauseGate, d time.Duration) time.Time { return g.epoch.Add(d) }
	t.Run("a shorter one later never ends it earlier", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			g := newPauseGate(10 * second)
			assert.Equal(t, 5*second, g.close(at(g, 0), 5*second, true))
			time.Sleep(second)
			assert.Zero(t, g.close(at(g, 0), second, true))
			assert.Equal(t, 4*second, g.left())
			assert.Equal(t, 6*second, g.close(at(g, 0), 6*second, true), "a longer one prolongs it")
			assert.Equal(t, 6*second, g.left())
		})
	})
	t.Run("requests on their way do not prolong it for ever", func(t *testing.T) {
		t.Parallel()
		for _, given := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				g := newPauseGate(10 * second)
				g.close(at(g, 0), second, given)
				open := time.Duration(0)
				for range 600 { // one a tenth of a second, sent before the pause
					time.Sleep(100 * time.Millisecond)
					g.close(at(g, 0), second, given)
					if g.left() == 0 && open == 0 {
						open = time.Since(g.epoch)
					}
				}
				if given {
					assert.Equal(t, 10*second, open)
				} else {
					assert.Equal(t, second, open)
				}
				assert.Zero(t, g.left())
				assert.Equal(t, second, g.close(time.Now(), second, given), "one sent since closes it again")
			})
		}
	})
	t.Run("the longest Retry-After", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			g := newPauseGate(math.MaxInt64)
			time.Sleep(second)
			assert.Positive(t, g.close(at(g, 0), math.MaxInt64, true))
			assert.Positive(t, g.left())
			assert.Positive(t, g.retryAfter())
			l := NewLimiter(1, 1)
			require.NoError(t, l.Pause(t.Context(), math.MaxInt64))
			assert.Positive(t, l.pause.left())
		})
	})
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		g := newPauseGate(second)
		assert.Zero(t, g.close(time.Now(), 0, true))
		assert.Zero(t, g.left())
	})
}

func TestAGateIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	g := newPauseGate(time.Millisecond)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				g.close(time.Now(), time.Microsecond, true)
				assert.LessOrEqual(t, g.left(), time.Millisecond)
				g.retryAfter()
			}
		})
	}
	wg.Wait()
}

func TestAnotherHostHasAGateOfItsOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		refused := "api.example"
		hosts := make(map[string]string)
		c := ratedClient(t, tripper(func(r *http.Request) (*http.Response, error) {
			hosts[r.URL.Host] = r.URL.Path
			if r.URL.Host == refused {
				refused = ""
				return stub(http.StatusTooManyRequests, `{}`)(r)
			}
			return stub(http.StatusOK, `{"id":"1"}`)(r)
		}))
		var check Check
		login := c.WithBase("TokenURL", "https://login.example/realm", identkit.Options{}, &check)
		same := c.WithBase("TokenURL", "https://api.example/login", identkit.Options{}, &check)
		require.Empty(t, check.Faults)
		assert.Same(t, c.budget, login.budget)
		require.ErrorIs(t, create(t.Context(), c, identkit.WithAttempts(1)), identkit.ErrRateLimited)
		start := time.Now()
		require.NoError(t, create(t.Context(), login))
		assert.Zero(t, time.Since(start))
		assert.Equal(t, "/realm/things/1/parts/2", hosts["login.example"])
		require.NoError(t, create(t.Context(), same))
		assert.GreaterOrEqual(t, time.Since(start), time.Second, "the same host, the same gate")
	})
}

func TestAnotherBaseURLIsCheckedLikeTheFirst(t *testing.T) {
	t.Parallel()
	c := ratedClient(t, refuseFirst(0))
	for _, base := range []string{"", "http://login.example", "https://u:p@login.example", "https://login.example?x", "ftp://login.example", "https://login.example/../x"} {
		for _, from := range []*Client{c, nil} {
			var check Check
			assert.Nil(t, from.WithBase("TokenURL", base, identkit.Options{}, &check), base)
			require.NotEmpty(t, check.Faults, base)
			assert.Equal(t, "TokenURL", check.Faults[0].Field)
		}
	}
	var check Check
	assert.NotNil(t, c.WithBase("TokenURL", "http://login.example", identkit.Options{AllowPlainHTTP: true}, &check))
	assert.Empty(t, check.Faults)
}
