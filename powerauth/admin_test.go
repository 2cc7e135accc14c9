package powerauth_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
)

const applicationBody = `{"id":"app","serviceBaseUrl":"https://pac","masterServerPublicKey":"BBIo","appKey":"a2V5","appSecret":"c2VjcmV0LW9mLWFwcA==","mobileSdkConfig":"bW9iaWxlLWNvbmZpZw==","roles":["R"]}`

func TestApplicationIsCreatedAndRead(t *testing.T) {
	t.Parallel()
	s, admin := stubbedAdmin(t, 200, applicationBody)
	created, err := admin.CreateApplication(t.Context(), powerauth.CreateApplicationParams{ID: "app", Roles: []string{"R"}})
	require.NoError(t, err)
	s.sends(t, `{"id":"app","roles":["R"]}`)
	assert.Equal(t, "/powerauth-cloud/admin/applications", s.last(t).path)
	assert.Equal(t, "c2VjcmV0LW9mLWFwcA==", created.AppSecret.Reveal())
	assert.Equal(t, "bW9iaWxlLWNvbmZpZw==", created.MobileSDKConfig.Reveal())
	assert.Equal(t, []string{"R"}, created.Roles)
	masked, err := json.Marshal(created)
	require.NoError(t, err)
	for _, text := range []string{fmt.Sprintf("%v %+v %#v", created, *created, created), string(masked)} {
		assert.NotContains(t, text, created.AppSecret.Reveal())
		assert.NotContains(t, text, created.MobileSDKConfig.Reveal())
	}
	got, err := admin.GetApplication(t.Context(), "app")
	require.NoError(t, err)
	assert.Equal(t, created.AppKey, got.AppKey)
	assert.Equal(t, "/powerauth-cloud/admin/applications/app", s.last(t).path)

	stored, err := powerauth.ParseApplication(got.RawJSON())
	require.NoError(t, err)
	assert.Equal(t, got, stored)
	_, err = powerauth.ParseApplication(masked)
	require.ErrorContains(t, err, "stored without Reveal")
}

func TestInvalidApplicationsAreBadResponses(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"empty":                   `{}`,
		"null":                    `null`,
		"an array":                `[` + applicationBody + `]`,
		"another application":     `{"id":"other"}`,
		"a null id":               `{"id":null}`,
		"a number for the id":     `{"id":7}`,
		"a name in another case":  `{"ID":"app"}`,
		"two ids":                 `{"id":"app","id":"other"}`,
		"two secrets":             `{"id":"app","appSecret":"a","appSecret":"b"}`,
		"a number for the secret": `{"id":"app","appSecret":1}`,
		"a mask for the secret":   `{"id":"app","appSecret":"[secret]"}`,
		"a second value":          applicationBody + `{}`,
		"invalid UTF-8":           `{"id":"app","appSecret":"` + "\xff" + `"}`,
		"a lone surrogate":        `{"id":"app","serviceBaseUrl":"\udc00"}`,
	} {
		_, admin := stubbedAdmin(t, 200, body)
		_, err := admin.GetApplication(t.Context(), "app")
		require.ErrorIs(t, err, identkit.ErrBadResponse, name)
		_, err = admin.CreateApplication(t.Context(), powerauth.CreateApplicationParams{ID: "app"})
		require.ErrorIs(t, err, identkit.ErrBadResponse, name)
		require.ErrorIs(t, err, identkit.ErrOutcomeUnknown, name)
		require.ErrorContains(t, err, "GetApplication says whether it was created")
	}
	_, admin := stubbedAdmin(t, 200, "\xef\xbb\xbf"+`{"id":"app","serviceBaseUrl":{},"roles":"R","appSecret":null}`)
	got, err := admin.GetApplication(t.Context(), "app")
	require.NoError(t, err, "a byte order mark, and what decides nothing")
	assert.Equal(t, []string{"R"}, got.Roles)
	assert.Empty(t, got.ServiceBaseURL)
}

