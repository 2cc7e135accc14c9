package powerauthtest_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
	"github.com/identkit/identkit/powerauth/protocol"
)

func raw(t *testing.T, r interface{ RawJSON() json.RawMessage }) map[string]any {
	t.Helper()
	var m map[string]any
	require.NoError(t, json.Unmarshal(r.RawJSON(), &m))
	return m
}

func TestFormsOfVerdicts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		adjust func(*powerauthtest.Options)
		want   map[string]any
		absent []string
	}{
		"default":   {func(*powerauthtest.Options) {}, map[string]any{"application": "app", "signatureType": "possession_knowledge"}, []string{"blockedReason"}},
		"list":      {func(o *powerauthtest.Options) { o.Dialect.ApplicationForm = powerauthtest.ApplicationList }, map[string]any{"application": []any{"app"}}, nil},
		"object":    {func(o *powerauthtest.Options) { o.Dialect.ApplicationForm = powerauthtest.ApplicationObject }, map[string]any{"application": map[string]any{"id": "app"}}, nil},
		"bare":      {func(o *powerauthtest.Options) { o.Dialect.BareVerdicts = true }, nil, []string{"application", "flags"}},
		"uppercase": {func(o *powerauthtest.Options) { o.Dialect.UpperCaseFactors = true }, map[string]any{"signatureType": "POSSESSION_KNOWLEDGE"}, nil},
		"nulls":     {func(o *powerauthtest.Options) { o.Dialect.ExplicitNulls = true }, map[string]any{"blockedReason": nil}, nil},
	} {
		srv, _ := fake(t, c.adjust)
		got, err := srv.Client().Signatures.Verify(t.Context(), powerauth.VerifySignatureParams{
			Method: "POST", URIID: "/payment", Body: payment.Body,
			AuthHeader: identkit.Secret(sign(t, activated(t, srv), powerauthtest.PIN(rightPIN))),
		})
		require.NoError(t, err)
		assert.True(t, got.Valid, name)
		assert.True(t, got.Has(protocol.Possession, protocol.Knowledge), name)
		body := raw(t, got)
		for member, want := range c.want {
			require.Contains(t, body, member, name)
			assert.Equal(t, want, body[member], name)
		}
		for _, member := range c.absent {
			assert.NotContains(t, body, member, name)
		}
	}
}

func TestExplicitNulls(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t, func(o *powerauthtest.Options) { o.Dialect.ExplicitNulls = true })
	stranger, _ := fake(t)
	phone := activated(t, stranger)
	token, err := phone.CreateToken()
	require.NoError(t, err)
	assert.False(t, verifyHeader(t, srv, sign(t, phone)).Valid)
	got, err := verifyToken(t, srv, token.Header())
	require.NoError(t, err)
	assert.False(t, got.Valid)
	assert.Contains(t, raw(t, got), "userId")
}

func TestBlockReasonFieldIsAnOption(t *testing.T) {
	t.Parallel()
	for field, adjust := range map[string]func(*powerauthtest.Options){
		"reason":        func(*powerauthtest.Options) {},
		"blockedReason": func(o *powerauthtest.Options) { o.Dialect.BlockReasonField, o.Dialect.BareDone = "blockedReason", true },
	} {
		srv, _ := fake(t, adjust)
		phone := activated(t, srv)
		require.NoError(t, srv.Client().Call(t.Context(), identkit.Request{
			Method: "PUT", Path: "/v2/registrations/" + string(phone.RegistrationID()), Body: map[string]string{"change": "BLOCK", field: "DEVICE_LOST"},
		}, nil))
		read, err := srv.Client().Registrations.Get(t.Context(), phone.RegistrationID())
		require.NoError(t, err)
		assert.Equal(t, "DEVICE_LOST", read.BlockedReason)
	}
}

func TestMaxAttemptsIsAnOption(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t, func(o *powerauthtest.Options) { o.MaxAttempts = 1 })
	phone := activated(t, srv)
	assert.Equal(t, powerauth.RegistrationBlocked, verify(t, srv, phone, powerauthtest.PIN(wrongPIN)).RegistrationStatus)
}

// Requests that the client rejects before sending.
func TestRequestsAreChecked(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t)
	phone := activated(t, srv)
	o := create(t, srv, "login")
	good := sign(t, phone)
	for name, c := range map[string]struct {
		path string
		body map[string]any
	}{
		"method":     {"/v2/signature/verify", map[string]any{"method": "PATCH", "uriId": "/p", "authHeader": good}},
		"no uriId":   {"/v2/signature/verify", map[string]any{"method": "POST", "authHeader": good}},
		"no header":  {"/v2/signature/verify", map[string]any{"method": "POST", "uriId": "/p"}},
		"Base64":     {"/v2/signature/verify", map[string]any{"method": "POST", "uriId": "/p", "authHeader": good, "requestBody": "e30"}},
		"types":      {"/v2/signature/verify", map[string]any{"method": 1, "uriId": "/p", "authHeader": good}},
		"no token":   {"/v2/token/verify", map[string]any{}},
		"no otp":     {"/v2/operations/" + string(o.ID) + "/offline/otp", map[string]any{"nonce": "x", "registrationId": "y"}},
		"no user":    {"/v2/messages/send", map[string]any{"title": "t"}},
		"inbox":      {"/v2/inbox/messages", map[string]any{"userId": "u", "subject": "short", "summary": "12345678", "body": "12345678", "type": "text"}},
		"inbox type": {"/v2/inbox/messages", map[string]any{"userId": "u", "subject": "12345678", "summary": "12345678", "body": "12345678", "type": "md"}},
		"passkey":    {"/v2/fido2/registrations", map[string]any{"appId": "app"}},
		"assertion":  {"/v2/fido2/assertions", map[string]any{"requestObject": map[string]any{"credentialId": 1}}},
	} {
		err := srv.Client().Call(t.Context(), identkit.Request{Method: "POST", Path: c.path, Body: c.body}, nil)
		assert.Equal(t, powerauth.CodeRequest, code(t, err), name)
	}
	assert.True(t, verifyHeader(t, srv, good).Valid, "none of them counted against the device")
}
