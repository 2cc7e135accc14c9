package fakeserver_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/internal/fakeserver"
	"github.com/identkit/identkit/internal/providertest/leaktest"
)

var (
	createNote = identkit.OperationInfo{Name: "notes.Create", Method: http.MethodPost, Path: "/notes"}
	getNote    = identkit.OperationInfo{Name: "notes.Get", Method: http.MethodGet, Path: "/notes/{noteId}"}
)

const noteJSON = `{"noteId":"n-1","text":"milk and honey"}`

// newNotes returns a fake that responds to every call with noteJSON.
func newNotes(config fakeserver.Config) *fakeserver.Server {
	config.BasePath = "/base"
	s := fakeserver.New(config)
	reply := func(c *fakeserver.Call) { c.Raw(http.StatusOK, "application/json", []byte(noteJSON)) }
	s.Handle(createNote, reply)
	s.Handle(getNote, reply)
	return s
}

// response is what a client saw.
type response struct {
	status  int
	header  http.Header
	body    string
	err     error // of the request
	bodyErr error // of reading the body
}

func send(t *testing.T, rt http.RoundTripper, method, url, body string) response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	resp, err := rt.RoundTrip(r)
	if err != nil {
		return response{err: err}
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return response{status: resp.StatusCode, header: resp.Header, body: string(b), bodyErr: err}
}

// deliveries runs a test for each way to reach a fake.
func deliveries(t *testing.T, newServer func() *fakeserver.Server, test func(t *testing.T, s *fakeserver.Server, rt http.RoundTripper)) {
	t.Helper()
	t.Run("without a socket", func(t *testing.T) {
		t.Parallel()
		s := newServer()
		test(t, s, s.Transport())
	})
	t.Run("over a socket", func(t *testing.T) {
		t.Parallel()
		leaktest.Check(t)
		s := newServer()
		require.NoError(t, s.Start())
		rt := &http.Transport{DisableKeepAlives: true}
		t.Cleanup(func() {
			rt.CloseIdleConnections()
			s.Close()
		})
		test(t, s, rt)
	})
	t.Run("over TLS", func(t *testing.T) {
		t.Parallel()
		leaktest.Check(t)
		s := newServer()
		require.NoError(t, s.StartTLS())
		rt := tlsTransport(s)
		t.Cleanup(func() {
			rt.CloseIdleConnections()
			s.Close()
		})
		test(t, s, rt)
	})
}

func TestServerRespondsTheSameHoweverItIsReached(t *testing.T) {
	t.Parallel()
	deliveries(t, func() *fakeserver.Server {
		s := fakeserver.New(fakeserver.Config{BasePath: "/base"})
		s.Handle(createNote, func(c *fakeserver.Call) {
			c.SetHeader("X-Kind", "note")
			c.JSON(http.StatusCreated, map[string]string{"got": string(c.Body()), "q": c.Query().Get("q")})
		})
		return s
	}, func(t *testing.T, s *fakeserver.Server, rt http.RoundTripper) {
		a := send(t, rt, http.MethodPost, s.URL()+"/notes?q=a%20b", `{"x":1}`)
		require.NoError(t, a.err)
		require.NoError(t, a.bodyErr)
		assert.Equal(t, http.StatusCreated, a.status)
		assert.JSONEq(t, `{"got":"{\"x\":1}","q":"a b"}`, a.body)
		assert.Equal(t, "note", a.header.Get("X-Kind"))
		assert.Equal(t, "application/json", a.header.Get("Content-Type"))
		assert.NotEmpty(t, a.header.Get("Date"))

		e, ok := s.Journal().Last("notes.Create")
		require.True(t, ok)
		assert.Equal(t, http.StatusCreated, e.Status)
		assert.True(t, e.Processed)
		assert.Equal(t, "/base/notes", e.Path)
		assert.Equal(t, "a b", e.Query.Get("q"))
		assert.Equal(t, "7", e.Header.Get("Content-Length"))
		assert.Equal(t, "gzip", e.Header.Get("Accept-Encoding"))
		assert.Equal(t, "Go-http-client/1.1", e.Header.Get("User-Agent"))
		assert.NotEmpty(t, e.Host)
	})
}

