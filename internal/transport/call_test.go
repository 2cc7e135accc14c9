package transport

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/internal/fakeserver"
)

type thingParams struct {
	id, part string
	body     any
}

func (in *thingParams) request(r *Request) {
	r.Path("id", in.id)
	r.Path("part", in.part)
	if in.body != nil {
		r.JSON(in.body)
	}
}

type thing struct {
	identkit.Raw `json:"-"`

	ID string `json:"id"`
}

func (th *thing) check() error {
	if th.ID == "" {
		return Missing("id")
	}
	return nil
}

func sameThing(in *thingParams, out *thing) error { return Same("id", in.id, out.ID) }

var (
	readThing = Op[thingParams, thing]{
		Name: "test.Read", Method: http.MethodGet, Path: "/things/{id}", Retry: identkit.RetrySafe,
		Request: (*thingParams).request, Check: (*thing).check, Same: sameThing,
	}
	writeThing = Op[thingParams, thing]{
		Name: "test.Write", Method: http.MethodPost, Path: "/things/{id}/parts/{part}",
		Request: (*thingParams).request, Check: (*thing).check, Same: sameThing,
	}
	removeThing = Op[thingParams, None]{
		Name: "test.Remove", Method: http.MethodDelete, Path: "/things/{id}", Retry: identkit.RetrySafe,
		Request: (*thingParams).request,
	}
)

var thingOperations = []Operation{&readThing, &writeThing, &removeThing}

// things is a fake that responds with the id of the path, and a client of it.
func things(tb testing.TB, adjust ...func(*Config)) (*fakeserver.Server, *Client) {
	tb.Helper()
	srv := fakeOfThings()
	return srv, clientFor(tb, srv, adjust...)
}

func readOne(ctx context.Context, r *Client, id string, opts ...identkit.CallOption) (*thing, error) {
	return readThing.Do(ctx, r, thingParams{id: id}, opts)
}

type recorder struct {
	mu       sync.Mutex
	starts   []identkit.CallInfo
	attempts []identkit.AttemptInfo
	ends     []identkit.CallResult
}

func (o *recorder) observer() identkit.Observer {
	return identkit.Observer{CallStart: o.CallStart, AttemptEnd: o.AttemptEnd, CallEnd: o.CallEnd}
}

type spanKey struct{}

func (o *recorder) CallStart(ctx context.Context, c identkit.CallInfo) context.Context {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.starts = append(o.starts, c)
	return context.WithValue(ctx, spanKey{}, "span")
}

func (o *recorder) AttemptEnd(ctx context.Context, a identkit.AttemptInfo) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if ctx.Value(spanKey{}) == "span" {
		o.attempts = append(o.attempts, a)
	}
}

func (o *recorder) CallEnd(ctx context.Context, c identkit.CallResult) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if ctx.Value(spanKey{}) == "span" {
		o.ends = append(o.ends, c)
	}
}

func TestAnObserverSeesEveryAttemptAndNothingPersonal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o, lc := new(recorder), identkittest.NewLeakCheck(t)
		srv, r := things(t, func(c *Config) { c.Options.Observer, c.Options.Logger = o.observer(), lc.Logger() })
		id := lc.Personal("id")
		srv.Fault(identkittest.Any().Nth(1).Status(503), identkittest.Any().Nth(2).Reset())
		_, err := readOne(t.Context(), r, id)
		require.NoError(t, err)

		info := identkit.CallInfo{Provider: "test", Operation: "test.Read", Method: "GET", Path: "/things/{id}", Host: "fake.test:443"}
		assert.Equal(t, []identkit.CallInfo{info}, o.starts)
		require.Len(t, o.attempts, 3)
		assert.Equal(t, identkit.AttemptInfo{CallInfo: info, Number: 1, Attempt: identkit.Attempt{Start: o.attempts[0].Start, Status: 503, Kind: identkit.ErrUnavailable}}, o.attempts[0])
		assert.Equal(t, identkit.PhaseResponse, o.attempts[1].Phase)
		assert.Equal(t, identkit.ReasonBackoff, o.attempts[1].Reason)
		assert.Equal(t, identkit.Kind(""), o.attempts[2].Kind)
		assert.Equal(t, "req-7", o.attempts[2].RequestID)
		require.Len(t, o.ends, 1)
		assert.Equal(t, 3, o.ends[0].Attempts)
		assert.Equal(t, 200, o.ends[0].Status)
		assert.Equal(t, o.attempts[1].Wait+o.attempts[2].Wait, o.ends[0].Duration)
		lc.Value(o.attempts)
		lc.Value(o.ends)
	})
}

func TestALocalRefusalIsObservedToo(t *testing.T) {
	t.Parallel()
	o := new(recorder)
	_, r := things(t, func(c *Config) { c.Options.Observer = o.observer() })
	_, err := readOne(t.Context(), r, "..")
	require.ErrorIs(t, err, identkit.ErrInvalidRequest)
	require.Len(t, o.ends, 1)
	assert.Equal(t, identkit.ErrInvalidRequest, o.ends[0].Kind)
	assert.Zero(t, o.ends[0].Attempts)
}

