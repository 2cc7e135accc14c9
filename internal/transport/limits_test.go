package transport

import (
	"bufio"
	"context"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
)

// Who wants no limit writes the largest number.
func TestTheLargestLimitsAreNoLimits(t *testing.T) {
	t.Parallel()
	base, _ := raw(t, func(_ int32, c net.Conn, r *bufio.Reader) {
		if _, err := http.ReadRequest(r); err == nil {
			respondThing(c)
		}
	})
	var check Check
	c := New(Config{Provider: "test", BaseURL: base, Operations: thingOperations, Options: identkit.Options{
		MaxResponseBytes: math.MaxInt64, Timeout: math.MaxInt64,
		Retry: identkit.RetryPolicy{MaxAttempts: math.MaxInt, MaxBackoff: math.MaxInt64, AttemptTimeout: math.MaxInt64, Budget: math.MaxInt},
	}}, &check)
	require.NoError(t, check.Err("test", "test.New"))
	t.Cleanup(c.CloseIdleConnections)
	require.NoError(t, read(t.Context(), c))
}

// idler is a reader that never has anything.
type idler struct{ reads atomic.Int64 }

func (r *idler) Read([]byte) (int, error) {
	r.reads.Add(1)
	return 0, nil
}

func (*idler) Seek(_ int64, whence int) (int64, error) {
	if whence == io.SeekEnd {
		return 1000, nil
	}
	return 0, nil
}

func TestAReaderThatGivesNothingIsNotReadForEver(t *testing.T) {
	t.Parallel()
	base, _ := raw(t, func(_ int32, _ net.Conn, r *bufio.Reader) { _, _ = io.Copy(io.Discard, r) })
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	r := new(idler)
	err := uploadOnce.Exec(ctx, testClient(t, base), uploadParams{Seeker("text/plain", r).Named("file")}, nil)
	require.ErrorIs(t, err, identkit.ErrInvalidRequest)
	require.ErrorIs(t, err, io.ErrNoProgress)
	require.ErrorContains(t, err, "file")
	require.EqualValues(t, maxNothing, r.reads.Load())
}

func TestATLSHandshakeThatTakesTooLongIsCalledSo(t *testing.T) {
	t.Parallel()
	base, _ := raw(t, func(_ int32, _ net.Conn, r *bufio.Reader) { _, _ = io.Copy(io.Discard, r) })
	own := pooled()
	own.TLSHandshakeTimeout = 50 * time.Millisecond
	t.Cleanup(own.CloseIdleConnections)
	err := create(t.Context(), clientOf(t, "https"+strings.TrimPrefix(base, "http"), own), identkit.WithAttempts(2))
	require.ErrorIs(t, err, identkit.ErrTimeout)
	require.NotErrorIs(t, err, identkit.ErrOutcomeUnknown)
	require.ErrorContains(t, err, "TLS handshake timed out")
	var e *identkit.Error
	require.ErrorAs(t, err, &e)
	require.Len(t, e.Attempts, 2, "nothing was sent")
	require.Equal(t, identkit.PhaseTLS, e.Attempts[0].Phase)
}

// An overloaded server responds as soon as it has accepted the connection.
func TestAResponseBeforeTheRequestIsRead(t *testing.T) {
	t.Parallel()
	base, _ := raw(t, func(_ int32, c net.Conn, r *bufio.Reader) {
		_, _ = io.WriteString(c, "HTTP/1.1 503 Busy\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
		_, _ = r.ReadByte()
	})
	c := frameClient(t, nil, base, 1)
	seen := 0
	for range 100 {
		if err := read(t.Context(), c); errors.Is(err, identkit.ErrUnavailable) {
			seen++
		}
	}
	require.Greater(t, seen, 90, "all of them, unless the machine stands still")
}
