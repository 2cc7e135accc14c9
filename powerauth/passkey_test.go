package powerauth_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/powerauth"
)

// The output of a browser's PublicKeyCredential.toJSON(): Base64URL without padding, and members that PAC ignores.
const (
	browserAttestation = `{"id":"-_8A","rawId":"-_8A","type":"public-key","authenticatorAttachment":"platform","clientExtensionResults":{},
		"response":{"clientDataJSON":"e30","attestationObject":"-_-_","transports":["internal"],"publicKeyAlgorithm":-7}}`
	browserAssertion = `{"id":"-_8A","rawId":"-_8A","type":"public-key","authenticatorAttachment":"cross-platform","clientExtensionResults":{},
		"response":{"clientDataJSON":"e30","authenticatorData":"-_-_","signature":"AAE","userHandle":null}}`
)

func assertionIn() powerauth.VerifyPasskeyAssertionParams {
	in := powerauth.VerifyPasskeyAssertionParams{ApplicationID: "app", ExpectedChallenge: "CODE", PasskeyPolicy: powerauth.PasskeyPolicy{
		RelyingPartyID: "example.com", AllowedOrigins: []string{"https://example.com"}, RequiresUserVerification: true,
	}}
	if err := json.Unmarshal([]byte(browserAssertion), &in.Credential); err != nil {
		panic(err)
	}
	return in
}

func registerIn() powerauth.RegisterPasskeyParams {
	in := powerauth.RegisterPasskeyParams{AppID: "app", Name: "My key", ExpectedChallenge: "CODE", PasskeyPolicy: powerauth.PasskeyPolicy{RelyingPartyID: "example.com"}}
	if err := json.Unmarshal([]byte(browserAttestation), &in.Credential); err != nil {
		panic(err)
	}
	return in
}

func TestPasskeysAreSentInTheFormOfTheDeployment(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		form           powerauth.PasskeyConfig
		id, clientData string
		object, sig    string
		before, after  string
	}{
		"standard Base64 by default": {powerauth.PasskeyConfig{}, "+/8A", "e30=", "+/+/", "AAE=", "", ""},
		"Base64URL by option":        {powerauth.PasskeyConfig{Base64: powerauth.PasskeyBase64URL}, "-_8A", "e30", "-_-_", "AAE", "", ""},
		"wrapped by option":          {powerauth.PasskeyConfig{WrapRequests: true}, "+/8A", "e30=", "+/+/", "AAE=", `{"requestObject":`, `}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			adjust := func(cfg *powerauth.Config) { cfg.Passkeys = c.form }
			s, client := stubbed(t, 200, `{"assertionValid":true,"userId":"u-1","registrationId":"r-1","remainingAttempts":"5"}`, adjust)
			r, err := client.Passkeys.VerifyAssertion(t.Context(), assertionIn())
			require.NoError(t, err)
			assert.True(t, r.Valid)
			assert.Equal(t, 5, *r.RemainingAttempts)
			s.sends(t, c.before+`{"credentialId":"`+c.id+`","type":"public-key","authenticatorAttachment":"cross-platform","response":{"clientDataJSON":"`+c.clientData+
				`","authenticatorData":"`+c.object+`","signature":"`+c.sig+`"},"applicationId":"app","expectedChallenge":"CODE","relyingPartyId":"example.com",
				"allowedOrigins":["https://example.com"],"requiresUserVerification":true}`+c.after)

			s.respond(200, `{"registrationId":"r-1","registrationStatus":"ACTIVE","credentialId":"+/8A","publicKeyBytes":"AAE="}`)
			p, err := client.Passkeys.Register(t.Context(), registerIn())
			require.NoError(t, err)
			assert.Equal(t, powerauth.PasskeyBytes{0xfb, 0xff, 0}, p.CredentialID)
			s.sends(t, c.before+`{"appId":"app","registrationName":"My key","expectedChallenge":"CODE","authenticatorParameters":{"credentialId":"`+c.id+
				`","type":"public-key","authenticatorAttachment":"platform","response":{"clientDataJSON":"`+c.clientData+`","attestationObject":"`+c.object+
				`","transports":["internal"]},"relyingPartyId":"example.com","requiresUserVerification":false}}`+c.after)
		})
	}
	_, err := powerauth.New(powerauth.Config{BaseURL: stubURL, Credentials: powerauth.BasicAuth("u", "p"), Passkeys: powerauth.PasskeyConfig{Base64: "hex"}})
	require.ErrorContains(t, err, "Passkeys.Base64")
}