func TestServerRespondsToRequestsThatBelongToNoOperation(t *testing.T) {
	t.Parallel()
	plain := fakeserver.Config{BasePath: "/base", MaxBody: 10}
	own := plain
	own.NotFound = func(c *fakeserver.Call) { c.Raw(http.StatusNotFound, "text/plain", []byte("no such URL")) }
	own.MethodNotAllowed = func(c *fakeserver.Call) { c.Raw(http.StatusMethodNotAllowed, "text/plain", []byte("not so")) }
	own.TooLarge = func(c *fakeserver.Call) { c.Raw(http.StatusBadRequest, "text/plain", []byte("too much")) }

	for name, test := range map[string]struct {
		config       fakeserver.Config
		method, path string
		body         string
		status       int
		response     string
		allow        string
	}{
		"unknown path":                  {plain, http.MethodGet, "/base/other", "", 404, "", ""},
		"unknown path, own response":    {own, http.MethodGet, "/base/other", "", 404, "no such URL", ""},
		"outside of the base path":      {own, http.MethodPost, "/notes", "", 404, "no such URL", ""},
		"trailing slash":                {own, http.MethodPost, "/base/notes/", "", 404, "no such URL", ""},
		"wrong method":                  {plain, http.MethodPut, "/base/notes", "", 405, "", "POST"},
		"wrong method, own response":    {own, http.MethodPut, "/base/notes", "", 405, "not so", "POST"},
		"body too large":                {plain, http.MethodPost, "/base/notes", "12345678901", 413, "", ""},
		"body too large, own response":  {own, http.MethodPost, "/base/notes", "12345678901", 400, "too much", ""},
		"body just not too large":       {own, http.MethodPost, "/base/notes", "1234567890", 200, "1234567890", ""},
		"panic of the handler":          {own, http.MethodPost, "/base/panic", "", 500, "fakeserver: notes.Panic: panic: oh\n", ""},
		"handler that sets no response": {own, http.MethodPost, "/base/mute", "", 500, "fakeserver: notes.Mute: the handler set no response\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			deliveries(t, func() *fakeserver.Server {
				s := fakeserver.New(test.config)
				s.Handle(createNote, func(c *fakeserver.Call) { c.Raw(http.StatusOK, "", c.Body()) })
				s.Handle(identkit.OperationInfo{Name: "notes.Panic", Method: "POST", Path: "/panic"}, func(*fakeserver.Call) { panic("oh") })
				s.Handle(identkit.OperationInfo{Name: "notes.Mute", Method: "POST", Path: "/mute"}, func(*fakeserver.Call) {})
				return s
			}, func(t *testing.T, s *fakeserver.Server, rt http.RoundTripper) {
				a := send(t, rt, test.method, strings.TrimSuffix(s.URL(), "/base")+test.path, test.body)
				require.NoError(t, a.err)
				assert.Equal(t, test.status, a.status)
				assert.Equal(t, test.response, a.body)
				assert.Equal(t, test.allow, a.header.Get("Allow"))
				all := s.Journal().All()
				require.Len(t, all, 1)
				assert.Equal(t, test.status, all[0].Status)
				assert.Equal(t, test.status == 500, all[0].Problem != "")
			})
		})
	}
}

func TestServerListsItsOperationsByName(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []identkit.OperationInfo{createNote, getNote}, newNotes(fakeserver.Config{}).Operations())
}

func TestServerRefusesOperationsThatCannotBeRouted(t *testing.T) {
	t.Parallel()
	for name, op := range map[string]identkit.OperationInfo{
		"no name":              {Method: "GET", Path: "/x"},
		"no method":            {Name: "x", Path: "/x"},
		"relative path":        {Name: "x", Method: "GET", Path: "x"},
		"query in the path":    {Name: "x", Method: "GET", Path: "/x?y=1"},
		"part left open":       {Name: "x", Method: "GET", Path: "/x/{id"},
		"part never opened":    {Name: "x", Method: "GET", Path: "/x/id}"},
		"part without a name":  {Name: "x", Method: "GET", Path: "/x/{}"},
		"two parts in a piece": {Name: "x", Method: "GET", Path: "/x/{a}{b}"},
		"duplicate part":       {Name: "x", Method: "GET", Path: "/x/{a}/{a}"},
		"duplicate name":       {Name: "notes.Get", Method: "GET", Path: "/x"},
		"same method and path": {Name: "x", Method: "GET", Path: "/notes/{id}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newNotes(fakeserver.Config{})
			assert.Panics(t, func() { s.Handle(op, func(*fakeserver.Call) {}) })
		})
	}
	assert.Panics(t, func() { fakeserver.New(fakeserver.Config{BasePath: "relative"}) })
	assert.Panics(t, func() {
		fakeserver.New(fakeserver.Config{}).Handle(getNote, nil)
	})
}

