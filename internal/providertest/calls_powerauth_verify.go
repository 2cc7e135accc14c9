package providertest

import (
	"context"
	"net/http"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
)

var passkeyPolicy = powerauth.PasskeyPolicy{
	RelyingPartyID: "bank.example", AllowedOrigins: []string{"https://bank.example"}, RequiresUserVerification: true,
}

// registering is the registration of a passkey, and the authenticator that holds it.
func (p *pac) registering() (powerauth.RegisterPasskeyParams, *powerauthtest.Authenticator) {
	browser := powerauthtest.NewAuthenticator("https://bank.example", "bank.example")
	challenge, err := p.client.Passkeys.RegistrationChallenge(p.tb.Context(), powerauth.CreatePasskeyChallengeParams{UserID: p.user, AppID: pacApp})
	require.NoError(p.tb, err)
	credential, err := browser.Register(challenge.Challenge)
	require.NoError(p.tb, err)
	return powerauth.RegisterPasskeyParams{
		AppID: pacApp, Name: p.canaries.Personal("passkey"), ExpectedChallenge: challenge.Challenge, Credential: credential, PasskeyPolicy: passkeyPolicy,
	}, browser
}

func (p *pac) registered() *powerauthtest.Authenticator {
	in, browser := p.registering()
	_, err := p.client.Passkeys.Register(p.tb.Context(), in)
	require.NoError(p.tb, err)
	return browser
}

func (p *pac) asserting() powerauth.VerifyPasskeyAssertionParams {
	browser := p.registered()
	challenge, err := p.client.Passkeys.AssertionChallenge(p.tb.Context(), powerauth.CreateAssertionChallengeParams{
		TemplateName: "login", UserID: p.user, ApplicationIDs: []powerauth.ApplicationID{pacApp},
	})
	require.NoError(p.tb, err)
	credential, err := browser.Assert(challenge.Challenge)
	require.NoError(p.tb, err)
	return powerauth.VerifyPasskeyAssertionParams{
		Credential: credential, ApplicationID: pacApp, ExpectedChallenge: challenge.Challenge, PasskeyPolicy: passkeyPolicy,
	}
}

func verifySignature(in powerauth.VerifySignatureParams, more ...change[powerauth.VerifySignatureParams]) Prepared[PowerAuthClients] {
	return bind(in, func(ctx context.Context, c PowerAuthClients, in powerauth.VerifySignatureParams, opts []identkit.CallOption) (any, error) {
		return c.Signatures.Verify(ctx, in, opts...)
	}, append(more,
		change[powerauth.VerifySignatureParams]{"method", func(in *powerauth.VerifySignatureParams) { in.Method = "PATCH" }},
		change[powerauth.VerifySignatureParams]{"uriId", func(in *powerauth.VerifySignatureParams) { in.URIID = "" }},
		change[powerauth.VerifySignatureParams]{"authHeader", func(in *powerauth.VerifySignatureParams) { in.AuthHeader = "" }},
		change[powerauth.VerifySignatureParams]{"authHeader", func(in *powerauth.VerifySignatureParams) {
			in.AuthHeader = identkit.Secret(strings.Repeat("x", 5000))
		}})...)
}

