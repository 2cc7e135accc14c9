package powerauthtest_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
	"github.com/identkit/identkit/powerauth/protocol"
)

func TestAdminSetsUpAnApplication(t *testing.T) {
	t.Parallel()
	for _, spki := range []bool{false, true} {
		srv, _ := fake(t, func(o *powerauthtest.Options) {
			o.Dialect.MasterKeyAsSPKI, o.Applications = spki, []powerauth.ApplicationID{"first"}
		})
		admin := srv.AdminClient()
		created, err := admin.CreateApplication(t.Context(), powerauth.CreateApplicationParams{ID: "app", Roles: []string{"ROLE_X"}})
		require.NoError(t, err)
		config, err := protocol.ParseMobileSDKConfig(created.MobileSDKConfig)
		require.NoError(t, err)
		assert.Equal(t, created.AppKey, config.AppKey)
		master, err := protocol.ParsePublicKey(created.MasterServerPublicKey)
		require.NoError(t, err)
		assert.Equal(t, srv.MasterPublicKey(), master.String())
		read, err := admin.GetApplication(t.Context(), "app")
		require.NoError(t, err)
		assert.Equal(t, created.AppSecret, read.AppSecret)
		_, err = admin.CreateApplication(t.Context(), powerauth.CreateApplicationParams{ID: "app"})
		assert.Equal(t, powerauth.CodeRequest, code(t, err), "repeated")
		_, err = admin.GetApplication(t.Context(), "unknown")
		assert.Equal(t, powerauth.CodeRequest, code(t, err))
		_, ok := srv.Application("unknown")
		assert.False(t, ok)
		phone := activated(t, srv)
		assert.True(t, verify(t, srv, phone).Valid)
	}
}

func TestUsersSeeTheirApplicationsOnly(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t)
	admin := srv.AdminClient()
	created, err := admin.CreateUser(t.Context(), "backend")
	require.NoError(t, err)
	assert.Len(t, created.Password.Reveal(), 24)
	_, err = admin.CreateUser(t.Context(), "backend")
	require.Error(t, err, "repeated")
	client := srv.Client(func(cfg *powerauth.Config) { cfg.Credentials = powerauth.BasicAuth("backend", created.Password) })

	phone := activated(t, srv)
	_, err = client.Registrations.Get(t.Context(), phone.RegistrationID())
	require.ErrorIs(t, err, identkit.ErrNotFound, "not bound")
	list, err := client.Registrations.List(t.Context(), powerauth.ListRegistrationsParams{UserID: "u-1"})
	require.NoError(t, err)
	assert.Empty(t, list.Registrations)
	got, err := client.Signatures.Verify(t.Context(), powerauth.VerifySignatureParams{
		Method: "POST", URIID: "/payment", Body: payment.Body, AuthHeader: identkit.Secret(sign(t, phone)),
	})
	require.NoError(t, err)
	assert.False(t, got.Valid)
	_, err = client.Registrations.Create(t.Context(), powerauth.CreateRegistrationParams{UserID: "u-1", AppID: "app"})
	require.Error(t, err)

	bound, err := admin.BindUser(t.Context(), "backend", "app")
	require.NoError(t, err)
	assert.Equal(t, []powerauth.ApplicationID{"app"}, bound.Applications)
	_, err = client.Registrations.Get(t.Context(), phone.RegistrationID())
	require.NoError(t, err)
	_, err = admin.BindUser(t.Context(), "unknown", "app")
	require.Error(t, err)
	_, err = admin.BindUser(t.Context(), "backend", "unknown")
	require.Error(t, err)
}

