package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/internal/fakeserver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The two calls under fault: one that is safe to retry and one that is not.
func read(ctx context.Context, c *Client, opts ...identkit.CallOption) error {
	_, err := readOne(ctx, c, "1", opts...)
	return err
}

func create(ctx context.Context, c *Client, opts ...identkit.CallOption) error {
	_, err := writeThing.Do(ctx, c, thingParams{"1", "2", map[string]string{"a": "b"}}, opts)
	return err
}

func fakeOfThings() *fakeserver.Server {
	srv := fakeserver.New(fakeserver.Config{BasePath: "/api"})
	for _, op := range thingOperations {
		srv.Handle(op.Info(), func(c *fakeserver.Call) {
			c.SetHeader("X-Request-Id", "req-7")
			c.JSON(200, map[string]string{"id": c.PathValue("id")})
		})
	}
	return srv
}

// startedThings is the same behind a socket.
func startedThings(t *testing.T) *fakeserver.Server {
	t.Helper()
	srv := fakeOfThings()
	require.NoError(t, srv.Start())
	t.Cleanup(srv.Close)
	return srv
}

func clientFor(tb testing.TB, srv *fakeserver.Server, adjust ...func(*Config)) *Client {
	tb.Helper()
	cfg := Config{
		Provider: "test", BaseURL: srv.URL(), Operations: thingOperations,
		Options: identkit.Options{HTTPClient: &http.Client{Transport: srv.Transport()}},
	}
	if strings.HasPrefix(cfg.BaseURL, "http://") { // it has a socket
		cfg.Options.HTTPClient = nil
	}
	for _, f := range adjust {
		f(&cfg)
	}
	var check Check
	c := New(cfg, &check)
	require.NoError(tb, check.Err("test", "test.New"))
	tb.Cleanup(c.CloseIdleConnections)
	return c
}

func bubble(t *testing.T, test func(t *testing.T, srv *fakeserver.Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		srv := fakeOfThings()
		defer srv.Close()
		test(t, srv)
	})
}

// clientOf is a client of any server over the caller's transport.
func clientOf(t *testing.T, url string, rt http.RoundTripper) *Client {
	t.Helper()
	return frameClient(t, &http.Client{Transport: rt}, url, 3)
}

type faultCase struct {
	name  string
	fault identkittest.Rule
	call  func(context.Context, *Client, ...identkit.CallOption) error

	want     identkit.Kind // "": success
	attempts int
	unknown  bool
	duration time.Duration // at least, on the bubble's clock
	atMost   time.Duration
}

