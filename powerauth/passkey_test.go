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
		assert.Equal(t, []byte{0xfb, 0xff, 0}, first.PublicKey)
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

// Web Authentication lets a browser have no attachment: the member is null or missing, and is not sent.
func TestPasskeysAreSentWithoutAnAttachment(t *testing.T) {
	t.Parallel()
	for name, member := range map[string]string{"null": `"authenticatorAttachment":null,`, "missing": ``} {
		var (
			assertion   powerauth.PasskeyAssertion
			attestation powerauth.PasskeyAttestation
		)
		require.NoError(t, json.Unmarshal([]byte(`{`+member+`"id":"AQID","type":"public-key",
			"response":{"clientDataJSON":"e30","authenticatorData":"AQ","signature":"Ag"}}`), &assertion))
		require.NoError(t, json.Unmarshal([]byte(`{`+member+`"id":"AQID","type":"public-key",
			"response":{"clientDataJSON":"e30","attestationObject":"AQ"}}`), &attestation))
		s, client := stubbed(t, 200, `{"assertionValid":true,"userId":"u-1","registrationId":"r-1"}`)
		_, err := client.Passkeys.VerifyAssertion(t.Context(), powerauth.VerifyPasskeyAssertionParams{Credential: assertion, ApplicationID: "app"})
		require.NoError(t, err, name)
		assert.Equal(t, 1, s.count())
		s.sends(t, `{"credentialId":"AQID","type":"public-key","response":{"clientDataJSON":"e30=","authenticatorData":"AQ==","signature":"Ag=="},
			"applicationId":"app","requiresUserVerification":false}`)

		s.respond(200, `{"registrationId":"r-1","registrationStatus":"ACTIVE"}`)
		_, err = client.Passkeys.Register(t.Context(), powerauth.RegisterPasskeyParams{AppID: "app", Name: "Key", Credential: attestation})
		require.NoError(t, err, name)
		s.sends(t, `{"appId":"app","registrationName":"Key","authenticatorParameters":{"credentialId":"AQID","type":"public-key",
			"response":{"clientDataJSON":"e30=","attestationObject":"AQ=="},"requiresUserVerification":false}}`)
	}
}

const (
	validAssertion = `{"assertionValid":true,"userId":"u-1","registrationId":"r-1","registrationStatus":"ACTIVE","applicationId":"app"}`
	activePasskey  = `{"registrationId":"r-1","registrationStatus":"ACTIVE","credentialId":"AQ=="}`
)

func TestOnlyACompleteAssertionIsValid(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"empty":                     `{}`,
		"null":                      `null`,
		"a null verdict":            `{"assertionValid":null,"userId":"u-1","registrationId":"r-1"}`,
		"a text verdict":            `{"assertionValid":"true","userId":"u-1","registrationId":"r-1"}`,
		"a number verdict":          `{"assertionValid":1,"userId":"u-1","registrationId":"r-1"}`,
		"a name in another case":    `{"AssertionValid":true,"userId":"u-1","registrationId":"r-1"}`,
		"a Unicode case fold":       `{"aſsertionValid":true,"userId":"u-1","registrationId":"r-1"}`,
		"two verdicts":              `{"assertionValid":false,"userId":"u-1","registrationId":"r-1","assertionValid":true}`,
		"two users":                 `{"assertionValid":true,"userId":"u-1","userId":"u-2","registrationId":"r-1"}`,
		"a duplicate deep inside":   `{"assertionValid":true,"userId":"u-1","registrationId":"r-1","extra":{"a":[{"b":1,"b":2}]}}`,
		"a second value":            validAssertion + `{}`,
		"no user":                   `{"assertionValid":true,"registrationId":"r-1"}`,
		"a null user":               `{"assertionValid":true,"userId":null,"registrationId":"r-1"}`,
		"a number for the user":     `{"assertionValid":true,"userId":1,"registrationId":"r-1"}`,
		"no registration":           `{"assertionValid":true,"userId":"u-1"}`,
		"a blocked registration":    `{"assertionValid":true,"userId":"u-1","registrationId":"r-1","registrationStatus":"BLOCKED"}`,
		"a number for the status":   `{"assertionValid":true,"userId":"u-1","registrationId":"r-1","registrationStatus":1}`,
		"a number for the app":      `{"assertionValid":true,"userId":"u-1","registrationId":"r-1","appId":1}`,
		"bytes that are not UTF-8":  `{"assertionValid":true,"userId":"J` + "\xf6" + `rg","registrationId":"r-1"}`,
		"a lone surrogate":          `{"assertionValid":true,"userId":"\ud800","registrationId":"r-1"}`,
		"an HTML page of a gateway": `<html>`,
	} {
		s, client := stubbed(t, 200, body)
		got, err := client.Passkeys.VerifyAssertion(t.Context(), assertionIn())
		require.ErrorIs(t, err, identkit.ErrBadResponse, name)
		require.ErrorIs(t, err, identkit.ErrOutcomeUnknown, name)
		assert.Nil(t, got, name)
		assert.Equal(t, 1, s.count(), name)
	}
}

