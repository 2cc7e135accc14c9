package transport

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
)

type jobState string

func (s jobState) Known() bool { return s == "WAITING" || s == "DONE" }

// job is a state to wait for.
type job struct {
	State   jobState  `json:"state"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
}

var readJob = Op[None, job]{Name: "test.Jobs.Get", Method: http.MethodGet, Path: "/job", Retry: identkit.RetrySafe}

// jobs is an API that shows one job. respond makes its nth response, counted from 1.
type jobs struct {
	client  *Client
	started time.Time
	reads   []time.Duration // when, since the start
	infos   []identkit.WaitInfo
}

func newJobs(t *testing.T, respond func(n int, r *http.Request) (*http.Response, error), adjust ...func(*identkit.Options)) *jobs {
	t.Helper()
	j := &jobs{started: time.Now()}
	trip := tripper(func(r *http.Request) (*http.Response, error) {
		j.reads = append(j.reads, time.Since(j.started))
		return respond(len(j.reads), r)
	})
	opts := identkit.Options{
		HTTPClient: &http.Client{Transport: trip}, Retry: identkit.RetryPolicy{MaxAttempts: 1},
		Observer: identkit.Observer{Wait: func(_ context.Context, i identkit.WaitInfo) { j.infos = append(j.infos, i) }},
	}
	for _, f := range adjust {
		f(&opts)
	}
	var check Check
	j.client = New(Config{Provider: "test", BaseURL: "https://h", Operations: []Operation{&readJob}, Options: opts}, &check)
	require.NoError(t, check.Err("test", "test.New"))
	return j
}

const jobKey = "test.job:1"

func (j *jobs) wait(ctx context.Context, policy identkit.WaitPolicy, adjust ...func(*Poll[job])) (*job, error) {
	p := Poll[job]{
		Operation: "test.Jobs.Wait", Policy: policy, Key: jobKey,
		Defaults: WaitDefaults{time.Second, 5 * time.Second, 15 * time.Second, time.Hour},
		Read: func(ctx context.Context, opts []identkit.CallOption) (*job, error) {
			return readJob.Do(ctx, j.client, None{}, opts)
		},
		Done:   func(j *job) (bool, error) { return j.State == "DONE", nil },
		State:  func(j *job) string { return Known(j.State) },
		Expiry: func(j *job) (created, expires time.Time) { return j.Created, j.Expires },
	}
	for _, f := range adjust {
		f(&p)
	}
	return Wait(ctx, j.client, p)
}

// inState responds with a state.
func inState(state string) func(int, *http.Request) (*http.Response, error) {
	return func(_ int, r *http.Request) (*http.Response, error) { return stub(200, `{"state":"`+state+`"}`)(r) }
}

// thenDone responds with DONE after n other responses.
func thenDone(n int, respond func(*http.Request) (*http.Response, error)) func(int, *http.Request) (*http.Response, error) {
	return func(i int, r *http.Request) (*http.Response, error) {
		if i > n {
			return stub(200, `{"state":"DONE"}`)(r)
		}
		return respond(r)
	}
}

func withHeader(respond tripper, name, value string) tripper {
	return func(r *http.Request) (*http.Response, error) {
		resp, err := respond(r)
		resp.Header.Set(name, value)
		return resp, err
	}
}

func waitError(t *testing.T, err error) *identkit.WaitError[job] {
	t.Helper()
	var we *identkit.WaitError[job]
	require.ErrorAs(t, err, &we)
	return we
}

func TestAWaitOnAnAPIThatIsDownEndsAndSaysWhy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := newJobs(t, func(_ int, r *http.Request) (*http.Response, error) { return stub(503, `{}`)(r) })
		_, err := j.wait(t.Context(), identkit.WaitPolicy{})
		require.ErrorIs(t, err, identkit.ErrTimeout)
		assert.InDelta(t, time.Hour, time.Since(j.started), float64(time.Second), "the bound")
		we := waitError(t, err)
		assert.Equal(t, len(j.reads), we.Polls)
		assert.Equal(t, we.Polls, we.Failed)
		assert.Nil(t, we.Last)
		var e *identkit.Error
		require.ErrorAs(t, we.Failure, &e)
		assert.Equal(t, 503, e.Status)
		require.ErrorIs(t, err, identkit.ErrUnavailable, "the last failure can be found")
		require.EqualError(t, err, fmt.Sprintf("test.Jobs.Wait: timeout: it took longer than 1h0m0s; %d polls, %d failed; last failure: test.Jobs.Get: unavailable (HTTP 503)", we.Polls, we.Polls))
		require.Len(t, j.infos, 1)
		info := j.infos[0]
		assert.Equal(t, identkit.WaitInfo{
			Provider: "test", Operation: "test.Jobs.Wait", Start: info.Start, Duration: time.Since(j.started),
			Polls: we.Polls, Failed: we.Polls, Failure: identkit.ErrUnavailable, Kind: identkit.ErrTimeout,
		}, info)
	})
}

func TestTheErrorOfAWaitNamesTheLastState(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]string{
		"WAITING":        "test.Jobs.Wait: timeout: WaitPolicy.Until has passed; 2 polls; last state WAITING",
		"canary@example": "test.Jobs.Wait: timeout: WaitPolicy.Until has passed; 2 polls", // it could be anything
	} {
		synctest.Test(t, func(t *testing.T) {
			j := newJobs(t, inState(state))
			_, err := j.wait(t.Context(), identkit.WaitPolicy{Until: j.started.Add(10 * time.Second), InitialInterval: 10 * time.Second})
			require.EqualError(t, err, want)
			assert.Equal(t, jobState(state), waitError(t, err).Last.State)
		})
	}
}

func TestEveryEndOfAWaitKeepsWhatItSaw(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := newJobs(t, func(n int, r *http.Request) (*http.Response, error) {
			if n == 1 {
				return stub(200, `{"state":"WAITING"}`)(r)
			}
			return stub(500, `{}`)(r)
		})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		_, err := j.wait(ctx, identkit.WaitPolicy{})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, identkit.ErrUnavailable)
		assert.ErrorContains(t, err, "last state WAITING; last failure: test.Jobs.Get: unavailable (HTTP 500)")

		j = newJobs(t, func(n int, r *http.Request) (*http.Response, error) {
			if n == 1 {
				return stub(200, `{"state":"WAITING"}`)(r)
			}
			return stub(403, `{}`)(r)
		})
		_, err = j.wait(t.Context(), identkit.WaitPolicy{})
		require.EqualError(t, err, "test.Jobs.Wait: forbidden (HTTP 403): 2 polls, 1 failed; last state WAITING")
		we := waitError(t, err)
		assert.Equal(t, jobState("WAITING"), we.Last.State)
		require.ErrorIs(t, we.Failure, identkit.ErrForbidden)

		j = newJobs(t, inState("WAITING"))
		_, err = j.wait(t.Context(), identkit.WaitPolicy{}, func(p *Poll[job]) {
			p.Done = func(*job) (bool, error) { return false, errors.New("it cannot come") }
		})
		require.EqualError(t, err, "test.Jobs.Wait: conflict: it cannot come; 1 poll; last state WAITING")
	})
}

func TestWhatEndsAWait(t *testing.T) {
	t.Parallel()
	fails := func(err error) tripper { return func(*http.Request) (*http.Response, error) { return nil, err } }
	unknownHost := fails(&net.DNSError{IsNotFound: true})
	badCertificate := fails(x509.UnknownAuthorityError{})
	for name, c := range map[string]struct {
		respond tripper
		ends    identkit.Kind // "": the wait goes on
		later   identkit.Kind // after a successful read
	}{
		"500":                    {stub(500, `{}`), "", ""},
		"502 page":               {stub(502, `<html>`), "", ""},
		"503":                    {stub(503, `{}`), "", ""},
		"429":                    {stub(429, `{}`), "", ""},
		"408":                    {stub(408, `{}`), "", ""},
		"HTML page with 200":     {stub(200, `<html>maintenance</html>`), "", ""},
		"connection refused":     {fails(&net.OpError{Op: "dial", Err: errors.New("refused")}), "", ""},
		"attempt timeout":        {fails(context.DeadlineExceeded), "", ""},
		"unknown host":           {unknownHost, identkit.ErrNetwork, ""},
		"invalid certificate":    {badCertificate, identkit.ErrNetwork, ""},
		"501":                    {stub(501, `{}`), identkit.ErrUnavailable, identkit.ErrUnavailable},
		"505":                    {stub(505, `{}`), identkit.ErrUnavailable, identkit.ErrUnavailable},
		"400":                    {stub(400, `{}`), identkit.ErrRejected, identkit.ErrRejected},
		"401":                    {stub(401, `{}`), identkit.ErrUnauthorized, identkit.ErrUnauthorized},
		"403":                    {stub(403, `{}`), identkit.ErrForbidden, identkit.ErrForbidden},
		"404":                    {stub(404, `{}`), identkit.ErrNotFound, identkit.ErrNotFound},
		"409":                    {stub(409, `{}`), identkit.ErrConflict, identkit.ErrConflict},
		"redirect":               {stub(302, ``), identkit.ErrBadResponse, identkit.ErrBadResponse},
		"response without JSON":  {stub(200, `yes`), identkit.ErrBadResponse, identkit.ErrBadResponse},
		"response that is cut":   {stub(200, `{"state":"WAI`), identkit.ErrBadResponse, identkit.ErrBadResponse},
		"response over the size": {stub(200, `{"state":"`+string(make([]byte, 2000))+`"}`), identkit.ErrResponseTooLarge, identkit.ErrResponseTooLarge},
	} {
		for _, known := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", known ", known), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					want := c.ends
					if known {
						want = c.later
					}
					j := newJobs(t, func(n int, r *http.Request) (*http.Response, error) {
						switch {
						case known && n == 1:
							return stub(200, `{"state":"WAITING"}`)(r)
						case n > 4:
							return stub(200, `{"state":"DONE"}`)(r)
						}
						return c.respond(r)
					}, func(o *identkit.Options) { o.MaxResponseBytes = 1000 })
					got, err := j.wait(t.Context(), identkit.WaitPolicy{})
					if want == "" {
						require.NoError(t, err)
						assert.Equal(t, jobState("DONE"), got.State)
						return
					}
					require.ErrorIs(t, err, want)
					assert.LessOrEqual(t, len(j.reads), 2)
				})
			})
		}
	}
}