func TestFaultsOnFakeTime(t *testing.T) {
	t.Parallel()
	any1 := identkittest.Any
	for _, c := range []faultCase{
		{name: "429, Retry-After 1", fault: any1().First(1).RetryAfter(429, "1"), call: read, attempts: 2, duration: time.Second, atMost: 2 * time.Second},
		{name: "429, Retry-After 1, create", fault: any1().First(1).RetryAfter(429, "1"), call: create, attempts: 2, duration: time.Second, atMost: 2 * time.Second},
		{name: "429, Retry-After 1.5", fault: any1().First(1).RetryAfter(429, "1.5"), call: read, attempts: 2, duration: 1500 * time.Millisecond, atMost: 3 * time.Second},
		{name: "429, Retry-After an HTTP date", fault: any1().First(1).RetryAfter(429, time.Date(2000, 1, 1, 0, 0, 5, 0, time.UTC).Format(http.TimeFormat)), call: read, attempts: 2, duration: 4 * time.Second, atMost: 6 * time.Second},
		{name: "429, Retry-After 9999999999999", fault: any1().RetryAfter(429, "9999999999999"), call: read, want: identkit.ErrRateLimited, attempts: 1, atMost: time.Second},
		{name: "429, negative Retry-After", fault: any1().First(1).RetryAfter(429, "-7"), call: read, attempts: 2, atMost: 2 * time.Second},
		{name: "429 always", fault: any1().Status(429), call: create, want: identkit.ErrRateLimited, attempts: 3, atMost: 30 * time.Second},
		{name: "two 503, then 200", fault: any1().First(2).Status(503), call: read, attempts: 3, atMost: 30 * time.Second},
		{name: "two 503, then 200, create", fault: any1().First(2).Status(503), call: create, want: identkit.ErrUnavailable, attempts: 1, unknown: true},
		{name: "503 always", fault: any1().Status(503), call: read, want: identkit.ErrUnavailable, attempts: 3, atMost: 30 * time.Second},
		{name: "connection refused", fault: any1().First(1).Refuse(), call: create, attempts: 2},
		{name: "connection always refused", fault: any1().Refuse(), call: create, want: identkit.ErrNetwork, attempts: 3},
		{name: "reset before the response", fault: any1().First(1).Reset(), call: read, attempts: 2},
		{name: "reset before the response, create", fault: any1().First(1).Reset(), call: create, want: identkit.ErrNetwork, attempts: 1, unknown: true},
		{name: "reset after the headers", fault: any1().First(1).ResetAfterHeaders(), call: read, attempts: 2},
		{name: "reset inside the response", fault: any1().First(1).ResetInBody(), call: read, attempts: 2},
		{name: "reset inside the response, create", fault: any1().First(1).ResetInBody(), call: create, want: identkit.ErrNetwork, attempts: 1, unknown: true},
		{name: "response lost after acting", fault: any1().First(1).LoseResponse(), call: read, attempts: 2},
		{name: "response lost after acting, create", fault: any1().First(1).LoseResponse(), call: create, want: identkit.ErrNetwork, attempts: 1, unknown: true},
		{name: "slow header", fault: any1().First(1).SlowHeader(45 * time.Second), call: read, attempts: 2, duration: 30 * time.Second, atMost: 40 * time.Second},
		{name: "slow header, create", fault: any1().First(1).SlowHeader(45 * time.Second), call: create, want: identkit.ErrTimeout, attempts: 1, unknown: true, duration: 30 * time.Second, atMost: 31 * time.Second},
		{name: "one byte a second", fault: any1().Stream(1, 2*time.Second), call: read, want: identkit.ErrTimeout, attempts: 3, duration: 30 * time.Second, atMost: 40 * time.Second},
		{name: "one byte a second, create", fault: any1().Stream(1, 2*time.Second), call: create, want: identkit.ErrTimeout, attempts: 1, unknown: true, duration: 10 * time.Second, atMost: 11 * time.Second},
		{name: "truncated response", fault: any1().First(1).TruncateHalf(), call: read, attempts: 2},
		{name: "truncated gzip", fault: any1().First(1).GzipTruncated(), call: read, attempts: 2},
		{name: "truncated gzip, create", fault: any1().GzipTruncated(), call: create, want: identkit.ErrNetwork, attempts: 1, unknown: true},
		{name: "HTML 200", fault: any1().HTML(200), call: read, want: identkit.ErrBadResponse, attempts: 1},
		{name: "HTML 200, create", fault: any1().HTML(200), call: create, want: identkit.ErrBadResponse, attempts: 1, unknown: true},
		{name: "HTML 502", fault: any1().HTML(502), call: read, want: identkit.ErrUnavailable, attempts: 3},
		{name: "HTML 502, create", fault: any1().HTML(502), call: create, want: identkit.ErrUnavailable, attempts: 1, unknown: true},
		{name: "null", fault: any1().JSON(200, nil), call: create, want: identkit.ErrBadResponse, attempts: 1, unknown: true},
		{name: "{}", fault: any1().JSON(200, map[string]any{}), call: create, want: identkit.ErrBadResponse, attempts: 1, unknown: true},
		{name: "empty 200", fault: any1().Empty(), call: create, want: identkit.ErrBadResponse, attempts: 1, unknown: true},
		{name: "duplicate body", fault: any1().DuplicateBody(), call: create, want: identkit.ErrBadResponse, attempts: 1, unknown: true},
		{name: "bad JSON", fault: any1().BadJSON(), call: create, want: identkit.ErrBadResponse, attempts: 1, unknown: true},
		{name: "204 instead of an object", fault: any1().Status(204), call: create, want: identkit.ErrBadResponse, attempts: 1, unknown: true},
		{name: "redirect to another host", fault: any1().Redirect("https://evil.example/"), call: read, want: identkit.ErrBadResponse, attempts: 1},
		{name: "redirect to another host, create", fault: any1().Redirect("https://evil.example/"), call: create, want: identkit.ErrBadResponse, attempts: 1, unknown: true},
		{name: "redirect to nowhere", fault: any1().Status(302).Header("Location", "::%"), call: read, want: identkit.ErrBadResponse, attempts: 1},
		{name: "501", fault: any1().Status(501), call: read, want: identkit.ErrUnavailable, attempts: 1},
		{name: "418", fault: any1().Status(418), call: create, want: identkit.ErrRejected, attempts: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, srv *fakeserver.Server) {
				lc := identkittest.NewLeakCheck(t)
				password := lc.Secret("password")
				srv.Fault(c.fault)
				client := clientFor(t, srv, func(cfg *Config) {
					cfg.Auth = Basic("user", identkit.Static(password))
					cfg.Options.Logger, cfg.Options.Observer = lc.Logger(), lc.Observer()
				})
				start := time.Now()
				var resp identkit.Response
				err := c.call(t.Context(), client, identkit.WithResponse(&resp))
				duration := time.Since(start)
				assert.Equal(t, c.attempts, srv.Journal().Len(), "attempts")
				assert.GreaterOrEqual(t, duration, c.duration)
				if c.atMost > 0 {
					assert.LessOrEqual(t, duration, c.atMost)
				}
				if c.want == "" {
					require.NoError(t, err)
					assert.Len(t, resp.Attempts, c.attempts)
					return
				}
				lc.Error(err)
				require.ErrorIs(t, err, c.want)
				assert.Equal(t, c.unknown, errors.Is(err, identkit.ErrOutcomeUnknown), "outcome unknown")
				var e *identkit.Error
				require.ErrorAs(t, err, &e)
				assert.Len(t, e.Attempts, c.attempts)
			})
		})
	}
}

