package transport

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
)

// raw serves connections by hand: serve gets the number of the connection, from 1.
func raw(t *testing.T, serve func(n int32, c net.Conn, r *bufio.Reader)) (base string, connections *atomic.Int32) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	connections = new(atomic.Int32)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n := connections.Add(1)
			go func() {
				defer func() { _ = c.Close() }()
				serve(n, c, bufio.NewReader(c))
			}()
		}
	}()
	return "http://" + l.Addr().String(), connections
}

func respondThing(c net.Conn) {
	_, _ = fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{\"id\":\"1\"}")
}

func TestAConnectionClosedWhileIdleIsReplacedInTheSameAttempt(t *testing.T) {
	t.Parallel()
	base, connections := raw(t, func(n int32, c net.Conn, r *bufio.Reader) {
		for i := 0; ; i++ {
			if _, err := http.ReadRequest(r); err != nil || n == 1 && i == 1 {
				return
			}
			respondThing(c)
		}
	})
	r := testClient(t, base)
	for range 3 {
		_, err := readOne(t.Context(), r, "1", identkit.WithAttempts(1))
		require.NoError(t, err)
	}
	assert.EqualValues(t, 2, connections.Load())
}

func TestAnAnswerThatSwitchesProtocolsDoesNotHang(t *testing.T) {
	t.Parallel()
	base, _ := raw(t, func(_ int32, c net.Conn, r *bufio.Reader) {
		_, _ = http.ReadRequest(r)
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
		_, _ = r.ReadByte() // until the other side closes
	})
	_, err := readOne(t.Context(), testClient(t, base), "1", identkit.WithTimeout(5*time.Second))
	require.ErrorIs(t, err, identkit.ErrBadResponse)
	var e *identkit.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, http.StatusSwitchingProtocols, e.Status)
}

func TestNetHTTPRepeatsNothingByItself(t *testing.T) {
	t.Parallel()
	t.Run("an idempotency header is refused", func(t *testing.T) {
		t.Parallel()
		srv, r := things(t)
		for _, name := range []string{"Idempotency-Key", "x-idempotency-key"} {
			_, err := writeThing.Do(t.Context(), r, thingParams{"1", "2", nil}, []identkit.CallOption{identkit.WithHeader(name, "k")})
			require.ErrorIs(t, err, identkit.ErrInvalidRequest)
		}
		assert.Zero(t, srv.Journal().Len())
	})
	t.Run("a body is given once over HTTP/2", func(t *testing.T) {
		t.Parallel()
		a := &attempt{call: &call{}, progress: progress{once: true}, out: Outgoing{Body: Bytes("text/plain", []byte("x"))}}
		_, err := a.bodyAgain()
		require.NoError(t, err)
		a.multiplexed.Store(true)
		_, err = a.bodyAgain()
		require.ErrorIs(t, err, errRepeat)
		a.once = false
		_, err = a.bodyAgain()
		require.NoError(t, err)
	})
	t.Run("HTTP/2 works", func(t *testing.T) {
		t.Parallel()
		var proto atomic.Int32
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			proto.Store(int32(r.ProtoMajor))
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, `{"id":"1"}`)
		}))
		srv.EnableHTTP2 = true
		srv.StartTLS()
		t.Cleanup(srv.Close)
		_, r := things(t, func(c *Config) { c.BaseURL, c.Options.HTTPClient = srv.URL, srv.Client() })
		_, err := writeThing.Do(t.Context(), r, thingParams{"1", "2", struct{}{}}, nil)
		require.NoError(t, err)
		assert.EqualValues(t, 2, proto.Load())
	})
}

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestOddRoundTrippersDoNotPanic(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]tripper{
		"neither response nor error": func(*http.Request) (*http.Response, error) { return nil, nil },
		"no body":                    func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: 503}, nil },
		"no body with 200":           func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: 200}, nil },
	} {
		_, r := things(t, func(c *Config) {
			c.Options.HTTPClient = &http.Client{Transport: f}
			c.Options.Retry.MaxAttempts = 1
		})
		_, err := readOne(t.Context(), r, "1")
		require.Error(t, err, name)
	}
}

type countedLimiter struct {
	*rate.Limiter
	n int
}

func (l *countedLimiter) Wait(ctx context.Context) error {
	l.n++
	return l.Limiter.Wait(ctx)
}

func TestALimitersOwnWaitIsAsked(t *testing.T) {
	t.Parallel()
	l := &countedLimiter{Limiter: rate.NewLimiter(rate.Inf, 1)}
	_, r := things(t, func(c *Config) { c.Options.Limiter = l })
	_, err := readOne(t.Context(), r, "1")
	require.NoError(t, err)
	assert.Equal(t, 1, l.n)
}

func TestACredentialSourceIsBounded(t *testing.T) {
	t.Parallel()
	hang := func(ctx context.Context) (identkit.Secret, error) {
		<-ctx.Done()
		return "", ctx.Err()
	}
	t.Run("before an attempt", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			_, r := things(t, func(c *Config) { c.Auth = Bearer(hang) })
			start := time.Now()
			_, err := readOne(t.Context(), r, "1")
			require.ErrorIs(t, err, identkit.ErrTimeout)
			assert.LessOrEqual(t, time.Since(start), 2*time.Minute)
		})
	})
	t.Run("after a 401", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			asked := 0
			srv, r := things(t, func(c *Config) {
				c.Auth = Bearer(func(ctx context.Context) (identkit.Secret, error) {
					if asked++; asked > 1 {
						return hang(ctx)
					}
					return "old", nil
				})
			})
			srv.Fault(identkittest.Any().Status(401))
			start := time.Now()
			_, err := readOne(t.Context(), r, "1")
			require.ErrorIs(t, err, identkit.ErrUnauthorized)
			assert.LessOrEqual(t, time.Since(start), time.Minute)
		})
	})
}

func TestAContextThatEndsInsideAnErrorBodyIsSeen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, r := things(t)
		srv.Fault(identkittest.Any().JSON(503, map[string]string{"a": "b"}).SlowBody(1, time.Second))
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err := readOne(ctx, r, "1")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, identkit.ErrTimeout)
		var e *identkit.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, 503, e.Status)
	})
}

func TestAValueNeverMovesAPathThatNeedsEscaping(t *testing.T) {
	t.Parallel()
	srv, r := things(t)
	for _, path := range []string{"/größe/{id}", "/a%20b/{id}", "/a b/{id}"} {
		err := r.Call(t.Context(), identkit.Request{Path: path, PathValues: map[string]string{"id": "../../x"}}, nil, nil)
		require.ErrorIs(t, err, identkit.ErrInvalidRequest, path)
	}
	assert.Zero(t, srv.Journal().Len())
	var check Check
	client := New(Config{Provider: "test", BaseURL: "https://h/gr%C3%B6%C3%9Fe/a%2Fb", Operations: []Operation{&readThing}}, &check)
	require.NotNil(t, client)
	u, refused := client.paths["test.Read"].fill(client.base, []pathValue{{"id", "../x"}})
	require.Empty(t, refused)
	assert.Equal(t, "https://h/gr%C3%B6%C3%9Fe/a%2Fb/things/..%2Fx", u.String())
}
