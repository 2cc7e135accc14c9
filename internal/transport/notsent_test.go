package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/providertest/frames"
)

var anyCalls = append([]onceCall{{"safe GET", false, func(t *testing.T, c *Client) error {
	t.Helper()
	_, err := readOne(t.Context(), c, "1")
	return err
}}}, onceCalls...)

// first returns an error the first times.
func first(times int, err error) func() error {
	return func() error {
		if times--; times >= 0 {
			return err
		}
		return nil
	}
}

func TestWhatFailsBeforeThereIsAConnectionIsNotSent(t *testing.T) {
	t.Parallel()
	refuses := errors.New("refused by the caller's code")
	for name, failure := range map[string]struct {
		spoil    func(pool *http.Transport, fails func() error)
		err      error
		phase    identkit.Phase
		attempts int
	}{
		"proxy function": {func(pool *http.Transport, fails func() error) {
			pool.Proxy = func(*http.Request) (*url.URL, error) { return nil, fails() }
		}, refuses, identkit.PhaseDial, 3},
		"proxy that is not reached": {func(pool *http.Transport, fails func() error) {
			pool.Proxy = func(*http.Request) (*url.URL, error) {
				return map[bool]*url.URL{true: {Scheme: "http", Host: "127.0.0.1:1"}}[fails() != nil], nil
			}
			pool.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
				if address == "127.0.0.1:1" {
					return nil, refuses
				}
				return new(net.Dialer).DialContext(ctx, network, address)
			}
		}, refuses, identkit.PhaseDial, 3},
		"name":                  {dialing, &net.DNSError{Err: "server misbehaving", Name: "h", IsTemporary: true}, identkit.PhaseDNS, 3},
		"dial":                  {dialing, &net.OpError{Op: "dial", Net: "tcp", Err: refuses}, identkit.PhaseDial, 3},
		"dial without a reason": {dialing, io.EOF, identkit.PhaseDial, 3},
		"dial with TLS": {func(pool *http.Transport, fails func() error) {
			config := pool.TLSClientConfig
			pool.DialTLSContext = func(ctx context.Context, network, address string) (net.Conn, error) {
				if err := fails(); err != nil {
					return nil, err
				}
				return (&tls.Dialer{Config: config}).DialContext(ctx, network, address)
			}
		}, refuses, identkit.PhaseDial, 3},
		"closed in the TLS handshake": {func(pool *http.Transport, fails func() error) {
			pool.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
				c, err := new(net.Dialer).DialContext(ctx, network, address)
				if err == nil && fails() != nil {
					_ = c.Close()
				}
				return c, err
			}
		}, refuses, identkit.PhaseDial, 3},
		"TLS handshake takes too long": {func(pool *http.Transport, fails func() error) {
			pool.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
				c, err := new(net.Dialer).DialContext(ctx, network, address)
				if err == nil && fails() != nil {
					err = c.SetReadDeadline(time.Unix(1, 0))
				}
				return c, err
			}
		}, refuses, identkit.PhaseDial, 3},
		"certificate": {func(pool *http.Transport, fails func() error) {
			if fails() != nil {
				pool.TLSClientConfig.RootCAs = nil
			}
		}, refuses, identkit.PhaseTLS, 1},
	} {
		for _, call := range anyCalls {
			t.Run(name+", "+call.name, func(t *testing.T) {
				t.Parallel()
				s := frames.New(t, frames.HTTP2, frames.Responds(200, aThing))
				clientThatFails := func(times int) *Client {
					pool := s.Transport(t)
					pool.DialContext = nil
					failure.spoil(pool, first(times, failure.err))
					return frameClient(t, &http.Client{Transport: pool}, s.URL(), 3)
				}
				err := call.do(t, clientThatFails(100))
				require.Error(t, err)
				require.NotErrorIs(t, err, identkit.ErrOutcomeUnknown)
				require.Equal(t, failure.attempts, attemptsOf(t, err))
				var e *identkit.Error
				require.ErrorAs(t, err, &e)
				assert.Equal(t, failure.phase, e.Attempts[0].Phase, "%v", err)
				assert.Zero(t, s.Arrivals())

				if failure.attempts > 1 {
					require.NoError(t, call.do(t, clientThatFails(1)))
					assert.Equal(t, 1, s.Arrivals())
				}
			})
		}
	}
}

// dialing makes the dialler fail.
func dialing(pool *http.Transport, fails func() error) {
	pool.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if err := fails(); err != nil {
			return nil, err
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}
}

func TestARoundTripperSaysThatNothingWasSent(t *testing.T) {
	t.Parallel()
	open := fmt.Errorf("circuit is open: %w", identkit.ErrNotSent)
	for _, call := range anyCalls {
		t.Run(call.name, func(t *testing.T) {
			t.Parallel()
			for times, wantAttempts := range map[int]int{1: 2, 100: 3} {
				fails, made := first(times, open), 0
				s, _, c := framed(t, frames.HTTP2, func(pool *http.Transport) http.RoundTripper {
					return tripper(func(r *http.Request) (*http.Response, error) {
						if made++; made > 1 { // the first one opens the connection
							if err := fails(); err != nil {
								return nil, err
							}
						}
						return pool.RoundTrip(r)
					})
				})
				s.Play(frames.Responds(200, aThing))
				err := call.do(t, c)
				assert.Equal(t, wantAttempts, made-1)
				if times == 1 {
					require.NoError(t, err)
					assert.Equal(t, 1, s.Arrivals())
					continue
				}
				require.ErrorIs(t, err, identkit.ErrNetwork)
				require.ErrorIs(t, err, identkit.ErrNotSent)
				require.NotErrorIs(t, err, identkit.ErrOutcomeUnknown)
				var e *identkit.Error
				require.ErrorAs(t, err, &e)
				assert.Equal(t, identkit.PhaseDial, e.Attempts[0].Phase)
				assert.Zero(t, s.Arrivals())
			}
		})
	}
}

func TestNotSentIsNotSaidByWhatComesLater(t *testing.T) {
	t.Parallel()
	// A response that cannot be read.
	c := clientOf(t, "https://h", tripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: io.NopCloser(iotest.ErrReader(identkit.ErrNotSent))}, nil
	}))
	require.ErrorIs(t, create(t.Context(), c), identkit.ErrOutcomeUnknown)

	// The end of the context, by which a repeated request was stopped.
	s, _, c := framed(t, frames.HTTP2, func(pool *http.Transport) http.RoundTripper {
		return tripper(func(r *http.Request) (*http.Response, error) {
			resp, err := pool.RoundTrip(r)
			if errors.Is(err, context.Canceled) {
				err = identkit.ErrNotSent
			}
			return resp, err
		})
	})
	s.Play(frames.On(frames.Whole, func(x *frames.Exchange) { x.Reset(frames.RefusedStream) }))
	err := removeOnce.Exec(t.Context(), c, None{}, nil)
	require.ErrorIs(t, err, identkit.ErrOutcomeUnknown)
	assert.Equal(t, 1, s.Arrivals())
	assert.Equal(t, 1, attemptsOf(t, err))
}

func TestTheOutcomeOfARoundTripperWithoutHooksIsUnknown(t *testing.T) {
	t.Parallel()
	c := clientOf(t, "https://h", tripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("lost") }))
	err := create(t.Context(), c)
	require.ErrorIs(t, err, identkit.ErrOutcomeUnknown)
	assert.Equal(t, 1, attemptsOf(t, err))
}
