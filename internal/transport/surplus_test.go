package transport

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
)

// lockedBuffer is what the standard logger writes to.
type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

// Not parallel: it reads what net/http prints to the standard logger.
func TestBytesBehindAResponseAreNotLogged(t *testing.T) {
	var printed lockedBuffer
	log.SetOutput(&printed)
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	certificate := httptest.NewUnstartedServer(nil)
	certificate.StartTLS()
	t.Cleanup(certificate.Close)
	const surplus = `{"proximityOtp":"canary"}`
	ok := "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n" + `{"id":"1"}`
	for name, response := range map[string]string{
		"204 with a body":         "HTTP/1.1 204 No Content\r\n\r\n" + surplus,
		"204 with a length":       "HTTP/1.1 204 No Content\r\nContent-Length: 25\r\n\r\n" + surplus,
		"304 with a body":         "HTTP/1.1 304 Not Modified\r\n\r\n" + surplus,
		"behind Content-Length":   ok + surplus,
		"behind no length":        "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n" + surplus,
		"behind chunks":           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n" + `{"id":"1"}` + "\r\n0\r\nTrailer: x\r\n\r\n" + surplus,
		"behind an interim":       "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok + surplus,
		"a second response":       ok + "HTTP/1.1 200 OK\r\nX-Canary: canary\r\n\r\n",
		"a moment later":          ok + "\x00" + surplus,
		"a moment later than 204": "HTTP/1.1 204 No Content\r\n\r\n\x00" + surplus,
	} {
		for _, secure := range []bool{false, true} {
			closed := make(chan struct{}, 1)
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			base := "http://" + l.Addr().String()
			if secure {
				base = "https://" + l.Addr().String()
				l = tls.NewListener(l, &tls.Config{Certificates: certificate.TLS.Certificates})
			}
			go func() {
				c, err := l.Accept()
				if err != nil {
					return
				}
				r := bufio.NewReader(c)
				_, _ = http.ReadRequest(r)
				now, later, _ := strings.Cut(response, "\x00")
				_, _ = io.WriteString(c, now)
				_, _ = io.WriteString(c, later)
				_, _ = r.ReadByte() // until the client closes
				_ = c.Close()
				closed <- struct{}{}
			}()
			own := pooled()
			own.TLSClientConfig.RootCAs = certificate.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
			c := clientOf(t, base, own)
			_ = read(t.Context(), c, identkit.WithAttempts(1))
			<-closed // by which time net/http has looked at the bytes
			own.CloseIdleConnections()
			_ = l.Close()
			assert.NotContains(t, printed.String(), "canary", "%s, TLS %v", name, secure)
		}
	}
}

func TestAConnectionIsKeptWhereNothingFollows(t *testing.T) {
	t.Parallel()
	for name, response := range map[string]string{
		"fixed length":     "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n" + `{"id":"1"}`,
		"bare line feeds":  "HTTP/1.1 200 OK\ncontent-length:10\n\n" + `{"id":"1"}`,
		"length two times": "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nContent-Length: 10\r\n\r\n" + `{"id":"1"}`,
		"chunks":           "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2;x=y\r\n{\"\r\n8 \r\nid\":\"1\"}\r\n0\r\nTrailer: x\r\n\r\n",
		"interims":         "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n" + `{"id":"1"}`,
		"empty refusal":    "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
		"nothing":          "HTTP/1.1 204 No Content\r\n\r\n",
	} {
		for _, step := range []int{1, 7, 1 << 20} {
			base, connections := raw(t, func(_ int32, c net.Conn, r *bufio.Reader) {
				for {
					if _, err := http.ReadRequest(r); err != nil {
						return
					}
					for rest := response; rest != ""; {
						n := min(step, len(rest))
						_, _ = io.WriteString(c, rest[:n])
						rest = rest[n:]
					}
				}
			})
			c := frameClient(t, nil, base, 1)
			t.Cleanup(c.CloseIdleConnections)
			want := fmt.Sprint(read(t.Context(), c))
			for range 3 {
				assert.Equal(t, want, fmt.Sprint(read(t.Context(), c)), name)
			}
			assert.EqualValues(t, 1, connections.Load(), name)
		}
	}
}

func TestOwnTLSKeepsWhatNetHTTPDoes(t *testing.T) {
	t.Parallel()
	for _, http2 := range []bool{false, true} {
		var proto, started, done atomic.Int32
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			proto.Store(int32(r.ProtoMajor))
			_, _ = io.WriteString(w, `{"id":"1"}`)
		}))
		srv.EnableHTTP2 = http2
		srv.Config.ErrorLog = log.New(io.Discard, "", 0)
		srv.StartTLS()
		t.Cleanup(srv.Close)
		own := pooled()
		t.Cleanup(own.CloseIdleConnections)
		require.ErrorContains(t, read(t.Context(), clientOf(t, srv.URL, own)), "certificate signed by unknown authority")
		own = pooled()
		t.Cleanup(own.CloseIdleConnections)
		own.TLSClientConfig.RootCAs = srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
			TLSHandshakeStart: func() { started.Add(1) }, TLSHandshakeDone: func(tls.ConnectionState, error) { done.Add(1) },
		})
		require.NoError(t, read(ctx, clientOf(t, srv.URL, own)))
		assert.Equal(t, http2, proto.Load() == 2)
		assert.Positive(t, started.Load(), "net/http calls them again for HTTP/2")
		assert.Equal(t, started.Load(), done.Load())
		base := strings.Replace(srv.URL, "127.0.0.1", "localhost", 1)
		require.ErrorContains(t, read(t.Context(), clientOf(t, base, own)), "certificate is for another host")
	}
}

func FuzzHTTP1Conn(f *testing.F) {
	for _, s := range []string{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}x", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\nx", "HTTP/1.1 204 x\n\nx", "HTTP/1.1 100 x\r\n\r\nHTTP/1.1 304 x\r\n\r\n"} {
		f.Add([]byte(s), uint8(3))
	}
	f.Fuzz(func(t *testing.T, response []byte, step uint8) {
		// Whatever net/http reads of a response without this connection, it reads with it.
		readAll := func(r io.Reader) (string, error) {
			resp, err := http.ReadResponse(bufio.NewReader(r), nil)
			if err != nil || resp.StatusCode/100 == 1 {
				return "", nil // no body to compare
			}
			defer func() { _ = resp.Body.Close() }()
			b, err := io.ReadAll(resp.Body)
			return string(b), err
		}
		want, werr := readAll(bytes.NewReader(response))
		c := newHTTP1Conn(pieces{r: bytes.NewReader(response), n: int(step) + 1})
		_, _ = c.Write([]byte("GET / HTTP/1.1\r\n"))
		got, gerr := readAll(c)
		if want != got || (werr == nil) != (gerr == nil) {
			t.Fatalf("%q: %q %v, without %q %v", response, got, gerr, want, werr)
		}
	})
}

// pieces is a connection that gives a few bytes at a time.
type pieces struct {
	net.Conn
	r io.Reader
	n int
}

func (p pieces) Read(b []byte) (int, error)  { return p.r.Read(b[:min(len(b), p.n)]) }
func (p pieces) Write(b []byte) (int, error) { return len(b), nil }
