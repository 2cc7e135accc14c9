package powerauth_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/protocol"
)

var offlineIn = powerauth.VerifyOfflineOTPParams{OTP: "12345678-12345678", Nonce: "AD8bOO0Df73kNaIGb3Vmpg==", RegistrationID: "r-1"}

func TestOfflineQRIsMadeForOneDevice(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 200, `{"operationQrCodeData":"o-1\nPayment","nonce":"AD8bOO0Df73kNaIGb3Vmpg=="}`)
	qr, err := client.Operations.OfflineQR(t.Context(), "o-1", "r 1")
	require.NoError(t, err)
	assert.Equal(t, "o-1\nPayment", qr.Data)
	assert.Equal(t, "AD8bOO0Df73kNaIGb3Vmpg==", qr.Nonce)
	assert.Equal(t, "/powerauth-cloud/v2/operations/o-1/offline/qr", s.last(t).path)
	assert.Equal(t, "registrationId=r+1", s.last(t).query)

	for _, body := range []string{`{}`, `{"nonce":"x"}`, `{"operationQrCodeData":"x"}`, `{"operationQrCodeData":"x","nonce":null}`} {
		s.respond(200, body)
		_, err = client.Operations.OfflineQR(t.Context(), "o-1", "r-1")
		require.ErrorIs(t, err, identkit.ErrBadResponse, body)
	}
	s, client = stubbed(t, 200, `{}`)
	_, err = client.Operations.OfflineQR(t.Context(), "o-1", "")
	invalidField(t, s, err, "registrationId")
}

func TestOfflineOTPIsVerified(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 200, `{"otpValid":true,"userId":"u-1","registrationId":"r-1","registrationStatus":"ACTIVE",
		"signatureType":"POSSESSION_KNOWLEDGE","remainingAttempts":4,"flags":[],"application":["app"]}`)
	r, err := client.Operations.VerifyOfflineOTP(t.Context(), "o-1", offlineIn)
	require.NoError(t, err)
	assert.True(t, r.Has(protocol.Possession, protocol.Knowledge))
	assert.Equal(t, 4, *r.RemainingAttempts)
	assert.Equal(t, []powerauth.ApplicationID{"app"}, r.Applications)
	s.sends(t, `{"otp":"12345678-12345678","nonce":"AD8bOO0Df73kNaIGb3Vmpg==","registrationId":"r-1"}`)
	assert.Equal(t, "/powerauth-cloud/v2/operations/o-1/offline/otp", s.last(t).path)

	s.respond(200, `{"otpValid":true,"registrationId":"r-2","registrationStatus":"ACTIVE","signatureType":"POSSESSION_KNOWLEDGE"}`)
	_, err = client.Operations.VerifyOfflineOTP(t.Context(), "o-1", offlineIn)
	require.ErrorIs(t, err, identkit.ErrBadResponse, "another device's code")
}

func TestBadOfflineInputNamesTheFieldAndSendsNothing(t *testing.T) {
	t.Parallel()
	for field, change := range map[string]func(*powerauth.VerifyOfflineOTPParams){
		"otp":            func(in *powerauth.VerifyOfflineOTPParams) { in.OTP = "" },
		"nonce":          func(in *powerauth.VerifyOfflineOTPParams) { in.Nonce = "AAAA" },
		"registrationId": func(in *powerauth.VerifyOfflineOTPParams) { in.RegistrationID = "" },
	} {
		s, client := stubbed(t, 200, `{"otpValid":true}`)
		in := offlineIn
		change(&in)
		_, err := client.Operations.VerifyOfflineOTP(t.Context(), "o-1", in)
		invalidField(t, s, err, field)
	}
}
