package powerauth_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/powerauth"
)

func TestErrorBodiesFollowTheRulesOfJSON(t *testing.T) {
	t.Parallel()
	const notFound = `{"status":"ERROR","responseObject":{"code":"ERROR_REGISTRATION_NOT_FOUND","message":"m"}}`
	for body, want := range map[string]string{
		notFound:                    "ERROR_REGISTRATION_NOT_FOUND",
		"\xef\xbb\xbf" + notFound:   "ERROR_REGISTRATION_NOT_FOUND",
		`{"code":"ERROR_TOMORROW"}`: "ERROR_TOMORROW", // without its envelope
		strings.ToUpper(notFound):   "",
		notFound + notFound:         "",
		notFound[:len(notFound)-1] + `,"responseObject":{"code":"ERROR_REQUEST"}}`:                                 "",
		strings.Replace(notFound, `"message"`, `"code":"ERROR_REQUEST","message"`, 1):                              "",
		strings.Replace(notFound, `"message"`, `"x":{"a":1,"a":1},"message"`, 1):                                   "",
		strings.Replace(notFound, `"m"`, "\"J\xf6rg\"", 1):                                                         "",
		strings.Replace(notFound, `"m"`, `"\udc00"`, 1):                                                            "",
		strings.Replace(notFound, `"m"`, `{"text":"m"}`, 1):                                                        "ERROR_REGISTRATION_NOT_FOUND",
		strings.Replace(notFound, `"m"`, `"m","violations":"none"`, 1):                                             "ERROR_REGISTRATION_NOT_FOUND",
		`{"status":"ERROR","responseObject":{"code":["ERROR_REQUEST"]}}`:                                           "",
		`{"status":"ERROR","responseObject":"ERROR_REQUEST"}`:                                                      "",
		`{"status":"ERROR","responseObject":null}`:                                                                 "",
		`[{"code":"ERROR_REQUEST"}]`:                                                                               "",
		`{"status":"ERROR","responseObject":{"code":"ERROR_REQUEST"},"code":"ERROR_REGISTRATION_CHANGE","more":1}`: "ERROR_REQUEST",
	} {
		_, client := stubbed(t, 400, body)
		_, err := client.Registrations.Get(t.Context(), "r-1")
		var e *identkit.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, want, e.Code, "%q", body)
		assert.Equal(t, 400, e.Status)
		assert.Equal(t, want == powerauth.CodeRegistrationNotFound, e.Kind == identkit.ErrNotFound, "%q", body)
		assert.Equal(t, body, string(e.Body()), "as it was received")
		if want == "" {
			assert.Empty(t, e.Message, "%q", body)
		}
	}
}

func TestStoredJSONIsReadBack(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 200, `{"registrations":[`+registrationBody+`]}`)
	list, err := client.Registrations.List(t.Context(), powerauth.ListRegistrationsParams{UserID: "u-1"})
	require.NoError(t, err)
	reg, err := powerauth.ParseRegistration(list.Registrations[0].RawJSON())
	require.NoError(t, err)
	assert.Equal(t, list.Registrations[0], *reg)
	assert.Equal(t, int64(1701426030500), reg.Created.UnixMilli())

	s.respond(200, `{"status":"OK","responseObject":{"operationId":"o-1","status":"APPROVED","parameters":{"amount":1}}}`)
	op, err := client.Operations.Get(t.Context(), "o-1")
	require.NoError(t, err)
	op2, err := powerauth.ParseOperation(op.RawJSON())
	require.NoError(t, err)
	assert.Equal(t, op, op2)

	s.respond(200, signatureValid)
	signed, err := client.Signatures.Verify(t.Context(), signedPost)
	require.NoError(t, err)
	signed2, err := powerauth.ParseSignatureResult(signed.RawJSON())
	require.NoError(t, err)
	assert.Equal(t, signed, signed2)
	assert.True(t, signed2.Valid)

	s.respond(200, `{"otpValid":true,"signatureValid":false,"authenticationCodeType":"POSSESSION","applications":"app"}`)
	offline, err := client.Operations.VerifyOfflineOTP(t.Context(), "o-1", offlineIn)
	require.NoError(t, err)
	offline2, err := powerauth.ParseOfflineOTPResult(offline.RawJSON())
	require.NoError(t, err)
	assert.Equal(t, offline, offline2)
	assert.True(t, offline2.Valid)
	assert.Equal(t, []powerauth.ApplicationID{"app"}, offline2.Applications)

	for _, raw := range []string{``, `null`, `{}`, `[]`, `{"operationId":"o-1","status":"APPROVED","Status":1,"status":"REJECTED"}`, `{"signatureValid":"true"}`} {
		_, e1 := powerauth.ParseRegistration([]byte(raw))
		_, e2 := powerauth.ParseOperation([]byte(raw))
		_, e3 := powerauth.ParseSignatureResult([]byte(raw))
		_, e4 := powerauth.ParseOfflineOTPResult([]byte(raw))
		for _, err := range []error{e1, e2, e3, e4} {
			require.ErrorIs(t, err, identkit.ErrBadResponse, raw)
		}
	}
}
