package powerauth_test

import (
	"crypto/tls"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
)

func TestBadConstructionNamesEveryField(t *testing.T) {
	t.Parallel()
	const base = "https://pac.internal.example/powerauth-cloud"
	for name, c := range map[string]struct {
		cfg    powerauth.Config
		fields []string
	}{
		"nothing":                  {powerauth.Config{}, []string{"Credentials", "BaseURL"}},
		"no user and no password":  {powerauth.Config{BaseURL: base, Credentials: powerauth.BasicAuth("", "")}, []string{"Credentials.Username", "Credentials.Password"}},
		"no password":              {powerauth.Config{BaseURL: base, Credentials: powerauth.BasicAuth("u", "")}, []string{"Credentials.Password"}},
		"no source":                {powerauth.Config{BaseURL: base, Credentials: powerauth.BasicAuthFrom("u", nil)}, []string{"Credentials.Password"}},
		"no token":                 {powerauth.Config{BaseURL: base, Credentials: powerauth.BearerAuth(nil)}, []string{"Credentials.Token"}},
		"colon in the user":        {powerauth.Config{BaseURL: base, Credentials: powerauth.BasicAuth("a:b", "p")}, []string{"Credentials.Username"}},
		"line break in the user":   {powerauth.Config{BaseURL: base, Credentials: powerauth.BasicAuth("a\nb", "p")}, []string{"Credentials.Username"}},
		"line end behind the user": {powerauth.Config{BaseURL: base, Credentials: powerauth.BasicAuth("svc\n", "p")}, []string{"Credentials.Username"}},
		"blank user":               {powerauth.Config{BaseURL: base, Credentials: powerauth.BasicAuth(" ", "p")}, []string{"Credentials.Username"}},
		"blank user with a source": {powerauth.Config{BaseURL: base, Credentials: powerauth.BasicAuthFrom("\t", identkit.Static("p"))}, []string{"Credentials.Username"}},
		"port that is none":        {powerauth.Config{BaseURL: "https://127.0.0.1:99999", Credentials: powerauth.BasicAuth("u", "p")}, []string{"BaseURL"}},
		"blank behind the URL":     {powerauth.Config{BaseURL: base + " ", Credentials: powerauth.BasicAuth("u", "p")}, []string{"BaseURL"}},
		"header of the client":     {powerauth.Config{BaseURL: base, Credentials: powerauth.BasicAuth("u", "p"), Header: map[string]identkit.Secret{"authorization": "Bearer x"}}, []string{"Header[Authorization]"}},
		"TLS beside a client":      {powerauth.Config{BaseURL: base, Credentials: powerauth.BasicAuth("u", "p"), Options: identkit.Options{TLS: new(tls.Config), HTTPClient: new(http.Client)}}, []string{"Options.TLS"}},
		"relative URL":             {powerauth.Config{BaseURL: "/pac", Credentials: powerauth.BasicAuth("u", "p")}, []string{"BaseURL"}},
		"plain HTTP to a host":     {powerauth.Config{BaseURL: "http://pac.example", Credentials: powerauth.BasicAuth("u", "p")}, []string{"BaseURL"}},
		"negative attempts":        {powerauth.Config{BaseURL: base, Credentials: powerauth.BasicAuth("u", "p"), Options: identkit.Options{Retry: identkit.RetryPolicy{MaxAttempts: -1}}}, []string{"Options.Retry.MaxAttempts"}},
		"path of no operation":     {powerauth.Config{BaseURL: base, Credentials: powerauth.BasicAuth("u", "p"), Options: identkit.Options{Paths: map[string]string{"powerauth.None": "/"}}}, []string{"Options.Paths[powerauth.None]"}},
		"path that needs escaping": {powerauth.Config{BaseURL: base, Credentials: powerauth.BasicAuth("u", "p"), Options: identkit.Options{Paths: map[string]string{"powerauth.Operations.Get": "/tenant%20a/{operationId}"}}}, []string{"Options.Paths[powerauth.Operations.Get]"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, err := powerauth.New(c.cfg)
			assert.Nil(t, client)
			require.ErrorIs(t, err, identkit.ErrInvalidRequest)
			var e *identkit.Error
			require.ErrorAs(t, err, &e)
			var fields []string
			for _, f := range e.Fields {
				fields = append(fields, f.Field)
				assert.Contains(t, err.Error(), f.Field)
			}
			assert.Equal(t, c.fields, fields)
		})
	}
}

