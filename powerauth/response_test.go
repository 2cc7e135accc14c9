package powerauth_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
)

// goodResponses are the shortest that each call accepts.
var goodResponses = map[string]string{
	"powerauth.Registrations.Create":        `{"registrationId":"r-1","activationCode":"c"}`,
	"powerauth.Registrations.List":          `{"registrations":[{"registrationId":"r-1","registrationStatus":"ACTIVE"}]}`,
	"powerauth.Registrations.Get":           `{"registrationId":"r-1","registrationStatus":"ACTIVE"}`,
	"powerauth.Registrations.Change":        `{"status":"OK"}`,
	"powerauth.Registrations.Commit":        `{"status":"OK"}`,
	"powerauth.Registrations.Delete":        `{"status":"OK"}`,
	"powerauth.Operations.Create":           `{"operationId":"o-1","status":"PENDING"}`,
	"powerauth.Operations.Get":              `{"operationId":"o-1","status":"PENDING"}`,
	"powerauth.Operations.Cancel":           `{"status":"OK"}`,
	"powerauth.Operations.OfflineQR":        `{"operationQrCodeData":"d","nonce":"n"}`,
	"powerauth.Operations.VerifyOfflineOTP": `{"otpValid":true}`,
	"powerauth.Signatures.Verify":           `{"signatureValid":true}`,
	"powerauth.Tokens.Verify":               `{"tokenValid":true}`,
}

func TestResponsesFollowTheRulesOfJSON(t *testing.T) {
	t.Parallel()
	calls := anyone.calls()
	for name, good := range goodResponses {
		with := func(member string) string { return strings.TrimSuffix(good, "}") + "," + member + "}" }
		call := func(body string) error {
			_, client := stubbed(t, 200, body)
			return calls[name](t.Context(), clients{Client: client})
		}
		for _, body := range []string{
			good, "\xef\xbb\xbf" + good, with(`"more":{"a":[1,{}]}`), with(`"MORE":1,"more":2`),
			`{"status":"OK","responseObject":` + good + `}`, "\xef\xbb\xbf" + `{"responseObject":` + good + `,"status":"O\u004b"}`,
		} {
			require.NoError(t, call(body), "%s: %q", name, body)
		}
		for _, body := range []string{
			`null`, ` null `, `[]`, `7`, `"OK"`, ``, `<html></html>`, `[` + good + `]`, good + good, good + `x`, good[:len(good)-1],
			with(`"more":{"a":1,"a":2}`), with(`"more":1,"more":1`), with(`"more":[{"a":{"b":1,"b":1}}]`),
			with("\"name\":\"J\xf6rg\""), with(`"name":"\ud800"`), with(`"st\u0061tus":"ERROR"`),
			`{"status":"ERROR","responseObject":` + good + `}`, `{"status":"error","responseObject":` + good + `}`,
			`{"status":"OK","responseObject":` + good + `,"responseObject":` + good + `}`,
			`{"status":"OK","responseObject":` + good + `,"more":1}`,
		} {
			require.ErrorIs(t, call(body), identkit.ErrBadResponse, "%s: %q", name, body)
		}
		if !strings.Contains(good, `"OK"`) {
			require.ErrorIs(t, call(strings.ToUpper(good)), identkit.ErrBadResponse, name)
			require.ErrorIs(t, call(`{}`), identkit.ErrBadResponse, name)
		}
	}
}

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

func TestAnErrorAfterALostResponseSaysWhatToDo(t *testing.T) {
	t.Parallel()
	calls := anyone.calls()
	for name, advice := range map[string]string{
		"powerauth.Registrations.Create":        "Registrations.List shows",
		"powerauth.Registrations.Commit":        "Registrations.Get says",
		"powerauth.Operations.Create":           "the user may have been asked",
		"powerauth.Operations.Cancel":           "Operations.Get says",
		"powerauth.Operations.VerifyOfflineOTP": "Operations.Get says",
		"powerauth.Signatures.Verify":           "sign again",
		"powerauth.Tokens.Verify":               "new token header",
	} {
		srv := powerauthtest.New(powerauthtest.Options{})
		srv.Fault(identkittest.Any().Nth(1).LoseResponse(), identkittest.Any().Nth(2).Status(400))
		c := clients{Client: srv.Client()}
		err := calls[name](t.Context(), c)
		require.ErrorIs(t, err, identkit.ErrOutcomeUnknown, name)
		require.ErrorContains(t, err, advice, name)
		err = calls[name](t.Context(), c)
		require.ErrorIs(t, err, identkit.ErrRejected, name)
		assert.NotContains(t, err.Error(), advice, name)
	}
}
