package transport

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
)

// replaced is a client with other paths, and the last request that it sent.
func replaced(t *testing.T, status int, paths map[string]string, adjust ...func(*Config)) (*Client, *http.Request) {
	t.Helper()
	sent := new(http.Request)
	cfg := Config{Provider: "test", BaseURL: "https://h/ctx", Operations: append([]Operation{&searchThings}, thingOperations...), Options: identkit.Options{
		Paths: paths, Retry: identkit.RetryPolicy{MaxAttempts: 1},
		HTTPClient: &http.Client{Transport: tripper(func(r *http.Request) (*http.Response, error) {
			*sent = *r.Clone(r.Context())
			return stub(status, `{"id":"a/b"}`)(r)
		})},
	}}
	for _, f := range adjust {
		f(&cfg)
	}
	var check Check
	c := New(cfg, &check)
	require.NoError(t, check.Err("test", "test.New"))
	return c, sent
}

var searchThings = Op[thingParams, thing]{
	Name: "test.Search", Method: http.MethodGet, Path: "/search", Retry: identkit.RetrySafe,
	Request: func(in *thingParams, r *Request) { r.AddQuery("q", in.id) },
}

func TestAPathCanBeReplacedWithMethodAndQuery(t *testing.T) {
	t.Parallel()
	calls := map[string]func(*Client) error{
		"test.Read": func(c *Client) error { _, err := readOne(t.Context(), c, "a/b"); return err },
		"test.Write": func(c *Client) error {
			_, err := writeThing.Do(t.Context(), c, thingParams{"a/b", "p&q", map[string]int{"n": 1}}, nil)
			return err
		},
		"test.Remove": func(c *Client) error { return removeThing.Exec(t.Context(), c, thingParams{id: "a/b"}, nil) },
		"test.Search": func(c *Client) error {
			_, err := searchThings.Do(t.Context(), c, thingParams{id: "x y"}, nil)
			return err
		},
	}
	for path, c := range map[string]struct{ op, method, url string }{
		"/v3/{id}":                          {"test.Read", "GET", "https://h/ctx/v3/a%2Fb"},
		"POST /v3/{id}":                     {"test.Read", "POST", "https://h/ctx/v3/a%2Fb"},
		"/v3?id={id}":                       {"test.Read", "GET", "https://h/ctx/v3?id=a%2Fb"},
		"/v3/{id}?fixed=1%202&flag":         {"test.Read", "GET", "https://h/ctx/v3/a%2Fb?fixed=1%202&flag"},
		"PUT /p/{part}/t/{id}":              {"test.Write", "PUT", "https://h/ctx/p/p&q/t/a%2Fb"},
		"PATCH /p/{part}?a%5B%5D={id}&v=2":  {"test.Write", "PATCH", "https://h/ctx/p/p&q?a%5B%5D=a%2Fb&v=2"},
		"GET /p?part={part}&id={id}":        {"test.Write", "GET", "https://h/ctx/p?part=p%26q&id=a%2Fb"},
		"POST /remove?id={id}&really=true":  {"test.Remove", "POST", "https://h/ctx/remove?id=a%2Fb&really=true"},
		"DELETE /find?limit=5":              {"test.Search", "DELETE", "https://h/ctx/find?limit=5&q=x+y"},
		"POST /things/{id}":                 {"test.Remove", "POST", "https://h/ctx/things/a%2Fb"},
		"/find?limit=5":                     {"test.Search", "GET", "https://h/ctx/find?limit=5&q=x+y"},
		"GET /things/{id}/../{part}x?a=b":   {},
		"GET /things/{id}/parts/{part}?a=%": {},
	} {
		if c.op == "" {
			_, fault := parseReplacement(path)
			assert.NotEmpty(t, fault, path)
			continue
		}
		var infos []identkit.CallInfo
		client, sent := replaced(t, 200, map[string]string{c.op: path}, func(cfg *Config) {
			cfg.Options.Observer.CallStart = func(ctx context.Context, i identkit.CallInfo) context.Context { infos = append(infos, i); return ctx }
		})
		require.NoError(t, calls[c.op](client), path)
		assert.Equal(t, c.method, sent.Method, path)
		assert.Equal(t, c.url, sent.URL.String(), path)
		require.Len(t, infos, 1)
		assert.Equal(t, c.method, infos[0].Method, "observers see what is sent")
		assert.NotContains(t, infos[0].Path, "?", "and no value of a query")
		assert.Equal(t, c.op == "test.Write", sent.ContentLength > 0, "the body stays")
	}
}