func TestUnreachableServerCountsAsAnAttempt(t *testing.T) {
	t.Parallel()
	srv := fakeOfThings()
	srv.Fault(identkittest.Any().First(1).Refuse())
	var resp identkit.Response
	require.NoError(t, create(t.Context(), clientFor(t, srv), identkit.WithResponse(&resp)))
	require.Len(t, resp.Attempts, 2)
	assert.Equal(t, identkit.PhaseDial, resp.Attempts[0].Phase)
	assert.Equal(t, identkit.ErrNetwork, resp.Attempts[0].Kind)
	assert.Equal(t, identkit.ReasonBackoff, resp.Attempts[1].Reason)
	assert.Equal(t, 200, resp.Attempts[1].Status)
}

// The same over real sockets, where net/http has retries of its own.
func TestFaultsOverSockets(t *testing.T) {
	t.Parallel()
	for _, c := range []faultCase{
		{name: "reset before the response, create", fault: identkittest.Any().First(1).Reset(), call: create, want: identkit.ErrNetwork, attempts: 1, unknown: true},
		{name: "reset before the response", fault: identkittest.Any().First(1).Reset(), call: read, attempts: 2},
		{name: "reset inside the response", fault: identkittest.Any().First(1).ResetInBody(), call: read, attempts: 2},
		{name: "reset after the headers, create", fault: identkittest.Any().ResetAfterHeaders(), call: create, want: identkit.ErrNetwork, attempts: 1, unknown: true},
		{name: "response lost, create", fault: identkittest.Any().LoseResponse(), call: create, want: identkit.ErrNetwork, attempts: 1, unknown: true},
		{name: "one byte at a time", fault: identkittest.Any().Stream(1, 20*time.Millisecond), call: create, want: identkit.ErrTimeout, attempts: 1, unknown: true},
		{name: "slow header", fault: identkittest.Any().SlowHeader(time.Minute), call: create, want: identkit.ErrTimeout, attempts: 1, unknown: true},
		{name: "truncated response", fault: identkittest.Any().TruncateHalf(), call: create, want: identkit.ErrNetwork, attempts: 1, unknown: true},
		{name: "truncated gzip", fault: identkittest.Any().GzipTruncated(), call: create, want: identkit.ErrNetwork, attempts: 1, unknown: true},
		{name: "redirect", fault: identkittest.Any().Redirect("https://evil.example/"), call: create, want: identkit.ErrBadResponse, attempts: 1, unknown: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			srv := startedThings(t)
			srv.Fault(c.fault)
			client := clientFor(t, srv, func(cfg *Config) { cfg.Options.Retry.AttemptTimeout = 300 * time.Millisecond })
			err := c.call(t.Context(), client)
			assert.Equal(t, c.attempts, srv.Journal().Len())
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, c.want)
			assert.Equal(t, c.unknown, errors.Is(err, identkit.ErrOutcomeUnknown))
		})
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var visits atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	t.Cleanup(elsewhere.Close)
	srv := startedThings(t)
	srv.Fault(identkittest.Any().Redirect(elsewhere.URL))
	client := clientFor(t, srv, func(cfg *Config) {
		cfg.Options.HTTPClient = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}
	})
	require.ErrorIs(t, read(t.Context(), client), identkit.ErrBadResponse)
	require.ErrorIs(t, create(t.Context(), client), identkit.ErrBadResponse)
	assert.Zero(t, visits.Load(), "even if the caller's client would follow")
}