func TestServerRefusesRulesItCannotSimulate(t *testing.T) {
	t.Parallel()
	s := newNotes(fakeserver.Config{Deliveries: fakeserver.Deliveries{Target: "notes.Callback"}})
	err := s.AddFaults(identkittest.On("notes.Gett").Status(503), identkittest.Any().ExpireToken())
	require.ErrorContains(t, err, "notes.Callback, notes.Create, notes.Get")
	require.ErrorContains(t, err, "no access tokens")
	require.ErrorContains(t, newNotes(fakeserver.Config{}).AddFaults(identkittest.Any().Reorder()), "no webhooks")
	require.ErrorContains(t, s.AddFaults(identkittest.Any()), "no effect")
	assert.PanicsWithValue(t, `fakeserver: rule On("x").Reset(): no such operation; there are notes.Callback, notes.Create, notes.Get`,
		func() { s.Fault(identkittest.On("x").Reset()) })
	assert.Empty(t, s.UnusedFaults(), "no rule of a refused set may be active")

	require.NoError(t, newNotes(fakeserver.Config{HasTokens: true}).AddFaults(identkittest.Any().ExpireToken()))
	require.NoError(t, s.AddFaults(identkittest.Any().Reorder(), identkittest.On("notes.Callback").Status(500)))
}

func TestServerStampsRequestsByTheFakesClock(t *testing.T) {
	t.Parallel()
	clock := identkittest.NewClock(time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC))
	s := fakeserver.New(fakeserver.Config{Clock: clock})
	var seen time.Time
	s.Handle(createNote, func(c *fakeserver.Call) {
		seen = c.Now()
		c.Empty(http.StatusNoContent)
	})
	clock.Advance(time.Hour)
	require.NoError(t, send(t, s.Transport(), http.MethodPost, s.URL()+"/notes", "").err)
	e, _ := s.Journal().Last("notes.Create")
	assert.Equal(t, clock.Now(), seen)
	assert.Equal(t, clock.Now(), e.Time)
	assert.Same(t, clock, s.Clock())
}

func TestServerCloseEndsResponsesUnderWay(t *testing.T) {
	t.Parallel()
	for name, rule := range map[string]identkittest.Rule{
		"slow header":  identkittest.Any().SlowHeader(time.Hour),
		"slow body":    identkittest.Any().Stream(1, time.Hour),
		"fast endless": identkittest.Any().Stream(1<<10, time.Nanosecond),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			leaktest.Check(t)
			s := newNotes(fakeserver.Config{})
			s.Fault(rule)
			require.NoError(t, s.Start())
			rt := &http.Transport{}
			defer rt.CloseIdleConnections()
			ended := make(chan response)
			go func() { ended <- send(t, rt, http.MethodGet, s.URL()+"/notes/1", "") }()
			require.NoError(t, s.Journal().Wait(t.Context(), "notes.Get", 1))
			s.Close()
			s.Close()
			a := <-ended
			assert.Error(t, errors.Join(a.err, a.bodyErr))
		})
	}
}

func TestServerRefusesASecondStart(t *testing.T) {
	t.Parallel()
	s := newNotes(fakeserver.Config{})
	assert.Equal(t, "https://fake.test/base", s.URL())
	s.Close() // does nothing yet
	require.NoError(t, s.Start())
	defer s.Close()
	require.ErrorContains(t, s.Start(), "started already")
	assert.Nil(t, s.RootCAs())
	assert.Regexp(t, `^http://127\.0\.0\.1:\d+/base$`, s.URL())
}

func TestServerSeesAClientThatGoesAwayWhileItSends(t *testing.T) {
	t.Parallel()
	deliveries(t, func() *fakeserver.Server { return newNotes(fakeserver.Config{}) },
		func(t *testing.T, s *fakeserver.Server, rt http.RoundTripper) {
			ctx, cancel := context.WithCancelCause(t.Context())
			gone := errors.New("gone")
			begun := make(chan struct{})
			s.Fault(identkittest.Any().When(func(*http.Request) bool {
				close(begun)
				return false
			}).Reset())
			body, feed := io.Pipe()
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL()+"/notes", body)
			require.NoError(t, err)
			go func() {
				_, _ = feed.Write([]byte("{"))
				<-begun
				cancel(gone)
				if rt != s.Transport() {
					_ = feed.CloseWithError(gone) // net/http waits for the body to end
				}
			}()
			_, err = rt.RoundTrip(r)
			require.ErrorIs(t, err, gone)
			if rt == s.Transport() {
				_, err = feed.Write([]byte("}"))
				require.ErrorIs(t, err, io.ErrClosedPipe, "the body must have been closed")
			}
			require.NoError(t, s.Journal().Wait(t.Context(), "notes.Create", 1))
			e, _ := s.Journal().Last("notes.Create")
			assert.Zero(t, e.Status)
			assert.False(t, e.Processed)
			assert.Equal(t, "the body was not received", e.Problem)
		})
}
