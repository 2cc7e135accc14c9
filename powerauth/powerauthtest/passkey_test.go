package powerauthtest_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
)

var policy = powerauth.PasskeyPolicy{
	RelyingPartyID: "bank.example", AllowedOrigins: []string{"https://bank.example"}, RequiresUserVerification: true,
}

func browser() *powerauthtest.Authenticator {
	return powerauthtest.NewAuthenticator("https://bank.example", "bank.example")
}

func register(t *testing.T, srv *powerauthtest.Server, a *powerauthtest.Authenticator) (*powerauth.Passkey, error) {
	t.Helper()
	client := srv.Client()
	challenge, err := client.Passkeys.RegistrationChallenge(t.Context(), powerauth.CreatePasskeyChallengeParams{UserID: "u-1", AppID: "app"})
	require.NoError(t, err)
	credential, err := a.Register(challenge.Challenge)
	require.NoError(t, err)
	return client.Passkeys.Register(t.Context(), powerauth.RegisterPasskeyParams{
		AppID: "app", Name: "My key", ExpectedChallenge: challenge.Challenge, Credential: credential, PasskeyPolicy: policy,
	})
}

func challenge(t *testing.T, srv *powerauthtest.Server) *powerauth.PasskeyAssertionChallenge {
	t.Helper()
	c, err := srv.Client().Passkeys.AssertionChallenge(t.Context(), powerauth.CreateAssertionChallengeParams{
		TemplateName: "login", UserID: "u-1", ApplicationIDs: []powerauth.ApplicationID{"app"},
	})
	require.NoError(t, err)
	return c
}

func assertion(t *testing.T, srv *powerauthtest.Server, in powerauth.PasskeyAssertion) (*powerauth.PasskeyAssertionResult, error) {
	t.Helper()
	return srv.Client().Passkeys.VerifyAssertion(t.Context(), powerauth.VerifyPasskeyAssertionParams{Credential: in, ApplicationID: "app", PasskeyPolicy: policy})
}

func TestPasskeyRegistersAndSignsInEveryForm(t *testing.T) {
	t.Parallel()
	for name, adjust := range map[string]func(*powerauthtest.Options){
		"as a live client has it": func(*powerauthtest.Options) {},
		"envelopes": func(o *powerauthtest.Options) {
			o.Dialect.EnvelopePasskeys, o.Dialect.PasskeyRequestObject = true, true
		},
		"Base64URL": func(o *powerauthtest.Options) {
			o.Dialect.PasskeyBase64URL, o.Dialect.AssertionOperationID = true, true
		},
		"by query": func(o *powerauthtest.Options) { o.Dialect.PasskeyListByQuery, o.Dialect.EnvelopeSuccess = true, true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, _ := fake(t, adjust)
			a := browser()
			key, err := register(t, srv, a)
			require.NoError(t, err)
			assert.Equal(t, powerauth.RegistrationActive, key.RegistrationStatus)

			list, err := srv.Client().Passkeys.List(t.Context(), powerauth.ListPasskeysParams{UserID: "u-1", AppID: "app"})
			require.NoError(t, err)
			require.Len(t, list.Passkeys, 1)
			assert.Equal(t, key.CredentialID, list.Passkeys[0].CredentialID)
			assert.Equal(t, "My key", list.Passkeys[0].Name)

			for range 2 { // the counter grows
				c := challenge(t, srv)
				require.Len(t, c.AllowCredentials, 1)
				in, err := a.Assert(c.Challenge, c.AllowCredentials...)
				require.NoError(t, err)
				got, err := assertion(t, srv, in)
				require.NoError(t, err)
				assert.True(t, got.Valid)
				assert.Equal(t, powerauth.UserID("u-1"), got.UserID)
				again, err := assertion(t, srv, in)
				require.NoError(t, err)
				assert.False(t, again.Valid, "the operation is decided")
			}
			read, err := srv.Client().Registrations.Get(t.Context(), key.RegistrationID)
			require.NoError(t, err, "a passkey is a registration")
			assert.Equal(t, "platform", read.Platform)
		})
	}
}