func TestLoggingIsOneLineACallAndOneARetry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		srv, r := things(t, func(c *Config) {
			c.Options.Logger = slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
		})
		srv.Fault(identkittest.Any().Nth(1).Status(500))
		_, err := readOne(t.Context(), r, "x-1")
		require.NoError(t, err)
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		require.Len(t, lines, 2)
		assert.Contains(t, lines[0], "reason=backoff")
		assert.Contains(t, lines[1], "operation=test.Read status=200")
		assert.NotContains(t, out.String(), "x-1")
	})
}

func TestPathsCanBeReplaced(t *testing.T) {
	t.Parallel()
	srv, r := things(t, func(c *Config) {
		c.Options.Paths = map[string]string{"test.Write": "/v9/{part}/of/{id}"}
	})
	moved := writeThing.Info()
	moved.Name, moved.Path = "moved", "/v9/{part}/of/{id}"
	srv.Handle(moved, func(c *fakeserver.Call) { c.JSON(200, map[string]string{"id": c.PathValue("id")}) })
	_, err := writeThing.Do(t.Context(), r, thingParams{"a/b", "p", struct{}{}}, nil)
	require.NoError(t, err)
	entry, ok := srv.Journal().Last("moved")
	require.True(t, ok)
	assert.Equal(t, "/api/v9/p/of/a%2Fb", entry.Path)
}

func TestHeadersOfACall(t *testing.T) {
	t.Parallel()
	srv, r := things(t, func(c *Config) { c.Options.UserAgent = "shop/2" })
	_, err := readOne(t.Context(), r, "1", identkit.WithHeader("x-tenant", "t-1"), identkit.WithHeader("Accept", "application/vnd.x+json"))
	require.NoError(t, err)
	entry, _ := srv.Journal().Last("test.Read")
	assert.Equal(t, "t-1", entry.Header.Get("X-Tenant"))
	assert.Equal(t, "application/vnd.x+json", entry.Header.Get("Accept"))
	assert.Equal(t, "shop/2 identkit/"+Version+" (test)", entry.Header.Get("User-Agent"))
	for _, name := range []string{"Authorization", "host", "Content-Length", "Transfer-Encoding", "Connection", "Upgrade", "Trailer", "bad name", ""} {
		_, err := readOne(t.Context(), r, "1", identkit.WithHeader(name, "x"))
		require.ErrorIs(t, err, identkit.ErrInvalidRequest, name)
	}
}

func TestTheResponseIsThereForThoseWhoAsk(t *testing.T) {
	t.Parallel()
	srv, r := things(t)
	var resp identkit.Response
	_, err := readOne(t.Context(), r, "1", identkit.WithResponse(&resp))
	require.NoError(t, err)
	assert.Equal(t, 200, resp.Status)
	assert.Equal(t, "req-7", resp.RequestID)
	assert.JSONEq(t, `{"id":"1"}`, string(resp.Body))
	assert.Len(t, resp.Attempts, 1)

	srv.Fault(identkittest.Any().JSON(404, map[string]string{"a": "b"}))
	_, err = readOne(t.Context(), r, "1", identkit.WithResponse(&resp))
	require.ErrorIs(t, err, identkit.ErrNotFound)
	assert.Equal(t, 404, resp.Status)
	assert.JSONEq(t, `{"a":"b"}`, string(resp.Body))
}

func TestAttemptsOfACall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, r := things(t)
		srv.Fault(identkittest.Any().Status(503))
		for _, n := range []int{1, 2, 5} {
			srv.Journal().Clear()
			_, err := readOne(t.Context(), r, "1", identkit.WithAttempts(n))
			require.ErrorIs(t, err, identkit.ErrUnavailable)
			assert.Equal(t, n, srv.Journal().Len())
		}
		srv.Journal().Clear()
		_, err := writeThing.Do(t.Context(), r, thingParams{"1", "2", nil}, []identkit.CallOption{identkit.WithAttempts(5)})
		require.ErrorIs(t, err, identkit.ErrOutcomeUnknown)
		assert.Equal(t, 1, srv.Journal().Len(), "more attempts do not make a call safe to repeat")
	})
}

func TestALostDeleteThatIsRepeatedStaysUnknown(t *testing.T) {
	t.Parallel()
	srv, r := things(t)
	srv.Fault(identkittest.Any().Nth(1).LoseResponse(), identkittest.Any().Nth(2).JSON(404, nil))
	err := removeThing.Exec(t.Context(), r, thingParams{id: "1"}, nil)
	require.ErrorIs(t, err, identkit.ErrNotFound)
	require.ErrorIs(t, err, identkit.ErrOutcomeUnknown, "the first attempt may be why it is not found")
	_, err = readOne(t.Context(), r, "1")
	require.NoError(t, err)
	srv.Fault(identkittest.On("test.Read").Reset())
	_, err = readOne(t.Context(), r, "1")
	require.NotErrorIs(t, err, identkit.ErrOutcomeUnknown, "a read changes nothing")
}