func TestOversizedResponsesAreReadInBoundedMemory(t *testing.T) { // not parallel: it measures the heap
	for name, fault := range map[string]identkittest.Rule{
		"gzip bomb of 1 GiB": identkittest.Any().GzipBomb(1 << 30),
		"body of 1 GiB":      identkittest.Any().Pad(1 << 30),
	} {
		t.Run(name, func(t *testing.T) {
			srv := startedThings(t)
			srv.Fault(fault)
			client := clientFor(t, srv)
			peak := extraHeap(func() {
				err := create(t.Context(), client)
				require.ErrorIs(t, err, identkit.ErrResponseTooLarge)
				require.ErrorIs(t, err, identkit.ErrOutcomeUnknown)
				require.ErrorIs(t, read(t.Context(), client), identkit.ErrResponseTooLarge)
			})
			// The cap is 16 MiB, which io.ReadAll holds two times; garbage of the first call may still be there in the second.
			assert.Less(t, peak, uint64(128<<20))
			assert.Equal(t, 2, srv.Journal().Len(), "not retried")
		})
	}
}

func TestUnknownHostIsNotRetried(t *testing.T) {
	t.Parallel()
	dials := 0
	client := clientOf(t, "https://unknown.invalid/pac", &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		dials++
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "unknown.invalid", IsNotFound: true}}
	}})
	err := create(t.Context(), client)
	require.ErrorIs(t, err, identkit.ErrNetwork)
	require.NotErrorIs(t, err, identkit.ErrOutcomeUnknown, "it was never sent")
	assert.Contains(t, err.Error(), "no such host")
	var e *identkit.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, identkit.PhaseDNS, e.Attempts[0].Phase)
	assert.Equal(t, 1, dials)
}

func TestExpiredCertificateIsRejected(t *testing.T) {
	t.Parallel()
	var handled atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { handled.Add(1) }))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	pool := srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	expired := &tls.Config{RootCAs: pool, Time: func() time.Time { return time.Now().AddDate(200, 0, 0) }}
	client := clientOf(t, srv.URL, &http.Transport{TLSClientConfig: expired})
	err := create(t.Context(), client)
	require.ErrorIs(t, err, identkit.ErrNetwork)
	require.NotErrorIs(t, err, identkit.ErrOutcomeUnknown)
	assert.Contains(t, err.Error(), "expired")
	var e *identkit.Error
	require.ErrorAs(t, err, &e)
	require.Len(t, e.Attempts, 1)
	assert.Equal(t, identkit.PhaseTLS, e.Attempts[0].Phase)
	assert.Zero(t, handled.Load())
}

