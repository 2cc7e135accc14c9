package powerauthtest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
	"github.com/identkit/identkit/powerauth/protocol"
)

func TestDeviceActivatesWithCodeOrQRText(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t)
	client := srv.Client()
	created, err := client.Registrations.Create(t.Context(), powerauth.CreateRegistrationParams{UserID: "u-1", AppID: "app"})
	require.NoError(t, err)
	phone := powerauthtest.NewDevice(srv, powerauthtest.DeviceOptions{Name: "My phone", Platform: "ios", DeviceInfo: "iPhone17,1"})
	assert.Empty(t, phone.RegistrationID())
	assert.Empty(t, phone.Status())
	require.NoError(t, phone.Activate(identkit.Secret(strings.ToLower(created.ActivationCode.Reveal()))), "typed in lower case")

	assert.Equal(t, powerauth.RegistrationPendingCommit, phone.Status())
	got, err := client.Registrations.Get(t.Context(), created.ID)
	require.NoError(t, err)
	assert.Equal(t, phone.Fingerprint(), got.ActivationFingerprint, "phone and server compute the same number")
	assert.Equal(t, []string{"My phone", "ios", "iPhone17,1"}, []string{got.Name, got.Platform, got.DeviceInfo})

	require.ErrorIs(t, powerauthtest.NewDevice(srv, powerauthtest.DeviceOptions{}).Activate(created.ActivationCode), powerauthtest.ErrNoRegistration, "used")
	require.NoError(t, client.Registrations.Commit(t.Context(), created.ID, powerauth.CommitRegistrationParams{}))
	assert.Equal(t, powerauth.RegistrationActive, phone.Status())
	assert.True(t, verify(t, srv, phone, powerauthtest.PIN("1234")).Valid, "the default PIN")
}

func TestDeviceRejectsAQRCodeOfAnotherServer(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t)
	another, _ := fake(t)
	created, err := another.Client().Registrations.Create(t.Context(), powerauth.CreateRegistrationParams{UserID: "u-1", AppID: "app"})
	require.NoError(t, err)
	phone := powerauthtest.NewDevice(srv, powerauthtest.DeviceOptions{})
	require.ErrorIs(t, phone.Activate(created.ActivationQRCodeData), protocol.ErrSignature)
	require.ErrorIs(t, phone.Activate("12345"), protocol.ErrActivationCode)
	require.ErrorIs(t, phone.Activate("12345#"), protocol.ErrActivationQR)
	_, err = phone.Sign(payment)
	require.ErrorIs(t, err, powerauthtest.ErrNotActivated)
	_, err = phone.CreateToken()
	require.ErrorIs(t, err, powerauthtest.ErrNotActivated)
	assert.Empty(t, phone.Pending())
}

func TestDeviceAcceptsCodesOfItsApplicationOnly(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t)
	created, err := srv.Client().Registrations.Create(t.Context(), powerauth.CreateRegistrationParams{UserID: "u-1", AppID: "app"})
	require.NoError(t, err)
	other := powerauthtest.NewDevice(srv, powerauthtest.DeviceOptions{Application: "other"})
	require.ErrorIs(t, other.Activate(created.ActivationQRCodeData), powerauthtest.ErrNoRegistration)
	require.NoError(t, powerauthtest.NewDevice(srv, powerauthtest.DeviceOptions{Application: "app"}).Activate(created.ActivationQRCodeData))
}

func TestDeviceSendsTheOTP(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t)
	created, err := srv.Client().Registrations.Create(t.Context(), powerauth.CreateRegistrationParams{
		UserID: "u-1", AppID: "app", OTP: "4711", CommitPhase: powerauth.CommitOnKeyExchange,
	})
	require.NoError(t, err)
	phone := powerauthtest.NewDevice(srv, powerauthtest.DeviceOptions{})
	require.ErrorIs(t, phone.Activate(created.ActivationCode, "0815"), powerauthtest.ErrInvalidOTP)
	require.NoError(t, phone.Activate(created.ActivationCode, "4711"))
	assert.Equal(t, powerauth.RegistrationActive, phone.Status())
}