func TestAMalformedReplacementIsRefusedByItsOperation(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		"", " ", "v3/{id}", "get /v3/{id}", "HEAD /v3/{id}", "CONNECT /v3/{id}", "TRACE /v3/{id}", "FETCH /v3/{id}", "GET  /v3/{id}", " GET /v3/{id}", "GET\t/v3/{id}", "GET /v3/{id} ",
		"GET", "GET ", "GET {id}", "/v3", "/v3/{other}", "/v3/{id}/{id}", "/v3/{id}?id={id}", "/v3?a={id}&b={id}", "/v3/{id}?", "/v3/{id}?&", "/v3/{id}?a=1&", "/v3/{id}?=1",
		"/v3/{id}?a=1&a=2", "/v3/{id}?a=1&%61=2", "/v3/{id}#x", "/v3/{id}?a=1#x", "/v3/{id}?a=%", "/v3/{id}?a=b c", "/v3/{id}?a=ř", "/v3/{id}?a;b", "/v3?a=x{id}", "/v3?a={id}x", "/v3?a={id", "/v3?a=id}",
		"/v3?{id}", "/v3?{id}=1", "/v3?a={}", "/v3?a={{id}}", "/v3/{id}?a={other}", "https://evil.example/{id}", "GET https://evil.example/{id}", "/v3/../{id}", "/v 3/{id}",
	} {
		var check Check
		assert.Nil(t, New(Config{Provider: "test", BaseURL: "https://h", Operations: thingOperations, Options: identkit.Options{Paths: map[string]string{"test.Read": path}}}, &check), path)
		require.ErrorContains(t, check.Err("test", "test.New"), "Options.Paths[test.Read]", path)
	}
}

func TestAReplacementKeepsTheRetryClass(t *testing.T) {
	t.Parallel()
	client, _ := replaced(t, 503, map[string]string{"test.Read": "POST /read?id={id}", "test.Write": "GET /write?id={id}&part={part}", "test.Remove": "GET /remove/{id}"})
	require.ErrorIs(t, read(t.Context(), client), identkit.ErrOutcomeUnknown, "a POST may have had an effect")
	require.ErrorIs(t, create(t.Context(), client), identkit.ErrOutcomeUnknown, "the operation still is one that changes something")
	err := removeThing.Exec(t.Context(), client, thingParams{id: "1"}, nil)
	require.ErrorIs(t, err, identkit.ErrUnavailable)
	require.NotErrorIs(t, err, identkit.ErrOutcomeUnknown)

	var n atomic.Int32
	count := func(cfg *Config) {
		cfg.Options.Retry = identkit.RetryPolicy{MaxAttempts: 3, MaxBackoff: 1}
		cfg.Options.Observer.AttemptStart = func(ctx context.Context, _ identkit.AttemptInfo) context.Context { n.Add(1); return ctx }
	}
	client, _ = replaced(t, 503, map[string]string{"test.Read": "POST /read?id={id}", "test.Write": "GET /write?id={id}&part={part}"}, count)
	require.Error(t, read(t.Context(), client))
	assert.EqualValues(t, 3, n.Swap(0), "it is as safe as before")
	require.Error(t, create(t.Context(), client))
	assert.EqualValues(t, 1, n.Load(), "and as unsafe")
}

