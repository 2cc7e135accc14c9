package powerauthtest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
	"github.com/identkit/identkit/powerauth/protocol"
)

func verifyToken(t *testing.T, srv *powerauthtest.Server, header string) (*powerauth.TokenResult, error) {
	t.Helper()
	return srv.Client().Tokens.Verify(t.Context(), powerauth.VerifyTokenParams{AuthHeader: identkit.Secret(header)})
}

func TestTokenOfEveryVersionIsVerified(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t)
	for _, version := range []string{"3.0", "3.1", "3.2", "3.3"} {
		phone := activated(t, srv, func(o *powerauthtest.DeviceOptions) { o.Version = version })
		token, err := phone.CreateToken()
		require.NoError(t, err)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://backend.test/", http.NoBody)
		require.NoError(t, err)
		token.SignRequest(r)
		got, err := verifyToken(t, srv, r.Header.Get(protocol.TokenHeaderName))
		require.NoError(t, err)
		assert.True(t, got.Valid)
		assert.Equal(t, powerauth.UserID("u-1"), got.UserID)
		assert.Equal(t, phone.RegistrationID(), got.RegistrationID)
	}
}

func TestTokenVerdicts(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t)
	phone := activated(t, srv)
	token, err := phone.CreateToken(powerauthtest.PIN(rightPIN))
	require.NoError(t, err)

	other, err := phone.CreateToken()
	require.NoError(t, err)
	got, err := verifyToken(t, srv, strings.Replace(token.Header(), string(token.ID()), string(other.ID()), 1))
	require.NoError(t, err)
	assert.False(t, got.Valid, "digest of another token")

	got, err = verifyToken(t, srv, strings.Replace(token.Header(), string(token.ID()), "00000000-0000-4000-8000-000000000000", 1))
	require.NoError(t, err)
	assert.False(t, got.Valid, "unknown")
	assert.Empty(t, got.RegistrationStatus, "no other member")

	_, err = verifyToken(t, srv, strings.Replace(token.Header(), `version="3.3"`, `version="4.0"`, 1))
	assert.Equal(t, powerauth.CodeTokenInvalid, code(t, err))

	require.NoError(t, srv.Client().Registrations.Block(t.Context(), phone.RegistrationID()))
	got, err = verifyToken(t, srv, token.Header())
	require.NoError(t, err)
	assert.False(t, got.Valid, "blocked")
	assert.Equal(t, powerauth.RegistrationBlocked, got.RegistrationStatus)

	_, err = phone.CreateToken()
	require.ErrorIs(t, err, powerauthtest.ErrState)
}

func TestWrongPINCreatesNoToken(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t)
	_, err := activated(t, srv).CreateToken(powerauthtest.PIN(wrongPIN))
	require.ErrorIs(t, err, powerauthtest.ErrInvalidCode)
}

func TestTokenReplayIsAnErrorDuringTheRetention(t *testing.T) {
	t.Parallel()
	for version, retention := range map[string]time.Duration{"3.1": 2 * time.Hour, "3.3": time.Minute} {
		srv, clock := fake(t)
		token, err := activated(t, srv, func(o *powerauthtest.DeviceOptions) { o.Version = version }).CreateToken()
		require.NoError(t, err)
		header := token.Header()
		_, err = verifyToken(t, srv, header)
		require.NoError(t, err)
		clock.Advance(retention - 1)
		_, err = verifyToken(t, srv, header)
		assert.Equal(t, powerauth.CodeTokenInvalid, code(t, err), version)
		clock.Advance(1)
		got, err := verifyToken(t, srv, header)
		require.NoError(t, err)
		assert.True(t, got.Valid, version)
	}
}

func TestTokenTimeMustBeInTheWindow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		version     string
		window      time.Duration
		back, ahead time.Duration
	}{
		"until 3.1": {"3.1", 0, 2 * time.Hour, 30 * time.Minute},
		"since 3.2": {"3.2", 0, 2 * time.Hour, time.Minute},
		"2.0":       {"3.3", time.Minute, time.Minute, time.Minute},
	} {
		srv, clock := fake(t, func(o *powerauthtest.Options) { o.Dialect.RequestWindow = c.window })
		token, err := activated(t, srv, func(o *powerauthtest.DeviceOptions) { o.Version = c.version }).CreateToken()
		require.NoError(t, err)
		for shift, ok := range map[time.Duration]bool{c.back: true, c.back + time.Millisecond: false, -c.ahead: true, -c.ahead - time.Millisecond: false} {
			header := token.Header()
			clock.Advance(shift)
			_, err := verifyToken(t, srv, header)
			assert.Equal(t, ok, err == nil, "%s %s", name, shift)
			clock.Advance(-shift)
		}
	}
}

func TestTokenErrorCodeIsAnOption(t *testing.T) {
	t.Parallel()
	for want, kind := range map[string]identkit.Kind{powerauth.CodeRequest: identkit.ErrRejected, powerauth.CodeGeneric: identkit.ErrUnavailable} {
		srv, _ := fake(t, func(o *powerauthtest.Options) { o.Dialect.TokenErrorCode = want })
		token, err := activated(t, srv).CreateToken()
		require.NoError(t, err)
		header := token.Header()
		_, err = verifyToken(t, srv, header)
		require.NoError(t, err)
		_, err = verifyToken(t, srv, header)
		require.ErrorIs(t, err, kind)
		assert.Equal(t, want, code(t, err))
	}
}
