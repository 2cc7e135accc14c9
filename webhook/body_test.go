package webhook_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/webhook"
)

func TestBodyCap(t *testing.T) {
	t.Parallel()
	sized := func(n int) string { return `"` + strings.Repeat("a", n-2) + `"` }
	for _, c := range []struct {
		rule    string
		max     int64
		size    int
		chunked bool
		want    int
	}{
		{"exactly at the cap", 1000, 1000, false, 200},
		{"a byte over the cap", 1000, 1001, false, 413},
		{"chunked, exactly at the cap", 1000, 1000, true, 200},
		{"chunked, a byte over the cap", 1000, 1001, true, 413},
		{"1 MiB by default", 0, 1 << 20, false, 200},
		{"a byte over 1 MiB by default", 0, 1<<20 + 1, false, 413},
		{"chunked, 1 MiB by default", 0, 1 << 20, true, 200},
		{"chunked, 5 MiB by default", 0, 5 << 20, true, 413},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			h, _, runs := counting(t, webhook.Config[string]{MaxBytes: c.max})
			r := newPost(sized(c.size))
			if c.chunked {
				r.ContentLength = -1
			}
			assert.Equal(t, c.want, serve(h, r).Code)
			assert.Equal(t, c.want == 200, runs.Load() == 1)
		})
	}
}

func TestBodyCapOverHTTP(t *testing.T) {
	t.Parallel()
	h, _, runs := counting(t, webhook.Config[string]{MaxBytes: 1000})
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	large := strings.Repeat("a", 1001)
	for _, body := range []io.Reader{strings.NewReader(large), struct{ io.Reader }{strings.NewReader(large)}} {
		response, err := server.Client().Post(server.URL, "application/json", body)
		require.NoError(t, err)
		response.Body.Close()
		assert.Equal(t, 413, response.StatusCode)
		assert.True(t, response.Close, "the rest of the body is not read to keep the connection")
	}
	assert.Zero(t, runs.Load())
}

func TestAContentLengthThatIsWrong(t *testing.T) {
	t.Parallel()
	h, seen, _ := counting(t, webhook.Config[string]{MaxBytes: 100})
	short := newPost(`"abc"`)
	short.ContentLength = 50
	short.Body = io.NopCloser(io.MultiReader(strings.NewReader(`"abc`), failing{}))
	assert.Equal(t, 400, serve(h, short).Code)
	assert.Equal(t, string(webhook.ReasonBodyIncomplete), seen.last().Reason)
	long := newPost(`"` + strings.Repeat("a", 200) + `"`)
	long.ContentLength = 10
	assert.Equal(t, 413, serve(h, long).Code)
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// TestSlowBodiesEnd simulates a sender of one byte a second, over a connection whose clock is the bubble's.
func TestSlowBodiesEnd(t *testing.T) {
	t.Parallel()
	for name, wrap := range map[string]func(http.Handler) http.Handler{
		"with a read deadline":                     func(h http.Handler) http.Handler { return h },
		"behind middleware that hides the control": hideControl,
	} {
		for dribble, pause := range map[string]time.Duration{"one byte a second": time.Second, "nothing at all": time.Hour} {
			t.Run(dribble+" "+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					h, seen, runs := counting(t, webhook.Config[string]{ReadTimeout: 7 * time.Second})
					client, done := serveOnPipe(t, wrap(h))
					start := time.Now()
					written := make(chan struct{})
					go func() {
						defer close(written)
						fmt.Fprintf(client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n")
						for {
							if _, err := client.Write([]byte("a")); err != nil {
								return
							}
							time.Sleep(pause)
						}
					}()
					response := make([]byte, 12)
					_, err := io.ReadFull(client, response)
					require.NoError(t, err)
					assert.Equal(t, "HTTP/1.1 408", string(response))
					assert.LessOrEqual(t, time.Since(start), 8*time.Second)
					assert.Zero(t, runs.Load())
					client.Close()
					<-done
					<-written
					assert.Equal(t, string(webhook.ReasonBodyTimeout), seen.last().Reason)
				})
			})
		}
	}
}

func TestTheReadDeadlineDoesNotOutliveTheBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, _, runs := counting(t, webhook.Config[string]{ReadTimeout: time.Second, Timeout: time.Minute})
		finished := make(chan struct{})
		slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(finished)
			h.ServeHTTP(w, r)
			time.Sleep(3 * time.Second)
			assert.NoError(t, r.Context().Err(), "the deadline must not end the request")
		})
		client, done := serveOnPipe(t, slow)
		go fmt.Fprintf(client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n\"a\"")
		response := make([]byte, 12)
		_, err := io.ReadFull(client, response)
		require.NoError(t, err)
		assert.Equal(t, "HTTP/1.1 200", string(response))
		assert.EqualValues(t, 1, runs.Load())
		go func() { _, _ = io.Copy(io.Discard, client) }()
		<-finished
		client.Close()
		<-done
	})
}

func hideControl(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(struct{ http.ResponseWriter }{w}, r)
	})
}

// serveOnPipe serves one connection in memory, so that a bubble can see all of it wait.
func serveOnPipe(t *testing.T, h http.Handler) (client net.Conn, done chan struct{}) {
	t.Helper()
	client, far := net.Pipe()
	listener := &oneConn{conn: make(chan net.Conn, 1), closed: make(chan struct{})}
	listener.conn <- far
	server := &http.Server{Handler: h}
	done = make(chan struct{})
	server.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateClosed {
			_ = server.Close()
		}
	}
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	return client, done
}

type oneConn struct {
	conn   chan net.Conn
	closed chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	select {
	case c := <-l.conn:
		return c, nil
	case <-l.closed:
		return nil, errors.New("closed")
	}
}

func (l *oneConn) Close() error {
	select {
	case <-l.closed:
	default:
		close(l.closed)
	}
	return nil
}

func (l *oneConn) Addr() net.Addr { return &net.UnixAddr{} }
