package powerauthtest_test

import (
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

// withTemplates configures a payment with and without biometry, and one with a proximity check.
func withTemplates(o *powerauthtest.Options) {
	o.Templates = map[string]powerauthtest.Template{
		"payment": {Data: "A1*A${amount}${currency}*T${note}", Title: "Payment", Message: "Please confirm", RiskFlags: "X"},
		"pinonly": {Factors: []protocol.Factors{"possession_knowledge"}, MaxFailures: 2},
		"nearby":  {ProximityCheck: true},
		"login":   {Factors: []protocol.Factors{"POSSESSION"}},
	}
}

func create(t *testing.T, srv *powerauthtest.Server, template string) *powerauth.Operation {
	t.Helper()
	o, err := srv.Client().Operations.Create(t.Context(), powerauth.CreateOperationParams{
		UserID: "u-1", Template: template, Parameters: map[string]string{"amount": "100", "currency": "CZK", "note": "a*b\\c\nd"},
	})
	require.NoError(t, err)
	return o
}

func offlineQR(t *testing.T, srv *powerauthtest.Server, o *powerauth.Operation, phone *powerauthtest.Device) *powerauth.OfflineQRCode {
	t.Helper()
	qr, err := srv.Client().Operations.OfflineQR(t.Context(), o.ID, phone.RegistrationID())
	require.NoError(t, err)
	return qr
}

func verifyOffline(t *testing.T, srv *powerauthtest.Server, o *powerauth.Operation, phone *powerauthtest.Device, qr *powerauth.OfflineQRCode, otp identkit.Secret) (*powerauth.OfflineOTPResult, error) {
	t.Helper()
	return srv.Client().Operations.VerifyOfflineOTP(t.Context(), o.ID, powerauth.VerifyOfflineOTPParams{OTP: otp, Nonce: qr.Nonce, RegistrationID: phone.RegistrationID()})
}

func status(t *testing.T, srv *powerauthtest.Server, id powerauth.OperationID) powerauth.OperationStatus {
	t.Helper()
	o, err := srv.Client().Operations.Get(t.Context(), id)
	require.NoError(t, err)
	return o.Status
}

func TestOfflineCodeApproves(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		template string
		input    powerauthtest.UserInput
		master   bool
		factors  protocol.Factors
	}{
		"PIN":                    {"payment", powerauthtest.PIN(rightPIN), false, "possession_knowledge"},
		"biometry":               {"payment", powerauthtest.Biometry(), false, "possession_biometry"},
		"with master key":        {"payment", powerauthtest.PIN(rightPIN), true, "possession_knowledge"},
		"with a proximity check": {"nearby", powerauthtest.PIN(rightPIN), false, "possession_knowledge"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, clock := fake(t, withTemplates, func(o *powerauthtest.Options) { o.Dialect.OfflineMasterKey = c.master })
			phone := activated(t, srv)
			o := create(t, srv, c.template)
			qr := offlineQR(t, srv, o, phone)
			otp, err := phone.OfflineCode(qr.Data, c.input)
			require.NoError(t, err)
			clock.Advance(30 * time.Second)
			got, err := verifyOffline(t, srv, o, phone, qr, otp)
			require.NoError(t, err)
			assert.True(t, got.Valid)
			assert.Equal(t, c.factors, got.Factors)
			assert.Equal(t, powerauth.OperationApproved, status(t, srv, o.ID))
			_, err = verifyOffline(t, srv, o, phone, qr, otp)
			assert.Equal(t, powerauth.CodeOperationStateChange, code(t, err))
		})
	}
}

func TestOfflineQRHoldsTheOperation(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t, withTemplates)
	phone := activated(t, srv)
	o := create(t, srv, "payment")
	one, two := offlineQR(t, srv, o, phone), offlineQR(t, srv, o, phone)
	assert.NotEqual(t, one.Nonce, two.Nonce)
	qr, err := protocol.ParseOfflineQR(one.Data)
	require.NoError(t, err)
	assert.Equal(t, o.ID, qr.OperationID)
	assert.Equal(t, []string{"Payment", "Please confirm"}, []string{qr.Title, qr.Message})
	assert.Equal(t, protocol.OfflineFlags("BX"), qr.Flags)
	require.Len(t, qr.Data.Fields, 2)
	assert.Equal(t, "a*b\\c\nd", qr.Data.Fields[1].Value, "escaped in the data")
}