func TestPingProvesAddressAndCredentials(t *testing.T) {
	t.Parallel()
	missing := `{"status":"ERROR","responseObject":{"code":"ERROR_REQUEST","message":"no such application"}}`
	for _, c := range []struct {
		status int
		body   string
		want   identkit.Kind // "": proven
	}{
		{200, `{"id":"identkit-ping"}`, ""},
		{400, missing, ""},
		{400, `{"error":"Bad Request"}`, identkit.ErrRejected},
		{400, `<html>`, identkit.ErrRejected},
		{401, `{"status":"ERROR","responseObject":{"code":"HTTP_401"}}`, identkit.ErrUnauthorized},
		{403, missing, identkit.ErrForbidden},
		{404, missing, identkit.ErrRejected},
		{200, `<html>`, identkit.ErrBadResponse},
		{503, ``, identkit.ErrUnavailable},
	} {
		s, admin := stubbedAdmin(t, c.status, c.body)
		err := admin.Ping(t.Context(), identkit.WithAttempts(1))
		assert.Equal(t, []any{1, "GET", "/powerauth-cloud/admin/applications/identkit-ping"}, []any{s.count(), s.last(t).method, s.last(t).path})
		if c.want == "" {
			require.NoError(t, err, "%d %s", c.status, c.body)
		} else {
			require.ErrorIs(t, err, c.want, "%d %s", c.status, c.body)
		}
	}
	srv := powerauthtest.New(powerauthtest.Options{})
	defer srv.Close()
	require.NoError(t, srv.AdminClient().Ping(t.Context()))
	wrong := srv.AdminClient(func(cfg *powerauth.AdminConfig) { cfg.Credentials = powerauth.BasicAuth(srv.Credentials()) })
	require.ErrorIs(t, wrong.Ping(t.Context()), identkit.ErrForbidden, "not an administrator")
}

func TestAnAdminClientThatNewAdminDidNotMake(t *testing.T) {
	t.Parallel()
	var admin powerauth.AdminClient
	require.ErrorIs(t, admin.Ping(t.Context()), identkit.ErrInvalidRequest)
	require.ErrorIs(t, admin.Call(t.Context(), identkit.Request{Path: "/x"}, nil), identkit.ErrInvalidRequest)
	require.ErrorIs(t, admin.SetFCM(t.Context(), "app", powerauth.SetFCMParams{ProjectID: "p", PrivateKey: "AAAA"}), identkit.ErrInvalidRequest)
	_, err := admin.Health.Get(t.Context())
	require.ErrorIs(t, err, identkit.ErrInvalidRequest)
	admin.CloseIdleConnections()
}

func TestCreatedUserHasItsPassword(t *testing.T) {
	t.Parallel()
	s, admin := stubbedAdmin(t, 200, `{"username":"backend","password":"generated-by-server-24","enabled":true,"role":["ROLE_USER"],"applications":[]}`)
	user, err := admin.CreateUser(t.Context(), "backend")
	require.NoError(t, err)
	s.sends(t, `{"username":"backend"}`)
	assert.Equal(t, "generated-by-server-24", user.Password.Reveal())
	assert.Equal(t, []string{"ROLE_USER"}, user.Roles)
	assert.True(t, user.Enabled)
	masked, err := json.Marshal(user)
	require.NoError(t, err)
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v %s", user, *user, user, masked), "generated")

	for _, body := range []string{
		`{"username":"backend"}`, `{"username":"backend","password":""}`, `{"password":"x"}`, `{"username":"other","password":"x"}`,
		`{"username":"backend","Password":"x"}`, `{"username":"backend","password":1}`, `{"username":"backend","password":"[secret]"}`,
		`{"username":"backend","password":"x","password":"y"}`, `{"username":"backend","username":"other","password":"x"}`, `null`,
	} {
		s.respond(200, body)
		_, err = admin.CreateUser(t.Context(), "backend")
		require.ErrorIs(t, err, identkit.ErrBadResponse, body)
		require.ErrorIs(t, err, identkit.ErrOutcomeUnknown, body)
		require.ErrorContains(t, err, "a password that nobody knows", body)
	}
	s.respond(200, `{"username":"other"}`)
	_, err = admin.BindUser(t.Context(), "backend", "app")
	require.ErrorIs(t, err, identkit.ErrBadResponse, "another user than asked for")
	s.respond(200, `{"username":"backend","enabled":true,"role":["ROLE_USER"],"applications":["app"]}`)
	bound, err := admin.BindUser(t.Context(), "backend", "a/pp")
	require.NoError(t, err)
	assert.Equal(t, []powerauth.ApplicationID{"app"}, bound.Applications)
	assert.Equal(t, "/powerauth-cloud/admin/users/backend/applications/a%2Fpp", s.last(t).path)
	assert.Empty(t, s.last(t).body)
}

