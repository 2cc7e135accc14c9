package fakeserver_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/internal/fakeserver"
)

func nothing(c *fakeserver.Call) { c.Empty(http.StatusNoContent) }

func TestRegisterWantsAHandlerForEachOperationAndNoMore(t *testing.T) {
	t.Parallel()
	catalog := []identkit.OperationInfo{createNote, getNote}
	one := map[string]func(*fakeserver.Call){createNote.Name: nothing}
	both := map[string]func(*fakeserver.Call){createNote.Name: nothing, getNote.Name: nothing}
	assert.PanicsWithValue(t, "fakeserver: no handler for notes.Get", func() { fakeserver.New(fakeserver.Config{}).Register(catalog, one) })
	assert.PanicsWithValue(t, "fakeserver: a handler for notes.Get, which is no operation of the catalogue",
		func() { fakeserver.New(fakeserver.Config{}).Register(catalog[:1], both) })
	s := fakeserver.New(fakeserver.Config{})
	s.Register(catalog, both)
	assert.Equal(t, catalog, s.Operations())
	assert.Len(t, both, 2, "the caller's map stays")
}

func TestRoutesOutsideTheBasePathAndPages(t *testing.T) {
	t.Parallel()
	s := fakeserver.New(fakeserver.Config{BasePath: "/api", Paths: map[string]string{getNote.Name: "/elsewhere/{noteId}"}})
	s.Register([]identkit.OperationInfo{getNote}, map[string]func(*fakeserver.Call){getNote.Name: nothing})
	s.Page("notes.Login", http.MethodGet, "/login/{session}", func(c *fakeserver.Call) {
		c.Raw(http.StatusOK, "text/html", []byte("<form>"+c.PathValue("session")))
	})
	origin := strings.TrimSuffix(s.URL(), "/api")
	assert.Equal(t, 204, send(t, s.Transport(), http.MethodGet, origin+"/elsewhere/1", "").status)
	assert.Equal(t, 404, send(t, s.Transport(), http.MethodGet, s.URL()+"/notes/1", "").status)
	assert.Equal(t, "<form>7", send(t, s.Transport(), http.MethodGet, origin+"/login/7", "").body)
	assert.Equal(t, []identkit.OperationInfo{getNote}, s.Operations(), "a page is no operation")
	assert.Equal(t, 1, s.Journal().Count("notes.Login"))
	s.Fault(identkittest.On("notes.Login").Status(503))
	assert.Equal(t, 503, send(t, s.Transport(), http.MethodGet, origin+"/login/7", "").status)
}

func TestStreamsAreSentAsTheyCome(t *testing.T) {
	t.Parallel()
	deliveries(t, func() *fakeserver.Server {
		s := fakeserver.New(fakeserver.Config{})
		s.Handle(getNote, func(c *fakeserver.Call) {
			body := io.Reader(strings.NewReader("0123456789"))
			if c.PathValue("noteId") == "fails" {
				body = io.MultiReader(body, iotest.ErrReader(errors.New("disk full")))
			}
			c.Stream(http.StatusOK, "application/pdf", body)
		})
		return s
	}, func(t *testing.T, s *fakeserver.Server, rt http.RoundTripper) {
		get := func(id string) response { return send(t, rt, http.MethodGet, s.URL()+"/notes/"+id, "") }
		whole := get("1")
		require.NoError(t, whole.bodyErr)
		assert.Equal(t, "0123456789", whole.body)
		assert.Equal(t, "application/pdf", whole.header.Get("Content-Type"))
		assert.Empty(t, whole.header.Get("Content-Length"))
		require.Error(t, get("fails").bodyErr)
		s.Fault(identkittest.Any().TruncateHalf().Times(1), identkittest.Any().DuplicateBody())
		half := get("1")
		require.ErrorIs(t, half.bodyErr, io.ErrUnexpectedEOF)
		assert.LessOrEqual(t, len(half.body), 5)
		assert.Equal(t, "01234567890123456789", get("1").body)
	})
}

func TestLargeBodiesAreKeptOutOfTheJournal(t *testing.T) {
	t.Parallel()
	s := newNotes(fakeserver.Config{JournalBody: 4})
	for _, body := range []string{"1234", "12345"} {
		require.NoError(t, send(t, s.Transport(), http.MethodPost, s.URL()+"/notes", body).err)
		e, _ := s.Journal().Last("notes.Create")
		digest := sha256.Sum256([]byte(body))
		assert.Equal(t, len(body), e.Size)
		assert.Equal(t, hex.EncodeToString(digest[:]), e.SHA256)
		assert.Equal(t, "1234", string(e.Body), "the beginning stays")
		assert.Equal(t, len(body) > 4, e.Truncated)
		if e.Truncated {
			require.Error(t, e.JSON(new(int)))
			text, err := json.Marshal(e)
			require.NoError(t, err)
			assert.NotContains(t, string(text), "1234", "a part cannot be masked")
		}
	}
}

