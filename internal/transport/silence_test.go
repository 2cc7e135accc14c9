package transport

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
)

// relay passes the bytes of connections on to a server, until it is mute: the connections that it has then stay open, and nothing
// comes through them any more.
type relay struct {
	net.Listener
	mu    sync.Mutex
	epoch *atomic.Bool // mute, for the connections of one time
	conns atomic.Int32
}

func newRelay(t *testing.T, to string) *relay {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &relay{Listener: l, epoch: new(atomic.Bool)}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			r.conns.Add(1)
			far, err := new(net.Dialer).DialContext(context.Background(), "tcp", to)
			if err != nil {
				_ = near.Close()
				continue
			}
			r.mu.Lock()
			mute := r.epoch
			r.mu.Unlock()
			pass := func(to, from net.Conn) {
				buf := make([]byte, 32<<10)
				for {
					n, err := from.Read(buf)
					if err != nil {
						_, _ = near.Close(), far.Close()
						return
					}
					if !mute.Load() {
						_, _ = to.Write(buf[:n])
					}
				}
			}
			go pass(far, near)
			go pass(near, far)
		}
	}()
	return r
}

func (r *relay) mute() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.epoch.Store(true)
	r.epoch = new(atomic.Bool)
}

// pooledH2 is a client with its own pool, of a server that speaks HTTP/2, behind a relay.
func pooledH2(t *testing.T, handler http.HandlerFunc, retry identkit.RetryPolicy) (*Client, *relay) {
	t.Helper()
	srv := httptest.NewUnstartedServer(handler)
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	r := newRelay(t, srv.Listener.Addr().String())
	var check Check
	retry.InitialBackoff = time.Millisecond
	c := New(Config{Provider: "test", BaseURL: "https://" + r.Addr().String(), Operations: thingOperations, Options: identkit.Options{Retry: retry}}, &check)
	require.NoError(t, check.Err("test", "test.New"))
	c.own.TLSClientConfig.RootCAs = srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	t.Cleanup(c.CloseIdleConnections)
	return c, r
}

func TestAConnectionThatWentSilentIsNotUsedAgain(t *testing.T) {
	t.Parallel()
	c, r := pooledH2(t, func(w http.ResponseWriter, req *http.Request) {
		if req.ProtoMajor == 2 {
			_, _ = io.WriteString(w, `{"id":"1"}`)
		}
	}, identkit.RetryPolicy{AttemptTimeout: 300 * time.Millisecond, MaxAttempts: 3})
	_, err := readOne(t.Context(), c, "1")
	require.NoError(t, err)
	r.mute()
	failed := 0
	for range 6 {
		if _, err := readOne(t.Context(), c, "1"); err != nil {
			failed++
		}
	}
	assert.LessOrEqual(t, failed, 1, "at the latest the second call goes over another connection")
	assert.EqualValues(t, 2, r.conns.Load())

	r.mute()
	within, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err = readOne(within, c, "1", identkit.WithAttempts(1))
	require.ErrorIs(t, err, identkit.ErrTimeout)
	for range 2 {
		_, err = readOne(t.Context(), c, "1")
	}
	require.NoError(t, err, "the caller's own deadline says the same")
}

func TestAConnectionThatIsAliveIsNotClosedUnderOtherCalls(t *testing.T) {
	t.Parallel()
	begun, release := make(chan struct{}), make(chan struct{})
	c, r := pooledH2(t, func(w http.ResponseWriter, req *http.Request) {
		if strings.HasSuffix(req.URL.Path, "/slow") {
			close(begun)
			<-release
		} else {
			<-req.Context().Done()
		}
		_, _ = io.WriteString(w, `{"id":"slow"}`)
	}, identkit.RetryPolicy{AttemptTimeout: time.Minute, MaxAttempts: 1})
	slow := make(chan error)
	go func() {
		_, err := readOne(t.Context(), c, "slow")
		slow <- err
	}()
	<-begun
	for range 4 { // net/http sends a PING with the first reset only
		within, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
		_, err := readOne(within, c, "1")
		cancel()
		require.ErrorIs(t, err, identkit.ErrTimeout)
	}
	close(release)
	require.NoError(t, <-slow)
	assert.EqualValues(t, 1, r.conns.Load())
}

func TestTheOwnPoolAsksForSignsOfLife(t *testing.T) {
	t.Parallel()
	assert.Equal(t, &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 5 * time.Second, MaxReceiveBufferPerStream: 512 << 10}, pooled().HTTP2)
}

var uploadOnce = Op[uploadParams, None]{
	Name: "test.UploadOnce", Method: http.MethodPost, Path: "/upload", Response: ResponseIgnored,
	Request: func(in *uploadParams, r *Request) { r.Body = in.body },
}

func photo(size int64) uploadParams {
	return uploadParams{Seeker("application/octet-stream", &pattern{size: size})}
}

