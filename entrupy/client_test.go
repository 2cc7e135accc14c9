package entrupy_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/entrupy"
	"github.com/identkit/identkit/entrupy/entrupytest"
	"github.com/identkit/identkit/identkittest"
)

func TestBadConstructionNamesEveryField(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg    entrupy.Config
		fields []string
	}{
		"nothing":                 {entrupy.Config{}, []string{"Credentials"}},
		"no token":                {entrupy.Config{Credentials: entrupy.Token("")}, []string{"Credentials.Token"}},
		"line break in the token": {entrupy.Config{Credentials: entrupy.Token("t\n")}, []string{"Credentials.Token"}},
		"masked token":            {entrupy.Config{Credentials: entrupy.Token("[secret]")}, []string{"Credentials.Token"}},
		"no source":               {entrupy.Config{Credentials: entrupy.TokenFrom(nil)}, []string{"Credentials.Token"}},
		"no scheme":               {entrupy.Config{Credentials: entrupy.Token("t").WithScheme("")}, []string{"Credentials.Scheme"}},
		"scheme of two words":     {entrupy.Config{Credentials: entrupy.Token("").WithScheme("a b")}, []string{"Credentials.Token", "Credentials.Scheme"}},
		"relative URL":            {entrupy.Config{BaseURL: "/x", Credentials: entrupy.Token("t")}, []string{"BaseURL"}},
		"plain HTTP to a host":    {entrupy.Config{BaseURL: "http://entrupy.example", Credentials: entrupy.Token("t")}, []string{"BaseURL"}},
		"version and language":    {entrupy.Config{Credentials: entrupy.Token("t"), APIVersion: "2.0\n", Language: "日本語"}, []string{"APIVersion", "Language"}},
		"version as a header":     {entrupy.Config{Credentials: entrupy.Token("t"), Header: map[string]identkit.Secret{"api-version": "2.0"}}, []string{"Header[Api-Version]"}},
		"negative attempts":       {entrupy.Config{Credentials: entrupy.Token("t"), Options: identkit.Options{Retry: identkit.RetryPolicy{MaxAttempts: -1}}}, []string{"Options.Retry.MaxAttempts"}},
		"path of no operation":    {entrupy.Config{Credentials: entrupy.Token("t"), Options: identkit.Options{Paths: map[string]string{"entrupy.None": "/"}}}, []string{"Options.Paths[entrupy.None]"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, err := entrupy.New(c.cfg)
			assert.Nil(t, client)
			require.ErrorIs(t, err, identkit.ErrInvalidRequest)
			var e *identkit.Error
			require.ErrorAs(t, err, &e)
			var fields []string
			for _, f := range e.Fields {
				fields = append(fields, f.Field)
			}
			assert.Equal(t, c.fields, fields)
		})
	}
}

func TestHeadersOfClientAndCall(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 200, `{"status":"ok"}`)
	call := func(client *entrupy.Client, opts ...identkit.CallOption) http.Header {
		require.NoError(t, client.Call(t.Context(), identkit.Request{Path: "/v2/x"}, nil, opts...))
		return s.last(t).header
	}
	ping := func(client *entrupy.Client, opts ...identkit.CallOption) http.Header {
		require.NoError(t, client.Ping(t.Context(), opts...))
		return s.last(t).header
	}
	assert.Equal(t, "Token token", call(client).Get("Authorization"))
	assert.Empty(t, call(client).Values("Api-Version"), "v2 sends none unless configured")
	assert.Empty(t, call(client).Values("Accept-Language"))
	assert.Equal(t, "2.0", call(client, identkit.WithHeader("api-version", "2.0")).Get("Api-Version"))
	assert.Equal(t, []string{"1.4"}, ping(client).Values("Api-Version"))

	s, client = stubbed(t, 200, `{"status":"ok"}`, func(cfg *entrupy.Config) {
		cfg.APIVersion, cfg.Language, cfg.Credentials = "2.0", "ja", entrupy.Token("secret").WithScheme("Bearer")
	})
	assert.Equal(t, "Bearer secret", call(client).Get("Authorization"))
	assert.Equal(t, []string{"2.0"}, call(client).Values("Api-Version"))
	assert.Equal(t, []string{"ja"}, call(client).Values("Accept-Language"))
	assert.Equal(t, []string{"en"}, call(client, identkit.WithHeader("Accept-Language", "en")).Values("Accept-Language"))
	assert.Equal(t, []string{"1.4"}, ping(client).Values("Api-Version"), "the client's version is one of v2")
	assert.Equal(t, []string{"1.3"}, ping(client, identkit.WithHeader("Api-Version", "1.3")).Values("Api-Version"))
	assert.Equal(t, "/v1/health", s.last(t).path)
}

