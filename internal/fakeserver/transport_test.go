package fakeserver_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/internal/fakeserver"
)

func TestTransportEndsWithTheContext(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		rule   identkittest.Rule
		status int // in the journal
	}{
		"in a slow header":     {identkittest.Any().SlowHeader(time.Hour), 0},
		"in a slow body":       {identkittest.Any().SlowBody(1, time.Hour), 200},
		"in an endless body":   {identkittest.Any().Stream(1, time.Second), 200},
		"before a slow reset":  {identkittest.Any().Reset().SlowHeader(time.Hour), 0},
		"before a slow loss":   {identkittest.Any().LoseResponse().SlowHeader(time.Hour), 0},
		"in a streamed gzip":   {identkittest.Any().Gzip().Stream(1, 10*time.Second), 200},
		"in a truncated pause": {identkittest.Any().TruncateHalf().SlowBody(1, time.Hour), 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newNotes(fakeserver.Config{})
				s.Fault(test.rule)
				client := &http.Client{Transport: s.Transport(), Timeout: time.Minute}
				start := time.Now()
				resp, err := client.Get(s.URL() + "/notes/1")
				if err == nil {
					_, err = io.ReadAll(resp.Body)
					require.NoError(t, resp.Body.Close())
				}
				require.ErrorIs(t, err, context.DeadlineExceeded)
				assert.Equal(t, time.Minute, time.Since(start))
				e, _ := s.Journal().Last("notes.Get")
				assert.Equal(t, test.status, e.Status)
			})
		})
	}
}

func TestTransportDoesNothingForAContextThatHasEnded(t *testing.T) {
	t.Parallel()
	s := newNotes(fakeserver.Config{})
	gone := errors.New("gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gone)
	body := &closeCounter{Reader: strings.NewReader("{}")}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL()+"/notes", body)
	require.NoError(t, err)
	_, err = s.Transport().RoundTrip(r)
	require.ErrorIs(t, err, gone)
	assert.Positive(t, body.closed)
	assert.Zero(t, s.Journal().Len())
}

type closeCounter struct {
	io.Reader
	closed int
}

func (c *closeCounter) Close() error {
	c.closed++
	return nil
}

func TestTransportRefusesRequestsThatCouldNotBeSent(t *testing.T) {
	t.Parallel()
	s := newNotes(fakeserver.Config{})
	failed := errors.New("read failed")
	for name, change := range map[string]func(*http.Request){
		"relative URL":    func(r *http.Request) { r.URL.Host = "" },
		"other scheme":    func(r *http.Request) { r.URL.Scheme = "ftp" },
		"no URL":          func(r *http.Request) { r.URL = nil },
		"body shorter":    func(r *http.Request) { r.ContentLength = 3 },
		"body longer":     func(r *http.Request) { r.ContentLength = 1 },
		"body that fails": func(r *http.Request) { r.Body = io.NopCloser(iotest.ErrReader(failed)) },
		"body of unknown length that fails": func(r *http.Request) {
			r.Body, r.GetBody, r.ContentLength = io.NopCloser(iotest.ErrReader(failed)), nil, -1
		},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/notes", strings.NewReader("{}"))
		require.NoError(t, err)
		change(r)
		_, err = s.Transport().RoundTrip(r)
		require.Error(t, err, name)
	}
	for _, e := range s.Journal().All() {
		assert.False(t, e.Processed)
		assert.NotEmpty(t, e.Problem)
	}
}

