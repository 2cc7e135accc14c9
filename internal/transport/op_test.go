package transport

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/internal/fakeserver"
	"github.com/identkit/identkit/internal/wire"
)

type part struct {
	identkit.Raw `json:"-"`

	Name string `json:"name"`
}

type verdictResult struct {
	identkit.Raw `json:"-"`

	Valid bool   `json:"valid"`
	Parts []part `json:"parts"`
}

var testCodec = wire.NewCodec(jsonv2.JoinUnmarshalers(Elements[part]()), nil)

// respond makes a call of an operation whose response has this body.
func respond[In, Out any](t *testing.T, op Op[In, Out], in In, status int, body string) (*Out, error) {
	t.Helper()
	var check Check
	c := New(Config{Provider: "test", BaseURL: "https://h", Operations: []Operation{&op}, Codec: testCodec, Options: identkit.Options{HTTPClient: &http.Client{Transport: stub(status, body)}}}, &check)
	require.NoError(t, check.Err("test", "test.New"))
	return op.Do(t.Context(), c, in, nil)
}

func TestAVerdictFailsClosed(t *testing.T) {
	t.Parallel()
	verify := Op[None, verdictResult]{Name: "test.Verify", Method: http.MethodPost, Path: "/verify", Verdicts: []string{"valid"}, AfterLoss: "ask again"}
	for body, want := range map[string]any{
		`{"valid":true}`: true, `{"valid":false}`: false, "\xef\xbb\xbf" + `{"valid":true}`: true, `{"valid":true,"more":[{"valid":false}],"Valid":false}`: true,
		`{}`: nil, `{"valid":null}`: nil, `{"valid":"true"}`: nil, `{"valid":1}`: nil, `{"valid":[true]}`: nil, `{"Valid":true}`: nil, `{"VALID":true}`: nil,
		`{"valid":true,"valid":true}`: nil, `{"valid":true,"more":{"a":1,"a":1}}`: nil, `{"valid":true}{}`: nil, `{"valid":true`: nil, `[{"valid":true}]`: nil,
		`true`: nil, `null`: nil, ``: nil, `<html>`: nil, "{\"valid\":true,\"x\":\"\xf6\"}": nil, `{"valid":true,"x":"\ud800"}`: nil,
	} {
		got, err := respond(t, verify, None{}, 200, body)
		if want == nil {
			require.ErrorIs(t, err, identkit.ErrBadResponse, body)
			require.ErrorIs(t, err, identkit.ErrOutcomeUnknown, body)
			require.ErrorContains(t, err, "ask again", body)
			require.Nil(t, got, body)
			var e *identkit.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, 200, e.Status)
			assert.Equal(t, body, string(e.Body()), "the bytes stay reachable")
			continue
		}
		require.NoError(t, err, body)
		assert.Equal(t, want, got.Valid, body)
	}
	texts := verify
	texts.Request = func(_ *None, r *Request) { r.TextVerdicts = true }
	got, err := respond(t, texts, None{}, 200, `{"valid":"true"}`)
	require.NoError(t, err)
	assert.True(t, got.Valid)
	_, err = respond(t, texts, None{}, 200, `{"valid":"yes"}`)
	require.ErrorIs(t, err, identkit.ErrBadResponse)
}

func TestElementsKeepTheirJSON(t *testing.T) {
	t.Parallel()
	list := Op[None, verdictResult]{Name: "test.List", Method: http.MethodGet, Path: "/list", Retry: identkit.RetrySafe}
	got, err := respond(t, list, None{}, 200, "\xef\xbb\xbf"+`{"parts":[{"name":"a","new":1},{"name":7}],"x":1}`)
	require.NoError(t, err)
	require.Len(t, got.Parts, 2)
	assert.Equal(t, `{"name":"a","new":1}`, string(got.Parts[0].RawJSON()))
	assert.Equal(t, "7", got.Parts[1].Name)
	assert.Equal(t, `{"parts":[{"name":"a","new":1},{"name":7}],"x":1}`, string(got.RawJSON()))

	back, err := list.Parse(testCodec, got.RawJSON())
	require.NoError(t, err)
	assert.Equal(t, got, back, "stored JSON reads back by the same rules")
	_, err = list.Parse(testCodec, []byte(`{"parts":[],"parts":[]}`))
	require.ErrorIs(t, err, identkit.ErrBadResponse)
}

