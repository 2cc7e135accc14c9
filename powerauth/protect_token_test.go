package powerauth_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/protocol"
)

func protectToken(t *testing.T, client *powerauth.Client) func(http.Handler) http.Handler {
	t.Helper()
	mw, err := powerauth.ProtectToken(client, powerauth.ProtectTokenConfig{})
	require.NoError(t, err)
	return mw
}

func tokenRequest() *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/operations?a=1&a=2", strings.NewReader("{}"))
	r.Header.Set(protocol.TokenHeaderName, phoneToken)
	return r
}

func TestProtectTokenFollowsThePACResponse(t *testing.T) {
	t.Parallel()
	refusal := `{"status":"ERROR","responseObject":{"code":"ERROR_TOKEN_INVALID","message":"m"}}`
	for name, c := range map[string]struct {
		status int
		body   string
		want   int
	}{
		"valid":                   {200, tokenValid, 204},
		"invalid":                 {200, `{"tokenValid":false}`, 401},
		"a blocked device":        {200, strings.Replace(tokenValid, "ACTIVE", "BLOCKED", 1), 401},
		"valid without a status":  {200, strings.Replace(tokenValid, "registrationStatus", "x", 1), 503},
		"valid without a user":    {200, strings.Replace(tokenValid, "userId", "x", 1), 503},
		"no verdict":              {200, `{}`, 503},
		"a nonce seen before":     {400, refusal, 401},
		"the same with a 500":     {500, refusal, 503},
		"our credentials refused": {401, ``, 503},
	} {
		s, client := stubbed(t, c.status, c.body)
		var next endpoint
		w := serve(protectToken(t, client)(&next), tokenRequest())
		assert.Equal(t, c.want, w.Code, name)
		assert.Empty(t, w.Body.String(), name)
		assert.Equal(t, c.want == 204, next.reached == 1, name)
		assert.Equal(t, 1, s.count(), name)
	}
}

func TestTokenAuthenticatesPossessionOnly(t *testing.T) {
	t.Parallel()
	_, client := stubbed(t, 200, tokenValid)
	var next endpoint
	serve(protectToken(t, client)(&next), tokenRequest())
	assert.Equal(t, powerauth.Identity{Authentication: powerauth.ByToken, UserID: "u-1", RegistrationID: "r-1", Factors: "possession"}, next.identity)
	assert.False(t, next.identity.Has(protocol.Knowledge), "the PIN was checked when the token was created")
	assert.Equal(t, "{}", next.body)
}

func TestProtectTokenRejectsMalformedRequestsLocally(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(http.Header){
		"no header": func(h http.Header) { h.Del(protocol.TokenHeaderName) },
		"two lines": func(h http.Header) { h.Add(protocol.TokenHeaderName, phoneToken) },
		"no prefix": func(h http.Header) { h.Set(protocol.TokenHeaderName, "token_id=x") },
		"too long":  func(h http.Header) { h.Set(protocol.TokenHeaderName, phoneToken+strings.Repeat(" ", 4096)) },
		"no token_id": func(h http.Header) {
			h.Set(protocol.TokenHeaderName, strings.Replace(phoneToken, "token_id", "id", 1))
		},
		"no token_digest": func(h http.Header) {
			h.Set(protocol.TokenHeaderName, strings.Replace(phoneToken, "token_digest", "digest", 1))
		},
		"no nonce": func(h http.Header) { h.Set(protocol.TokenHeaderName, strings.Replace(phoneToken, "nonce", "once", 1)) },
		"no timestamp": func(h http.Header) {
			h.Set(protocol.TokenHeaderName, strings.Replace(phoneToken, "timestamp", "time", 1))
		},
		"no version":     func(h http.Header) { h.Set(protocol.TokenHeaderName, strings.Replace(phoneToken, "version", "v", 1)) },
		"an empty field": func(h http.Header) { h.Set(protocol.TokenHeaderName, strings.Replace(phoneToken, `"3.1"`, `""`, 1)) },
	} {
		s, client := stubbed(t, 200, tokenValid)
		r := tokenRequest()
		change(r.Header)
		assert.Equal(t, 401, serve(protectToken(t, client)(&endpoint{}), r).Code, name)
		assert.Zero(t, s.count(), name)
	}
}

func TestNestedProtectionsShareTheTokenVerification(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 200, tokenValid)
	mw := protectToken(t, client)
	var next endpoint
	assert.Equal(t, 204, serve(mw(mw(&next)), tokenRequest()).Code)
	assert.Equal(t, powerauth.UserID("u-1"), next.identity.UserID)
	assert.Equal(t, 1, s.count())
}

func TestTokenIsNoSignature(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 200, tokenValid)
	var next endpoint
	h := protectToken(t, client)(protect(t, client, powerauth.ProtectConfig{AllowQuery: true})(&next))
	assert.Equal(t, 401, serve(h, tokenRequest()).Code)
	r := tokenRequest()
	r.Header.Set(protocol.AuthorizationHeaderName, phoneToken)
	assert.Equal(t, 401, serve(h, r).Code)
	assert.Zero(t, next.reached)
	assert.Equal(t, 2, s.count(), "both times for the token alone")
}

func TestSignatureIsNoToken(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 200, signatureValid)
	var next endpoint
	both := signedHeader + strings.TrimPrefix(phoneToken, "PowerAuth") // a text with the fields of either
	r := signedRequest("POST", "/", `{}`)
	r.Header.Set(protocol.AuthorizationHeaderName, both)
	r.Header.Set(protocol.TokenHeaderName, both)
	assert.Equal(t, 401, serve(protect(t, client, powerauth.ProtectConfig{})(protectToken(t, client)(&next)), r).Code)
	assert.Zero(t, next.reached)
	assert.Equal(t, 1, s.count())
}
