package iproov_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/iproov"
	"github.com/identkit/identkit/iproov/iproovtest"
)

func TestNewReportsEveryFaultAtOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config iproov.Config
		fields []string
	}{
		"empty":          {iproov.Config{}, []string{"Credentials", "Region"}},
		"empty keys":     {iproov.Config{Region: "eu", Credentials: iproov.Keys("", "")}, []string{"Credentials.APIKey", "Credentials.Secret"}},
		"no sources":     {iproov.Config{Region: "eu", Credentials: iproov.KeysFrom(nil, nil)}, []string{"Credentials.APIKey", "Credentials.Secret"}},
		"both addresses": {iproov.Config{Region: "eu", BaseURL: "https://x", Credentials: iproov.Keys("k", "s")}, []string{"BaseURL"}},
		"bad region":     {iproov.Config{Region: "eu.evil/", Credentials: iproov.Keys("k", "s")}, []string{"Region"}},
		"plain http":     {iproov.Config{BaseURL: "http://proxy.example", Credentials: iproov.Keys("k", "s")}, []string{"BaseURL"}},
		"streaming url":  {iproov.Config{BaseURL: "wss://eu.rp.secure.iproov.me/ws", Credentials: iproov.Keys("k", "s")}, []string{"BaseURL"}},
		"the rest": {iproov.Config{
			Region: "eu", Credentials: iproov.Keys("k", "s"), OAuth: iproov.OAuthUser("", ""), Scopes: []iproov.Scope{"a b"}, ScopeEncoding: "x",
			InvalidateAuth: "x", MaxImageBytes: -1, NativeStreamingURL: "x", Options: identkit.Options{Timeout: -1},
		}, []string{"OAuth.Username", "OAuth.Password", "MaxImageBytes", "InvalidateAuth", "Scopes", "ScopeEncoding", "NativeStreamingURL", "Options.Timeout"}},
		"address and options": {iproov.Config{
			Region: "eu.evil/", Credentials: iproov.Keys("k", "s"), WebStreamingURL: "x", Options: identkit.Options{Timeout: -1},
		}, []string{"Region", "WebStreamingURL", "Options.Timeout"}},
		"line ends":           {iproov.Config{Region: "eu", Credentials: iproov.Keys("key\n", " secret"), OAuth: iproov.OAuthUser("user ", "password\r\n")}, []string{"Credentials.APIKey", "Credentials.Secret", "OAuth.Username", "OAuth.Password"}},
		"blank":               {iproov.Config{Region: "eu", Credentials: iproov.Keys(" ", "\n"), OAuth: iproov.OAuthUserFrom("\t", identkit.Static("p"))}, []string{"Credentials.APIKey", "Credentials.Secret", "OAuth.Username"}},
		"colon":               {iproov.Config{Region: "eu", Credentials: iproov.Keys("k", "s"), OAuth: iproov.OAuthUser("a:b", "p")}, []string{"OAuth.Username"}},
		"blank address":       {iproov.Config{BaseURL: "https://proxy.example/face ", Credentials: iproov.Keys("k", "s")}, []string{"BaseURL"}},
		"ports":               {iproov.Config{BaseURL: "https://proxy.example:99999", Credentials: iproov.Keys("k", "s"), NativeStreamingURL: "wss://x:0", WebStreamingURL: "https://x "}, []string{"BaseURL", "NativeStreamingURL", "WebStreamingURL"}},
		"header":              {iproov.Config{Region: "eu", Credentials: iproov.Keys("k", "s"), Header: map[string]identkit.Secret{"accept-encoding": "gzip"}}, []string{"Header[Accept-Encoding]"}},
		"token without oauth": {iproov.Config{Region: "eu", Credentials: iproov.Keys("k", "s"), InvalidateAuth: iproov.InvalidateWithToken}, []string{"InvalidateAuth"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := iproov.New(c.config)
			e := fails(t, err, identkit.ErrInvalidRequest, "")
			var fields []string
			for _, f := range e.Fields {
				fields = append(fields, f.Field)
			}
			assert.Equal(t, c.fields, fields)
		})
	}
}