func TestArraysCanBeResults(t *testing.T) {
	t.Parallel()
	list := Op[None, []part]{Name: "test.List", Method: http.MethodGet, Path: "/list", Retry: identkit.RetrySafe, Response: ResponseArray}
	got, err := respond(t, list, None{}, 200, `[{"name":"a"},{"name":"b"}]`)
	require.NoError(t, err)
	require.Len(t, *got, 2)
	assert.Equal(t, `{"name":"b"}`, string((*got)[1].RawJSON()))
	for _, body := range []string{`{}`, `null`, ``, `"x"`, `[{"name":"a"}`, `[{"name":"a","name":"b"}]`} {
		_, err := respond(t, list, None{}, 200, body)
		require.ErrorIs(t, err, identkit.ErrBadResponse, body)
	}
}

func TestResponsesWithoutAResult(t *testing.T) {
	t.Parallel()
	for kind, accepted := range map[ResponseBody][]string{
		ResponseObject:   {`{}`, `{"a":1}`},
		ResponseOptional: {`{}`, ``},
		ResponseIgnored:  {`{}`, ``, `OK`, `null`, `[`, `{"a":1,"a":1}`},
	} {
		op := Op[None, None]{Name: "test.Do", Method: http.MethodPost, Path: "/do", Response: kind}
		for _, body := range accepted {
			_, err := respond(t, op, None{}, 200, body)
			require.NoError(t, err, "%d %q", kind, body)
		}
		_, err := respond(t, op, None{}, 204, "")
		require.NoError(t, err)
		for _, page := range []string{"<html>gateway</html>", "\n <!doctype html>", "\xef\xbb\xbf<html>"} {
			_, err = respond(t, op, None{}, 200, page)
			require.ErrorIs(t, err, identkit.ErrBadResponse, page)
			require.ErrorContains(t, err, "HTML", page)
		}
	}
	object := Op[None, None]{Name: "test.Do", Method: http.MethodPost, Path: "/do"}
	for _, body := range []string{``, `null`, `OK`, `[]`, `{"a":1,"a":1}`, `{}{}`} {
		_, err := respond(t, object, None{}, 200, body)
		require.ErrorIs(t, err, identkit.ErrBadResponse, body)
	}
}

func TestAStatusBeside2xxCanCarryAResult(t *testing.T) {
	t.Parallel()
	health := Op[None, part]{Name: "test.Health", Method: http.MethodGet, Path: "/health", Retry: identkit.RetrySafe,
		Result: func(status int, body []byte) bool { return status == 503 && strings.Contains(string(body), `"name"`) }}
	got, err := respond(t, health, None{}, 503, `{"name":"down"}`)
	require.NoError(t, err)
	assert.Equal(t, "down", got.Name)
	_, err = respond(t, health, None{}, 502, `{"name":"down"}`)
	require.ErrorIs(t, err, identkit.ErrUnavailable)
}

func TestAnAssumedPathIsNeverAMissingEntity(t *testing.T) {
	t.Parallel()
	for _, status := range []int{404, 405} {
		assumed := readThing
		assumed.Assumption = "XX-007"
		_, err := respond(t, assumed, thingParams{id: "1"}, status, `{}`)
		require.ErrorIs(t, err, identkit.ErrRejected)
		require.NotErrorIs(t, err, identkit.ErrNotFound)
		require.ErrorContains(t, err, `XX-007`)
		require.ErrorContains(t, err, `Options.Paths["test.Read"]`)
	}
	_, err := respond(t, readThing, thingParams{id: "1"}, 404, `{}`)
	require.ErrorIs(t, err, identkit.ErrNotFound)
}

func TestUnknownIsDecidedByTheStatus(t *testing.T) {
	t.Parallel()
	for status, unknown := range map[int]bool{500: true, 503: true, 408: true, 302: true, 400: false, 401: false, 409: false, 429: false} {
		var check Check
		c := New(Config{
			Provider: "test", BaseURL: "https://h", Operations: []Operation{&writeThing},
			Failure: func(e *identkit.Error, _ FailedResponse) { e.Kind = identkit.ErrUnauthorized }, // a provider's code says so
			Options: identkit.Options{HTTPClient: &http.Client{Transport: stub(status, `{}`)}, Retry: identkit.RetryPolicy{MaxAttempts: 1}},
		}, &check)
		_, err := writeThing.Do(t.Context(), c, thingParams{"1", "2", nil}, nil)
		require.ErrorIs(t, err, identkit.ErrUnauthorized)
		var e *identkit.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, unknown, e.OutcomeUnknown, status)
	}
}

