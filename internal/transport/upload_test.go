package transport

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
)

const uploadSize = 64 << 20

type uploadParams struct{ body Body }

var upload = Op[uploadParams, None]{
	Name: "test.Upload", Method: http.MethodPut, Path: "/upload", Retry: identkit.RetrySafe,
	Request: func(in *uploadParams, r *Request) { r.Body = in.body },
}

// pattern is an endless, seekable file that takes no memory.
type pattern struct{ at, size int64 }

func (p *pattern) Read(b []byte) (int, error) {
	n := min(int64(len(b)), p.size-p.at)
	if n <= 0 {
		return 0, io.EOF
	}
	for i := range b[:n] {
		b[i] = byte((p.at + int64(i)) * 31 >> 3)
	}
	p.at += n
	return int(n), nil
}

func (p *pattern) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += p.at
	case io.SeekEnd:
		offset += p.size
	}
	p.at = offset
	return offset, nil
}

// receiver hashes what is uploaded. The first refuse uploads get a 503 after half of the body.
func receiver(tb testing.TB, refuse int32) (base string, got *atomic.Pointer[string]) {
	tb.Helper()
	got = new(atomic.Pointer[string])
	var n atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) <= refuse {
			_, _ = io.CopyN(io.Discard, r.Body, uploadSize/2)
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		h := sha256.New()
		_, _ = io.Copy(h, r.Body)
		sum := hex.EncodeToString(h.Sum(nil))
		got.Store(&sum)
		_, _ = io.WriteString(w, `{}`)
	}))
	tb.Cleanup(srv.Close)
	return srv.URL, got
}

func testClient(tb testing.TB, base string) *Client {
	tb.Helper()
	var check Check
	r := New(Config{Provider: "test", BaseURL: base, Operations: []Operation{&upload, &readThing}, Options: identkit.Options{Retry: identkit.RetryPolicy{InitialBackoff: time.Millisecond}}}, &check)
	require.NoError(tb, check.Err("test", "test.New"))
	tb.Cleanup(r.CloseIdleConnections)
	return r
}

// extraHeap is by how much the heap grew at most while f ran, sampled often, garbage included.
func extraHeap(f func()) uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before, peak := m.HeapAlloc, m.HeapAlloc
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return peak - before
		case <-tick.C:
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
		}
	}
}

func TestAnUploadIsNeverBufferedWhole(t *testing.T) { // not parallel: it measures the heap
	base, got := receiver(t, 0)
	r := testClient(t, base)
	want := sha256.New()
	_, _ = io.Copy(want, &pattern{size: uploadSize})
	peak := extraHeap(func() {
		assert.NoError(t, upload.Exec(t.Context(), r, uploadParams{Seeker("application/octet-stream", &pattern{size: uploadSize})}, nil))
	})
	require.NotNil(t, got.Load())
	assert.Equal(t, hex.EncodeToString(want.Sum(nil)), *got.Load())
	assert.Less(t, peak, uint64(2<<20))
}

func TestAnUploadIsSentAgainFromItsBeginning(t *testing.T) {
	t.Parallel()
	base, got := receiver(t, 1)
	require.NoError(t, upload.Exec(t.Context(), testClient(t, base), uploadParams{Seeker("application/octet-stream", &pattern{size: uploadSize})}, nil))
	want := sha256.New()
	_, _ = io.Copy(want, &pattern{size: uploadSize})
	assert.Equal(t, hex.EncodeToString(want.Sum(nil)), *got.Load())
}

func TestAnUnreadableUploadIsNotSentAgain(t *testing.T) {
	t.Parallel()
	base, _ := receiver(t, 0)
	var opened atomic.Int32
	broken := errors.New("disk error")
	body := Body{contentType: "application/octet-stream", length: 1 << 20, open: func(context.Context) (io.ReadCloser, error) {
		opened.Add(1)
		return io.NopCloser(io.MultiReader(io.LimitReader(&pattern{size: 1 << 20}, 1<<19), failing{broken})), nil
	}}
	err := upload.Exec(t.Context(), testClient(t, base), uploadParams{body}, nil)
	require.EqualError(t, err, "test.Upload: invalid request: Body cannot be read")
	require.ErrorIs(t, err, broken)
	var e *identkit.Error
	require.ErrorAs(t, err, &e)
	assert.Len(t, e.Attempts, 1)
	assert.EqualValues(t, 1, opened.Load())
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func BenchmarkUpload64MiB(b *testing.B) {
	base, _ := receiver(b, 0)
	r := testClient(b, base)
	b.SetBytes(uploadSize)
	var peak uint64
	for b.Loop() {
		peak = max(peak, extraHeap(func() {
			if err := upload.Exec(b.Context(), r, uploadParams{Seeker("application/octet-stream", &pattern{size: uploadSize})}, nil); err != nil {
				b.Error(err)
			}
		}))
	}
	b.ReportMetric(float64(peak)/1024, "KiB-extra-heap")
}
