package transport

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/internal/fakeserver"
)

var (
	getFile = Op[thingParams, identkit.Download]{
		Name: "test.File", Method: http.MethodGet, Path: "/files/{id}", Retry: identkit.RetrySafe, MaxBytes: 128 << 20,
		Request: func(in *thingParams, r *Request) { r.Path("id", in.id) },
	}
	takeFile = Op[thingParams, identkit.Download]{
		Name: "test.TakeFile", Method: http.MethodPost, Path: "/files/{id}", MaxBytes: 1000, Response: ResponseOptional, AfterLoss: "look it up",
		Request: func(in *thingParams, r *Request) { r.Path("id", in.id) },
	}
	fileOperations = []Operation{&getFile, &takeFile, &setImages}
)

// fakeOfFiles responds with a file of as many bytes as its id says, announced unless it begins with "u".
func fakeOfFiles() *fakeserver.Server {
	srv := fakeserver.New(fakeserver.Config{})
	file := func(c *fakeserver.Call) {
		id, unknown := strings.CutPrefix(c.PathValue("id"), "u")
		size, err := strconv.ParseInt(id, 10, 64)
		c.SetHeader("X-Request-Id", "req-7")
		switch {
		case err != nil:
			c.JSON(http.StatusConflict, map[string]string{"code": id})
		case unknown:
			c.Stream(http.StatusOK, "video/mp4", &pattern{size: size})
		default:
			c.File(http.StatusOK, "video/mp4", &pattern{size: size}, size)
		}
	}
	srv.Handle(getFile.Info(), file)
	srv.Handle(takeFile.Info(), file)
	receiveImages(srv)
	return srv
}

// overAll runs a test over HTTP/1.1 with TLS, over HTTP/2 and without a socket.
func overAll(t *testing.T, test func(t *testing.T, srv *fakeserver.Server, base string, rt http.RoundTripper)) {
	t.Helper()
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2", "without a socket"} {
		t.Run(protocol, func(t *testing.T) {
			srv := fakeOfFiles()
			if protocol == "without a socket" {
				test(t, srv, srv.URL(), srv.Transport())
				return
			}
			server := httptest.NewUnstartedServer(srv)
			server.EnableHTTP2 = protocol == "HTTP/2"
			server.Config.HTTP2 = &http.HTTP2Config{MaxReadFrameSize: 16 << 10, MaxReceiveBufferPerStream: 64 << 10} // net/http's own buffers
			server.StartTLS()
			own := pooled()
			own.TLSClientConfig.RootCAs = server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
			t.Cleanup(func() {
				own.CloseIdleConnections()
				server.CloseClientConnections()
				server.Close()
				srv.Close()
			})
			test(t, srv, server.URL, own)
		})
	}
}

func filesClient(tb testing.TB, base string, rt http.RoundTripper, adjust ...func(*Config)) *Client {
	tb.Helper()
	cfg := Config{Provider: "test", BaseURL: base, Operations: fileOperations, Options: identkit.Options{HTTPClient: &http.Client{Transport: rt}}}
	for _, f := range adjust {
		f(&cfg)
	}
	var check Check
	c := New(cfg, &check)
	require.NoError(tb, check.Err("test", "test.New"))
	return c
}

func getOne(ctx context.Context, c *Client, id string, opts ...identkit.CallOption) (*identkit.Download, error) {
	return getFile.Do(ctx, c, thingParams{id: id}, opts)
}

func patternOf(size int64) []byte {
	b, _ := io.ReadAll(&pattern{size: size})
	return b
}