func TestConfigFromEnv(t *testing.T) {
	names := []string{"IPROOV_REGION", "IPROOV_BASE_URL", "IPROOV_API_KEY", "IPROOV_SECRET", "IPROOV_OAUTH_USERNAME", "IPROOV_OAUTH_PASSWORD"}
	for _, name := range names {
		t.Setenv(name+"_FILE", "")
	}
	set := func(values ...string) {
		for i, v := range values {
			t.Setenv(names[i], v)
		}
	}
	set("eu", "", "key", "secret", "", "")
	cfg, err := iproov.ConfigFromEnv()
	require.NoError(t, err)
	_, err = iproov.New(cfg)
	require.NoError(t, err)

	set("", "https://proxy.example", "key", "secret", "user", "password")
	cfg, err = iproov.ConfigFromEnv()
	require.NoError(t, err)
	_, err = iproov.New(cfg)
	require.NoError(t, err)

	set("", "", "", "", "user", "")
	_, err = iproov.ConfigFromEnv()
	for _, name := range []string{"IPROOV_REGION", "IPROOV_API_KEY", "IPROOV_SECRET", "IPROOV_OAUTH_PASSWORD"} {
		require.ErrorContains(t, err, name)
	}
	set("eu", "https://proxy.example", "key", "secret", "", "password")
	_, err = iproov.ConfigFromEnv()
	require.ErrorContains(t, err, "IPROOV_BASE_URL contradicts IPROOV_REGION")
	require.ErrorContains(t, err, "IPROOV_OAUTH_USERNAME")
}

func TestSecretsFromFiles(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		t.Setenv(name, "")
		t.Setenv(name+"_FILE", path)
	}
	srv := iproovtest.NewServer(t)
	key, secret := srv.Keys()
	user, password := srv.OAuthUser()
	t.Setenv("IPROOV_REGION", "")
	t.Setenv("IPROOV_BASE_URL", srv.URL())
	t.Setenv("IPROOV_OAUTH_USERNAME", user)
	file("IPROOV_API_KEY", key.Reveal()+"\n")
	file("IPROOV_SECRET", secret.Reveal()+"\r\n")
	file("IPROOV_OAUTH_PASSWORD", password.Reveal())
	cfg, err := iproov.ConfigFromEnv()
	require.NoError(t, err)
	client, err := iproov.New(cfg)
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	require.NoError(t, client.Ping(t.Context()))
	_, err = client.AccessToken(t.Context())
	require.NoError(t, err)

	file("IPROOV_SECRET", secret.Reveal()+" \n")
	t.Setenv("IPROOV_API_KEY", key.Reveal())
	t.Setenv("IPROOV_OAUTH_PASSWORD_FILE", filepath.Join(dir, "absent"))
	t.Setenv("IPROOV_OAUTH_USERNAME", user+"\n")
	t.Setenv("IPROOV_BASE_URL", srv.URL()+" ")
	_, err = iproov.ConfigFromEnv()
	for _, fault := range []string{
		"IPROOV_BASE_URL has white space", "IPROOV_API_KEY_FILE contradicts IPROOV_API_KEY", "IPROOV_SECRET_FILE names a file whose content has white space",
		"IPROOV_OAUTH_USERNAME has white space", "IPROOV_OAUTH_PASSWORD_FILE names a file that does not exist",
	} {
		require.ErrorContains(t, err, fault)
	}
	assert.NotContains(t, err.Error(), secret.Reveal())
	assert.NotContains(t, err.Error(), dir)
}