func TestCallLeavesItsTargetAloneUnlessTheResponseIsRead(t *testing.T) {
	t.Parallel()
	call := func(body string, out any) error {
		var check Check
		c := New(Config{Provider: "test", BaseURL: "https://h", Options: identkit.Options{HTTPClient: &http.Client{Transport: stub(200, body)}}}, &check)
		return c.Call(t.Context(), identkit.Request{Path: "/x"}, out, nil)
	}
	type target struct {
		A int64 `json:"a"`
	}
	for _, body := range []string{`{"a":1}x`, `{"a":1,"a":2}`, `null`, ` null `, `<html>`, ``, "{\"a\":1,\"b\":\"\xff\"}"} {
		out := target{A: 7}
		require.ErrorIs(t, call(body, &out), identkit.ErrBadResponse, body)
		assert.EqualValues(t, 7, out.A, body)
		pointer := &target{A: 7}
		require.ErrorIs(t, call(body, &pointer), identkit.ErrBadResponse, body)
		require.NotNil(t, pointer)
		assert.EqualValues(t, 7, pointer.A, body)
	}
	var out target
	require.NoError(t, call("\xef\xbb\xbf"+`{"A":2,"a":9007199254740993}`, &out))
	assert.Equal(t, int64(9007199254740993), out.A)
	var list []target
	require.NoError(t, call(`[{"a":1}]`, &list))
	assert.Len(t, list, 1)
	var raw json.RawMessage
	require.NoError(t, call(`{"a": 1}`, &raw))
	assert.Equal(t, `{"a": 1}`, string(raw))
	require.NoError(t, call(`whatever`, nil), "it is not read")
	require.ErrorIs(t, call(`<html>`, nil), identkit.ErrBadResponse)
}

func TestAWholeResponseIsTheResultThoughTheContextEnds(t *testing.T) {
	t.Parallel()
	for status, kind := range map[int]error{200: nil, 409: identkit.ErrConflict, 404: identkit.ErrNotFound} {
		ctx, cancel := context.WithCancel(t.Context())
		var check Check
		c := New(Config{Provider: "test", BaseURL: "https://h", Operations: []Operation{&writeThing}, Options: identkit.Options{
			HTTPClient: &http.Client{Transport: tripper(func(r *http.Request) (*http.Response, error) {
				resp, err := stub(status, `{"id":"1"}`)(r)
				cancel() // all of it is here
				return resp, err
			})},
		}}, &check)
		got, err := writeThing.Do(ctx, c, thingParams{"1", "2", nil}, nil)
		if kind == nil {
			require.NoError(t, err)
			assert.Equal(t, "1", got.ID)
			continue
		}
		require.ErrorIs(t, err, kind)
		require.NotErrorIs(t, err, identkit.ErrOutcomeUnknown, "it says what happened")
	}
}