func TestWhatDecidesNothingDoesNotCostTheAssertion(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]powerauth.PasskeyAssertionResult{
		"\xef\xbb\xbf" + validAssertion: {Valid: true, UserID: "u-1", RegistrationID: "r-1", RegistrationStatus: "ACTIVE", ApplicationID: "app"},
		`{"assertionValid":true,"userId":"u-1","registrationId":"r-1","appId":"app","blockedReason":{},"remainingAttempts":"many"}`: {
			Valid: true, UserID: "u-1", RegistrationID: "r-1", ApplicationID: "app",
		},
		`{"assertionValid":false,"remainingAttempts":3,"blockedReason":7}`: {RemainingAttempts: new(3), BlockedReason: "7"},
		`{"assertionValid":false,"remainingAttempts":null}`:                {},
		`{"assertionValid":false,"remainingAttempts":"0"}`:                 {RemainingAttempts: new(0)},
	} {
		_, client := stubbed(t, 200, body)
		got, err := client.Passkeys.VerifyAssertion(t.Context(), assertionIn())
		require.NoError(t, err, body)
		parsed, err := powerauth.ParsePasskeyAssertionResult(got.RawJSON())
		require.NoError(t, err, body)
		assert.Equal(t, got, parsed, "what is stored reads the same")
		got.Raw = identkit.Raw{}
		assert.Equal(t, want, *got, body)
	}
	_, err := powerauth.ParsePasskeyAssertionResult([]byte(`{"userId":"u-1","registrationId":"r-1"}`))
	require.ErrorIs(t, err, identkit.ErrBadResponse)
}

func TestIncompletePasskeyResponsesAreErrors(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]func(*powerauth.Client) error{
		"list": func(c *powerauth.Client) error {
			_, err := c.Passkeys.List(t.Context(), powerauth.ListPasskeysParams{UserID: "u", AppID: "a"})
			return err
		},
		"registration challenge": func(c *powerauth.Client) error {
			_, err := c.Passkeys.RegistrationChallenge(t.Context(), powerauth.CreatePasskeyChallengeParams{UserID: "u", AppID: "a"})
			return err
		},
		"register": func(c *powerauth.Client) error {
			_, err := c.Passkeys.Register(t.Context(), registerIn())
			return err
		},
		"assertion challenge": func(c *powerauth.Client) error {
			_, err := c.Passkeys.AssertionChallenge(t.Context(), powerauth.CreateAssertionChallengeParams{TemplateName: "t"})
			return err
		},
	} {
		for _, body := range []string{
			`{}`, `null`, `[]`, `{"Challenge":"C","Authenticators":[],"RegistrationId":"r","RegistrationStatus":"ACTIVE"}`,
			`{"challenge":"C","challenge":"D","authenticators":[],"authenticators":[],"registrationId":"r","registrationStatus":"ACTIVE"}`,
			`{"challenge":"[secret]","authenticators":[null],"registrationId":"r","registrationStatus":null}`,
			`{"challenge":1,"authenticators":{},"registrationId":1,"registrationStatus":"ACTIVE"}`,
			`{"challenge":"","authenticators":[{}],"registrationId":"r","registrationStatus":""}`,
			`{"challenge":"` + "\xff" + `","authenticators":null,"registrationId":"\udc00","registrationStatus":"ACTIVE"}`,
		} {
			_, client := stubbed(t, 200, body)
			require.ErrorIs(t, call(client), identkit.ErrBadResponse, "%s: %q", name, body)
		}
	}
	for _, item := range []string{
		`{"registrationId":"r","registrationStatus":"ACTIVE","credentialId":"*"}`, `{"registrationId":"r","registrationStatus":"ACTIVE","credentialId":1}`,
		`{"registrationId":"r","registrationStatus":"ACTIVE","applicationId":[]}`, `{"registrationId":"r","registrationStatus":"ACTIVE","extras":{"a":1,"a":2}}`,
	} {
		_, client := stubbed(t, 200, `{"authenticators":[`+activePasskey+`,`+item+`]}`)
		_, err := client.Passkeys.List(t.Context(), powerauth.ListPasskeysParams{UserID: "u", AppID: "a"})
		require.ErrorIs(t, err, identkit.ErrBadResponse, item)
	}
}