func TestOptionsAreSharedBetweenProviders(t *testing.T) {
	t.Parallel()
	_, err := powerauth.New(powerauth.Config{
		BaseURL: "https://pac.example", Credentials: powerauth.BasicAuth("u", "p"),
		Options: identkit.Options{Paths: map[string]string{"iproov.Claims.Invalidate": "/x/{token}"}},
	})
	require.NoError(t, err)
}

func TestATokenThatIsNoHeaderIsNotSent(t *testing.T) {
	t.Parallel()
	srv := powerauthtest.New(powerauthtest.Options{})
	client := srv.Client(func(cfg *powerauth.Config) { cfg.Credentials = powerauth.BearerAuth(identkit.Static("from-a-file\n")) })
	err := create(t.Context(), client)
	require.ErrorIs(t, err, identkit.ErrCredential)
	require.NotErrorIs(t, err, identkit.ErrOutcomeUnknown)
	assert.Contains(t, err.Error(), "control character at an end")
	assert.NotContains(t, err.Error(), "from-a-file")
	assert.Zero(t, srv.Journal().Len())
}

func TestPing(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 200, `{"registrations":[]}`)
	require.NoError(t, client.Ping(t.Context()))
	assert.Equal(t, stubRequest{"GET", "/powerauth-cloud/v2/registrations", "userId=identkit-ping", s.last(t).header, nil}, s.last(t))
	for _, c := range []struct {
		status int
		body   string
		want   identkit.Kind
	}{
		{401, `{"status":"ERROR","responseObject":{"code":"HTTP_401"}}`, identkit.ErrUnauthorized},
		{404, `{"status":"ERROR","responseObject":{"code":"ERROR_NOT_FOUND"}}`, identkit.ErrRejected},
		{400, `{"status":"ERROR","responseObject":{"code":"ERROR_REGISTRATION_NOT_FOUND"}}`, identkit.ErrNotFound},
		{200, `<html>log in</html>`, identkit.ErrBadResponse}, {200, `{}`, identkit.ErrBadResponse}, {200, `{"status":"UP"}`, identkit.ErrBadResponse}, {204, ``, identkit.ErrBadResponse},
	} {
		s.respond(c.status, c.body)
		require.ErrorIs(t, client.Ping(t.Context()), c.want, c.body)
	}
	srv := powerauthtest.New(powerauthtest.Options{})
	require.NoError(t, srv.Client().Ping(t.Context()))
	wrong := srv.Client(func(cfg *powerauth.Config) { cfg.Credentials = powerauth.BasicAuth("integration", "wrong") })
	require.ErrorIs(t, wrong.Ping(t.Context(), identkit.WithTimeout(time.Second)), identkit.ErrUnauthorized)
}

func TestAClientThatNewDidNotMakeRefusesCalls(t *testing.T) {
	t.Parallel()
	var client powerauth.Client
	require.ErrorIs(t, client.Ping(t.Context()), identkit.ErrInvalidRequest)
	require.ErrorIs(t, client.Call(t.Context(), identkit.Request{Path: "/"}, nil), identkit.ErrInvalidRequest)
	_, err := client.Operations.Wait(t.Context(), "o-1", identkit.WaitPolicy{})
	require.ErrorIs(t, err, identkit.ErrInvalidRequest)
	_, err = client.Registrations.WaitFor(t.Context(), "r-1", powerauth.RegistrationActive, identkit.WaitPolicy{})
	require.ErrorIs(t, err, identkit.ErrInvalidRequest)
	client.CloseIdleConnections()
}

