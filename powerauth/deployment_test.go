package powerauth_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
)

func TestTheHeaderGoesWithEveryCall(t *testing.T) {
	t.Parallel()
	lc := identkittest.NewLeakCheck(t)
	srv := powerauthtest.New(powerauthtest.Options{})
	gateway := map[string]identkit.Secret{"X-Gateway-Key": lc.Secret("gateway key")}
	cfg := srv.Config()
	cfg.Header = gateway
	cfg.Options.Logger, cfg.Options.Observer = lc.Logger(), lc.Observer()
	lc.Value(cfg)
	client, err := powerauth.New(cfg)
	require.NoError(t, err)
	lc.Value(client)
	user, password := srv.AdminCredentials()
	adminConfig := powerauth.AdminConfig{BaseURL: cfg.BaseURL, Credentials: powerauth.BasicAuth(user, password), Header: gateway, Options: cfg.Options}
	lc.Value(adminConfig)
	admin, err := powerauth.NewAdmin(adminConfig)
	require.NoError(t, err)
	lc.Value(admin)

	require.NoError(t, client.Ping(t.Context()))
	_, err = client.Health.Get(t.Context())
	require.NoError(t, err, "without credentials")
	_, err = client.Operations.Get(t.Context(), "o-1")
	require.ErrorIs(t, err, identkit.ErrNotFound)
	lc.Error(err)
	require.NoError(t, client.Call(t.Context(), identkit.Request{Path: "/actuator/health"}, nil))
	require.NoError(t, admin.Ping(t.Context()))
	require.Equal(t, 5, srv.Journal().Len())
	for _, entry := range srv.Journal().All() {
		assert.Equal(t, gateway["X-Gateway-Key"].Reveal(), entry.Header.Get("X-Gateway-Key"), entry.Operation)
	}
	_, err = client.Operations.Get(t.Context(), "o-1", identkit.WithHeader("x-gateway-key", "other"))
	require.ErrorIs(t, err, identkit.ErrInvalidRequest)
	assert.Equal(t, 5, srv.Journal().Len())
}

func TestSecretsFromFiles(t *testing.T) {
	const base = "POWERAUTH_"
	dir := t.TempDir()
	file := func(name, content string) {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		t.Setenv(name, "")
		t.Setenv(name+"_FILE", path)
	}
	clear := func() {
		for _, name := range []string{"USERNAME", "PASSWORD", "BEARER_TOKEN", "PASSWORD_FILE", "BEARER_TOKEN_FILE"} {
			t.Setenv(base+name, "")
			t.Setenv(base+"ADMIN_"+name, "")
		}
	}
	srv := powerauthtest.NewServer(t)
	user, password := srv.Credentials()
	adminUser, adminPassword := srv.AdminCredentials()
	clear()
	t.Setenv(base+"BASE_URL", srv.URL())
	t.Setenv(base+"USERNAME", user)
	file(base+"PASSWORD", password.Reveal()+"\n")
	t.Setenv(base+"ADMIN_USERNAME", adminUser)
	file(base+"ADMIN_PASSWORD", adminPassword.Reveal()+"\r\n")
	cfg, err := powerauth.ConfigFromEnv()
	require.NoError(t, err)
	client, err := powerauth.New(cfg)
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	require.NoError(t, client.Ping(t.Context()))
	adminConfig, err := powerauth.AdminConfigFromEnv()
	require.NoError(t, err)
	admin, err := powerauth.NewAdmin(adminConfig)
	require.NoError(t, err)
	t.Cleanup(admin.CloseIdleConnections)
	require.NoError(t, admin.Ping(t.Context()))

	file(base+"BEARER_TOKEN", "token\n")
	_, err = powerauth.ConfigFromEnv()
	require.ErrorContains(t, err, "POWERAUTH_BEARER_TOKEN contradicts")
	clear()
	file(base+"BEARER_TOKEN", "token\n")
	_, err = powerauth.ConfigFromEnv()
	require.NoError(t, err)
	file(base+"BEARER_TOKEN", "token\n\n")
	_, err = powerauth.ConfigFromEnv()
	require.EqualError(t, err, "powerauth.ConfigFromEnv: invalid request: POWERAUTH_BEARER_TOKEN_FILE names a file whose content has white space or a control character at an end")
	file(base+"BEARER_TOKEN", "token\n")
	t.Setenv(base+"BEARER_TOKEN", "token")
	_, err = powerauth.ConfigFromEnv()
	require.ErrorContains(t, err, "POWERAUTH_BEARER_TOKEN_FILE contradicts POWERAUTH_BEARER_TOKEN")
}

func TestWhatCannotWorkIsRefusedFromTheEnvironmentByName(t *testing.T) {
	good := map[string]string{"POWERAUTH_BASE_URL": "https://pac.test/powerauth-cloud", "POWERAUTH_USERNAME": "svc", "POWERAUTH_PASSWORD": "hunter9"}
	for name, value := range good {
		for _, bad := range []string{value + "\n", value + "\r\n", " " + value, value + " ", value + "\t"} {
			for n, v := range good {
				t.Setenv(n, v)
			}
			t.Setenv(name, bad)
			_, err := powerauth.ConfigFromEnv()
			require.EqualError(t, err, "powerauth.ConfigFromEnv: invalid request: "+name+" has white space or a control character at an end", "%q", bad)
		}
	}
}

func TestACompressedResponseIsNotAskedFor(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.Header().Set("Content-Encoding", "gzip")
		var b bytes.Buffer
		zip := gzip.NewWriter(&b)
		_, _ = zip.Write([]byte(`{"operationId":"o-1","status":"PENDING"}`))
		_ = zip.Close()
		_, _ = w.Write(b.Bytes())
	}))
	t.Cleanup(srv.Close)
	client, err := powerauth.New(powerauth.Config{BaseURL: srv.URL, Credentials: powerauth.BasicAuth("u", "p")})
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	_, err = client.Operations.Create(t.Context(), powerauth.CreateOperationParams{UserID: "u-1", Template: "login"}, identkit.WithHeader("Accept-Encoding", "gzip"))
	require.ErrorIs(t, err, identkit.ErrInvalidRequest)
	require.ErrorContains(t, err, "Accept-Encoding")
	assert.Zero(t, requests.Load())
}

func TestMisuseDoesNotPanic(t *testing.T) {
	t.Parallel()
	srv := powerauthtest.New(powerauthtest.Options{})
	var none context.Context
	_, err := srv.Client().Operations.Get(none, "o-1")
	require.ErrorIs(t, err, identkit.ErrInvalidRequest)
	_, err = (&powerauth.Client{}).Operations.Get(t.Context(), "o-1")
	require.ErrorIs(t, err, identkit.ErrInvalidRequest)
	assert.Zero(t, srv.Journal().Len())
	client := srv.Client(func(cfg *powerauth.Config) {
		cfg.Options.Observer.CallStart = func(context.Context, identkit.CallInfo) context.Context { return nil }
	})
	_, err = client.Operations.Get(t.Context(), "o-1")
	require.ErrorIs(t, err, identkit.ErrNotFound, "the caller's context is used")
}