func TestADownloadStreamsToItsReader(t *testing.T) {
	t.Parallel()
	overAll(t, func(t *testing.T, srv *fakeserver.Server, base string, rt http.RoundTripper) {
		o := new(recorder)
		c := filesClient(t, base, rt, func(cfg *Config) { cfg.Options.Observer = o.observer() })
		for id, size := range map[string]int64{"100000": 100_000, "u100000": -1, "1": 1} {
			var r identkit.Response
			want, _ := strconv.ParseInt(strings.TrimPrefix(id, "u"), 10, 64)
			srv.Fault(identkittest.Any().Nth(1).Status(503), identkittest.Any().Nth(2).TruncateHalf().When(func(*http.Request) bool { return id == "1" }))
			d, err := getOne(t.Context(), c, id, identkit.WithResponse(&r))
			require.NoError(t, err)
			assert.Equal(t, "video/mp4", d.ContentType)
			assert.Equal(t, size, d.Size)
			assert.Equal(t, 200, r.Status)
			assert.Equal(t, "req-7", r.RequestID)
			assert.Empty(t, r.Body)
			assert.Len(t, r.Attempts, map[bool]int{true: 3, false: 2}[id == "1"], "until the body begins it is repeated")
			got, err := io.ReadAll(d)
			require.NoError(t, err)
			assert.True(t, bytes.Equal(patternOf(want), got))
			assert.Empty(t, o.ends, "the call ends with Close")
			require.NoError(t, d.Close())
			require.NoError(t, d.Close())
			require.Len(t, o.ends, 1)
			assert.Equal(t, identkit.Kind(""), o.ends[0].Kind)
			assert.Equal(t, len(r.Attempts), o.ends[0].Attempts)
			_, err = d.Read(make([]byte, 1))
			require.ErrorIs(t, err, io.EOF)
			o.ends = nil
			srv.ClearFaults()
		}
		e, _ := srv.Journal().Last("test.File")
		assert.Equal(t, "*/*", e.Header.Get("Accept"))
		assert.EqualValues(t, 1000-4*10+3, c.budget.tenths.Load(), "four retries were taken, three calls gave a tenth back")

		_, err := getOne(t.Context(), c, "gone")
		require.ErrorIs(t, err, identkit.ErrConflict)
		var failed *identkit.Error
		require.ErrorAs(t, err, &failed)
		assert.JSONEq(t, `{"code":"gone"}`, string(failed.Body()))
		assert.Len(t, o.ends, 1)
	})
}

func TestACutDownloadIsAnErrorAtReadAndAtClose(t *testing.T) {
	t.Parallel()
	any := identkittest.Any()
	overAll(t, func(t *testing.T, srv *fakeserver.Server, base string, rt http.RoundTripper) {
		for name, c := range map[string]struct {
			rule identkittest.Rule
			id   string
		}{
			"short":                       {any.TruncateHalf(), "100000"},
			"short by a byte":             {any.Truncate(99_999), "100000"},
			"short, of unknown size":      {any.TruncateHalf(), "u100000"},
			"reset":                       {any.ResetInBody(), "100000"},
			"reset, of unknown size":      {any.ResetInBody(), "u100000"},
			"cut, compressed":             {any.Gzip().Truncate(300), "100000"},
			"whole, but compressed badly": {any.GzipTruncated(), "100000"},
		} {
			for _, op := range []*Op[thingParams, identkit.Download]{&getFile, &takeFile} {
				o := new(recorder)
				client := filesClient(t, base, rt, func(cfg *Config) { cfg.Options.Observer = o.observer() })
				large := *op
				large.MaxBytes = 1 << 20
				srv.Fault(c.rule)
				d, err := large.Do(t.Context(), client, thingParams{id: c.id}, nil)
				require.NoError(t, err, name)
				got, err := io.ReadAll(d)
				assert.Less(t, len(got), 100_000, name)
				assert.True(t, bytes.HasPrefix(patternOf(100_000), got), name)
				var e *identkit.Error
				require.ErrorAs(t, err, &e, name)
				require.ErrorIs(t, err, identkit.ErrNetwork, name)
				require.ErrorIs(t, err, io.ErrUnexpectedEOF, name)
				require.NotErrorIs(t, err, io.EOF, name)
				assert.Equal(t, large.Name, e.Operation)
				assert.Equal(t, 200, e.Status)
				assert.Equal(t, "req-7", e.RequestID)
				require.Len(t, e.Attempts, 1)
				assert.Equal(t, identkit.PhaseBody, e.Attempts[0].Phase)
				assert.Equal(t, op == &takeFile, e.OutcomeUnknown, name)
				if op == &takeFile {
					require.ErrorContains(t, err, "look it up")
				}
				_, again := d.Read(make([]byte, 1))
				assert.Same(t, e, again)
				assert.Same(t, e, d.Close())
				require.Len(t, o.ends, 1)
				assert.Equal(t, identkit.ErrNetwork, o.ends[0].Kind)
				assert.Equal(t, e.OutcomeUnknown, o.ends[0].OutcomeUnknown)
				srv.ClearFaults()
			}
		}
	})
}