func TestEveryVersionAndFactorIsVerified(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t)
	factors := map[protocol.Factors][]powerauthtest.UserInput{
		"possession":                    nil,
		"possession_knowledge":          {powerauthtest.PIN(rightPIN)},
		"possession_biometry":           {powerauthtest.Biometry()},
		"possession_knowledge_biometry": {powerauthtest.PIN(rightPIN), powerauthtest.Biometry()},
	}
	for _, version := range []string{"3.0", "3.1", "3.2", "3.3"} {
		phone := activated(t, srv, func(o *powerauthtest.DeviceOptions) { o.Version = version })
		for want, user := range factors {
			got := verify(t, srv, phone, user...)
			assert.True(t, got.Valid, "%s %s", version, want)
			assert.Equal(t, want, got.Factors)
			assert.Equal(t, powerauth.UserID("u-1"), got.UserID)
			assert.Equal(t, phone.RegistrationID(), got.RegistrationID)
			assert.Equal(t, []string{"vip"}, got.Flags)
			assert.Equal(t, []powerauth.ApplicationID{"app"}, got.Applications)
		}
	}
}

func TestSignatureCoversTheRequest(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t)
	phone := activated(t, srv)
	changes := map[string]powerauth.VerifySignatureParams{
		"body":   {Method: "POST", URIID: "/payment", Body: []byte(`{"amount": 2}`)},
		"uriId":  {Method: "POST", URIID: "/login", Body: payment.Body},
		"method": {Method: "PUT", URIID: "/payment", Body: payment.Body},
	}
	for name, in := range changes {
		in.AuthHeader = identkit.Secret(sign(t, phone))
		got, err := srv.Client().Signatures.Verify(t.Context(), in)
		require.NoError(t, err)
		assert.False(t, got.Valid, name)
	}
}

func TestSignatureOfAGetCoversTheQuery(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t)
	phone := activated(t, srv)
	for _, c := range []struct {
		query  string
		params map[string]string
		valid  bool
	}{
		{"b=2&a=%20x", map[string]string{"a": " x", "b": "2"}, true},
		{"", nil, true},
		{"a=1", map[string]string{"a": "2"}, false},
		{"a=1", nil, false},
	} {
		header, err := phone.Sign(powerauthtest.Request{Method: "GET", URIID: "/balance", Query: c.query})
		require.NoError(t, err)
		got, err := srv.Client().Signatures.Verify(t.Context(), powerauth.VerifySignatureParams{
			Method: "GET", URIID: "/balance", QueryParams: c.params, AuthHeader: identkit.Secret(header),
		})
		require.NoError(t, err)
		assert.Equal(t, c.valid, got.Valid, c.query)
	}
	_, err := phone.Sign(powerauthtest.Request{Method: "GET", URIID: "/balance", Query: "a=%zz"})
	require.ErrorIs(t, err, protocol.ErrQuery)
}

func TestSignRequestSignsTheSentBody(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t)
	phone := activated(t, srv)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://backend.test/payments", strings.NewReader(string(payment.Body)))
	require.NoError(t, err)
	require.NoError(t, phone.SignRequest(r, payment.URIID, powerauthtest.PIN(rightPIN)))
	assert.True(t, verifyHeader(t, srv, r.Header.Get(protocol.AuthorizationHeaderName)).Valid)
	r.GetBody = nil
	require.Error(t, phone.SignRequest(r, payment.URIID))
}

func TestCounterLookAheadIsTwenty(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t)
	phone := activated(t, srv)
	phone.SkipCounter(19)
	assert.True(t, verify(t, srv, phone).Valid, "the twentieth")
	phone.SkipCounter(20)
	assert.False(t, verify(t, srv, phone).Valid, "the twenty-first")
	assert.False(t, verify(t, srv, phone).Valid, "the counters stay apart")
}

func TestHeaderCannotBeReplayed(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t)
	phone := activated(t, srv)
	first, second := sign(t, phone), sign(t, phone)
	assert.True(t, verifyHeader(t, srv, second).Valid)
	assert.False(t, verifyHeader(t, srv, second).Valid, "replayed")
	assert.False(t, verifyHeader(t, srv, first).Valid, "an older counter")
}

