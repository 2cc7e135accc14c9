package transport

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/providertest/frames"
)

var (
	getOnce    = Op[None, thing]{Name: "test.GetOnce", Method: http.MethodGet, Path: "/once", Check: (*thing).check}
	removeOnce = Op[None, None]{Name: "test.RemoveOnce", Method: http.MethodDelete, Path: "/once"}
)

// onceCall is a call that must not be repeated.
type onceCall struct {
	name string
	body bool
	do   func(t *testing.T, c *Client) error
}

// onceCalls are one with a body, one without, and one of a method that net/http takes for idempotent.
var onceCalls = []onceCall{
	{"POST with a body", true, func(t *testing.T, c *Client) error { t.Helper(); return create(t.Context(), c) }},
	{"DELETE", false, func(t *testing.T, c *Client) error { t.Helper(); return removeOnce.Exec(t.Context(), c, None{}, nil) }},
	{"GET", false, func(t *testing.T, c *Client) error {
		t.Helper()
		_, err := getOnce.Do(t.Context(), c, None{}, nil)
		return err
	}},
}

func frameClient(t *testing.T, hc *http.Client, base string, attempts int) *Client {
	t.Helper()
	var check Check
	c := New(Config{Provider: "test", BaseURL: base, Operations: []Operation{&writeThing, &getOnce, &removeOnce, &readThing}, Options: identkit.Options{
		HTTPClient: hc, Retry: identkit.RetryPolicy{MaxAttempts: attempts, InitialBackoff: time.Millisecond, Budget: -1},
	}}, &check)
	require.NoError(t, check.Err("test", "test.New"))
	return c
}

const aThing = `{"id":"1"}`

// framed is a server and a client of it, whose transport may be wrapped.
func framed(t *testing.T, p frames.Protocol, wrap func(*http.Transport) http.RoundTripper) (*frames.Server, *http.Transport, *Client) {
	t.Helper()
	s := frames.New(t, p, frames.Responds(200, aThing))
	pool := s.Transport(t)
	var rt http.RoundTripper = pool
	if wrap != nil {
		rt = wrap(pool)
	}
	c := frameClient(t, &http.Client{Transport: rt}, s.URL(), 3)
	_, err := readOne(t.Context(), c, "1") // later calls find a connection
	require.NoError(t, err)
	return s, pool, c
}

func attemptsOf(t *testing.T, err error) int {
	t.Helper()
	var e *identkit.Error
	require.ErrorAs(t, err, &e)
	return len(e.Attempts)
}

// arriveOnce makes a call under faults. net/http says what the server did not process of a request with a body, of others in some cases.
func arriveOnce(t *testing.T, s *frames.Server, pool *http.Transport, c *Client, call onceCall, faults []frames.Fault, says bool) {
	t.Helper()
	for _, f := range faults {
		pool.CloseIdleConnections() // the server may have closed them, which net/http need not know yet
		if !f.Early {
			s.Play(frames.Responds(200, aThing)) // so that there is a connection
			require.NoError(t, call.do(t, c))
		}
		s.ArrivesOnce(t, f, says, aThing, func() error { return call.do(t, c) })
	}
	s.IdleEnds(t, aThing, func() error { return call.do(t, c) })
}

func TestAOneTimeCallArrivesOncePerAttempt(t *testing.T) {
	t.Parallel()
	for _, p := range []frames.Protocol{frames.HTTP2, frames.H2C, frames.HTTP1} {
		for _, call := range onceCalls {
			t.Run(string(p)+", "+call.name, func(t *testing.T) {
				t.Parallel()
				s, pool, c := framed(t, p, nil)
				arriveOnce(t, s, pool, c, call, frames.Faults(p), call.body || http2RepeatsOnlyUnprocessed)
			})
		}
	}
}

// The client's own pool has connections of its own kind under net/http.
func TestAOneTimeCallArrivesOncePerAttemptOverTheOwnPool(t *testing.T) {
	t.Parallel()
	for _, p := range []frames.Protocol{frames.HTTP2, frames.HTTP1} {
		for _, call := range onceCalls {
			t.Run(string(p)+", "+call.name, func(t *testing.T) {
				t.Parallel()
				s := frames.New(t, p, frames.Responds(200, aThing))
				c := frameClient(t, nil, s.URL(), 3)
				t.Cleanup(c.CloseIdleConnections)
				if config := s.Transport(t).TLSClientConfig; config != nil {
					config.MinVersion = 0
					c.own.TLSClientConfig = config
				}
				_, err := readOne(t.Context(), c, "1")
				require.NoError(t, err)
				arriveOnce(t, s, c.own, c, call, frames.Faults(p), call.body || http2RepeatsOnlyUnprocessed)
			})
		}
	}
}
