package iproov_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
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