func powerAuthVerifyCalls() []powerAuthCall {
	return []powerAuthCall{
		{
			Operation: "powerauth.Signatures.Verify", Verdicts: []string{"signatureValid"},
			Prepare: onPAC(func(p *pac) Prepared[PowerAuthClients] {
				body := []byte(`{"note":"` + p.canaries.Personal("note") + `"}`)
				return verifySignature(powerauth.VerifySignatureParams{
					Method: http.MethodPost, URIID: "/payment", Body: body,
					AuthHeader: p.signed(powerauthtest.Request{Method: http.MethodPost, URIID: "/payment", Body: body}),
				}, change[powerauth.VerifySignatureParams]{"queryParams", func(in *powerauth.VerifySignatureParams) { in.QueryParams = map[string]string{"a": "b"} }})
			}),
		},
		{
			Operation: "powerauth.Signatures.Verify", Variant: "of a GET", Verdicts: []string{"signatureValid"},
			Prepare: onPAC(func(p *pac) Prepared[PowerAuthClients] {
				query := p.canaries.Personal("query")
				return verifySignature(powerauth.VerifySignatureParams{
					Method: http.MethodGet, URIID: "/payment", QueryParams: map[string]string{"q": query},
					AuthHeader: p.signed(powerauthtest.Request{Method: http.MethodGet, URIID: "/payment", Query: "q=" + query}),
				}, change[powerauth.VerifySignatureParams]{"requestBody", func(in *powerauth.VerifySignatureParams) { in.Body = []byte("x") }})
			}),
		},
		{
			Operation: "powerauth.Tokens.Verify", Verdicts: []string{"tokenValid"},
			Prepare: onPAC(func(p *pac) Prepared[PowerAuthClients] {
				token, err := p.phone().CreateToken()
				require.NoError(p.tb, err)
				return bind(powerauth.VerifyTokenParams{AuthHeader: identkit.Secret(token.Header())},
					func(ctx context.Context, c PowerAuthClients, in powerauth.VerifyTokenParams, opts []identkit.CallOption) (any, error) {
						return c.Tokens.Verify(ctx, in, opts...)
					},
					change[powerauth.VerifyTokenParams]{"authHeader", func(in *powerauth.VerifyTokenParams) { in.AuthHeader = "" }})
			}),
		},
		{
			Operation: "powerauth.Passkeys.List",
			Required:  []string{"authenticators", "authenticators.0.registrationId", "authenticators.0.registrationStatus"},
			Prepare: onPAC(func(p *pac) Prepared[PowerAuthClients] {
				p.registered()
				return bind(powerauth.ListPasskeysParams{UserID: p.user, AppID: pacApp},
					func(ctx context.Context, c PowerAuthClients, in powerauth.ListPasskeysParams, opts []identkit.CallOption) (any, error) {
						return c.Passkeys.List(ctx, in, opts...)
					},
					change[powerauth.ListPasskeysParams]{"userId", func(in *powerauth.ListPasskeysParams) { in.UserID = "" }},
					change[powerauth.ListPasskeysParams]{"appId", func(in *powerauth.ListPasskeysParams) { in.AppID = "" }})
			}),
		},
		{
			Operation: "powerauth.Passkeys.RegistrationChallenge", Required: []string{"challenge"},
			Prepare: onPAC(func(p *pac) Prepared[PowerAuthClients] {
				p.registered()
				return bind(powerauth.CreatePasskeyChallengeParams{UserID: p.user, AppID: pacApp},
					func(ctx context.Context, c PowerAuthClients, in powerauth.CreatePasskeyChallengeParams, opts []identkit.CallOption) (any, error) {
						return c.Passkeys.RegistrationChallenge(ctx, in, opts...)
					},
					change[powerauth.CreatePasskeyChallengeParams]{"userId", func(in *powerauth.CreatePasskeyChallengeParams) { in.UserID = "" }},
					change[powerauth.CreatePasskeyChallengeParams]{"appId", func(in *powerauth.CreatePasskeyChallengeParams) { in.AppID = "" }})
			}),
		},
		{
			Operation: "powerauth.Passkeys.Register", Repeated: []string{".ExpectedChallenge"}, Required: []string{"registrationId", "registrationStatus"},
			Prepare: onPAC(func(p *pac) Prepared[PowerAuthClients] {
				in, _ := p.registering()
				return bind(in, func(ctx context.Context, c PowerAuthClients, in powerauth.RegisterPasskeyParams, opts []identkit.CallOption) (any, error) {
					return c.Passkeys.Register(ctx, in, opts...)
				},
					change[powerauth.RegisterPasskeyParams]{"appId", func(in *powerauth.RegisterPasskeyParams) { in.AppID = "" }},
					change[powerauth.RegisterPasskeyParams]{"registrationName", func(in *powerauth.RegisterPasskeyParams) { in.Name = "" }},
					change[powerauth.RegisterPasskeyParams]{"credentialId", func(in *powerauth.RegisterPasskeyParams) { in.Credential.ID = nil }},
					change[powerauth.RegisterPasskeyParams]{"type", func(in *powerauth.RegisterPasskeyParams) { in.Credential.Type = "password" }},
					change[powerauth.RegisterPasskeyParams]{"response.clientDataJSON", func(in *powerauth.RegisterPasskeyParams) { in.Credential.Response.ClientDataJSON = nil }},
					change[powerauth.RegisterPasskeyParams]{"response.attestationObject", func(in *powerauth.RegisterPasskeyParams) { in.Credential.Response.AttestationObject = nil }},
				)
			}),
		},
		{
			Operation: "powerauth.Passkeys.AssertionChallenge", Required: []string{"challenge"},
			Prepare: onPAC(func(p *pac) Prepared[PowerAuthClients] {
				p.registered()
				return bind(powerauth.CreateAssertionChallengeParams{
					TemplateName: "login", UserID: p.user, ApplicationIDs: []powerauth.ApplicationID{pacApp},
					ExternalID: p.canaries.Personal("external id"), Parameters: map[string]string{"note": p.canaries.Personal("note")},
				}, func(ctx context.Context, c PowerAuthClients, in powerauth.CreateAssertionChallengeParams, opts []identkit.CallOption) (any, error) {
					return c.Passkeys.AssertionChallenge(ctx, in, opts...)
				},
					change[powerauth.CreateAssertionChallengeParams]{"templateName", func(in *powerauth.CreateAssertionChallengeParams) { in.TemplateName = "" }},
					change[powerauth.CreateAssertionChallengeParams]{"applicationIds", func(in *powerauth.CreateAssertionChallengeParams) {
						in.ApplicationIDs = []powerauth.ApplicationID{""}
					}},
					change[powerauth.CreateAssertionChallengeParams]{"parameters.note", func(in *powerauth.CreateAssertionChallengeParams) { in.Parameters["note"] = "\x00" }},
				)
			}),
		},
		{
			Operation: "powerauth.Passkeys.VerifyAssertion", Repeated: []string{".ExpectedChallenge"}, Verdicts: []string{"assertionValid"}, Required: []string{"userId", "registrationId"},
			Prepare: onPAC(func(p *pac) Prepared[PowerAuthClients] {
				return bind(p.asserting(), func(ctx context.Context, c PowerAuthClients, in powerauth.VerifyPasskeyAssertionParams, opts []identkit.CallOption) (any, error) {
					return c.Passkeys.VerifyAssertion(ctx, in, opts...)
				},
					change[powerauth.VerifyPasskeyAssertionParams]{"credentialId", func(in *powerauth.VerifyPasskeyAssertionParams) { in.Credential.ID = nil }},
					change[powerauth.VerifyPasskeyAssertionParams]{"type", func(in *powerauth.VerifyPasskeyAssertionParams) { in.Credential.Type = "password" }},
					change[powerauth.VerifyPasskeyAssertionParams]{"response.clientDataJSON", func(in *powerauth.VerifyPasskeyAssertionParams) { in.Credential.Response.ClientDataJSON = nil }},
					change[powerauth.VerifyPasskeyAssertionParams]{"response.authenticatorData", func(in *powerauth.VerifyPasskeyAssertionParams) { in.Credential.Response.AuthenticatorData = nil }},
					change[powerauth.VerifyPasskeyAssertionParams]{"response.signature", func(in *powerauth.VerifyPasskeyAssertionParams) { in.Credential.Response.Signature = nil }},
				)
			}),
		},
	}
}