func TestTransportCallsTheHooksOfATrace(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		rule identkittest.Rule
		want []string
	}{
		"a response": {
			identkittest.Any().Status(200),
			[]string{"GetConn fake.test:443", "ConnectStart", "ConnectDone <nil>", "GotConn false", "WroteHeaders", "body read", "WroteRequest <nil>", "GotFirstResponseByte"},
		},
		"a refused connection": {
			identkittest.Any().Refuse(),
			[]string{"GetConn fake.test:443", "ConnectStart", "ConnectDone dial tcp 127.0.0.1:443: connect: connection refused"},
		},
		"a reset": {
			identkittest.Any().Reset(),
			[]string{"GetConn fake.test:443", "ConnectStart", "ConnectDone <nil>", "GotConn false", "WroteHeaders", "body read", "WroteRequest <nil>"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newNotes(fakeserver.Config{})
			s.Fault(test.rule.First(1))
			var got []string
			note := func(format string, args ...any) { got = append(got, fmt.Sprintf(format, args...)) }
			trace := &httptrace.ClientTrace{
				GetConn:      func(hostPort string) { note("GetConn %s", hostPort) },
				ConnectStart: func(string, string) { note("ConnectStart") },
				ConnectDone:  func(_, _ string, err error) { note("ConnectDone %v", err) },
				GotConn: func(info httptrace.GotConnInfo) {
					note("GotConn %v", info.Reused)
					_ = info.Conn.RemoteAddr().String()
				},
				WroteHeaders:         func() { note("WroteHeaders") },
				WroteRequest:         func(info httptrace.WroteRequestInfo) { note("WroteRequest %v", info.Err) },
				GotFirstResponseByte: func() { note("GotFirstResponseByte") },
			}
			ctx := httptrace.WithClientTrace(t.Context(), trace)
			round := func() error {
				body := &notedReader{Reader: strings.NewReader("{}"), note: func() { note("body read") }}
				r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL()+"/notes", body)
				require.NoError(t, err)
				resp, err := s.Transport().RoundTrip(r)
				if err == nil {
					require.NoError(t, resp.Body.Close())
				}
				return err
			}
			_ = round()
			assert.Equal(t, test.want, got)
			got = nil
			require.NoError(t, round())
			assert.Equal(t, name != "a refused connection", strings.Contains(strings.Join(got, " "), "GotConn true"), "connections are reused")
		})
	}
}

// notedReader reports its first read.
type notedReader struct {
	io.Reader
	once sync.Once
	note func()
}

func (r *notedReader) Read(p []byte) (int, error) {
	r.once.Do(r.note)
	return r.Reader.Read(p)
}

func TestTransportTreatsCompressionAsNetHTTPDoes(t *testing.T) {
	t.Parallel()
	s := newNotes(fakeserver.Config{})
	s.Fault(identkittest.Any().Gzip())
	for name, test := range map[string]struct {
		accept string
		plain  bool
	}{
		"not asked for":             {"", true},
		"asked for by the client":   {"gzip", false},
		"declined, but sent anyway": {"identity", false},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/notes/1", nil)
		require.NoError(t, err)
		if test.accept != "" {
			r.Header.Set("Accept-Encoding", test.accept)
		}
		resp, err := s.Transport().RoundTrip(r)
		require.NoError(t, err)
		b, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, test.plain, string(b) == noteJSON, name)
		assert.Equal(t, test.plain, resp.Uncompressed, name)
		assert.Equal(t, test.plain, resp.ContentLength == -1, name)
		assert.Equal(t, !test.plain, resp.Header.Get("Content-Encoding") == "gzip", name)
		_, err = resp.Body.Read(make([]byte, 1))
		require.ErrorIs(t, err, http.ErrBodyReadAfterClose, name)
	}
}

func TestTransportLeavesTheRequestAlone(t *testing.T) {
	t.Parallel()
	s := newNotes(fakeserver.Config{})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://user:pass@shop.test:8080/base/notes", strings.NewReader("{}"))
	require.NoError(t, err)
	resp, err := s.Transport().RoundTrip(r)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Empty(t, r.Header)
	assert.Equal(t, "http://user:pass@shop.test:8080/base/notes", r.URL.String())
	assert.Same(t, r, resp.Request)
	e, _ := s.Journal().Last("notes.Create")
	assert.Equal(t, "shop.test:8080", e.Host)
	assert.Equal(t, "Basic dXNlcjpwYXNz", e.Header.Get("Authorization"))
}

