package transport

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/providertest/frames"
)

// The callers' RoundTrippers that stand on net/http's.
var roundTrippers = map[string]func(*http.Transport) http.RoundTripper{
	"copy of the request": func(pool *http.Transport) http.RoundTripper {
		return tripper(func(r *http.Request) (*http.Response, error) { return pool.RoundTrip(r.Clone(r.Context())) })
	},
	"context of its own": func(pool *http.Transport) http.RoundTripper {
		return tripper(func(r *http.Request) (*http.Response, error) {
			ctx, cancel := context.WithCancel(r.Context())
			resp, err := pool.RoundTrip(r.WithContext(ctx))
			if err != nil {
				cancel()
				return nil, err
			}
			resp.Body = &cancelAtClose{resp.Body, cancel}
			return resp, nil
		})
	},
	"no hooks": func(pool *http.Transport) http.RoundTripper {
		return tripper(func(r *http.Request) (*http.Response, error) {
			return pool.RoundTrip(r.WithContext(context.Background()))
		})
	},
}

type cancelAtClose struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (b *cancelAtClose) Close() error {
	b.cancel()
	return b.ReadCloser.Close()
}

func TestAOneTimeCallArrivesOncePerAttemptThroughAnyRoundTripper(t *testing.T) {
	t.Parallel()
	for name, wrap := range roundTrippers {
		for _, p := range []frames.Protocol{frames.HTTP2, frames.H2C, frames.HTTP1} {
			for _, call := range onceCalls {
				if !call.body && name == "no hooks" {
					continue // net/http repeats it, and nothing shows it
				}
				t.Run(name+", "+string(p)+", "+call.name, func(t *testing.T) {
					t.Parallel()
					s, pool, c := framed(t, p, wrap)
					arriveOnce(t, s, pool, c, call, frames.Few(p), call.body)
				})
			}
		}
	}
}

// The next connection need not speak the protocol of the one before, of which net/http decides whether it looks at the context.
func TestAOneTimeCallArrivesOnceThoughTheProtocolChanges(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]struct {
		from, to string
		fault    frames.Script
	}{
		"HTTP/2 to HTTP/1.1, reset":    {"h2", "http/1.1", frames.On(frames.Whole, func(x *frames.Exchange) { x.Reset(frames.ProtocolError) })},
		"HTTP/2 to HTTP/1.1, GOAWAY":   {"h2", "http/1.1", frames.On(frames.Whole, func(x *frames.Exchange) { x.GoAway(0, frames.NoError, "") })},
		"HTTP/1.1 to HTTP/2, closed":   {"http/1.1", "h2", frames.On(frames.Whole, func(x *frames.Exchange) { _ = x.Close() })},
		"HTTP/1.1 to HTTP/2, in full":  {"http/1.1", "h2", frames.On(frames.Header, func(x *frames.Exchange) { x.Abort() })},
		"HTTP/1.1 to HTTP/1.1, closed": {"http/1.1", "http/1.1", frames.On(frames.Whole, func(x *frames.Exchange) { _ = x.Close() })},
	} {
		for _, call := range onceCalls {
			t.Run(name+", "+call.name, func(t *testing.T) {
				t.Parallel()
				s := frames.New(t, frames.HTTP2, frames.Responds(200, aThing))
				s.Offer(change.from)
				c := frameClient(t, &http.Client{Transport: s.Transport(t)}, s.URL(), 1)
				_, err := readOne(t.Context(), c, "1")
				require.NoError(t, err)

				s.Play(frames.Then(change.fault, frames.Responds(409, aThing)))
				s.Offer(change.to)
				err = call.do(t, c)
				require.ErrorIs(t, err, identkit.ErrNetwork)
				assert.Equal(t, 1, s.Arrivals(), "%v", err)
			})
		}
	}
}

// A body that net/http may have again over HTTP/1.1 is not sent again over HTTP/2.
func TestABodyIsSentOnceThoughTheNextConnectionIsHTTP2(t *testing.T) {
	t.Parallel()
	s := frames.New(t, frames.HTTP2, frames.Responds(200, aThing))
	s.Offer("http/1.1")
	pool := s.Transport(t)
	c := frameClient(t, &http.Client{Transport: pool}, s.URL(), 3)
	_, err := readOne(t.Context(), c, "1")
	require.NoError(t, err)
	for _, code := range []uint32{frames.ProtocolError, frames.RefusedStream} {
		c.http1.Store(true)
		pool.CloseIdleConnections()
		s.Offer("h2")
		s.Play(frames.Then(frames.On(frames.Whole, func(x *frames.Exchange) { x.Reset(code) }), frames.Responds(409, aThing)))
		err := create(t.Context(), c)
		if http2RepeatsOnlyUnprocessed && code == frames.RefusedStream {
			require.ErrorIs(t, err, identkit.ErrConflict)
		} else {
			require.ErrorIs(t, err, identkit.ErrOutcomeUnknown)
		}
		assert.Equal(t, attemptsOf(t, err), s.Arrivals())
	}
}

// What a RoundTripper repeats by itself cannot be stopped where it withholds the end of the context; the last of its requests says nothing
// about those before.
func TestTheOutcomeOfWhatARoundTripperRepeatsIsUnknown(t *testing.T) {
	t.Parallel()
	for name, last := range map[string]frames.Script{
		"refused stream": frames.On(frames.Whole, func(x *frames.Exchange) { x.Reset(frames.RefusedStream) }),
		"GOAWAY":         frames.On(frames.Whole, func(x *frames.Exchange) { x.GoAway(x.Stream-1, frames.NoError, "") }),
		"conflict":       frames.Responds(409, aThing),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _, c := framed(t, frames.HTTP2, func(pool *http.Transport) http.RoundTripper {
				return tripper(func(r *http.Request) (resp *http.Response, err error) {
					var body []byte
					if r.Body != nil {
						body, _ = io.ReadAll(r.Body)
					}
					for range 2 {
						again := r.Clone(context.WithoutCancel(r.Context()))
						again.Body = io.NopCloser(bytes.NewReader(body))
						if resp, err = pool.RoundTrip(again); err == nil {
							break
						}
					}
					return resp, err
				})
			})
			s.Play(frames.Then(frames.On(frames.Whole, func(x *frames.Exchange) { x.Reset(frames.InternalError) }), last))
			err := create(t.Context(), c)
			require.ErrorIs(t, err, identkit.ErrOutcomeUnknown)
			assert.Equal(t, 1, attemptsOf(t, err))
		})
	}
}