// net/http repeats methods that it takes for idempotent: the one that is sent counts, not the catalogue's.
func TestAReplacementByGETIsNotRepeatedByNetHTTP(t *testing.T) {
	t.Parallel()
	var arrivals atomic.Int32
	base, _ := raw(t, func(n int32, c net.Conn, r *bufio.Reader) {
		for i := 0; ; i++ {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, req.Body)
			if n > 1 || i > 0 {
				arrivals.Add(1)
				return // without a response
			}
			respondThing(c)
		}
	})
	var check Check
	c := New(Config{Provider: "test", BaseURL: base, Operations: []Operation{&removeOnce, &writeThing, &readThing}, Options: identkit.Options{
		Paths: map[string]string{"test.RemoveOnce": "GET /once", "test.Write": "GET /write?id={id}&part={part}"},
	}}, &check)
	require.NotNil(t, c)
	t.Cleanup(c.CloseIdleConnections)
	require.NoError(t, read(t.Context(), c), "so that there is a connection that net/http may take for stale")
	require.ErrorIs(t, removeOnce.Exec(t.Context(), c, None{}, nil), identkit.ErrOutcomeUnknown)
	assert.EqualValues(t, 1, arrivals.Swap(0))
}

// partAuth gives a part of the path, and a query parameter.
type partAuth struct{ query string }

func (p partAuth) Authorize(_ context.Context, out *Outgoing) error {
	out.Path("id", "from&auth")
	if p.query != "" {
		out.AddQuery(p.query, "k")
	}
	return nil
}

func (partAuth) Renew(context.Context, string, *identkit.Error) bool { return false }

func TestAuthenticationReachesAReplacedQuery(t *testing.T) {
	t.Parallel()
	op := Op[None, None]{Name: "test.Keyed", Method: http.MethodPost, Path: "/{id}/do", Request: func(_ *None, r *Request) {
		r.PathFromAuth("id")
		r.AddQuery("own", "1")
	}}
	for name, want := range map[string]string{"": "https://h/ctx/do?id=from%26auth&v=2&own=1", "key": "https://h/ctx/do?id=from%26auth&v=2&own=1&key=k"} {
		client, sent := replaced(t, 200, map[string]string{"test.Keyed": "/do?id={id}&v=2"}, func(cfg *Config) {
			cfg.Operations, cfg.Auth = append(cfg.Operations, &op), partAuth{name}
		})
		require.NoError(t, op.Exec(t.Context(), client, None{}, nil))
		assert.Equal(t, want, sent.URL.String())
	}
	for _, path := range []string{"/do?id={id}&own=2", "/do?id={id}&key=2", "/do?key={id}"} {
		client, sent := replaced(t, 200, map[string]string{"test.Keyed": path}, func(cfg *Config) {
			cfg.Operations, cfg.Auth = append(cfg.Operations, &op), partAuth{"key"}
		})
		err := op.Exec(t.Context(), client, None{}, nil)
		require.ErrorIs(t, err, identkit.ErrInvalidRequest)
		require.ErrorContains(t, err, "Options.Paths[test.Keyed] has the query member")
		assert.Empty(t, sent.Method, "nothing was sent")
	}
}

func FuzzReplacement(f *testing.F) {
	for _, s := range []string{"/a", "POST /a/{b}?c={d}&e=f", "GET /?a", "/{a}?b={a}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		replacement, fault := parseReplacement(text)
		if fault != "" {
			return
		}
		var values []pathValue
		for _, name := range replacement.parts() {
			values = append(values, pathValue{name, "a&b=c/d"})
		}
		u, refused := replacement.fill(baseURL("BaseURL", "https://h/ctx", false, new(Check)), values)
		require.Empty(t, refused)
		require.Equal(t, "h", u.Host)
		require.Len(t, u.Query(), len(replacement.query))
		again, err := u.Parse(u.String())
		require.NoError(t, err)
		require.Equal(t, u.String(), again.String())
	})
}