func TestTransportUnblocksAReaderWhenTheBodyIsClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newNotes(fakeserver.Config{})
		s.Fault(identkittest.Any().Stream(1, time.Hour))
		r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, s.URL()+"/notes/1", nil)
		require.NoError(t, err)
		resp, err := s.Transport().RoundTrip(r)
		require.NoError(t, err)
		ended := make(chan error)
		go func() {
			_, err := io.ReadAll(resp.Body)
			ended <- err
		}()
		synctest.Wait()
		require.NoError(t, resp.Body.Close())
		require.ErrorIs(t, <-ended, http.ErrBodyReadAfterClose)
	})
}

func TestResponderFitsHTTPMock(t *testing.T) {
	t.Parallel()
	s := newNotes(fakeserver.Config{})
	mock := httpmock.NewMockTransport()
	mock.RegisterNoResponder(s.Responder())
	a := send(t, mock, http.MethodGet, "https://anywhere.test/base/notes/a%2Fb", "")
	require.NoError(t, a.err)
	assert.Equal(t, noteJSON, a.body)
	e, _ := s.Journal().Last("notes.Get")
	assert.Equal(t, "a/b", e.PathValue("noteId"))
}

func TestServerServesManyAtOnce(t *testing.T) {
	t.Parallel()
	deliveries(t, func() *fakeserver.Server {
		s := fakeserver.New(fakeserver.Config{BasePath: "/base", JournalEntries: 50})
		s.Handle(createNote, func(c *fakeserver.Call) { c.Raw(200, "", c.Body()) })
		s.Fault(identkittest.Any().Probability(0.2).Status(503), identkittest.Any().Probability(0.1).Reset(), identkittest.Any().Probability(0.1).Gzip())
		return s
	}, func(t *testing.T, s *fakeserver.Server, rt http.RoundTripper) {
		const workers, rounds = 16, 10
		var group sync.WaitGroup
		for w := range workers {
			group.Go(func() {
				for i := range rounds {
					body := strconv.Itoa(w*rounds + i)
					a := send(t, rt, http.MethodPost, s.URL()+"/notes", body)
					if a.status == 200 {
						assert.Equal(t, body, a.body)
					}
					_ = s.Journal().All()
					_ = s.UnusedFaults()
				}
			})
		}
		group.Wait()
		assert.Equal(t, workers*rounds, s.Journal().Count("notes.Create"))
		assert.Len(t, s.Journal().All(), 50)
	})
}

func TestCallGivesAMultipartBodyAgainAndAgain(t *testing.T) {
	t.Parallel()
	s := fakeserver.New(fakeserver.Config{})
	s.Handle(createNote, func(c *fakeserver.Call) {
		for range 2 {
			r := c.Request()
			if err := r.ParseMultipartForm(1 << 20); err != nil {
				c.Raw(400, "", []byte(err.Error()))
				return
			}
		}
		user, password, _ := c.Request().BasicAuth()
		r := c.Request()
		c.Raw(200, "", []byte(r.FormValue("token")+" "+user+" "+password+" "+c.Operation().Name))
	})
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	require.NoError(t, form.WriteField("token", "t-1"))
	require.NoError(t, form.Close())
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/notes", &body)
	require.NoError(t, err)
	r.Header.Set("Content-Type", form.FormDataContentType())
	r.SetBasicAuth("u", "p")
	resp, err := s.Transport().RoundTrip(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Equal(t, "t-1 u p notes.Create", string(b))
}

func TestServeHTTPWorksUnderAServerOfTheUsers(t *testing.T) {
	t.Parallel()
	s := newNotes(fakeserver.Config{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("/base/", s)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	a := send(t, &http.Transport{DisableKeepAlives: true}, http.MethodGet, "http://"+listener.Addr().String()+"/base/notes/1", "")
	require.NoError(t, a.err)
	assert.Equal(t, noteJSON, a.body)
}