func TestSecretsAreSentAsTheyAreAndPrintedAsAMask(t *testing.T) {
	t.Parallel()
	s, admin := stubbedAdmin(t, 200, `{}`)
	apns := powerauth.SetAPNsParams{Topic: "com.example", KeyID: "K", TeamID: "T", Environment: powerauth.APNsProduction, PrivateKey: "cHJpdmF0ZS1hcG5z"}
	require.NoError(t, admin.SetAPNs(t.Context(), "app", apns))
	s.sends(t, `{"topic":"com.example","keyId":"K","teamId":"T","environment":"production","privateKeyBase64":"cHJpdmF0ZS1hcG5z"}`)
	assert.Equal(t, "/powerauth-cloud/admin/applications/app/push/apns", s.last(t).path)
	fcm := powerauth.SetFCMParams{ProjectID: "p", PrivateKey: "cHJpdmF0ZS1mY20="}
	require.NoError(t, admin.SetFCM(t.Context(), "app", fcm))
	s.sends(t, `{"projectId":"p","privateKeyBase64":"cHJpdmF0ZS1mY20="}`)
	assert.Equal(t, "/powerauth-cloud/admin/applications/app/push/fcm", s.last(t).path)
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v %v %#v", apns, apns, apns, fcm, fcm), "cHJpdmF0ZS")
	s.respond(204, ``)
	require.NoError(t, admin.SetFCM(t.Context(), "app", fcm))
	for _, body := range []string{`null`, `[]`, `<html>`, `{"a":1,"a":2}`} {
		s.respond(200, body)
		require.ErrorIs(t, admin.SetFCM(t.Context(), "app", fcm), identkit.ErrBadResponse, body)
		require.ErrorIs(t, admin.SetAPNs(t.Context(), "app", apns), identkit.ErrOutcomeUnknown, body)
	}
}

func TestCallbackIsCreated(t *testing.T) {
	t.Parallel()
	s, admin := stubbedAdmin(t, 200, `{"id":"c-1"}`)
	in := powerauth.CreateCallbackParams{
		Name: "ops", Type: powerauth.CallbackOperation, URL: "https://backend.example/hook?activationFlag", Attributes: []string{"status"},
		Authentication: powerauth.CallbackAuthentication{HTTPBasic: powerauth.CallbackBasic{Username: "pac", Password: "hook-password"}},
		MaxAttempts:    5, InitialBackoff: 1500 * time.Millisecond, RetentionPeriod: 48 * time.Hour,
	}
	created, err := admin.CreateCallback(t.Context(), "app", in)
	require.NoError(t, err)
	assert.Equal(t, "c-1", created.ID)
	assert.Equal(t, "/powerauth-cloud/v2/admin/applications/app/callbacks", s.last(t).path)
	s.sends(t, `{"name":"ops","type":"OPERATION_STATUS_CHANGE","callbackUrl":"https://backend.example/hook?activationFlag","attributes":["status"],
		"authentication":{"httpBasic":{"enabled":true,"username":"pac","password":"hook-password"}},"retentionPeriod":"PT172800S","initialBackoff":"PT1.5S","maxAttempts":5}`)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%t", "%c"} {
		printed := fmt.Sprintf(verb, in) + fmt.Sprintf(verb, &in) + fmt.Sprintf(verb, in.Authentication)
		for _, secret := range []string{"backend.example", "hook-password", fmt.Sprintf("%x", "hook-password")} {
			assert.NotContains(t, printed, secret, "%s", verb)
		}
	}

	in = powerauth.CreateCallbackParams{Name: "regs", Type: powerauth.CallbackRegistration, URL: "https://b.example", Authentication: powerauth.CallbackAuthentication{
		OAuth2: powerauth.CallbackOAuth2{TokenURI: "https://idp.example/token", ClientID: "id", ClientSecret: "cs", Scope: "s"},
	}}
	s.respond(200, `{}`)
	created, err = admin.CreateCallback(t.Context(), "app", in)
	require.NoError(t, err)
	assert.Empty(t, created.ID, "the response is undocumented")
	s.sends(t, `{"name":"regs","type":"REGISTRATION_STATUS_CHANGE","callbackUrl":"https://b.example",
		"authentication":{"oauth2":{"enabled":true,"tokenUri":"https://idp.example/token","clientId":"id","clientSecret":"cs","scope":"s"}}}`)

	in.Authentication = powerauth.CallbackAuthentication{}
	_, err = admin.CreateCallback(t.Context(), "app", in, identkit.WithBodyField("authentication", "HTTP_BASIC"))
	require.NoError(t, err)
	s.sends(t, `{"name":"regs","type":"REGISTRATION_STATUS_CHANGE","callbackUrl":"https://b.example","authentication":"HTTP_BASIC"}`)

	for body, id := range map[string]string{`{"id":17}`: "17", `{"id":{}}`: "", `{"ID":"c-1"}`: ""} {
		s.respond(200, body)
		created, err = admin.CreateCallback(t.Context(), "app", in)
		require.NoError(t, err, body)
		assert.Equal(t, id, created.ID, body)
	}
	for _, body := range []string{`{"id":"a","id":"b"}`, `null`, `[]`, ``} {
		s.respond(200, body)
		_, err = admin.CreateCallback(t.Context(), "app", in)
		require.ErrorIs(t, err, identkit.ErrOutcomeUnknown, body)
	}
}