func TestAFailureThatMeansNotYetDoesNotEndAWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		notYet := func(p *Poll[job]) { p.NotYet = func(err error) bool { return errors.Is(err, identkit.ErrNotFound) } }
		j := newJobs(t, thenDone(2, stub(404, `{}`)))
		_, err := j.wait(t.Context(), identkit.WaitPolicy{}, notYet)
		require.NoError(t, err)
		assert.Equal(t, 2, j.infos[0].Failed)

		j = newJobs(t, func(_ int, r *http.Request) (*http.Response, error) { return stub(404, `{}`)(r) })
		_, err = j.wait(t.Context(), identkit.WaitPolicy{}, notYet)
		require.ErrorIs(t, err, identkit.ErrTimeout)
		require.ErrorIs(t, err, identkit.ErrNotFound)
		assert.InDelta(t, time.Hour, time.Since(j.started), float64(time.Second))
	})
}

func TestRetryAfterIsTheShortestPauseBeforeTheNextRead(t *testing.T) {
	t.Parallel()
	for _, status := range []int{429, 503} {
		synctest.Test(t, func(t *testing.T) {
			notifier := identkit.NewNotifier()
			j := newJobs(t, thenDone(1, withHeader(stub(status, `{}`), "Retry-After", "90")))
			time.AfterFunc(30*time.Second, func() { _ = notifier.Notify(t.Context(), jobKey) })
			_, err := j.wait(t.Context(), identkit.WaitPolicy{Notifier: notifier})
			require.NoError(t, err)
			require.Len(t, j.reads, 2)
			assert.GreaterOrEqual(t, j.reads[1], 90*time.Second, "not even a notification makes it read earlier")
			assert.Less(t, j.reads[1], 95*time.Second)
		})
	}
}