func TestPasskeyFormsAreStrict(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t, func(o *powerauthtest.Options) {
		o.Dialect.PasskeyRequestObject, o.Dialect.PasskeyBase64URL = true, true
	})
	bare := srv.Client(func(cfg *powerauth.Config) { cfg.Passkeys.WrapRequests = false })
	_, err := bare.Passkeys.RegistrationChallenge(t.Context(), powerauth.CreatePasskeyChallengeParams{UserID: "u-1", AppID: "app"})
	assert.Equal(t, powerauth.CodeRequest, code(t, err))
	a := browser()
	key, err := register(t, srv, a)
	require.NoError(t, err)
	in, err := a.Assert(challenge(t, srv).Challenge)
	require.NoError(t, err)
	require.Equal(t, key.CredentialID, in.ID)
	standard := srv.Client(func(cfg *powerauth.Config) { cfg.Passkeys.Base64 = powerauth.PasskeyBase64Standard })
	_, err = standard.Passkeys.VerifyAssertion(t.Context(), powerauth.VerifyPasskeyAssertionParams{Credential: in, PasskeyPolicy: policy})
	assert.Equal(t, powerauth.CodeRequest, code(t, err))
}

func TestPasskeysWithoutAttachmentAreUpToTheDialect(t *testing.T) {
	t.Parallel()
	for _, required := range []bool{false, true} {
		srv, _ := fake(t, func(o *powerauthtest.Options) { o.Dialect.PasskeyAttachmentRequired = required })
		a, client := browser(), srv.Client()
		_, err := register(t, srv, a)
		require.NoError(t, err)
		in, err := a.Assert(challenge(t, srv).Challenge)
		require.NoError(t, err)
		in.AuthenticatorAttachment = ""
		got, err := assertion(t, srv, in)
		begin, challengeErr := client.Passkeys.RegistrationChallenge(t.Context(), powerauth.CreatePasskeyChallengeParams{UserID: "u-1", AppID: "app"})
		require.NoError(t, challengeErr)
		credential, registerErr := a.Register(begin.Challenge)
		require.NoError(t, registerErr)
		credential.AuthenticatorAttachment = ""
		second, registerErr := client.Passkeys.Register(t.Context(), powerauth.RegisterPasskeyParams{
			AppID: "app", Name: "Second", Credential: credential, PasskeyPolicy: policy,
		})
		if required {
			assert.Equal(t, powerauth.CodeRequest, code(t, err))
			assert.Equal(t, powerauth.CodeRequest, code(t, registerErr))
			continue
		}
		require.NoError(t, err)
		assert.True(t, got.Valid)
		require.NoError(t, registerErr)
		assert.Empty(t, second.Platform)
	}
}

func TestPasskeyRegistrationIsVerified(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t)
	for name, a := range map[string]*powerauthtest.Authenticator{
		"other origin":        powerauthtest.NewAuthenticator("https://evil.example", "bank.example"),
		"other relying party": powerauthtest.NewAuthenticator("https://bank.example", "evil.example"),
		"user not verified":   unverified(),
	} {
		_, err := register(t, srv, a)
		assert.Equal(t, powerauth.CodeFIDO2, code(t, err), name)
	}
	credential, err := browser().Register("AAAAA-AAAAA-AAAAA-AAAAA")
	require.NoError(t, err)
	_, err = srv.Client().Passkeys.Register(t.Context(), powerauth.RegisterPasskeyParams{AppID: "app", Name: "k", Credential: credential, PasskeyPolicy: policy})
	assert.Equal(t, powerauth.CodeFIDO2, code(t, err), "unknown challenge")
	credential.Response.AttestationObject = credential.Response.AttestationObject[:50]
	_, err = srv.Client().Passkeys.Register(t.Context(), powerauth.RegisterPasskeyParams{AppID: "app", Name: "k", Credential: credential, PasskeyPolicy: policy})
	assert.Equal(t, powerauth.CodeFIDO2, code(t, err), "cut short")
}

func TestClientDataAreReadStrictly(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t)
	for name, change := range map[string][2]string{
		"a name in another case": {`"type"`, `"Type"`},
		"a duplicate member":     {`{`, `{"origin":"https://evil.example",`},
		"a second value":         {`}`, `}{}`},
	} {
		begin, err := srv.Client().Passkeys.RegistrationChallenge(t.Context(), powerauth.CreatePasskeyChallengeParams{UserID: "u-1", AppID: "app"})
		require.NoError(t, err)
		credential, err := browser().Register(begin.Challenge)
		require.NoError(t, err)
		credential.Response.ClientDataJSON = bytes.Replace(credential.Response.ClientDataJSON, []byte(change[0]), []byte(change[1]), 1)
		_, err = srv.Client().Passkeys.Register(t.Context(), powerauth.RegisterPasskeyParams{AppID: "app", Name: "k", Credential: credential, PasskeyPolicy: policy})
		assert.Equal(t, powerauth.CodeFIDO2, code(t, err), name)
	}
}