func TestAnUnusableSecretFromTheEnvironmentIsRefusedByName(t *testing.T) {
	t.Setenv("IPROOV_REGION", "eu")
	t.Setenv("IPROOV_BASE_URL", "")
	for _, name := range []string{"IPROOV_API_KEY", "IPROOV_SECRET", "IPROOV_OAUTH_USERNAME", "IPROOV_OAUTH_PASSWORD"} {
		for _, other := range []string{"IPROOV_API_KEY", "IPROOV_SECRET", "IPROOV_OAUTH_USERNAME", "IPROOV_OAUTH_PASSWORD"} {
			t.Setenv(other, "good")
		}
		t.Setenv(name, "s3cret\n")
		_, err := iproov.ConfigFromEnv()
		require.EqualError(t, err, "iproov.ConfigFromEnv: invalid request: "+name+" has white space or a control character at an end")
	}
}

func TestTheHeaderGoesWithEveryCall(t *testing.T) {
	t.Parallel()
	lc := identkittest.NewLeakCheck(t)
	srv := iproovtest.New(iproovtest.Options{})
	srv.AddUser(alice, iproov.UserActive)
	gateway := lc.Secret("gateway key")
	cfg := srv.Config()
	cfg.Header = map[string]identkit.Secret{"X-Gateway-Key": gateway}
	cfg.Options.Logger, cfg.Options.Observer = lc.Logger(), lc.Observer()
	lc.Value(cfg)
	client, err := iproov.New(cfg)
	require.NoError(t, err)
	lc.Value(client)
	_, err = client.Availability(t.Context())
	require.NoError(t, err)
	_, err = client.Users.Get(t.Context(), alice) // and the access token before it
	require.NoError(t, err)
	_, err = client.Enrol.CreateToken(t.Context(), tokenIn)
	lc.Error(err)
	require.NoError(t, client.Call(t.Context(), identkit.Request{Path: "/users/{id}", PathValues: map[string]string{"id": string(alice)}}, nil))
	require.Equal(t, 5, srv.Journal().Len())
	for _, entry := range srv.Journal().All() {
		assert.Equal(t, gateway.Reveal(), entry.Header.Get("X-Gateway-Key"), entry.Operation)
	}
}

func TestTheFakeSimulatesTheCatalogue(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{})
	assert.ElementsMatch(t, iproov.Catalog(), srv.Operations())
	assert.Len(t, iproov.Catalog(), 13)
	refused := map[string]bool{"iproov.Enrol.Image": true, "iproov.Enrol.Validate": true, "iproov.Verify.Validate": true}
	for _, op := range iproov.Catalog() {
		assert.Equal(t, refused[op.Name], op.Retry == identkit.RetryIfNotProcessed, op.Name)
	}
}

func TestCallIsACallLikeAnyOther(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{})
	srv.AddUser(alice, iproov.UserActive)
	var out struct {
		Status string `json:"status"`
	}
	require.NoError(t, srv.Client().Call(t.Context(), identkit.Request{Path: "/users/{id}", PathValues: map[string]string{"id": string(alice)}}, &out))
	assert.Equal(t, "active", out.Status)
	err := srv.Client(func(cfg *iproov.Config) { cfg.OAuth = iproov.OAuth{} }).Call(t.Context(), identkit.Request{Path: "/users/x"}, nil)
	fails(t, err, identkit.ErrUnauthorized, iproov.CodeInvalidOAuth)
}

func TestAvailability(t *testing.T) {
	t.Parallel()
	srv := iproovtest.NewServer(t)
	health, err := srv.Client().Availability(t.Context())
	require.NoError(t, err)
	assert.True(t, health.Up)
	_, err = srv.Client(func(cfg *iproov.Config) { cfg.Credentials = iproov.Keys("other", "s") }).Availability(t.Context())
	fails(t, err, identkit.ErrUnauthorized, iproov.CodeInvalidKey)

	for body, up := range map[string]bool{`{"up":false}`: true, `{"up":"true"}`: false, `{"up":null}`: false, `{}`: false} {
		srv.ClearFaults()
		srv.Fault(identkittest.Any().Body(200, "application/json", []byte(body)))
		health, err = srv.Client().Availability(t.Context())
		if up {
			require.NoError(t, err)
			assert.False(t, health.Up)
		} else {
			require.ErrorIs(t, err, identkit.ErrBadResponse, body)
		}
	}
}