func TestARetryAfterBeyondTheEndIsWaitedOutWithoutARead(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"7200", "1e999"} {
		synctest.Test(t, func(t *testing.T) {
			notifier := identkit.NewNotifier()
			j := newJobs(t, thenDone(1, withHeader(stub(503, `{}`), "Retry-After", value)))
			time.AfterFunc(30*time.Second, func() { _ = notifier.Notify(t.Context(), jobKey) })
			_, err := j.wait(t.Context(), identkit.WaitPolicy{Until: j.started.Add(time.Minute), Notifier: notifier})
			require.ErrorIs(t, err, identkit.ErrTimeout)
			assert.ErrorContains(t, err, "WaitPolicy.Until has passed before the provider wants to be asked again; 1 poll, 1 failed; last failure: test.Jobs.Get: unavailable (HTTP 503, retry after ")
			assert.Len(t, j.reads, 1)
			assert.Equal(t, time.Minute, time.Since(j.started))
		})
	}
}

func TestReadsOfAWaitFollowTheArithmeticOfItsPolicy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := newJobs(t, inState("WAITING"))
		policy := identkit.WaitPolicy{InitialInterval: 2 * time.Second, MaxInterval: 7 * time.Second, Until: j.started.Add(time.Minute)}
		_, err := j.wait(t.Context(), policy)
		require.ErrorIs(t, err, identkit.ErrTimeout)
		require.Greater(t, len(j.reads), 8)
		for n := 1; n < len(j.reads); n++ {
			wait, more := policy.Next(n, time.Minute-j.reads[n-1])
			require.True(t, more)
			gap := j.reads[n] - j.reads[n-1]
			assert.LessOrEqual(t, gap, wait)
			assert.GreaterOrEqual(t, gap, wait/2)
		}
		assert.Equal(t, time.Minute, j.reads[len(j.reads)-1], "the last read is at the very end")
	})
}