func TestRolesAreSeparate(t *testing.T) {
	t.Parallel()
	asUser := func(srv *powerauthtest.Server) *powerauth.AdminClient {
		return srv.AdminClient(func(cfg *powerauth.AdminConfig) { cfg.Credentials = powerauth.BasicAuth(srv.Credentials()) })
	}
	asAdmin := func(srv *powerauthtest.Server) *powerauth.Client {
		return srv.Client(func(cfg *powerauth.Config) { cfg.Credentials = powerauth.BasicAuth(srv.AdminCredentials()) })
	}
	calls := func(srv *powerauthtest.Server) map[string]error {
		if _, ok := srv.Application("app"); !ok {
			t.Fatal("no application")
		}
		_, users := asUser(srv).CreateUser(t.Context(), "x")
		_, read := asUser(srv).GetApplication(t.Context(), "app")
		_, callbacks := asUser(srv).CreateCallback(t.Context(), "app", powerauth.CreateCallbackParams{Name: "n", Type: powerauth.CallbackOperation, URL: "https://a.test"})
		_, list := asAdmin(srv).Registrations.List(t.Context(), powerauth.ListRegistrationsParams{UserID: "u"})
		return map[string]error{"users": users, "read": read, "callbacks": callbacks, "list": list}
	}
	for name, c := range map[string]struct {
		adjust  func(*powerauthtest.Options)
		allowed []string
		kind    identkit.Kind
	}{
		"strict":    {func(*powerauthtest.Options) {}, nil, identkit.ErrForbidden},
		"as 401":    {func(o *powerauthtest.Options) { o.Dialect.ForbiddenStatus = http.StatusUnauthorized }, nil, identkit.ErrUnauthorized},
		"callbacks": {func(o *powerauthtest.Options) { o.Dialect.CallbacksByIntegrationUser = true }, []string{"callbacks"}, identkit.ErrForbidden},
		"both":      {func(o *powerauthtest.Options) { o.Dialect.BothRoles = true }, []string{"callbacks", "read", "list"}, identkit.ErrForbidden},
	} {
		srv, _ := fake(t, c.adjust)
		for call, err := range calls(srv) {
			if slices.Contains(c.allowed, call) {
				assert.NoError(t, err, "%s %s", name, call)
			} else {
				assert.ErrorIs(t, err, c.kind, "%s %s", name, call)
			}
		}
	}
}

func TestPushSettings(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t, func(o *powerauthtest.Options) {
		o.Applications, o.Dialect.BareDone = []powerauth.ApplicationID{"app"}, true
	})
	admin := srv.AdminClient()
	apns := powerauth.SetAPNsParams{Topic: "t", KeyID: "k", TeamID: "m", Environment: powerauth.APNsDevelopment, PrivateKey: "a2V5"}
	require.NoError(t, admin.SetAPNs(t.Context(), "app", apns))
	require.NoError(t, admin.SetFCM(t.Context(), "app", powerauth.SetFCMParams{ProjectID: "p", PrivateKey: "a2V5"}))
	assert.True(t, srv.HasPush("app", "apns"))
	assert.True(t, srv.HasPush("app", "fcm"))
	require.Error(t, admin.SetAPNs(t.Context(), "unknown", apns))
	assert.False(t, srv.HasPush("unknown", "apns"))
}

func TestCallbacksOfTheAdminAPI(t *testing.T) {
	t.Parallel()
	r := &receiver{statuses: []int{500, 200}}
	srv, clock := fake(t, func(o *powerauthtest.Options) {
		o.CallbackHandler, o.Applications, o.CallbackToken = r, []powerauth.ApplicationID{"app"}, "jwt"
	})
	admin := srv.AdminClient()
	in := powerauth.CreateCallbackParams{
		Name: "payments", Type: powerauth.CallbackOperation, URL: "https://backend.test/hook", Attributes: []string{"status"},
		MaxAttempts: 2, InitialBackoff: 1500 * time.Millisecond, RetentionPeriod: 24 * time.Hour,
		Authentication: powerauth.CallbackAuthentication{HTTPBasic: powerauth.CallbackBasic{Username: "pac", Password: "canary"}},
	}
	created, err := admin.CreateCallback(t.Context(), "app", in)
	require.NoError(t, err)
	assert.NotContains(t, string(created.RawJSON()), "canary")
	in.Attributes = []string{"activationStatus"}
	in.Type, in.Authentication = powerauth.CallbackRegistration, powerauth.CallbackAuthentication{
		OAuth2: powerauth.CallbackOAuth2{TokenURI: "https://idp.test/token", ClientID: "c", ClientSecret: "s"},
	}
	_, err = admin.CreateCallback(t.Context(), "app", in)
	require.NoError(t, err)
	create(t, srv, "login")
	deliver(t, srv)
	clock.Advance(1500 * time.Millisecond)
	deliver(t, srv)
	activated(t, srv)
	deliver(t, srv)
	user, password, _ := (&http.Request{Header: r.headers[1]}).BasicAuth()
	assert.Equal(t, []string{"pac", "canary"}, []string{user, password})
	assert.Equal(t, "Bearer jwt", r.headers[2].Get("Authorization"))

	in.Attributes = []string{"nonsense"}
	_, err = admin.CreateCallback(t.Context(), "app", in)
	assert.Equal(t, powerauth.CodeRequest, code(t, err))
	in.Attributes = nil
	_, err = admin.CreateCallback(t.Context(), "unknown", in)
	assert.Equal(t, powerauth.CodeRequest, code(t, err))
}