func TestMisuseIsAnErrorNotAPanic(t *testing.T) {
	t.Parallel()
	_, c := things(t)
	_, err := readOne(t.Context(), nil, "1")
	require.ErrorIs(t, err, identkit.ErrInvalidRequest)
	require.ErrorContains(t, err, "not made by its constructor")
	var none context.Context
	_, err = readOne(none, c, "1")
	require.ErrorIs(t, err, identkit.ErrInvalidRequest)
	require.ErrorContains(t, err, "ctx")
	_, err = readOne((*attempt)(nil), c, "1")
	require.EqualError(t, err, "test.Read: invalid request: ctx is nil", "a pointer to nothing is none either")
	for _, client := range []*Client{c, nil} {
		_, err = Wait(none, client, Poll[thing]{Operation: "test.Wait", Read: func(ctx context.Context, _ []identkit.CallOption) (*thing, error) { return readOne(ctx, c, "1") }})
		require.ErrorIs(t, err, identkit.ErrInvalidRequest)
		require.EqualError(t, err, "test.Wait: invalid request: ctx is nil")
	}
	err = c.Call(t.Context(), identkit.Request{Method: http.MethodPost, Path: "/x", Body: (*thing)(nil)}, nil, nil)
	require.ErrorContains(t, err, "Body holds a nil pointer", "which is sent as null, while nil sends no body")
	var noClient *Client
	require.ErrorIs(t, noClient.Call(t.Context(), identkit.Request{Path: "/x"}, nil, nil), identkit.ErrInvalidRequest)
	noClient.CloseIdleConnections()
	assert.Nil(t, noClient.WithAuth(nil))

	_, c = things(t, func(cfg *Config) {
		cfg.Options.Observer.CallStart = func(context.Context, identkit.CallInfo) context.Context { return nil }
		cfg.Options.Observer.AttemptStart = func(context.Context, identkit.AttemptInfo) context.Context { return nil }
	})
	_, err = readOne(t.Context(), c, "1", nil)
	require.NoError(t, err, "a nil context is the caller's own, a nil option is none")
}

func TestTheContextOfAnAttemptReachesTheRoundTripper(t *testing.T) {
	t.Parallel()
	type key struct{}
	var seen []any
	_, c := things(t, func(cfg *Config) {
		next := cfg.Options.HTTPClient.Transport
		cfg.Options.HTTPClient = &http.Client{Transport: tripper(func(r *http.Request) (*http.Response, error) {
			seen = append(seen, r.Context().Value(key{}))
			return next.RoundTrip(r)
		})}
		cfg.Options.Observer.AttemptStart = func(ctx context.Context, a identkit.AttemptInfo) context.Context {
			assert.Equal(t, 1, a.Number)
			assert.Equal(t, "fake.test:443", a.Host)
			assert.False(t, a.Start.IsZero())
			return context.WithValue(ctx, key{}, "span")
		}
		cfg.Options.Observer.AttemptEnd = func(ctx context.Context, _ identkit.AttemptInfo) {
			assert.Equal(t, "span", ctx.Value(key{}))
		}
	})
	_, err := readOne(t.Context(), c, "1")
	require.NoError(t, err)
	assert.Equal(t, []any{"span"}, seen)
}

func TestAResponseThatNobodyGotIsEmpty(t *testing.T) {
	t.Parallel()
	srv, c := things(t)
	var r identkit.Response
	_, err := readOne(t.Context(), c, "1", identkit.WithResponse(&r))
	require.NoError(t, err)
	require.Equal(t, 200, r.Status)
	srv.Fault(identkittest.Any().Reset())
	_, err = readOne(t.Context(), c, "1", identkit.WithResponse(&r), identkit.WithAttempts(1))
	require.Error(t, err)
	assert.Zero(t, r)

	var none context.Context
	for name, call := range map[string]func(...identkit.CallOption) error{
		"no client": func(opts ...identkit.CallOption) error { return read(t.Context(), nil, opts...) },
		"no client, Call": func(opts ...identkit.CallOption) error {
			return (*Client)(nil).Call(t.Context(), identkit.Request{}, nil, opts)
		},
		"no context":        func(opts ...identkit.CallOption) error { return read(none, c, opts...) },
		"refused locally":   func(opts ...identkit.CallOption) error { _, err := readOne(t.Context(), c, "", opts...); return err },
		"a context's end":   func(opts ...identkit.CallOption) error { return read(ended(t), c, opts...) },
		"a limiter's error": func(opts ...identkit.CallOption) error { return read(t.Context(), limited(t, srv), opts...) },
	} {
		r = identkit.Response{Status: 200, Body: []byte("of an earlier call")}
		require.Error(t, call(identkit.WithResponse(&r)), name)
		assert.Zero(t, identkit.Response{Status: r.Status, Header: r.Header, RequestID: r.RequestID, Body: r.Body}, name)
	}
}

// ended is a context that is over.
func ended(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

type refusingLimiter struct{}

func (refusingLimiter) Wait(context.Context) error { return context.DeadlineExceeded }

func limited(t *testing.T, srv *fakeserver.Server) *Client {
	t.Helper()
	return clientFor(t, srv, func(cfg *Config) { cfg.Options.Limiter = refusingLimiter{} })
}