func TestAWaitReadsOnceThoughItsTimeIsUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := newJobs(t, inState("DONE"))
		_, err := j.wait(t.Context(), identkit.WaitPolicy{Until: j.started.Add(-time.Hour)})
		require.NoError(t, err)
		j = newJobs(t, inState("WAITING"))
		_, err = j.wait(t.Context(), identkit.WaitPolicy{Until: j.started.Add(-time.Hour)})
		require.ErrorIs(t, err, identkit.ErrTimeout)
		assert.Len(t, j.reads, 1)
	})
}

func TestOptionsOfAWaitReachEachRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var seen []string
		j := newJobs(t, func(n int, r *http.Request) (*http.Response, error) {
			seen = append(seen, r.Header.Get("X-Tenant"))
			return thenDone(1, stub(200, `{"state":"WAITING"}`))(n, r)
		})
		var response identkit.Response
		options := []identkit.CallOption{identkit.WithHeader("X-Tenant", "north"), identkit.WithResponse(&response)}
		_, err := j.wait(t.Context(), identkit.WaitPolicy{}, func(p *Poll[job]) { p.Options = options })
		require.NoError(t, err)
		assert.Equal(t, []string{"north", "north"}, seen)
		assert.JSONEq(t, `{"state":"DONE"}`, string(response.Body))
	})
}

func TestMisuseOfAWaitIsAnError(t *testing.T) {
	t.Parallel()
	j := newJobs(t, inState("DONE"))
	var none context.Context
	_, err := j.wait(none, identkit.WaitPolicy{})
	require.EqualError(t, err, "test.Jobs.Wait: invalid request: ctx is nil")
	_, err = j.wait(t.Context(), identkit.WaitPolicy{MaxInterval: -1})
	require.EqualError(t, err, "test.Jobs.Wait: invalid request: WaitPolicy has a negative interval")
	assert.Empty(t, j.reads)
	assert.Len(t, j.infos, 1, "no observer gets a nil context")
}