func TestPasskeysKeepTheJSONTheyWereReadFrom(t *testing.T) {
	t.Parallel()
	item := `{"registrationId":"r-1","registrationStatus":"ACTIVE","credentialId":"AQ==","publicKeyBytes":{},"failedAttempts":9007199254740993,"applicationRoles":"R","new":1}`
	_, client := stubbed(t, 200, `{"authenticators":[`+activePasskey+`,`+item+`]}`)
	list, err := client.Passkeys.List(t.Context(), powerauth.ListPasskeysParams{UserID: "u", AppID: "a"})
	require.NoError(t, err)
	require.Len(t, list.Passkeys, 2)
	assert.Equal(t, activePasskey, string(list.Passkeys[0].RawJSON()))
	second := list.Passkeys[1]
	assert.Equal(t, item, string(second.RawJSON()))
	assert.EqualValues(t, int64(9007199254740993), second.FailedAttempts, "to the last digit")
	assert.Equal(t, []string{"R"}, second.ApplicationRoles)
	assert.Nil(t, second.PublicKey, "it decides nothing")
	parsed, err := powerauth.ParsePasskey(second.RawJSON())
	require.NoError(t, err)
	assert.Equal(t, second, *parsed)
	_, err = powerauth.ParsePasskey([]byte(`{"registrationId":"r-1"}`))
	require.ErrorIs(t, err, identkit.ErrBadResponse)
}

// An empty list of origins allows none: leaving it out would let the deployment choose.
func TestAnEmptyListOfAPolicyIsSent(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 200, validAssertion)
	in := assertionIn()
	in.PasskeyPolicy = powerauth.PasskeyPolicy{AllowedOrigins: []string{}}
	_, err := client.Passkeys.VerifyAssertion(t.Context(), in)
	require.NoError(t, err)
	assert.Contains(t, string(s.last(t).body), `"allowedOrigins":[],"requiresUserVerification":false`)
}

func TestAMaskedChallengeIsNotSent(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 200, `{}`)
	registration, assertion := registerIn(), assertionIn()
	registration.ExpectedChallenge, assertion.ExpectedChallenge = "[secret]", "[secret]"
	_, err := client.Passkeys.Register(t.Context(), registration)
	invalidField(t, s, err, "Body")
	require.ErrorContains(t, err, "stored without Reveal")
	_, err = client.Passkeys.VerifyAssertion(t.Context(), assertion)
	invalidField(t, s, err, "Body")
}

func TestPasskeysOfAClientThatNewDidNotMake(t *testing.T) {
	t.Parallel()
	_, err := new(powerauth.Client).Passkeys.VerifyAssertion(t.Context(), assertionIn())
	require.ErrorIs(t, err, identkit.ErrInvalidRequest)
	_, err = powerauth.Passkeys{}.List(t.Context(), powerauth.ListPasskeysParams{UserID: "u", AppID: "a"})
	require.ErrorIs(t, err, identkit.ErrInvalidRequest)
}

func TestBadPasskeyInputNamesTheFieldAndSendsNothing(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 200, `{}`)
	for field, change := range map[string]func(*powerauth.VerifyPasskeyAssertionParams){
		"credentialId":               func(in *powerauth.VerifyPasskeyAssertionParams) { in.Credential.ID = nil },
		"type":                       func(in *powerauth.VerifyPasskeyAssertionParams) { in.Credential.Type = "password" },
		"authenticatorAttachment":    func(in *powerauth.VerifyPasskeyAssertionParams) { in.Credential.AuthenticatorAttachment = "\xff" },
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