func TestPasskeyRequestObjectIsCheckedLikeABody(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t)
	user, password := srv.Credentials()
	for body, want := range map[string]int{
		`{"requestObject":{"userId":"u-1","appId":"app"}}`:                    http.StatusOK,
		`{"requestObject":{"userId":"u-1","appId":7}}`:                        http.StatusBadRequest,
		`{"requestObject":{"userId":"u-1","userId":"u-2","appId":"app"}}`:     http.StatusBadRequest,
		`{"requestObject":{"userId":"u-1","appId":"app"},"requestObject":{}}`: http.StatusBadRequest,
		`{"requestObject":{"userId":"u-1","appId":"app"}} {}`:                 http.StatusBadRequest,
		`{"requestObject":null}`:                                              http.StatusBadRequest,
		`{"requestObject":"x"}`:                                               http.StatusBadRequest,
	} {
		r := httptest.NewRequest(http.MethodPost, "/powerauth-cloud/v2/fido2/registrations/challenge", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.SetBasicAuth(user, password.Reveal())
		w := httptest.NewRecorder()
		srv.ServeHTTP(w, r)
		assert.Equal(t, want, w.Code, "%s: %s", body, w.Body)
	}
}

func unverified() *powerauthtest.Authenticator {
	a := browser()
	a.SetUserVerification(false)
	return a
}

func TestAssertionsAreVerifiedAndBlock(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t)
	a := browser()
	key, err := register(t, srv, a)
	require.NoError(t, err)
	changes := map[string]func(*powerauth.PasskeyAssertion){
		"signature": func(in *powerauth.PasskeyAssertion) { in.Response.Signature[10] ^= 1 },
		"data":      func(in *powerauth.PasskeyAssertion) { in.Response.AuthenticatorData[36] ^= 1 },
		"short": func(in *powerauth.PasskeyAssertion) {
			in.Response.AuthenticatorData = in.Response.AuthenticatorData[:30]
		},
		"client": func(in *powerauth.PasskeyAssertion) { in.Response.ClientDataJSON = []byte("{}") },
	}
	remaining := 5
	for name, change := range changes {
		c := challenge(t, srv)
		in, err := a.Assert(c.Challenge)
		require.NoError(t, err)
		change(&in)
		got, err := assertion(t, srv, in)
		require.NoError(t, err)
		remaining--
		assert.False(t, got.Valid, name)
		assert.Equal(t, remaining, *got.RemainingAttempts, name)
	}
	in, err := a.Assert("unknown")
	require.NoError(t, err)
	_, err = assertion(t, srv, in)
	require.NoError(t, err)
	read, err := srv.Client().Registrations.Get(t.Context(), key.RegistrationID)
	require.NoError(t, err)
	assert.Equal(t, powerauth.RegistrationBlocked, read.Status)

	in, err = a.Assert(challenge(t, srv).Challenge)
	require.NoError(t, err)
	got, err := assertion(t, srv, in)
	require.NoError(t, err)
	assert.False(t, got.Valid, "blocked")
	in.ID = []byte("unknown")
	_, err = assertion(t, srv, in)
	assert.Equal(t, powerauth.CodeFIDO2, code(t, err), "unknown passkey")
	_, err = browser().Assert("x")
	require.ErrorIs(t, err, powerauthtest.ErrNoPasskey)
}

func TestAssertionOfAnExistingOperation(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t)
	a := browser()
	_, err := register(t, srv, a)
	require.NoError(t, err)
	o := create(t, srv, "login")
	challengeOf := func(id powerauth.OperationID) (*powerauth.PasskeyAssertionChallenge, error) {
		return srv.Client().Passkeys.AssertionChallenge(t.Context(), powerauth.CreateAssertionChallengeParams{TemplateName: "login", OperationID: id})
	}
	c, err := challengeOf(o.ID)
	require.NoError(t, err)
	in, err := a.Assert(c.Challenge)
	require.NoError(t, err)
	_, err = assertion(t, srv, in)
	require.NoError(t, err)
	assert.Equal(t, powerauth.OperationApproved, status(t, srv, o.ID))
	_, err = challengeOf(o.ID)
	assert.Equal(t, powerauth.CodeOperationStateChange, code(t, err))
	_, err = challengeOf("unknown")
	assert.Equal(t, powerauth.CodeOperationNotFound, code(t, err))
}
