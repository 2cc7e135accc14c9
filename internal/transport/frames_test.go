package transport

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
)

// The frames of HTTP/2 that the server below reads and writes.
const (
	frameData, frameHeaders, frameReset, frameSettings, framePing, frameGoAway = 0x0, 0x1, 0x3, 0x4, 0x6, 0x7
	flagEndStream, flagAck, flagEndHeaders                                     = 0x1, 0x1, 0x4

	codeNo, codeProtocol, codeInternal, codeRefused, codeCancel, codeCalm = 0x0, 0x1, 0x2, 0x7, 0x8, 0xb
)

// framer is one HTTP/2 connection, its frames written by hand.
type framer struct {
	net.Conn
	mu sync.Mutex
}

func (f *framer) write(kind, flags byte, stream uint32, payload []byte) {
	head := make([]byte, 9, 9+len(payload))
	head[0], head[1], head[2], head[3], head[4] = byte(len(payload)>>16), byte(len(payload)>>8), byte(len(payload)), kind, flags
	binary.BigEndian.PutUint32(head[5:], stream)
	f.mu.Lock()
	defer f.mu.Unlock()
	_, _ = f.Write(append(head, payload...))
}

func (f *framer) reset(stream, code uint32) {
	f.write(frameReset, 0, stream, binary.BigEndian.AppendUint32(nil, code))
}

func (f *framer) goAway(last, code uint32) {
	f.write(frameGoAway, 0, 0, binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, last), code))
}

// respond writes a 200 with a body.
func (f *framer) respond(stream uint32, body string) {
	f.write(frameHeaders, flagEndHeaders, stream, []byte{0x88}) // :status 200 of the static table
	f.write(frameData, flagEndStream, stream, []byte(body))
}

// serve reads frames and calls script for each request, once its header (whole: false) and once all of it arrived.
func (f *framer) serve(arrivals *atomic.Int32, script func(f *framer, stream uint32, n int, whole bool)) {
	defer func() { _ = f.Close() }()
	r := bufio.NewReader(f)
	if _, err := io.CopyN(io.Discard, r, int64(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))); err != nil {
		return
	}
	f.write(frameSettings, 0, 0, nil)
	numbers := map[uint32]int{}
	for {
		head := make([]byte, 9)
		if _, err := io.ReadFull(r, head); err != nil {
			return
		}
		payload := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
		if _, err := io.ReadFull(r, payload); err != nil {
			return
		}
		stream := binary.BigEndian.Uint32(head[5:])
		switch kind, flags := head[3], head[4]; {
		case kind == frameSettings && flags&flagAck == 0:
			f.write(frameSettings, flagAck, 0, nil)
		case kind == framePing && flags&flagAck == 0:
			f.write(framePing, flagAck, 0, payload)
		case kind == frameHeaders || kind == frameData:
			if kind == frameHeaders {
				numbers[stream] = int(arrivals.Add(1))
				script(f, stream, numbers[stream], false)
			}
			if flags&flagEndStream != 0 {
				script(f, stream, numbers[stream], true)
			}
		}
	}
}

// frameServer serves HTTP/2 over TLS, or without it, and counts the requests that arrive.
func frameServer(t *testing.T, secure bool, script func(f *framer, stream uint32, n int, whole bool)) (client *http.Client, base string, arrivals *atomic.Int32) {
	t.Helper()
	arrivals = new(atomic.Int32)
	certificate := httptest.NewUnstartedServer(nil)
	certificate.StartTLS()
	t.Cleanup(certificate.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var (
		group sync.WaitGroup
		mu    sync.Mutex
		open  []net.Conn
		over  bool
	)
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		over = true
		for _, c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		group.Wait()
	})
	tr := certificate.Client().Transport.(*http.Transport).Clone()
	base = "http://" + l.Addr().String()
	if secure {
		base = "https://" + l.Addr().String()
		l = tls.NewListener(l, &tls.Config{Certificates: certificate.TLS.Certificates, NextProtos: []string{"h2"}})
		tr.ForceAttemptHTTP2 = true
	} else {
		tr.Protocols = new(http.Protocols)
		tr.Protocols.SetUnencryptedHTTP2(true)
	}
	t.Cleanup(tr.CloseIdleConnections)
	group.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			if open = append(open, c); over {
				_ = c.Close() // accepted while the others were closed
			}
			mu.Unlock()
			group.Go(func() { (&framer{Conn: c}).serve(arrivals, script) })
		}
	})
	return &http.Client{Transport: tr}, base, arrivals
}

var (
	getOnce    = Op[None, thing]{Name: "test.GetOnce", Method: http.MethodGet, Path: "/once", Check: (*thing).check}
	removeOnce = Op[None, None]{Name: "test.RemoveOnce", Method: http.MethodDelete, Path: "/once"}
)

// onceCalls are calls that must not be repeated: with a body, without one, and of a method that net/http takes for idempotent.
var onceCalls = map[string]func(t *testing.T, c *Client) error{
	"POST with a body": func(t *testing.T, c *Client) error {
		t.Helper()
		_, err := writeThing.Do(t.Context(), c, thingParams{"1", "2", map[string]int{"a": 1}}, nil)
		return err
	},
	"DELETE": func(t *testing.T, c *Client) error { t.Helper(); return removeOnce.Exec(t.Context(), c, None{}, nil) },
	"GET": func(t *testing.T, c *Client) error {
		t.Helper()
		_, err := getOnce.Do(t.Context(), c, None{}, nil)
		return err
	},
}

