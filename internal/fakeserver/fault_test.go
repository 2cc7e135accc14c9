package fakeserver_test

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/internal/fakeserver"
)

func tlsTransport(s *fakeserver.Server) *http.Transport {
	return &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: s.RootCAs(), MinVersion: tls.VersionTLS12}}
}

func TestFaultShapesTheResponse(t *testing.T) {
	t.Parallel()
	isBody := func(body string) func(*testing.T, response) {
		return func(t *testing.T, a response) {
			t.Helper()
			require.NoError(t, a.bodyErr)
			assert.Equal(t, body, a.body)
		}
	}
	breaksOff := func(most int, target error) func(*testing.T, response) {
		return func(t *testing.T, a response) {
			t.Helper()
			require.ErrorIs(t, a.bodyErr, target)
			assert.LessOrEqual(t, len(a.body), most)
			assert.True(t, strings.HasPrefix(noteJSON, a.body))
		}
	}
	any := identkittest.Any()
	for name, test := range map[string]struct {
		rule      identkittest.Rule
		status    int // 0: the connection is reset
		processed bool
		check     func(*testing.T, response)
	}{
		"status":                       {any.Status(503), 503, false, isBody("")},
		"JSON":                         {any.JSON(400, map[string]int{"a": 1}), 400, false, isBody(`{"a":1}`)},
		"raw JSON":                     {any.JSON(200, json.RawMessage("null")), 200, false, isBody("null")},
		"body":                         {any.Body(200, "text/csv", []byte("a,b")), 200, false, isBody("a,b")},
		"processed, then another body": {any.Status(502).Processed(), 502, true, isBody("")},
		"empty":                        {any.Empty(), 200, true, isBody("")},
		"duplicate":                    {any.DuplicateBody(), 200, true, isBody(noteJSON + noteJSON)},
		"padded":                       {any.Pad(100_000), 200, true, isBody(strings.Repeat(" ", 100_000) + noteJSON)},
		"gzip":                         {any.Gzip(), 200, true, isBody(noteJSON)},
		"gzip bomb":                    {any.GzipBomb(3<<20 + 5), 200, true, isBody(strings.Repeat(" ", 3<<20+5) + noteJSON)},
		"truncated":                    {any.Truncate(3), 200, true, breaksOff(3, io.ErrUnexpectedEOF)},
		"truncated after its end":      {any.Truncate(1000), 200, true, breaksOff(len(noteJSON), io.ErrUnexpectedEOF)},
		"truncated in the middle":      {any.TruncateHalf(), 200, true, breaksOff(len(noteJSON)/2, io.ErrUnexpectedEOF)},
		"truncated empty body":         {any.Status(200).TruncateHalf(), 200, false, breaksOff(0, io.ErrUnexpectedEOF)},
		"reset in the body":            {any.ResetInBody(), 200, true, breaksOff(len(noteJSON)/2, syscall.ECONNRESET)},
		"reset after the headers":      {any.ResetAfterHeaders(), 200, true, breaksOff(0, syscall.ECONNRESET)},
		"reset":                        {any.Reset(), 0, false, nil},
		"reset after a while":          {any.Reset().SlowHeader(time.Millisecond), 0, false, nil},
		"no response":                  {any.LoseResponse(), 0, true, nil},
		"slow body":                    {any.SlowBody(20, time.Millisecond), 200, true, isBody(noteJSON)},
		"slow header":                  {any.SlowHeader(time.Millisecond), 200, true, isBody(noteJSON)},
		"HTML": {any.HTML(502), 502, false, func(t *testing.T, a response) {
			t.Helper()
			assert.Equal(t, "text/html", a.header.Get("Content-Type"))
			assert.Contains(t, a.body, "<h1>502 Bad Gateway</h1>")
		}},
		"retry after": {any.RetryAfter(429, "1.5"), 429, false, func(t *testing.T, a response) {
			t.Helper()
			assert.Equal(t, "1.5", a.header.Get("Retry-After"))
			assert.NotContains(t, a.header, "Content-Type")
		}},
		"redirect": {any.Redirect("https://elsewhere.test/x"), 307, false, func(t *testing.T, a response) {
			t.Helper()
			assert.Equal(t, "https://elsewhere.test/x", a.header.Get("Location"))
		}},
		"header": {any.Header("X-Request-Id", "r-1").Header("X-Other", "o"), 200, true, func(t *testing.T, a response) {
			t.Helper()
			assert.Equal(t, "r-1", a.header.Get("X-Request-Id"))
			assert.Equal(t, "o", a.header.Get("X-Other"))
			assert.Equal(t, noteJSON, a.body)
		}},
		"bad JSON": {any.BadJSON(), 200, true, func(t *testing.T, a response) {
			t.Helper()
			require.NoError(t, a.bodyErr)
			assert.False(t, json.Valid([]byte(a.body)))
		}},
		"bad JSON of a number": {any.JSON(200, 12).BadJSON(), 200, false, func(t *testing.T, a response) {
			t.Helper()
			assert.False(t, json.Valid([]byte(a.body)))
			assert.NotEmpty(t, a.body)
		}},
		"truncated gzip": {any.GzipTruncated(), 200, true, func(t *testing.T, a response) {
			t.Helper()
			require.ErrorIs(t, a.bodyErr, io.ErrUnexpectedEOF)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			deliveries(t, func() *fakeserver.Server { return newNotes(fakeserver.Config{}) },
				func(t *testing.T, s *fakeserver.Server, rt http.RoundTripper) {
					s.Fault(test.rule)
					a := send(t, rt, http.MethodPost, s.URL()+"/notes", `{}`)
					if test.status == 0 {
						require.ErrorIs(t, a.err, syscall.ECONNRESET)
					} else {
						require.NoError(t, a.err)
						assert.Equal(t, test.status, a.status)
						test.check(t, a)
					}
					all := s.Journal().All()
					require.Len(t, all, 1)
					assert.Equal(t, test.status, all[0].Status)
					assert.Equal(t, test.processed, all[0].Processed)
					assert.Equal(t, test.rule.String(), all[0].Fault)
					assert.Equal(t, `{}`, string(all[0].Body))
					assert.Empty(t, s.UnusedFaults())

					s.ClearFaults()
					assert.Equal(t, noteJSON, send(t, rt, http.MethodPost, s.URL()+"/notes", `{}`).body)
				})
		})
	}
}

