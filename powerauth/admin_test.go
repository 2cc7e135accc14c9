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

	_, err = admin.GetApplication(t.Context(), "other")
	require.ErrorIs(t, err, identkit.ErrBadResponse, "another application than asked for")
	s.respond(200, `{}`)
	_, err = admin.GetApplication(t.Context(), "app")
	require.ErrorIs(t, err, identkit.ErrBadResponse)
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

	for _, body := range []string{`{"username":"backend"}`, `{"username":"backend","password":""}`, `{"password":"x"}`, `{"username":"other","password":"x"}`} {
		s.respond(200, body)
		_, err = admin.CreateUser(t.Context(), "backend")
		require.ErrorIs(t, err, identkit.ErrBadResponse, body)
		require.ErrorIs(t, err, identkit.ErrOutcomeUnknown, body)
	}
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
	apns := powerauth.APNsSettings{Topic: "com.example", KeyID: "K", TeamID: "T", Environment: powerauth.APNsProduction, PrivateKey: "cHJpdmF0ZS1hcG5z"}
	require.NoError(t, admin.SetAPNs(t.Context(), "app", apns))
	s.sends(t, `{"topic":"com.example","keyId":"K","teamId":"T","environment":"production","privateKeyBase64":"cHJpdmF0ZS1hcG5z"}`)
	assert.Equal(t, "/powerauth-cloud/admin/applications/app/push/apns", s.last(t).path)
	fcm := powerauth.FCMSettings{ProjectID: "p", PrivateKey: "cHJpdmF0ZS1mY20="}
	require.NoError(t, admin.SetFCM(t.Context(), "app", fcm))
	s.sends(t, `{"projectId":"p","privateKeyBase64":"cHJpdmF0ZS1mY20="}`)
	assert.Equal(t, "/powerauth-cloud/admin/applications/app/push/fcm", s.last(t).path)
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v %v %#v", apns, apns, apns, fcm, fcm), "cHJpdmF0ZS")
}

func TestCallbackIsCreated(t *testing.T) {
	t.Parallel()
	s, admin := stubbedAdmin(t, 200, `{"id":"c-1"}`)
	in := powerauth.CreateCallbackParams{
		Name: "ops", Type: powerauth.CallbackOperation, URL: "https://backend.example/hook?activationFlag", Attributes: []string{"status"},
		Authentication: powerauth.CallbackAuthentication{HTTPBasic: &powerauth.CallbackBasic{Username: "pac", Password: "hook-password"}},
		MaxAttempts:    5, InitialBackoff: 1500 * time.Millisecond, RetentionPeriod: 48 * time.Hour,
	}
	created, err := admin.CreateCallback(t.Context(), "app", in)
	require.NoError(t, err)
	assert.Equal(t, "c-1", created.ID)
	assert.Equal(t, "/powerauth-cloud/v2/admin/applications/app/callbacks", s.last(t).path)
	s.sends(t, `{"name":"ops","type":"OPERATION_STATUS_CHANGE","callbackUrl":"https://backend.example/hook?activationFlag","attributes":["status"],
		"authentication":{"httpBasic":{"enabled":true,"username":"pac","password":"hook-password"}},"retentionPeriod":"PT172800S","initialBackoff":"PT1.5S","maxAttempts":5}`)
	assert.NotContains(t, fmt.Sprintf("%v %+v", in, in), "backend.example", "the URL may hold a secret")

	in = powerauth.CreateCallbackParams{Name: "regs", Type: powerauth.CallbackRegistration, URL: "https://b.example", Authentication: powerauth.CallbackAuthentication{
		OAuth2: &powerauth.CallbackOAuth2{TokenURI: "https://idp.example/token", ClientID: "id", ClientSecret: "cs", Scope: "s"},
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
	_, err = admin.BindUser(ctx, "u", "")
	invalidField(t, s, err, "appId")
	invalidField(t, s, admin.SetAPNs(ctx, "app", powerauth.APNsSettings{KeyID: "K", TeamID: "T", Environment: "production", PrivateKey: "AAAA"}), "topic")
	invalidField(t, s, admin.SetAPNs(ctx, "app", powerauth.APNsSettings{Topic: "t", KeyID: "K", TeamID: "T", Environment: "prod", PrivateKey: "AAAA"}), "environment")
	invalidField(t, s, admin.SetFCM(ctx, "app", powerauth.FCMSettings{ProjectID: "p"}), "privateKeyBase64")
	invalidField(t, s, admin.SetFCM(ctx, "app", powerauth.FCMSettings{ProjectID: "p", PrivateKey: "-----BEGIN PRIVATE KEY-----"}), "privateKeyBase64")
	for field, change := range map[string]func(*powerauth.CreateCallbackParams){
		"name":        func(in *powerauth.CreateCallbackParams) { in.Name = "" },
		"type":        func(in *powerauth.CreateCallbackParams) { in.Type = "ACTIVATION" },
		"callbackUrl": func(in *powerauth.CreateCallbackParams) { in.URL = "backend/hook" },
		"attributes":  func(in *powerauth.CreateCallbackParams) { in.Attributes = []string{""} },
		"authentication.httpBasic": func(in *powerauth.CreateCallbackParams) {
			in.Authentication.HTTPBasic = &powerauth.CallbackBasic{Username: "u"}
		},
		"authentication.oauth2": func(in *powerauth.CreateCallbackParams) {
			in.Authentication.OAuth2 = &powerauth.CallbackOAuth2{ClientID: "c"}
		},
		"maxAttempts":     func(in *powerauth.CreateCallbackParams) { in.MaxAttempts = -1 },
		"initialBackoff":  func(in *powerauth.CreateCallbackParams) { in.InitialBackoff = -1 },
		"retentionPeriod": func(in *powerauth.CreateCallbackParams) { in.RetentionPeriod = -1 },
		"authentication": func(in *powerauth.CreateCallbackParams) {
			in.Authentication = powerauth.CallbackAuthentication{
				HTTPBasic: &powerauth.CallbackBasic{Username: "u", Password: "p"},
				OAuth2:    &powerauth.CallbackOAuth2{TokenURI: "https://i", ClientID: "c", ClientSecret: "s"},
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