func frameClient(t *testing.T, hc *http.Client, base string, attempts int) *Client {
	t.Helper()
	var check Check
	c := New(Config{Provider: "test", BaseURL: base, Operations: []Operation{&writeThing, &getOnce, &removeOnce, &readThing}, Options: identkit.Options{
		HTTPClient: hc, Retry: identkit.RetryPolicy{MaxAttempts: attempts, InitialBackoff: time.Millisecond},
	}}, &check)
	require.NoError(t, check.Err("test", "test.New"))
	return c
}

func TestAOneTimeCallArrivesOncePerAttemptOverHTTP2(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script func(f *framer, stream uint32, n int, whole bool)
		// provable says that the server did not process the request, and that net/http tells where there is a body.
		provable bool
	}{
		"reset after the request, PROTOCOL_ERROR": {func(f *framer, s uint32, _ int, whole bool) {
			if whole {
				f.reset(s, codeProtocol)
			}
		}, false},
		"reset after the request, INTERNAL_ERROR": {func(f *framer, s uint32, _ int, whole bool) {
			if whole {
				f.reset(s, codeInternal)
			}
		}, false},
		"reset after the request, CANCEL": {func(f *framer, s uint32, _ int, whole bool) {
			if whole {
				f.reset(s, codeCancel)
			}
		}, false},
		"reset after the request, ENHANCE_YOUR_CALM": {func(f *framer, s uint32, _ int, whole bool) {
			if whole {
				f.reset(s, codeCalm)
			}
		}, false},
		"reset inside the response": {func(f *framer, s uint32, _ int, whole bool) {
			if whole {
				f.write(frameHeaders, flagEndHeaders, s, []byte{0x88})
				f.write(frameData, 0, s, []byte(`{"id"`))
				f.reset(s, codeProtocol)
			}
		}, false},
		"GOAWAY that covers the stream": {func(f *framer, s uint32, _ int, whole bool) {
			if whole {
				f.goAway(s, codeNo)
				_ = f.Close()
			}
		}, false},
		"closed": {func(f *framer, _ uint32, _ int, whole bool) {
			if whole {
				_ = f.Close()
			}
		}, false},
		"REFUSED_STREAM": {func(f *framer, s uint32, _ int, whole bool) {
			if whole {
				f.reset(s, codeRefused)
			}
		}, true},
		"GOAWAY below the stream": {func(f *framer, _ uint32, _ int, whole bool) {
			if whole {
				f.goAway(0, codeNo)
				_ = f.Close()
			}
		}, true},
	} {
		for _, secure := range []bool{true, false} {
			for kind, call := range onceCalls {
				t.Run(name+", "+kind+", TLS "+strconv.FormatBool(secure), func(t *testing.T) {
					t.Parallel()
					hc, base, arrivals := frameServer(t, secure, c.script)
					err := call(t, frameClient(t, hc, base, 1))
					require.Error(t, err)
					assert.EqualValues(t, 1, arrivals.Load(), "one attempt, one arrival: %v", err)
					assert.NotEqual(t, c.provable && strings.Contains(kind, "body"), errors.Is(err, identkit.ErrOutcomeUnknown), "%v", err)

					hc, base, arrivals = frameServer(t, secure, c.script)
					require.Error(t, call(t, frameClient(t, hc, base, 3)))
					want := int32(1)
					if c.provable && strings.Contains(kind, "body") {
						want = 3
					}
					assert.Equal(t, want, arrivals.Load(), "our own loop repeats what was surely not processed, and nothing else")
				})
			}
		}
	}
}

func TestWhatWasNotProcessedIsSentAgain(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{true, false} {
		hc, base, arrivals := frameServer(t, secure, func(f *framer, s uint32, n int, whole bool) {
			switch {
			case !whole:
			case n == 1:
				f.goAway(0, codeNo)
				_ = f.Close()
			case n == 2:
				f.reset(s, codeRefused)
			default:
				f.respond(s, `{"id":"1"}`)
			}
		})
		_, err := writeThing.Do(t.Context(), frameClient(t, hc, base, 3), thingParams{"1", "2", map[string]int{"a": 1}}, nil)
		require.NoError(t, err)
		assert.EqualValues(t, 3, arrivals.Load())
	}
}

func TestAOneTimeCallArrivesOncePerAttemptOverHTTP1(t *testing.T) {
	t.Parallel()
	for kind, call := range onceCalls {
		// The first request succeeds, so that the second finds a connection that net/http may take for closed by the server.
		var arrivals atomic.Int32
		base, _ := raw(t, func(n int32, c net.Conn, r *bufio.Reader) {
			for i := int32(0); ; i++ {
				req, err := http.ReadRequest(r)
				if err != nil {
					return
				}
				arrivals.Add(1)
				_, _ = io.Copy(io.Discard, req.Body)
				if n > 1 || i > 0 {
					return // without a response
				}
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"+`{"id":"1"}`)
			}
		})
		c := frameClient(t, nil, base, 3)
		t.Cleanup(c.CloseIdleConnections)
		_, err := readOne(t.Context(), c, "1")
		require.NoError(t, err)
		err = call(t, c)
		require.ErrorIs(t, err, identkit.ErrOutcomeUnknown, kind)
		assert.EqualValues(t, 2, arrivals.Load(), kind)
	}
}
