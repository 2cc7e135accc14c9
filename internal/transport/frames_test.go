package transport

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
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
func framed(t *testing.T, p frames.Protocol, wrap func(*http.Transport) http.RoundTripper) (*frames.Server, *Client) {
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
	return s, c
}

func attemptsOf(t *testing.T, err error) int {
	t.Helper()
	var e *identkit.Error
	require.ErrorAs(t, err, &e)
	return len(e.Attempts)
}

// arrivesOnce makes a call under a fault. It is not repeated unless the server surely did not process it, and net/http says so: always of
// a request with a body, of others in some cases, depending on its release.
func arrivesOnce(t *testing.T, s *frames.Server, c *Client, call onceCall, f frames.Fault, says bool) {
	t.Helper()
	// holds reports whether the call was not processed and could be repeated.
	holds := func(err error, attempts int) bool {
		t.Helper()
		require.Error(t, err, f.Name)
		unknown := errors.Is(err, identkit.ErrOutcomeUnknown)
		if !f.Unprocessed || says || unknown {
			assert.Equal(t, f.Unprocessed && says, !unknown, "%s: %v", f.Name, err)
		}
		if unknown {
			attempts = 1
		}
		assert.Equal(t, attempts, attemptsOf(t, err), "%s: %v", f.Name, err)
		assert.Equal(t, attempts, s.Arrivals(), "%s: %v", f.Name, err)
		return !unknown
	}
	s.Play(f.Do)
	holds(call.do(t, c), 3)

	s.Play(frames.Then(f.Do, frames.Responds(409, aThing)))
	err := call.do(t, c)
	assert.Equal(t, holds(err, 2), errors.Is(err, identkit.ErrConflict), "%s: %v", f.Name, err)

	if !f.Unprocessed {
		return
	}
	s.Play(frames.Then(f.Do, frames.Responds(200, aThing)))
	if err = call.do(t, c); err != nil {
		assert.False(t, holds(err, 1), "%s: %v", f.Name, err)
	} else {
		assert.Equal(t, 2, s.Arrivals(), f.Name)
	}
}

func TestAOneTimeCallArrivesOncePerAttempt(t *testing.T) {
	t.Parallel()
	for _, p := range []frames.Protocol{frames.HTTP2, frames.H2C, frames.HTTP1} {
		for _, call := range onceCalls {
			t.Run(string(p)+", "+call.name, func(t *testing.T) {
				t.Parallel()
				s, c := framed(t, p, nil)
				for _, f := range frames.Faults(p) {
					if !f.Early {
						arrivesOnce(t, s, c, call, f, call.body || http2RepeatsOnlyUnprocessed)
					}
				}
			})
		}
	}
}