func TestMaskedSecretsAreNotSent(t *testing.T) {
	t.Parallel()
	const mask identkit.Secret = "[secret]"
	s, admin := stubbedAdmin(t, 200, `{}`)
	invalidField(t, s, admin.SetFCM(t.Context(), "app", powerauth.SetFCMParams{ProjectID: "p", PrivateKey: mask}), "privateKeyBase64")
	for field, change := range map[string]func(*powerauth.CreateCallbackParams){
		"callbackUrl": func(in *powerauth.CreateCallbackParams) { in.URL = mask },
		"authentication.httpBasic.password": func(in *powerauth.CreateCallbackParams) {
			in.Authentication.HTTPBasic = powerauth.CallbackBasic{Username: "pac", Password: mask}
		},
	} {
		in := powerauth.CreateCallbackParams{Name: "n", Type: powerauth.CallbackOperation, URL: "https://b.example"}
		change(&in)
		_, err := admin.CreateCallback(t.Context(), "app", in)
		invalidField(t, s, err, field)
		require.ErrorContains(t, err, "stored without Reveal")
	}
}

func TestBadAdminInputNamesTheFieldAndSendsNothing(t *testing.T) {
	t.Parallel()
	s, admin := stubbedAdmin(t, 200, `{}`)
	ctx := t.Context()
	_, err := admin.CreateApplication(ctx, powerauth.CreateApplicationParams{})
	invalidField(t, s, err, "id")
	_, err = admin.GetApplication(ctx, "..")
	invalidField(t, s, err, "appId")
	_, err = admin.CreateUser(ctx, "")
	invalidField(t, s, err, "username")
	_, err = admin.CreateUser(ctx, "backend\n")
	invalidField(t, s, err, "username")
	_, err = admin.BindUser(ctx, " backend", "app")
	invalidField(t, s, err, "username")
	_, err = admin.BindUser(ctx, "", "app")
	invalidField(t, s, err, "username")
	_, err = admin.BindUser(ctx, "u", "")
	invalidField(t, s, err, "appId")
	invalidField(t, s, admin.SetAPNs(ctx, "app", powerauth.SetAPNsParams{KeyID: "K", TeamID: "T", Environment: "production", PrivateKey: "AAAA"}), "topic")
	invalidField(t, s, admin.SetAPNs(ctx, "app", powerauth.SetAPNsParams{Topic: "t", KeyID: "K", TeamID: "T", Environment: "prod", PrivateKey: "AAAA"}), "environment")
	invalidField(t, s, admin.SetFCM(ctx, "app", powerauth.SetFCMParams{ProjectID: "p"}), "privateKeyBase64")
	invalidField(t, s, admin.SetFCM(ctx, "app", powerauth.SetFCMParams{ProjectID: "p", PrivateKey: "-----BEGIN PRIVATE KEY-----"}), "privateKeyBase64")
	invalidField(t, s, admin.SetFCM(ctx, "app", powerauth.SetFCMParams{ProjectID: "p", PrivateKey: "AAAA\nAAAA\n"}), "privateKeyBase64")
	for field, change := range map[string]func(*powerauth.CreateCallbackParams){
		"name":        func(in *powerauth.CreateCallbackParams) { in.Name = "" },
		"type":        func(in *powerauth.CreateCallbackParams) { in.Type = "ACTIVATION" },
		"callbackUrl": func(in *powerauth.CreateCallbackParams) { in.URL = "backend/hook" },
		"attributes":  func(in *powerauth.CreateCallbackParams) { in.Attributes = []string{""} },
		"authentication.httpBasic.password": func(in *powerauth.CreateCallbackParams) {
			in.Authentication.HTTPBasic = powerauth.CallbackBasic{Username: "u", Password: "s3cret\n"}
		},
		"authentication.httpBasic.username": func(in *powerauth.CreateCallbackParams) {
			in.Authentication.HTTPBasic = powerauth.CallbackBasic{Username: "u ", Password: "p"}
		},
		"authentication.oauth2.tokenUri": func(in *powerauth.CreateCallbackParams) {
			in.Authentication.OAuth2 = powerauth.CallbackOAuth2{TokenURI: "https://i:99999/token", ClientID: "c", ClientSecret: "s"}
		},
		"authentication.oauth2.clientId": func(in *powerauth.CreateCallbackParams) {
			in.Authentication.OAuth2 = powerauth.CallbackOAuth2{TokenURI: "https://i", ClientID: " c", ClientSecret: "s"}
		},
		"authentication.oauth2.clientSecret": func(in *powerauth.CreateCallbackParams) {
			in.Authentication.OAuth2 = powerauth.CallbackOAuth2{TokenURI: "https://i", ClientID: "c", ClientSecret: " "}
		},
		"maxAttempts":     func(in *powerauth.CreateCallbackParams) { in.MaxAttempts = -1 },
		"initialBackoff":  func(in *powerauth.CreateCallbackParams) { in.InitialBackoff = -1 },
		"retentionPeriod": func(in *powerauth.CreateCallbackParams) { in.RetentionPeriod = -1 },
		"authentication": func(in *powerauth.CreateCallbackParams) {
			in.Authentication = powerauth.CallbackAuthentication{
				HTTPBasic: powerauth.CallbackBasic{Username: "u", Password: "p"},
				OAuth2:    powerauth.CallbackOAuth2{TokenURI: "https://i", ClientID: "c", ClientSecret: "s"},
			}
		},
	} {
		in := powerauth.CreateCallbackParams{Name: "n", Type: powerauth.CallbackOperation, URL: "https://b.example"}
		change(&in)
		_, err := admin.CreateCallback(ctx, "app", in)
		invalidField(t, s, err, field)
	}
}