func TestPhoneRejectsForgedOfflineQR(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t, withTemplates)
	phone, other := activated(t, srv), activated(t, srv)
	o := create(t, srv, "payment")
	qr := offlineQR(t, srv, o, phone)
	_, err := phone.OfflineCode(strings.Replace(qr.Data, "100CZK", "900CZK", 1), powerauthtest.PIN(rightPIN))
	require.ErrorIs(t, err, protocol.ErrSignature)
	_, err = other.OfflineCode(qr.Data, powerauthtest.PIN(rightPIN))
	require.ErrorIs(t, err, protocol.ErrSignature, "another phone's")
	for _, user := range [][]powerauthtest.UserInput{nil, {powerauthtest.PIN(rightPIN), powerauthtest.Biometry()}} {
		_, err = phone.OfflineCode(qr.Data, user...)
		require.ErrorIs(t, err, powerauthtest.ErrNotAllowed)
	}
	_, err = phone.OfflineCode(offlineQR(t, srv, create(t, srv, "pinonly"), phone).Data, powerauthtest.Biometry())
	require.ErrorIs(t, err, powerauthtest.ErrNotAllowed, "no flag for biometry")
}

func TestWrongOfflineCodeCounts(t *testing.T) {
	t.Parallel()
	srv, clock := fake(t, withTemplates)
	phone := activated(t, srv)
	o := create(t, srv, "pinonly")
	qr := offlineQR(t, srv, o, phone)
	invalid, err := phone.OfflineCode(qr.Data, powerauthtest.PIN(wrongPIN))
	require.NoError(t, err)
	got, err := verifyOffline(t, srv, o, phone, qr, invalid)
	require.NoError(t, err)
	assert.False(t, got.Valid)
	assert.Equal(t, 4, *got.RemainingAttempts)
	assert.Equal(t, powerauth.OperationPending, status(t, srv, o.ID))
	_, err = verifyOffline(t, srv, o, phone, qr, invalid)
	require.NoError(t, err)
	assert.Equal(t, powerauth.OperationFailed, status(t, srv, o.ID))

	near := create(t, srv, "nearby")
	qr = offlineQR(t, srv, near, phone)
	expired, err := phone.OfflineCode(qr.Data, powerauthtest.PIN(rightPIN))
	require.NoError(t, err)
	clock.Advance(time.Minute)
	got, err = verifyOffline(t, srv, near, phone, qr, expired)
	require.NoError(t, err)
	assert.False(t, got.Valid, "the proximity code has expired")
}

func TestMalformedOfflineCodeIsAnError(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t, withTemplates)
	phone := activated(t, srv)
	o := create(t, srv, "payment")
	qr := offlineQR(t, srv, o, phone)
	otp, err := phone.OfflineCode(qr.Data, powerauthtest.PIN(rightPIN))
	require.NoError(t, err)
	bare := identkit.Secret(strings.ReplaceAll(otp.Reveal(), "-", ""))
	_, err = verifyOffline(t, srv, o, phone, qr, bare)
	assert.Equal(t, powerauth.CodeOTPInvalid, code(t, err))

	require.NoError(t, srv.Client().Registrations.Block(t.Context(), phone.RegistrationID()))
	_, err = srv.Client().Operations.OfflineQR(t.Context(), o.ID, phone.RegistrationID())
	assert.Equal(t, powerauth.CodeRegistration, code(t, err))
	got, err := verifyOffline(t, srv, o, phone, qr, otp)
	require.NoError(t, err)
	assert.False(t, got.Valid)
	assert.Equal(t, powerauth.RegistrationBlocked, got.RegistrationStatus)
}

func TestOfflineDialect(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t, withTemplates, func(o *powerauthtest.Options) { o.Dialect.LenientOTP, o.Dialect.WrongOTPIsError = true, true })
	phone := activated(t, srv)
	o := create(t, srv, "payment")
	qr := offlineQR(t, srv, o, phone)
	_, err := verifyOffline(t, srv, o, phone, qr, "00000000-00000000")
	assert.Equal(t, powerauth.CodeOTPInvalid, code(t, err))
	otp, err := phone.OfflineCode(qr.Data, powerauthtest.PIN(rightPIN))
	require.NoError(t, err)
	got, err := verifyOffline(t, srv, o, phone, qr, identkit.Secret(strings.ReplaceAll(otp.Reveal(), "-", " - ")))
	require.NoError(t, err)
	assert.True(t, got.Valid)
}