func TestContextIsCancelledInEachPhase(t *testing.T) {
	t.Parallel()
	t.Run("before the call", func(t *testing.T) {
		t.Parallel()
		srv := fakeOfThings()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := create(ctx, clientFor(t, srv))
		require.ErrorIs(t, err, identkit.ErrCanceled)
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, identkit.ErrOutcomeUnknown)
		assert.Zero(t, srv.Journal().Len())
	})
	t.Run("while dialling", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		client := clientOf(t, "https://pac.invalid", &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			cancel()
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		err := create(ctx, client)
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, identkit.ErrOutcomeUnknown)
	})
	for name, c := range map[string]struct {
		fault   identkittest.Rule
		unknown bool
	}{
		"waiting for the response": {identkittest.Any().SlowHeader(time.Minute), true},
		"inside the response":      {identkittest.Any().Stream(1, time.Second), true},
		"waiting for another try":  {identkittest.Any().RetryAfter(429, "9"), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, srv *fakeserver.Server) {
				srv.Fault(c.fault)
				ctx, cancel := context.WithCancelCause(t.Context())
				reason := errors.New("the user went away")
				time.AfterFunc(5*time.Second, func() { cancel(reason) })
				start := time.Now()
				err := create(ctx, clientFor(t, srv))
				require.ErrorIs(t, err, identkit.ErrCanceled)
				require.ErrorIs(t, err, context.Canceled)
				require.ErrorIs(t, err, reason)
				assert.Equal(t, c.unknown, errors.Is(err, identkit.ErrOutcomeUnknown))
				assert.Equal(t, 5*time.Second, time.Since(start), "immediately")
				if !c.unknown {
					require.ErrorIs(t, err, identkit.ErrRateLimited, "the error of the last attempt stays")
				}
			})
		})
	}
	t.Run("deadline", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T, srv *fakeserver.Server) {
			srv.Fault(identkittest.Any().Status(503))
			ctx, cancel := context.WithTimeout(t.Context(), time.Microsecond)
			defer cancel()
			err := read(ctx, clientFor(t, srv, func(cfg *Config) { cfg.Options.Retry.InitialBackoff = 9 * time.Second }))
			require.ErrorIs(t, err, identkit.ErrUnavailable, "a wait that does not fit the deadline is not begun: the last real error")
		})
	})
	t.Run("the call's own timeout", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T, srv *fakeserver.Server) {
			srv.Fault(identkittest.Any().SlowHeader(time.Minute))
			start := time.Now()
			err := read(t.Context(), clientFor(t, srv), identkit.WithTimeout(7*time.Second))
			require.ErrorIs(t, err, identkit.ErrTimeout)
			assert.Contains(t, err.Error(), "call timed out")
			assert.Equal(t, 7*time.Second, time.Since(start))
		})
	})
}

func TestConcurrentFailuresKeepTheSharedPool(t *testing.T) {
	t.Parallel()
	srv := startedThings(t)
	var dials atomic.Int32
	pool := &http.Transport{MaxIdleConnsPerHost: 512, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		dials.Add(1)
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}
	t.Cleanup(pool.CloseIdleConnections)
	client := clientFor(t, srv, func(cfg *Config) { cfg.Options.HTTPClient = &http.Client{Transport: pool} })
	round := func() {
		errs := make(chan error, 200)
		for range cap(errs) {
			go func() { errs <- create(t.Context(), client) }()
		}
		for range cap(errs) {
			<-errs
		}
	}
	round()
	srv.Fault(identkittest.Any().Status(500))
	round()
	before := dials.Load()
	srv.ClearFaults()
	for range 50 {
		require.NoError(t, create(t.Context(), client))
	}
	assert.Equal(t, before, dials.Load(), "failed calls left the idle connections open")
}

func TestRetryBudgetStopsRetryStorms(t *testing.T) {
	t.Parallel()
	srv := fakeOfThings()
	srv.Fault(identkittest.Any().Status(503))
	client := clientFor(t, srv, func(cfg *Config) {
		cfg.Options.Retry.Budget, cfg.Options.Retry.MaxBackoff = 5, time.Millisecond
	})
	var last error
	for range 20 {
		last = read(t.Context(), client)
	}
	assert.Equal(t, 20+5, srv.Journal().Len(), "five retries for twenty calls")
	require.ErrorIs(t, last, identkit.ErrRetryBudget)
	require.ErrorIs(t, last, identkit.ErrUnavailable, "with the real error inside")
	assert.Contains(t, last.Error(), "locally")
	var e *identkit.Error
	require.ErrorAs(t, last, &e)
	assert.Equal(t, 503, e.Status)
}

func TestEveryAttemptWaitsForTheLimiter(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, srv *fakeserver.Server) {
		srv.Fault(identkittest.Any().First(1).Status(503))
		l := &countingLimiter{}
		client := clientFor(t, srv, func(cfg *Config) { cfg.Options.Limiter = l })
		require.NoError(t, read(t.Context(), client))
		assert.Equal(t, 2, l.n)

		l.wait = time.Hour
		start := time.Now()
		err := create(t.Context(), client)
		require.ErrorIs(t, err, identkit.ErrRateLimited)
		require.NotErrorIs(t, err, identkit.ErrOutcomeUnknown)
		assert.Equal(t, 2*time.Minute, time.Since(start), "bounded by the call's timeout")
	})
}

type countingLimiter struct {
	n    int
	wait time.Duration
}

func (l *countingLimiter) Wait(ctx context.Context) error {
	l.n++
	if l.wait == 0 {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(l.wait):
		return nil
	}
}