func TestPing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, client := stubbed(t, 200, `{"status":"ok"}`)
		require.NoError(t, client.Ping(t.Context()))
		s.respond(201, `{"status":"ok","more":1}`)
		require.NoError(t, client.Ping(t.Context()), "any 2xx is success")
		for _, c := range []struct {
			status int
			body   string
			want   identkit.Kind
		}{
			{400, `{"error":"Api-Version"}`, identkit.ErrRejected}, {401, ``, identkit.ErrUnauthorized}, {403, ``, identkit.ErrForbidden},
			{404, ``, identkit.ErrNotFound}, {429, ``, identkit.ErrRateLimited}, {503, ``, identkit.ErrUnavailable},
			{200, `<html>log in</html>`, identkit.ErrBadResponse}, {200, `{}`, identkit.ErrBadResponse}, {200, `{"status":null}`, identkit.ErrBadResponse},
			{204, ``, identkit.ErrBadResponse}, {302, ``, identkit.ErrBadResponse},
		} {
			s.respond(c.status, c.body)
			require.ErrorIs(t, client.Ping(t.Context(), identkit.WithAttempts(1)), c.want, "%d %s", c.status, c.body)
		}
	})
}

func TestATokenIsRotatedAfterA401(t *testing.T) {
	t.Parallel()
	tokens := []identkit.Secret{"old", "new"}
	asked := 0
	s, client := stubbed(t, 401, ``, func(cfg *entrupy.Config) {
		cfg.Language = "ja"
		cfg.Credentials = entrupy.TokenFrom(func(context.Context) (identkit.Secret, error) {
			asked++
			return tokens[min(asked, len(tokens))-1], nil
		})
	})
	require.ErrorIs(t, client.Ping(t.Context()), identkit.ErrUnauthorized)
	assert.Equal(t, 2, s.count())
	assert.Equal(t, "Token new", s.last(t).header.Get("Authorization"))
	assert.Equal(t, "ja", s.last(t).header.Get("Accept-Language"))
}

func TestVersion14IsReadByCall(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 200, `{"item":`+itemV14+`,"warnings":[]}`)
	var read struct {
		Item entrupy.Authentication `json:"item"`
	}
	in := identkit.Request{
		Path: "/v1/lookup/authentications/{lookup_value}", PathValues: map[string]string{"lookup_value": "a/b #1"},
		Header: http.Header{"Api-Version": {"1.4"}}, Retry: identkit.RetrySafe,
	}
	require.NoError(t, client.Call(t.Context(), in, &read))
	assert.Equal(t, "/v1/lookup/authentications/a%2Fb%20%231", s.last(t).path)
	assert.Equal(t, "1.4", s.last(t).header.Get("Api-Version"))
	assert.True(t, read.Item.IsFinal())
	assert.JSONEq(t, itemV14, string(read.Item.RawJSON()))
	s.respond(200, `{"item":{"entrupy_id":"A"}}`)
	require.ErrorIs(t, client.Call(t.Context(), in, &read), identkit.ErrBadResponse)
}

func TestAClientThatNewDidNotMakeRefusesCalls(t *testing.T) {
	t.Parallel()
	for _, client := range []*entrupy.Client{nil, {}} {
		require.ErrorIs(t, client.Ping(t.Context()), identkit.ErrInvalidRequest)
		require.ErrorIs(t, client.Call(t.Context(), identkit.Request{Path: "/"}, nil), identkit.ErrInvalidRequest)
		client.CloseIdleConnections()
	}
}

func TestConfigFromEnv(t *testing.T) {
	for _, name := range []string{"ENTRUPY_TOKEN", "ENTRUPY_TOKEN_FILE", "ENTRUPY_BASE_URL", "ENTRUPY_API_VERSION", "ENTRUPY_LANGUAGE"} {
		t.Setenv(name, "")
	}
	_, err := entrupy.ConfigFromEnv()
	require.ErrorIs(t, err, identkit.ErrInvalidRequest)
	require.ErrorContains(t, err, "ENTRUPY_TOKEN")
	t.Setenv("ENTRUPY_TOKEN", "correct-horse")
	cfg, err := entrupy.ConfigFromEnv()
	require.NoError(t, err)
	_, err = entrupy.New(cfg)
	require.NoError(t, err)
	t.Setenv("ENTRUPY_BASE_URL", "https://proxy.example")
	t.Setenv("ENTRUPY_API_VERSION", "2.0")
	t.Setenv("ENTRUPY_LANGUAGE", "ja")
	cfg, err = entrupy.ConfigFromEnv()
	require.NoError(t, err)
	assert.Equal(t, []string{"https://proxy.example", "2.0", "ja"}, []string{cfg.BaseURL, cfg.APIVersion, cfg.Language})
}

func TestA429PausesTheWholeClient(t *testing.T) {
	t.Parallel()
	bubble(t, entrupytest.Options{}, func(t *testing.T, srv *entrupytest.Server) {
		client := srv.Client()
		srv.Fault(identkittest.On("entrupy.Ping").First(1).RetryAfter(429, "3"))
		began := time.Now()
		require.ErrorIs(t, client.Ping(t.Context(), identkit.WithAttempts(1)), identkit.ErrRateLimited)
		_, err := client.Brands.List(t.Context())
		require.NoError(t, err)
		assert.GreaterOrEqual(t, time.Since(began), 3*time.Second)
		assert.LessOrEqual(t, time.Since(began), 5*time.Second)
	})
}

func TestTheDocumentedRateIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, client := stubbed(t, 200, `{"status":"ok"}`, func(cfg *entrupy.Config) { cfg.Options.Limiter = nil })
		began := time.Now()
		for range 21 {
			require.NoError(t, client.Ping(t.Context()))
		}
		assert.Equal(t, 2*time.Second, time.Since(began), "10 requests a second, without a burst")
	})
}