func TestTheEscapeHatch(t *testing.T) {
	t.Parallel()
	srv, r := things(t)
	var out thing
	require.NoError(t, r.Call(t.Context(), identkit.Request{Path: "/things/{id}", PathValues: map[string]string{"id": "a b"}, Query: url.Values{"q": {"1 2"}}}, &out, nil))
	assert.Equal(t, "a b", out.ID)
	entry, _ := srv.Journal().Last("test.Read")
	assert.Equal(t, "1 2", entry.Query.Get("q"))

	require.NoError(t, r.Call(t.Context(), identkit.Request{Method: "post", Path: "/things/1/parts/2", Body: json.RawMessage(`{"as":"is"}`)}, nil, []identkit.CallOption{identkit.WithBodyField("more", 1)}))
	entry, _ = srv.Journal().Last("test.Write")
	assert.JSONEq(t, `{"as":"is","more":1}`, string(entry.Body))

	for name, in := range map[string]identkit.Request{
		"no path":              {},
		"relative path":        {Path: "things"},
		"path that moves":      {Path: "/a/../b"},
		"query in the path":    {Path: "/a?b=c"},
		"missing value":        {Path: "/things/{id}"},
		"value that moves":     {Path: "/things/{id}", PathValues: map[string]string{"id": ".."}},
		"value without a part": {Path: "/things/1", PathValues: map[string]string{"id": "1"}},
		"invalid method":       {Method: "GE T", Path: "/things/1"},
		"credentials":          {Path: "/things/1", Header: http.Header{"Authorization": {"x"}}},
		"body without JSON":    {Path: "/things/1", Body: func() {}},
	} {
		require.ErrorIs(t, r.Call(t.Context(), in, nil, nil), identkit.ErrInvalidRequest, name)
	}
	err := r.Call(t.Context(), identkit.Request{Path: "/{a}/{b}/{c}/{d}", PathValues: map[string]string{"a": "1", "b": "2", "c": "3", "d": "4"}}, nil, nil)
	require.ErrorIs(t, err, identkit.ErrNotFound, "any number of parts")
	srv.Fault(identkittest.Any().Status(500))
	err = r.Call(t.Context(), identkit.Request{Method: "POST", Path: "/things/1/parts/2"}, nil, nil)
	require.ErrorIs(t, err, identkit.ErrOutcomeUnknown, "not safe to repeat unless it says so")
	assert.Contains(t, err.Error(), "test.Call: ")
}

func TestAWaitThatDoesNotFitIsNotBegun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, r := things(t)
		srv.Fault(identkittest.Any().RetryAfter(503, "8"))
		start := time.Now()
		_, err := readOne(t.Context(), r, "1", identkit.WithTimeout(5*time.Second))
		require.ErrorIs(t, err, identkit.ErrUnavailable, "the last real error")
		assert.Zero(t, time.Since(start))
		var e *identkit.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, 8*time.Second, e.RetryAfter)
		assert.Len(t, e.Attempts, 1)
	})
}

func TestAnAttemptTimeoutIsItselfRetried(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, r := things(t, func(c *Config) { c.Options.Retry.AttemptTimeout = 2 * time.Second })
		srv.Fault(identkittest.Any().Nth(1).SlowHeader(time.Hour), identkittest.Any().Nth(2).SlowBody(1, time.Second))
		start := time.Now()
		_, err := readOne(t.Context(), r, "1")
		require.NoError(t, err)
		assert.GreaterOrEqual(t, time.Since(start), 4*time.Second)
		assert.Less(t, time.Since(start), 5*time.Second)
	})
}

type deaf struct{ calls int }

// RoundTrip reads the request to its end, calls no hooks, and loses the response.
func (d *deaf) RoundTrip(r *http.Request) (*http.Response, error) {
	d.calls++
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	return nil, io.ErrUnexpectedEOF
}

func TestATransportWithoutHooksMayHaveSentEverything(t *testing.T) {
	t.Parallel()
	d := new(deaf)
	_, r := things(t, func(c *Config) { c.Options.HTTPClient = &http.Client{Transport: d} })
	_, err := writeThing.Do(t.Context(), r, thingParams{"1", "2", struct{}{}}, nil)
	require.ErrorIs(t, err, identkit.ErrNetwork)
	require.ErrorIs(t, err, identkit.ErrOutcomeUnknown)
	assert.Equal(t, 1, d.calls)
	var e *identkit.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, identkit.PhaseResponse, e.Attempts[0].Phase)
}