func TestPingProvesAddressAndKeys(t *testing.T) {
	t.Parallel()
	srv := iproovtest.NewServer(t)
	key, secret := srv.Keys()
	o := new(observed)
	require.NoError(t, srv.Client(func(cfg *iproov.Config) { cfg.Options.Observer = o.observer() }).Ping(t.Context()))
	require.Len(t, o.ends, 1)
	assert.Empty(t, o.ends[0].Kind, "the refusal of the token is its result")
	assert.Equal(t, "iproov.Verify.Validate", o.ends[0].Operation)
	entry, _ := srv.Journal().Last("iproov.Verify.Validate")
	assert.JSONEq(t, `{"api_key":"`+key.Reveal()+`","secret":"`+secret.Reveal()+`","token":"`+strings.Repeat("0", 64)+
		`","user_id":"identkit-ping","client":"identkit"}`, string(entry.Body))
	for name, c := range map[string]iproov.Credentials{"secret": iproov.Keys(key, "wrong"), "key": iproov.Keys("wrong", secret)} {
		client := srv.Client(func(cfg *iproov.Config) { cfg.Credentials = c })
		srv.Journal().Clear()
		fails(t, client.Ping(t.Context()), identkit.ErrUnauthorized, iproov.CodeInvalidKey)
		assert.Equal(t, 1, srv.Journal().Len(), name)
	}
}

func TestPingFailsClosed(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{})
	for _, c := range []struct {
		status int
		body   string
		kind   identkit.Kind
	}{
		{400, `{"error":"invalid_token"}`, ""},
		{404, `{"error":"invalid_token","error_description":"x"}`, ""},
		{400, `{"error":"invalid_token","error":"invalid_token"}`, identkit.ErrRejected},
		{400, `{"Error":"invalid_token"}`, identkit.ErrRejected},
		{400, `{"error":"INVALID_TOKEN"}`, identkit.ErrRejected},
		{400, `{"error":["invalid_token"]}`, identkit.ErrRejected},
		{400, `{"error":"invalid_key"}`, identkit.ErrUnauthorized},
		{400, `{"error":"no_user"}`, identkit.ErrNotFound},
		{400, `{"error":"invalid_validation"}`, identkit.ErrRejected},
		{404, `<html>404</html>`, identkit.ErrNotFound},
		{403, ``, identkit.ErrForbidden},
		{500, `{"error":"invalid_token"}`, identkit.ErrUnavailable},
		{302, `{"error":"invalid_token"}`, identkit.ErrBadResponse},
		{200, `{"error":"invalid_token"}`, ""},
		{200, `{"passed":true,"token":"` + strings.Repeat("0", 64) + `"}`, identkit.ErrBadResponse},
		{200, `{}`, identkit.ErrBadResponse},
		{200, `<html></html>`, identkit.ErrBadResponse},
		{204, ``, identkit.ErrBadResponse},
	} {
		srv.ClearFaults()
		srv.Fault(identkittest.Any().Body(c.status, "application/json", []byte(c.body)))
		err := srv.Client().Ping(t.Context())
		if c.kind == "" {
			require.NoError(t, err, c.body)
		} else {
			require.ErrorIs(t, err, c.kind, "%d %s", c.status, c.body)
		}
	}
	srv.ClearFaults()
	srv.Fault(identkittest.Any().Nth(1).LoseResponse(), identkittest.Any().Nth(2).Status(503))
	require.NoError(t, srv.Client().Ping(t.Context()), "it has no effect, so it is sent again")
}

func TestPingGoesWhereValidateGoes(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{})
	client := srv.Client(func(cfg *iproov.Config) {
		cfg.Options.Paths = map[string]string{"iproov.Verify.Validate": "/face/validate"}
	})
	require.ErrorIs(t, client.Ping(t.Context()), identkit.ErrNotFound)
	assert.Equal(t, "/api/v2/face/validate", srv.Journal().For("")[0].Path)
}