func TestPasskeyResponsesAreReadInEveryForm(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ before, after string }{"bare": {}, "enveloped": {`{"status":"OK","responseObject":`, `}`}} {
		s, client := stubbed(t, 200, c.before+`{"authenticators":[{"registrationId":"r-1","appId":"app","registrationName":"Key","credentialId":"-_8A",
			"registrationStatus":"ACTIVE","platform":"platform","failedAttempts":1,"maxFailedAttempts":"5","applicationRoles":null,"registrationFlags":["F"],
			"publicKeyBytes":"+/8A","extras":{"a":1}},{"registrationId":"r-2","applicationId":"other","registrationStatus":"BLOCKED","blockedReason":"X"}]}`+c.after)
		list, err := client.Passkeys.List(t.Context(), powerauth.ListPasskeysParams{UserID: "u-1", AppID: "app"})
		require.NoError(t, err, name)
		require.Len(t, list.Passkeys, 2, name)
		first, second := list.Passkeys[0], list.Passkeys[1]
		assert.Equal(t, powerauth.PasskeyBytes{0xfb, 0xff, 0}, first.CredentialID)
		assert.Equal(t, first.CredentialID, first.PublicKey)
		assert.Equal(t, []any{powerauth.ApplicationID("app"), powerauth.ApplicationID("other"), 1, 5}, []any{first.ApplicationID, second.ApplicationID, first.FailedAttempts, first.MaxFailedAttempts})
		assert.Equal(t, "userId=u-1", s.last(t).query[len("appId=app&"):])
		s.sends(t, `{"userId":"u-1","appId":"app"}`)

		s.respond(200, c.before+`{"challenge":"W65WE-3T7VI-7FBS2-A4OYA","excludeCredentials":[{"credentialId":"+/8A","type":"public-key","transports":null}]}`+c.after)
		reg, err := client.Passkeys.RegistrationChallenge(t.Context(), powerauth.CreatePasskeyChallengeParams{UserID: "u-1", AppID: "app"})
		require.NoError(t, err, name)
		assert.Equal(t, "W65WE-3T7VI-7FBS2-A4OYA", reg.Challenge.Reveal(), "unchanged")
		browser, err := json.Marshal(reg.ExcludeCredentials[0].CredentialID)
		require.NoError(t, err)
		assert.Equal(t, `"-_8A"`, string(browser), "as browsers have it")

		s.respond(200, c.before+`{"challenge":"o-1&A1","allowCredentials":[],"operationId":"o-1"}`+c.after)
		ask, err := client.Passkeys.AssertionChallenge(t.Context(), powerauth.CreateAssertionChallengeParams{TemplateName: "login", ApplicationIDs: []powerauth.ApplicationID{"app"}, Parameters: map[string]string{"a": "b"}})
		require.NoError(t, err, name)
		assert.Equal(t, powerauth.OperationID("o-1"), ask.OperationID)
		s.sends(t, `{"templateName":"login","applicationIds":["app"],"parameters":{"a":"b"}}`)
	}
}

func TestIncompletePasskeyResponsesAreErrors(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 200, `{}`)
	ctx := t.Context()
	_, err := client.Passkeys.List(ctx, powerauth.ListPasskeysParams{UserID: "u", AppID: "a"})
	require.ErrorIs(t, err, identkit.ErrBadResponse)
	_, err = client.Passkeys.RegistrationChallenge(ctx, powerauth.CreatePasskeyChallengeParams{UserID: "u", AppID: "a"})
	require.ErrorIs(t, err, identkit.ErrBadResponse)
	_, err = client.Passkeys.Register(ctx, registerIn())
	require.ErrorIs(t, err, identkit.ErrBadResponse)
	_, err = client.Passkeys.AssertionChallenge(ctx, powerauth.CreateAssertionChallengeParams{TemplateName: "t"})
	require.ErrorIs(t, err, identkit.ErrBadResponse)
	for _, body := range []string{`{"authenticators":[{}]}`, `{"authenticators":[{"registrationId":"r","registrationStatus":"ACTIVE","credentialId":"*"}]}`} {
		s.respond(200, body)
		_, err = client.Passkeys.List(ctx, powerauth.ListPasskeysParams{UserID: "u", AppID: "a"})
		require.ErrorIs(t, err, identkit.ErrBadResponse, body)
	}
	s.respond(200, `{"assertionValid":true,"registrationStatus":"BLOCKED"}`)
	_, err = client.Passkeys.VerifyAssertion(ctx, assertionIn())
	require.ErrorIs(t, err, identkit.ErrBadResponse, "a blocked passkey does not authenticate")
}

func TestBadPasskeyInputNamesTheFieldAndSendsNothing(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 200, `{}`)
	for field, change := range map[string]func(*powerauth.VerifyPasskeyAssertionParams){
		"credentialId":               func(in *powerauth.VerifyPasskeyAssertionParams) { in.Credential.ID = nil },
		"type":                       func(in *powerauth.VerifyPasskeyAssertionParams) { in.Credential.Type = "password" },
		"authenticatorAttachment":    func(in *powerauth.VerifyPasskeyAssertionParams) { in.Credential.AuthenticatorAttachment = "" },
		"response.clientDataJSON":    func(in *powerauth.VerifyPasskeyAssertionParams) { in.Credential.Response.ClientDataJSON = nil },
		"response.authenticatorData": func(in *powerauth.VerifyPasskeyAssertionParams) { in.Credential.Response.AuthenticatorData = nil },
		"response.signature":         func(in *powerauth.VerifyPasskeyAssertionParams) { in.Credential.Response.Signature = nil },
	} {
		in := assertionIn()
		change(&in)
		_, err := client.Passkeys.VerifyAssertion(t.Context(), in)
		invalidField(t, s, err, field)
	}
	for field, change := range map[string]func(*powerauth.RegisterPasskeyParams){
		"appId":                      func(in *powerauth.RegisterPasskeyParams) { in.AppID = "" },
		"registrationName":           func(in *powerauth.RegisterPasskeyParams) { in.Name = "" },
		"response.attestationObject": func(in *powerauth.RegisterPasskeyParams) { in.Credential.Response.AttestationObject = nil },
	} {
		in := registerIn()
		change(&in)
		_, err := client.Passkeys.Register(t.Context(), in)
		invalidField(t, s, err, field)
	}
	_, err := client.Passkeys.List(t.Context(), powerauth.ListPasskeysParams{AppID: "a"})
	invalidField(t, s, err, "userId")
	_, err = client.Passkeys.RegistrationChallenge(t.Context(), powerauth.CreatePasskeyChallengeParams{UserID: "u"})
	invalidField(t, s, err, "appId")
	_, err = client.Passkeys.AssertionChallenge(t.Context(), powerauth.CreateAssertionChallengeParams{})
	invalidField(t, s, err, "templateName")
}