func TestALargeOneTimeBodyAsksFirst(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	base, _ := raw(t, func(_ int32, c net.Conn, r *bufio.Reader) {
		for line := ""; line != "\r\n"; {
			line, _ = r.ReadString('\n')
			if strings.HasPrefix(line, "Expect: 100-continue") {
				asked.Add(1)
			}
		}
		_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
	})
	c := testClient(t, base)
	for range 12 {
		err := uploadOnce.Exec(t.Context(), c, photo(6<<20), nil)
		require.ErrorIs(t, err, identkit.ErrRejected)
		require.NotErrorIs(t, err, identkit.ErrOutcomeUnknown)
	}
	require.EqualValues(t, 12, asked.Load())
	_ = uploadOnce.Exec(t.Context(), c, photo(askFrom-1), nil)
	_ = upload.Exec(t.Context(), c, photo(6<<20), []identkit.CallOption{identkit.WithAttempts(1)})
	assert.EqualValues(t, 12, asked.Load(), "neither a small body nor one that can be sent again")
}

// takesBody answers a request after its body, and reports whether it was asked first.
func takesBody(t *testing.T, rejects bool) (base string, asked func() []bool) {
	t.Helper()
	var mu sync.Mutex
	var seen []bool
	base, _ = raw(t, func(_ int32, c net.Conn, r *bufio.Reader) {
		for {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			asks := req.Header.Get("Expect") != ""
			mu.Lock()
			seen = append(seen, asks)
			mu.Unlock()
			if asks && rejects {
				_, _ = io.WriteString(c, "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
				return
			}
			_, _ = io.Copy(io.Discard, req.Body)
			_, _ = fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
		}
	})
	return base, func() []bool { mu.Lock(); defer mu.Unlock(); return seen }
}

func TestAServerThatLetsTheQuestionPassIsNotAskedAgain(t *testing.T) {
	t.Parallel()
	base, asked := takesBody(t, false)
	c := testClient(t, base)
	for range 3 {
		require.NoError(t, uploadOnce.Exec(t.Context(), c, photo(2<<20), nil))
	}
	assert.Equal(t, []bool{true, false, false}, asked())
}

func TestAServerThatRejectsTheQuestionGetsTheBodyWithoutIt(t *testing.T) {
	t.Parallel()
	base, asked := takesBody(t, true)
	c := testClient(t, base)
	oneShot := uploadParams{OneShot("application/octet-stream", &pattern{size: 2 << 20}, 2<<20)}
	var resp identkit.Response
	require.NoError(t, uploadOnce.Exec(t.Context(), c, oneShot, []identkit.CallOption{identkit.WithResponse(&resp)}))
	require.NoError(t, uploadOnce.Exec(t.Context(), c, photo(2<<20), nil))
	assert.Equal(t, []bool{true, false, false}, asked())
	require.Len(t, resp.Attempts, 2)
	assert.Equal(t, http.StatusExpectationFailed, resp.Attempts[0].Status)

	base, _ = takesBody(t, true)
	err := uploadOnce.Exec(t.Context(), testClient(t, base), photo(2<<20), []identkit.CallOption{identkit.WithAttempts(1)})
	require.ErrorIs(t, err, identkit.ErrRejected)
	assert.NotErrorIs(t, err, identkit.ErrOutcomeUnknown)
}

func TestASuccessCutWithoutALengthIsALostResponse(t *testing.T) {
	t.Parallel()
	const whole = `{"id":"1","more":[1,2,3]}`
	for name, c := range map[string]struct {
		first    string
		requests int32
		want     identkit.Kind
	}{
		"in the middle":        {whole[:10], 2, ""},
		"before its last byte": {whole[:len(whole)-1], 2, ""},
		"before its first":     {"", 2, ""},
		"inside a text":        {`{"id":"`, 2, ""},
		"whole":                {whole, 1, ""},
		"whole and wrong":      {"<html>gateway", 1, identkit.ErrBadResponse},
		"whole and no JSON":    {`{"id":}`, 1, identkit.ErrBadResponse},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base, requests := raw(t, func(n int32, conn net.Conn, r *bufio.Reader) {
				_, _ = http.ReadRequest(r)
				body := whole
				if n == 1 {
					body = c.first
				}
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"+body)
			})
			_, err := readOne(t.Context(), testClient(t, base), "1")
			if c.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, c.want)
			}
			assert.Equal(t, c.requests, requests.Load())
		})
	}
}

func TestACutResponseToAOneTimeCallIsLost(t *testing.T) {
	t.Parallel()
	base, requests := raw(t, func(_ int32, conn net.Conn, r *bufio.Reader) {
		_, _ = http.ReadRequest(r)
		_, _ = io.WriteString(conn, "HTTP/1.0 200 OK\r\n\r\n{\"id\":")
	})
	c := frameClient(t, nil, base, 3)
	t.Cleanup(c.CloseIdleConnections)
	err := create(t.Context(), c)
	require.ErrorIs(t, err, identkit.ErrNetwork)
	require.ErrorIs(t, err, identkit.ErrOutcomeUnknown)
	assert.EqualValues(t, 1, requests.Load())
}

func TestALongErrorBodyDoesNotCostTheConnection(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 300<<10)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, long)
	}))
	t.Cleanup(srv.Close)
	r := newRelay(t, srv.Listener.Addr().String())
	c := testClient(t, "http://"+r.Addr().String())
	for range 50 {
		_, err := readOne(t.Context(), c, "1")
		require.ErrorIs(t, err, identkit.ErrNotFound)
	}
	assert.EqualValues(t, 1, r.conns.Load())
}
