package powerauthtest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
	"github.com/identkit/identkit/powerauth/protocol"
)

func TestDeviceDecidesOnline(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t, withTemplates)
	phone := activated(t, srv)
	first, second, third := create(t, srv, "payment"), create(t, srv, "payment"), create(t, srv, "login")
	assert.Equal(t, []powerauth.OperationID{first.ID, second.ID, third.ID}, phone.Pending())

	require.NoError(t, phone.Approve(first.ID, powerauthtest.PIN(rightPIN)))
	require.NoError(t, phone.Reject(second.ID, "UNEXPECTED_OPERATION"))
	require.NoError(t, phone.Approve(third.ID), "possession is enough for this template")
	assert.Empty(t, phone.Pending())
	assert.Equal(t, powerauth.OperationApproved, status(t, srv, first.ID))
	rejected, err := srv.Client().Operations.Get(t.Context(), second.ID)
	require.NoError(t, err)
	assert.Equal(t, powerauth.OperationRejected, rejected.Status)
	assert.Equal(t, "UNEXPECTED_OPERATION", rejected.StatusReason)

	require.ErrorIs(t, phone.Approve(first.ID, powerauthtest.PIN(rightPIN)), powerauthtest.ErrState)
	require.ErrorIs(t, phone.Approve("unknown"), powerauthtest.ErrNoOperation)
	require.ErrorIs(t, phone.Reject("unknown", ""), powerauthtest.ErrNoOperation)
}

func TestFactorsOfTheTemplateAreRequired(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t, withTemplates)
	phone := activated(t, srv)
	o := create(t, srv, "pinonly")
	require.ErrorIs(t, phone.Approve(o.ID), powerauthtest.ErrNotAllowed)
	require.ErrorIs(t, phone.Approve(o.ID, powerauthtest.Biometry()), powerauthtest.ErrNotAllowed)
	assert.Equal(t, powerauth.OperationFailed, status(t, srv, o.ID), "each attempt counted")
}

func TestWrongPINCountsForDeviceAndOperation(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t, withTemplates)
	phone := activated(t, srv)
	o := create(t, srv, "payment")
	for range 4 {
		require.ErrorIs(t, phone.Approve(o.ID, powerauthtest.PIN(wrongPIN)), powerauthtest.ErrInvalidCode)
	}
	got, err := srv.Client().Operations.Get(t.Context(), o.ID)
	require.NoError(t, err)
	assert.Equal(t, 4, got.FailureCount)
	require.ErrorIs(t, phone.Approve(o.ID, powerauthtest.PIN(wrongPIN)), powerauthtest.ErrInvalidCode)
	assert.Equal(t, powerauth.OperationFailed, status(t, srv, o.ID))
	assert.Equal(t, powerauth.RegistrationBlocked, phone.Status())
	require.ErrorIs(t, phone.Approve(o.ID, powerauthtest.PIN(rightPIN)), powerauthtest.ErrState)
}

func TestDeviceReadsProximityCodes(t *testing.T) {
	t.Parallel()
	srv, clock := fake(t, withTemplates)
	phone := activated(t, srv)
	forms := map[string]func(protocol.ProximityDeeplink) (string, error){
		"link":     func(l protocol.ProximityDeeplink) (string, error) { return l.URL("bank") },
		"codelink": func(l protocol.ProximityDeeplink) (string, error) { return l.CodeURL("bank") },
		"token":    protocol.ProximityDeeplink.JWT,
		"digits":   func(l protocol.ProximityDeeplink) (string, error) { return l.OTP.Reveal(), nil },
	}
	for name, form := range forms {
		o := create(t, srv, "nearby")
		text, err := form(protocol.ProximityDeeplink{OperationID: o.ID, OTP: o.ProximityOTP})
		require.NoError(t, err)
		clock.Advance(time.Minute)
		require.ErrorIs(t, phone.Approve(o.ID, powerauthtest.PIN(rightPIN), powerauthtest.Scanned(identkit.Secret(text))), powerauthtest.ErrInvalidOTP, name)
		read, err := srv.Client().Operations.Get(t.Context(), o.ID)
		require.NoError(t, err)
		text, err = form(protocol.ProximityDeeplink{OperationID: o.ID, OTP: read.ProximityOTP})
		require.NoError(t, err)
		require.ErrorIs(t, phone.Approve(o.ID, powerauthtest.PIN(rightPIN)), powerauthtest.ErrInvalidOTP, "nothing scanned")
		require.NoError(t, phone.Approve(o.ID, powerauthtest.PIN(rightPIN), powerauthtest.Scanned(identkit.Secret(text))), name)
	}
	o := create(t, srv, "nearby")
	link, err := protocol.ProximityDeeplink{OperationID: "another", OTP: o.ProximityOTP}.URL("bank")
	require.NoError(t, err)
	require.ErrorIs(t, phone.Approve(o.ID, powerauthtest.Scanned(identkit.Secret(link))), powerauthtest.ErrNoOperation)
	require.ErrorIs(t, phone.Approve(o.ID, powerauthtest.Scanned("?")), protocol.ErrProximityDeeplink)
}

func TestOnlyTheOperationsDeviceDecides(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t)
	phone, other := activated(t, srv), activated(t, srv)
	o, err := srv.Client().Operations.Create(t.Context(), powerauth.CreateOperationParams{UserID: "u-1", Template: "login", RegistrationID: phone.RegistrationID()})
	require.NoError(t, err)
	assert.Empty(t, other.Pending())
	require.ErrorIs(t, other.Approve(o.ID, powerauthtest.PIN(rightPIN)), powerauthtest.ErrNotAllowed)
	claimed, err := srv.Client().Operations.Create(t.Context(), powerauth.CreateOperationParams{Template: "login"})
	require.NoError(t, err)
	require.NoError(t, other.Approve(claimed.ID, powerauthtest.PIN(rightPIN)))
	read, err := srv.Client().Operations.Get(t.Context(), claimed.ID)
	require.NoError(t, err)
	assert.Equal(t, powerauth.UserID("u-1"), read.UserID, "the approving user")
}