func TestADownloadLostBeforeItsBodyBeginsIsALostResponse(t *testing.T) {
	t.Parallel()
	overAll(t, func(t *testing.T, srv *fakeserver.Server, base string, rt http.RoundTripper) {
		c := filesClient(t, base, rt)
		for _, rule := range []identkittest.Rule{identkittest.Any().ResetAfterHeaders(), identkittest.Any().Truncate(0)} {
			srv.Fault(rule.Times(1))
			_, err := takeFile.Do(t.Context(), c, thingParams{id: "10"}, nil)
			require.ErrorIs(t, err, identkit.ErrNetwork)
			require.ErrorIs(t, err, identkit.ErrOutcomeUnknown)
			var e *identkit.Error
			require.ErrorAs(t, err, &e)
			assert.Len(t, e.Attempts, 1)
			assert.Equal(t, 200, e.Status)
			srv.Fault(rule.Times(1))
			d, err := getOne(t.Context(), c, "10")
			require.NoError(t, err, "a safe one is repeated")
			require.NoError(t, d.Close())
			srv.ClearFaults()
		}
	})
}

func TestASuccessThatIsNoFileIsABadResponse(t *testing.T) {
	t.Parallel()
	any := identkittest.Any()
	page := []byte("<html>gateway</html>")
	overAll(t, func(t *testing.T, srv *fakeserver.Server, base string, rt http.RoundTripper) {
		c := filesClient(t, base, rt)
		for name, rule := range map[string]identkittest.Rule{
			"a page":                       any.HTML(200),
			"a page of another type":       any.Body(200, "video/mp4", page),
			"a page behind white space":    any.Body(200, "", append(bytes.Repeat([]byte(" \r\n"), 100), page...)),
			"a page behind a mark":         any.Body(200, "image/png", append([]byte("\xef\xbb\xbf "), page...)),
			"a page, chunked":              any.Body(200, "video/mp4", page).SlowBody(1, 1),
			"text/html that is none":       any.Header("Content-Type", "Text/HTML; charset=utf-8"),
			"nothing":                      any.Empty(),
			"204":                          any.Status(204),
			"a part":                       any.Body(206, "video/mp4", []byte("part")),
			"an encoding that is not gzip": any.Header("Content-Encoding", "br"),
		} {
			srv.Fault(rule)
			o := new(recorder)
			c.observer = o.observer()
			var r identkit.Response
			d, err := getOne(t.Context(), c, "10", identkit.WithResponse(&r))
			assert.Nil(t, d, name)
			require.ErrorIs(t, err, identkit.ErrBadResponse, name)
			var e *identkit.Error
			require.ErrorAs(t, err, &e)
			assert.NotZero(t, e.Status)
			assert.NotEmpty(t, e.Detail, name)
			assert.Len(t, e.Attempts, 1, name)
			if strings.Contains(name, "page") {
				require.ErrorContains(t, err, "HTML", name)
				assert.Contains(t, string(e.Body()), "<html>", name)
			}
			assert.Len(t, o.ends, 1)
			srv.ClearFaults()
		}
		for name, rule := range map[string]identkittest.Rule{
			"nothing": any.Empty(), "204": any.Status(204), "nothing, chunked": any.Body(200, "", nil).Gzip(), "white space": any.Body(200, "", []byte("  ")),
			"a part of a mark": any.Body(200, "", []byte("\xef\xbb")), "more white space than is looked at": any.Body(200, "", bytes.Repeat([]byte(" "), 1000)),
		} {
			srv.Fault(rule)
			d, err := takeFile.Do(t.Context(), c, thingParams{id: "10"}, nil)
			require.NoError(t, err, name)
			_, err = io.ReadAll(d)
			require.NoError(t, err, name)
			require.NoError(t, d.Close(), name)
			srv.ClearFaults()
		}
		srv.Fault(any.Body(206, "video/mp4", []byte("part")))
		d, err := getOne(t.Context(), c, "10", identkit.WithHeader("Range", "bytes=0-3"))
		require.NoError(t, err, "it was asked for")
		require.NoError(t, d.Close())
	})
}