func TestHealth(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t)
	health := srv.Client().Health
	got, err := health.Get(t.Context())
	require.NoError(t, err)
	assert.True(t, got.IsUp())
	assert.NotContains(t, string(got.RawJSON()), "components")
	got, err = srv.AdminClient().Health.Get(t.Context())
	require.NoError(t, err)
	assert.Contains(t, string(got.RawJSON()), "components", "details for the admin")
	srv.SetHealth(powerauth.HealthOutOfService)
	got, err = health.Readiness(t.Context())
	require.NoError(t, err)
	assert.False(t, got.IsUp())
	_, err = health.Liveness(t.Context())
	require.NoError(t, err)
}

func TestMessagesAndInbox(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t)
	client := srv.Client()
	require.NoError(t, client.Messages.Send(t.Context(), powerauth.SendMessageParams{UserID: "u-1", Title: "Hello", Extras: map[string]any{"a": 1}}))
	require.NoError(t, client.Messages.Send(t.Context(), powerauth.SendMessageParams{UserID: "u-1", Silent: true}))
	sent := srv.Messages()
	require.Len(t, sent, 2)
	assert.Equal(t, "Hello", sent[0].Title)
	assert.JSONEq(t, `{"a":1}`, string(sent[0].Extras))
	assert.True(t, sent[1].Silent)
	err := client.Call(t.Context(), identkit.Request{Method: "POST", Path: "/v2/messages/send", Body: map[string]any{"userId": "u", "title": " "}}, nil)
	assert.Equal(t, powerauth.CodePushMessage, code(t, err))

	in := powerauth.CreateInboxMessageParams{UserID: "u-1", Subject: "Statement", Summary: "It is ready", Body: "<b>Read it</b>", Type: powerauth.InboxHTML}
	created, err := client.Inbox.Create(t.Context(), in)
	require.NoError(t, err)
	box := srv.Inbox("u-1")
	require.Len(t, box, 1)
	assert.Equal(t, created.ID, box[0].ID)
	assert.Empty(t, srv.Inbox("u-2"))
}

func TestAuditLogHasVerifications(t *testing.T) {
	t.Parallel()
	for _, v2 := range []bool{false, true} {
		srv := powerauthtest.New(powerauthtest.Options{Dialect: powerauthtest.Dialect{AuditUnderV2: v2}})
		t.Cleanup(srv.Close)
		phone := activated(t, srv)
		verify(t, srv, phone, powerauthtest.PIN(rightPIN))
		verify(t, srv, phone, powerauthtest.PIN(wrongPIN))
		var events []string
		for item, err := range srv.Client().Audit.Log(t.Context(), powerauth.AuditLogParams{UserID: "u-1", From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour)}) {
			require.NoError(t, err)
			events = append(events, item.EventType)
			method, uriID, body, ok := item.Request()
			assert.Equal(t, []any{"POST", "/payment", string(payment.Body), true}, []any{method, uriID, body.Reveal(), ok})
		}
		assert.ElementsMatch(t, []string{"signature_ok", "signature_does_not_match"}, events)
		for _, err := range srv.Client().Audit.Log(t.Context(), powerauth.AuditLogParams{UserID: "unknown"}) {
			assert.Equal(t, powerauth.CodeAudit, code(t, err))
		}
	}
}
