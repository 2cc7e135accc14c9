package powerauth_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/protocol"
)

const (
	phoneToken = `PowerAuth token_id="d6561669-34d6-4fee-8913-89477687a5cb", token_digest="VqAXEhziiT27lxoqREjtcQAAAAAAAAAAAAAAAAAAAAA=", ` +
		`nonce="kYjzVBB8Y0ZFabxSWbWovY==", timestamp="1500000000000", version="3.1"`
	tokenValid = `{"tokenValid":true,"userId":"u-1","registrationId":"r-1","registrationStatus":"ACTIVE","signatureType":"POSSESSION_KNOWLEDGE"}`
)

func TestTokenIsVerified(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 200, tokenValid)
	r, err := client.Tokens.Verify(t.Context(), powerauth.VerifyTokenParams{AuthHeader: phoneToken})
	require.NoError(t, err)
	assert.True(t, r.IsActive())
	assert.Equal(t, powerauth.UserID("u-1"), r.UserID)
	assert.Equal(t, powerauth.RegistrationID("r-1"), r.RegistrationID)
	assert.Equal(t, protocol.Factors("possession_knowledge"), r.MadeWith)
	sent := decoded[map[string]string](t, string(s.last(t).body))
	assert.Equal(t, map[string]string{"authHeader": phoneToken}, sent, "passed on unchanged")
	assert.Equal(t, "/powerauth-cloud/v2/token/verify", s.last(t).path)
}

func TestTokenIsActiveOnlyWhenValidAndActive(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{
		tokenValid:             true,
		`{"tokenValid":false}`: false,
		`{"tokenValid":false,"registrationStatus":"ACTIVE"}`: false,
		`{"tokenValid":true,"registrationStatus":"BLOCKED"}`: false,
		`{"tokenValid":true}`:                                false,
	} {
		_, client := stubbed(t, 200, body)
		r, err := client.Tokens.Verify(t.Context(), powerauth.VerifyTokenParams{AuthHeader: phoneToken})
		require.NoError(t, err)
		assert.Equal(t, want, r.IsActive(), body)
	}
	var none *powerauth.TokenResult
	assert.False(t, none.IsActive())
}

func TestBadTokenInputSendsNothing(t *testing.T) {
	t.Parallel()
	for _, header := range []identkit.Secret{"", identkit.Secret(strings.Repeat("x", 4097)), "\xff"} {
		s, client := stubbed(t, 200, tokenValid)
		_, err := client.Tokens.Verify(t.Context(), powerauth.VerifyTokenParams{AuthHeader: header})
		invalidField(t, s, err, "authHeader")
	}
}