func TestConfigFromEnv(t *testing.T) {
	for _, name := range []string{"POWERAUTH_BASE_URL", "POWERAUTH_USERNAME", "POWERAUTH_PASSWORD", "POWERAUTH_BEARER_TOKEN", "POWERAUTH_PASSWORD_FILE", "POWERAUTH_BEARER_TOKEN_FILE"} {
		t.Setenv(name, "")
	}
	_, err := powerauth.ConfigFromEnv()
	require.ErrorIs(t, err, identkit.ErrInvalidRequest)
	for _, name := range []string{"POWERAUTH_BASE_URL", "POWERAUTH_USERNAME", "POWERAUTH_PASSWORD"} {
		assert.ErrorContains(t, err, name)
	}
	t.Setenv("POWERAUTH_BASE_URL", "https://pac.example")
	t.Setenv("POWERAUTH_USERNAME", "u")
	t.Setenv("POWERAUTH_PASSWORD", "correct horse")
	cfg, err := powerauth.ConfigFromEnv()
	require.NoError(t, err)
	_, err = powerauth.New(cfg)
	require.NoError(t, err)
	t.Setenv("POWERAUTH_BEARER_TOKEN", "t")
	_, err = powerauth.ConfigFromEnv()
	require.ErrorIs(t, err, identkit.ErrInvalidRequest, "one or the other")
	assert.NotContains(t, err.Error(), "horse")
	t.Setenv("POWERAUTH_USERNAME", "")
	t.Setenv("POWERAUTH_PASSWORD", "")
	cfg, err = powerauth.ConfigFromEnv()
	require.NoError(t, err)
	_, err = powerauth.New(cfg)
	require.NoError(t, err)
}

func TestAPasswordThatCannotBeOneIsRefused(t *testing.T) {
	t.Parallel()
	for _, password := range []identkit.Secret{"", " ", "[secret]", "hunter9\n", "hunter9\r\n", " hunter9"} {
		_, err := powerauth.New(powerauth.Config{BaseURL: "https://pac.test", Credentials: powerauth.BasicAuth("svc", password)})
		require.ErrorIs(t, err, identkit.ErrInvalidRequest)
		require.ErrorContains(t, err, "Credentials.Password")
		assert.NotContains(t, err.Error(), "hunter9")

		srv := powerauthtest.New(powerauthtest.Options{})
		client := srv.Client(func(cfg *powerauth.Config) {
			cfg.Credentials = powerauth.BasicAuthFrom("svc", identkit.Static(password))
		})
		_, err = client.Operations.Get(t.Context(), "o-1")
		require.ErrorIs(t, err, identkit.ErrCredential)
		assert.NotContains(t, err.Error(), "hunter9")
		assert.Zero(t, srv.Journal().Len(), "nothing was sent")
	}
}

func TestAMaskedSecretIsNeverSent(t *testing.T) {
	t.Parallel()
	srv := powerauthtest.New(powerauthtest.Options{})
	client := srv.Client()
	stored, err := json.Marshal(powerauth.CreateRegistrationParams{UserID: "u", AppID: "a", OTP: "7", CommitPhase: powerauth.CommitOnCommit})
	require.NoError(t, err)
	var back powerauth.CreateRegistrationParams
	require.ErrorIs(t, json.Unmarshal(stored, &back), identkit.ErrMasked)
	for name, call := range map[string]func() error{
		"input": func() error {
			_, err := client.Registrations.Create(t.Context(), powerauth.CreateRegistrationParams{UserID: "u", AppID: "a", OTP: "[secret]", CommitPhase: powerauth.CommitOnCommit})
			return err
		},
		"stored body": func() error {
			return client.Call(t.Context(), identkit.Request{Method: "POST", Path: "/v2/registrations", Body: json.RawMessage(stored)}, nil)
		},
		"body field": func() error {
			return client.Registrations.Block(t.Context(), "r", identkit.WithBodyField("x", map[string]identkit.Secret{"otp": "[secret]"}))
		},
		"header": func() error {
			return client.Registrations.Block(t.Context(), "r", identkit.WithHeader("X-Key", "[secret]"))
		},
	} {
		require.ErrorIs(t, call(), identkit.ErrInvalidRequest, name)
	}
	assert.Zero(t, srv.Journal().Len())

	require.NoError(t, client.Call(t.Context(), identkit.Request{
		Method: "POST", Path: "/v2/registrations", Body: powerauth.CreateRegistrationParams{UserID: "u", AppID: "a", OTP: "7", CommitPhase: powerauth.CommitOnCommit},
	}, nil))
	entry, _ := srv.Journal().Last("powerauth.Registrations.Create")
	assert.Contains(t, string(entry.Body), `"otp":"7"`, "a secret is sent as its text")
}