func TestJSONFormsMaskSecrets(t *testing.T) {
	t.Parallel()
	s := fakeserver.New(fakeserver.Config{
		Secrets: []string{"otp", "key"}, State: func() any {
			return map[string]any{"otp": "1234-secret", "user": "erika", "password": identkit.Secret("1234-secret"), "n": int64(12345678901234567)}
		},
	})
	op := identkit.OperationInfo{Name: "notes.Login", Method: http.MethodPost, Path: "/{key}/login/{user}"}
	s.Handle(op, nothing)
	post := func(contentType, body string) string {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/1234-secret/login/erika?key=1234-secret&page=2", strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Content-Type", contentType)
		for _, name := range []string{"Authorization", "X-Api-Key", "X-PowerAuth-Token", "Cookie", "X-Signature", "Proxy-Authorization"} {
			r.Header.Set(name, "Token 1234-secret")
		}
		r.Header.Set("X-Request-Id", "r-1")
		resp, err := s.Transport().RoundTrip(r)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		text, err := json.Marshal(s.Journal().All()[s.Journal().Len()-1])
		require.NoError(t, err)
		assert.NotContains(t, string(text), "1234", body)
		var entry struct {
			Path       string
			PathValues map[string]string
			Body       json.RawMessage
			Header     http.Header
			Query      map[string][]string
		}
		require.NoError(t, json.Unmarshal(text, &entry))
		assert.Equal(t, "/{key}/login/{user}", entry.Path)
		assert.Equal(t, map[string]string{"key": "[secret]", "user": "erika"}, entry.PathValues)
		assert.Equal(t, map[string][]string{"key": {"[secret]"}, "page": {"2"}}, entry.Query)
		assert.Equal(t, []string{"r-1"}, entry.Header["X-Request-Id"])
		return string(entry.Body)
	}
	assert.Equal(t, `{"KEY":"[secret]","a":[{"otp":"[secret]"}],"clientSecret":"[secret]","n":90071992547409931,"otpLike":"","password":null}`,
		post("application/json", `{"a":[{"otp":"1234-secret"}],"clientSecret":{"x":"1234-secret"},"KEY":"1234","n":90071992547409931,"otpLike":"","password":null}`))
	assert.JSONEq(t, `{"otp":["[secret]"],"user":["erika"]}`, post("application/x-www-form-urlencoded", "otp=1234-secret&user=erika"))
	assert.Empty(t, post("text/plain", "1234-secret"), "what cannot be masked is not shown")
	assert.Empty(t, post("application/json", `{"otp":"1234-secret"`))

	assert.JSONEq(t, `{"otp":"[secret]","user":"erika","password":"[secret]","n":12345678901234567}`, string(s.Server.State()))
	all, err := json.Marshal(s.Journal())
	require.NoError(t, err)
	assert.NotContains(t, string(all), "1234")
	assert.Equal(t, "{}", string(fakeserver.New(fakeserver.Config{}).State()))
}

func TestPrintingAFakeShowsItsURLAlone(t *testing.T) {
	t.Parallel()
	type fake struct {
		*identkittest.Server
		password string
	}
	s := fakeserver.New(fakeserver.Config{Name: "notestest.Server"})
	f := &fake{s.Server, "canary"}
	for _, v := range []any{f, reflect.ValueOf(f).Elem().Interface(), s.Server} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			assert.Equal(t, "notestest.Server(https://fake.test)", fmt.Sprintf(verb, v))
		}
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "fake", f)
	assert.Contains(t, log.String(), "notestest.Server(https://fake.test)")
	assert.NotContains(t, log.String()+f.String(), f.password)
}

func TestFaultsAreListedAndRemovedByTheirIDs(t *testing.T) {
	t.Parallel()
	s := newNotes(fakeserver.Config{})
	s.Fault(identkittest.On("notes.Get").Status(503), identkittest.On("notes.Create").Nth(2).Reset())
	assert.Equal(t, 503, send(t, s.Transport(), http.MethodGet, s.URL()+"/notes/1", "").status)
	text, err := json.Marshal(s.Faults())
	require.NoError(t, err)
	assert.JSONEq(t, `[{"id":1,"rule":{"on":"notes.Get","status":503},"seen":1,"hits":1},
		{"id":2,"rule":{"on":"notes.Create","nth":2,"reset":true},"seen":0,"hits":0}]`, string(text))
	s.RemoveFaults(1)
	assert.Equal(t, 200, send(t, s.Transport(), http.MethodGet, s.URL()+"/notes/1", "").status)
	assert.Len(t, s.Faults(), 1)
}

func TestChangesYieldsWhatChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newNotes(fakeserver.Config{})
		s.Changed("note", "before")
		ctx, cancel := context.WithCancel(t.Context())
		changes := s.Changes(ctx)
		var got []identkittest.Change
		var reader sync.WaitGroup
		reader.Go(func() {
			for c := range changes {
				got = append(got, c)
			}
		})
		s.Fault(identkittest.Any().Status(503).Times(1))
		synctest.Wait()
		send(t, s.Transport(), http.MethodGet, s.URL()+"/notes/1", "")
		s.Changed("note", "n-1")
		synctest.Wait()
		cancel()
		reader.Wait()
		assert.Equal(t, []identkittest.Change{
			{Number: 2, Kind: identkittest.ChangeFault, ID: "1"},
			{Number: 3, Kind: identkittest.ChangeRequest, Name: "notes.Get", ID: "1"},
			{Number: 4, Kind: identkittest.ChangeRequest, Name: "notes.Get", ID: "1"},
			{Number: 5, Kind: identkittest.ChangeState, Name: "note", ID: "n-1"},
		}, got)

		late := s.Changes(t.Context())
		for range 1500 {
			s.Changed("note", "n-2")
		}
		for c := range late {
			assert.Equal(t, 506, c.Number, "the number shows what was missed")
			break
		}
	})
}

func TestASocketIsRefusedInsideABubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := fakeserver.New(fakeserver.Config{})
		for _, start := range []func() error{s.Start, s.StartTLS} {
			require.ErrorContains(t, start(), "testing/synctest")
			require.ErrorContains(t, start(), "Transport need no socket")
		}
		tb := &fatalTB{TB: t}
		assert.Panics(t, func() { s.Serve(tb) })
		assert.Contains(t, tb.text, "inside one make the fake with New")
	})
	s := fakeserver.New(fakeserver.Config{})
	require.NoError(t, s.Start())
	s.Close()
}

// fatalTB is a test that panics instead of ending.
type fatalTB struct {
	testing.TB
	text string
}

func (f *fatalTB) Fatal(args ...any) {
	f.text = fmt.Sprint(args...)
	panic(f.text)
}

// client is the client of a provider.
type client struct{ options identkit.Options }

func (*client) CloseIdleConnections() {}

func newClient(s *fakeserver.Server, adjust ...func(*identkit.Options)) *client {
	options := func(o *identkit.Options) *identkit.Options { return o }
	return fakeserver.NewClient(s, identkit.Options{}, options, func(o identkit.Options) (*client, error) {
		if o.Timeout < 0 {
			return nil, errors.New("negative timeout")
		}
		return &client{o}, nil
	}, adjust)
}

func TestReplacedOptionsStillReachTheFake(t *testing.T) {
	t.Parallel()
	s := newNotes(fakeserver.Config{Name: "notestest.Server"})
	c := newClient(s, func(o *identkit.Options) { *o = identkit.Options{UserAgent: "shop/1"} })
	assert.Same(t, s.Transport(), c.options.HTTPClient.Transport)
	assert.Equal(t, time.Millisecond, c.options.Retry.InitialBackoff)
	assert.Equal(t, "shop/1", c.options.UserAgent)

	own := &http.Client{}
	c = newClient(s, func(o *identkit.Options) {
		assert.Same(t, s.Transport(), o.HTTPClient.Transport, "a caller can wrap it")
		o.HTTPClient, o.Retry.InitialBackoff = own, time.Second
	})
	assert.Same(t, own, c.options.HTTPClient)
	assert.Equal(t, time.Second, c.options.Retry.InitialBackoff)
	assert.PanicsWithValue(t, "notestest.Server: negative timeout", func() { newClient(s, func(o *identkit.Options) { o.Timeout = -1 }) })

	require.NoError(t, s.StartTLS())
	defer s.Close()
	c = newClient(s, func(o *identkit.Options) { *o = identkit.Options{} })
	defer c.options.HTTPClient.CloseIdleConnections()
	a := send(t, c.options.HTTPClient.Transport, http.MethodGet, s.URL()+"/notes/1", "")
	require.NoError(t, a.err, "its certificate is trusted")
	assert.Equal(t, noteJSON, a.body)
}

func TestHandlersRunWithTheLockAndTheClockApplied(t *testing.T) {
	t.Parallel()
	var lock sync.Mutex
	var ticks []time.Time
	clock := identkittest.NewClock(time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC))
	s := fakeserver.New(fakeserver.Config{Clock: clock, Lock: &lock, Tick: func(now time.Time) { ticks = append(ticks, now) }})
	s.Handle(createNote, func(_ *fakeserver.Call) {
		assert.False(t, lock.TryLock())
		panic("oh")
	})
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/notes", nil))
	assert.Equal(t, 500, w.Code)
	assert.Equal(t, []time.Time{clock.Now()}, ticks)
	assert.True(t, lock.TryLock(), "a panic frees the lock")
}