func TestFailedAttemptsBlockTheDevice(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t)
	client := srv.Client()
	phone := activated(t, srv)
	for range 10 { // possession alone is not counted
		invalid := strings.Replace(sign(t, phone), "pa_nonce=\"", "pa_nonce=\"AAAA", 1)
		nonce := strings.Index(invalid, "pa_nonce=\"AAAA") + len("pa_nonce=\"AAAA")
		invalid = invalid[:nonce] + invalid[nonce+4:]
		got := verifyHeader(t, srv, invalid)
		require.False(t, got.Valid)
		require.Equal(t, 5, *got.RemainingAttempts)
	}
	require.True(t, verify(t, srv, phone).Valid)
	for _, input := range []powerauthtest.UserInput{powerauthtest.PIN(wrongPIN), powerauthtest.PIN("")} {
		require.False(t, verify(t, srv, phone, input).Valid)
	}
	assert.Equal(t, 5, *verify(t, srv, phone, powerauthtest.PIN(rightPIN)).RemainingAttempts, "reset by a valid code")

	for remaining := 4; remaining >= 0; remaining-- {
		got := verify(t, srv, phone, powerauthtest.PIN(wrongPIN))
		require.False(t, got.Valid)
		require.Equal(t, remaining, *got.RemainingAttempts)
	}
	assert.Equal(t, powerauth.RegistrationBlocked, phone.Status())
	got := verify(t, srv, phone, powerauthtest.PIN(rightPIN))
	assert.False(t, got.Valid)
	assert.Equal(t, powerauth.RegistrationBlocked, got.RegistrationStatus)
	assert.Equal(t, "MAX_FAILED_ATTEMPTS", got.BlockedReason)
	require.ErrorIs(t, phone.Remove(), powerauthtest.ErrState)

	require.NoError(t, client.Registrations.Unblock(t.Context(), phone.RegistrationID()))
	assert.True(t, verify(t, srv, phone, powerauthtest.PIN(rightPIN)).Valid, "attempts are reset")
}

func TestUnknownAndForeignRegistrations(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t)
	phone := activated(t, srv)
	another, _ := fake(t)
	got := verifyHeader(t, another, sign(t, phone))
	assert.False(t, got.Valid)
	assert.Equal(t, powerauth.RegistrationRemoved, got.RegistrationStatus)
	assert.Empty(t, got.UserID)
	assert.Nil(t, got.RemainingAttempts)

	app, ok := srv.Application("app")
	require.True(t, ok)
	other, _ := srv.Application("other")
	foreign := verifyHeader(t, srv, strings.Replace(sign(t, phone, powerauthtest.PIN(rightPIN)), string(app.AppKey), string(other.AppKey), 1))
	assert.False(t, foreign.Valid, "key of another application")
	assert.Equal(t, 5, *foreign.RemainingAttempts)

	require.NoError(t, phone.Remove())
	assert.Equal(t, powerauth.RegistrationRemoved, verify(t, srv, phone).RegistrationStatus)
}

func TestMalformedHeadersAreErrors(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t)
	phone := activated(t, srv)
	good := sign(t, phone)
	for name, header := range map[string]string{
		"no prefix":    strings.TrimPrefix(good, "PowerAuth "),
		"version 2":    strings.Replace(good, `pa_version="3.3"`, `pa_version="2.1"`, 1),
		"version 4":    strings.NewReplacer(`pa_version="3.3"`, `pa_version="4.0"`, "pa_signature", "pa_auth_code").Replace(good),
		"unknown type": strings.Replace(good, "possession", "possessions", 1),
		"other sizes":  strings.Replace(good, "possession", "possession_knowledge", 1),
	} {
		_, err := srv.Client().Signatures.Verify(t.Context(), powerauth.VerifySignatureParams{Method: "POST", URIID: "/payment", AuthHeader: identkit.Secret(header)})
		assert.Equal(t, powerauth.CodeSignatureInvalid, code(t, err), name)
	}
	lenient := strings.NewReplacer(", ", " ", "possession", "POSSESSION").Replace(good)
	assert.True(t, verifyHeader(t, srv, lenient).Valid, "commas and case do not matter")
}

func TestChangePINKeepsTheKey(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t)
	phone := activated(t, srv)
	phone.ChangePIN(rightPIN, "9999")
	assert.False(t, verify(t, srv, phone, powerauthtest.PIN(rightPIN)).Valid)
	assert.True(t, verify(t, srv, phone, powerauthtest.PIN("9999")).Valid)
	phone.ChangePIN(wrongPIN, rightPIN)
	assert.False(t, verify(t, srv, phone, powerauthtest.PIN(rightPIN)).Valid, "the key is lost")
}

func TestSecretsAreMasked(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t, func(o *powerauthtest.Options) {
		o.Password, o.AdminPassword, o.BearerToken = "canary-1", "canary-2", "canary-3"
	})
	phone := activated(t, srv, func(o *powerauthtest.DeviceOptions) { o.PIN = "canary-4" })
	token, err := phone.CreateToken()
	require.NoError(t, err)
	app, _ := srv.Application("app")
	hidden := []string{"canary", "63616e617279", app.AppSecret.Reveal()}
	for _, v := range []any{srv, phone, token, app, *phone, struct{ D *powerauthtest.Device }{phone}} {
		assertSilent(t, v, hidden...)
	}
	assertSilent(t, powerauthtest.NewAuthenticator("https://a.test", "a.test"), "ecdsa", "0x")
}