func TestADownloadHasACapOfItsOwn(t *testing.T) {
	t.Parallel()
	overAll(t, func(t *testing.T, srv *fakeserver.Server, base string, rt http.RoundTripper) {
		c := filesClient(t, base, rt, func(cfg *Config) { cfg.Options.MaxResponseBytes = 10 })
		for id, whole := range map[string]bool{"1000": true, "u1000": true, "u1001": false, "u5000": false} {
			d, err := takeFile.Do(t.Context(), c, thingParams{id: id}, nil)
			require.NoError(t, err)
			got, err := io.ReadAll(d)
			assert.Len(t, got, 1000, id)
			if whole {
				require.NoError(t, err)
				require.NoError(t, d.Close())
				continue
			}
			require.ErrorIs(t, err, identkit.ErrResponseTooLarge)
			require.ErrorIs(t, d.Close(), identkit.ErrResponseTooLarge)
		}
		_, err := takeFile.Do(t.Context(), c, thingParams{id: "1001"}, nil)
		require.ErrorIs(t, err, identkit.ErrResponseTooLarge, "announced: not even begun")
		srv.Fault(identkittest.Any().GzipBomb(1 << 30))
		d, err := takeFile.Do(t.Context(), c, thingParams{id: "1"}, nil)
		require.NoError(t, err)
		assert.EqualValues(t, -1, d.Size)
		_, err = io.Copy(io.Discard, d)
		require.ErrorIs(t, err, identkit.ErrResponseTooLarge)
		require.Error(t, d.Close())
	})
}

// serves is a client of a RoundTripper that responds with a body of another length than it announces.
func serves(t *testing.T, announced int64, body io.Reader) *Client {
	t.Helper()
	return filesClient(t, "https://h", tripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: announced, Body: io.NopCloser(body)}, nil
	}))
}

func TestABodyOfAnotherLengthIsAnErrorOverAnyRoundTripper(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		announced int64
		body      io.Reader
		kind      identkit.Kind
		cause     error
	}{
		"short":                           {9, strings.NewReader("12345678"), identkit.ErrNetwork, io.ErrUnexpectedEOF},
		"long":                            {7, strings.NewReader("12345678"), identkit.ErrBadResponse, errLong},
		"long, a byte at a time":          {7, iotest.OneByteReader(strings.NewReader("12345678")), identkit.ErrBadResponse, errLong},
		"right":                           {8, iotest.DataErrReader(strings.NewReader("12345678")), "", nil},
		"an error that wraps EOF":         {9, io.MultiReader(strings.NewReader("1234"), iotest.ErrReader(&net.OpError{Op: "read", Err: io.EOF})), identkit.ErrNetwork, io.ErrUnexpectedEOF},
		"an error behind a whole body":    {8, io.MultiReader(strings.NewReader("12345678"), iotest.ErrReader(syscall.ECONNRESET)), "", nil},
		"a reset without announced bytes": {-1, io.MultiReader(strings.NewReader("12345678"), iotest.ErrReader(syscall.ECONNRESET)), identkit.ErrNetwork, syscall.ECONNRESET},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := getOne(t.Context(), serves(t, c.announced, c.body), "1")
			require.NoError(t, err)
			_, err = io.ReadAll(d)
			if c.kind == "" {
				require.NoError(t, err)
				require.NoError(t, d.Close())
				return
			}
			require.ErrorIs(t, err, c.kind)
			require.ErrorIs(t, err, c.cause)
			require.NotErrorIs(t, err, io.EOF)
			if c.kind == identkit.ErrNetwork {
				require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			}
			require.ErrorIs(t, d.Close(), c.kind)
		})
	}
	c := serves(t, 5, iotest.ErrReader(io.EOF))
	_, err := getOne(t.Context(), c, "1")
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	var e *identkit.Error
	require.ErrorAs(t, err, &e)
	assert.Len(t, e.Attempts, 3, "cut before its first byte: repeated")
}