func TestAdminHasCredentialsOfItsOwn(t *testing.T) {
	t.Parallel()
	_, err := powerauth.NewAdmin(powerauth.AdminConfig{})
	require.ErrorIs(t, err, identkit.ErrInvalidRequest)
	require.ErrorContains(t, err, "powerauth.NewAdmin")
	require.ErrorContains(t, err, "Credentials")
	s, admin := stubbedAdmin(t, 200, `{"id":"x"}`)
	require.NoError(t, admin.Call(t.Context(), identkit.Request{Path: "/admin/x"}, nil))
	assert.Equal(t, "Basic YWRtaW46cA==", s.last(t).header.Get("Authorization"))
	admin.CloseIdleConnections()
}

// Not parallel: the environment is the process's.
func TestAdminConfigFromEnv(t *testing.T) {
	t.Setenv("POWERAUTH_BASE_URL", stubURL)
	t.Setenv("POWERAUTH_USERNAME", "integration")
	t.Setenv("POWERAUTH_PASSWORD", "p")
	_, err := powerauth.AdminConfigFromEnv()
	require.ErrorContains(t, err, "POWERAUTH_ADMIN_USERNAME", "the integration user is not used instead")
	t.Setenv("POWERAUTH_ADMIN_BEARER_TOKEN", "t")
	cfg, err := powerauth.AdminConfigFromEnv()
	require.NoError(t, err)
	_, err = powerauth.NewAdmin(cfg)
	require.NoError(t, err)
	t.Setenv("POWERAUTH_ADMIN_PASSWORD", "p")
	_, err = powerauth.AdminConfigFromEnv()
	require.ErrorContains(t, err, "contradicts")
}