func TestFaultLeavesAResponseThatHasNoBodyWithoutOne(t *testing.T) {
	t.Parallel()
	deliveries(t, func() *fakeserver.Server { return newNotes(fakeserver.Config{}) },
		func(t *testing.T, s *fakeserver.Server, rt http.RoundTripper) {
			s.Fault(identkittest.Any().Status(204).Pad(10), identkittest.Any().Body(304, "", []byte("x")))
			for range 2 {
				a := send(t, rt, http.MethodPost, s.URL()+"/notes", ``)
				require.NoError(t, a.err)
				assert.Empty(t, a.body)
			}
		})
}

func TestFaultHitsWhatTheRuleIsAbout(t *testing.T) {
	t.Parallel()
	deliveries(t, func() *fakeserver.Server { return newNotes(fakeserver.Config{}) },
		func(t *testing.T, s *fakeserver.Server, rt http.RoundTripper) {
			s.Fault(
				identkittest.On("notes.Create").Nth(2).Status(503),
				identkittest.On("notes.Create").When(func(r *http.Request) bool {
					b, err := io.ReadAll(r.Body)
					return err == nil && bytes.Contains(b, []byte("poison"))
				}).Status(500),
				identkittest.Any().When(func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/nowhere") }).Status(502),
			)
			var got []int
			for _, body := range []string{"a", "b", "poison", "c"} {
				got = append(got, send(t, rt, http.MethodPost, s.URL()+"/notes", body).status)
			}
			got = append(got, send(t, rt, http.MethodGet, s.URL()+"/notes/1", "").status, send(t, rt, http.MethodGet, s.URL()+"/nowhere", "").status)
			assert.Equal(t, []int{200, 503, 500, 200, 200, 502}, got)
			third := s.Journal().For("notes.Create")[2]
			assert.Equal(t, "poison", string(third.Body), "a body that a rule has read is still in the journal")
		})
}

func TestFaultRefusesTheConnection(t *testing.T) {
	t.Parallel()
	s := newNotes(fakeserver.Config{})
	s.Fault(identkittest.Any().Refuse())
	a := send(t, s.Transport(), http.MethodPost, s.URL()+"/notes", "{}")
	require.ErrorIs(t, a.err, syscall.ECONNREFUSED)
	var op *net.OpError
	require.ErrorAs(t, a.err, &op)
	assert.Equal(t, "dial", op.Op)
	e, ok := s.Journal().Last("notes.Create")
	require.True(t, ok)
	assert.Nil(t, e.Body)
	assert.False(t, e.Processed)

	require.NoError(t, s.Start())
	defer s.Close()
	rt := &http.Transport{DisableKeepAlives: true}
	a = send(t, rt, http.MethodPost, s.URL()+"/notes", "{}")
	require.ErrorIs(t, a.err, syscall.ECONNRESET, "a socket that stands can only be reset")
}

func TestGzipBombIsSmallOnTheWire(t *testing.T) {
	t.Parallel()
	s := newNotes(fakeserver.Config{})
	s.Fault(identkittest.Any().GzipBomb(64 << 20))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/notes/1", nil)
	require.NoError(t, err)
	r.Header.Set("Accept-Encoding", "gzip") // so that the transport leaves it compressed
	resp, err := s.Transport().RoundTrip(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	assert.Equal(t, "gzip", resp.Header.Get("Content-Encoding"))
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.EqualValues(t, len(b), resp.ContentLength)
	assert.Less(t, len(b), 64<<20/500)
	z, err := gzip.NewReader(bytes.NewReader(b))
	require.NoError(t, err)
	n, err := io.Copy(io.Discard, z)
	require.NoError(t, err)
	assert.EqualValues(t, 64<<20+len(noteJSON), n)
}

func TestSlowResponsesTakeTheTimeOfTheBubble(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		rule identkittest.Rule
		took time.Duration
	}{
		"slow header":            {identkittest.Any().SlowHeader(time.Minute), time.Minute},
		"slow body":              {identkittest.Any().SlowBody(10, time.Second), time.Duration((len(noteJSON)-1)/10) * time.Second},
		"slow header, slow body": {identkittest.Any().SlowHeader(time.Minute).SlowBody(len(noteJSON)-1, time.Hour), time.Minute + time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			outside := newNotes(fakeserver.Config{}) // also one that was made outside of the bubble
			synctest.Test(t, func(t *testing.T) {
				for _, s := range []*fakeserver.Server{outside, newNotes(fakeserver.Config{})} {
					s.Fault(test.rule)
					start := time.Now()
					a := send(t, s.Transport(), http.MethodGet, s.URL()+"/notes/1", "")
					require.NoError(t, a.err)
					require.NoError(t, a.bodyErr)
					assert.Equal(t, noteJSON, a.body)
					assert.Equal(t, test.took, time.Since(start))
				}
			})
		})
	}
}
