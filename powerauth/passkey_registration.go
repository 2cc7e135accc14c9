package powerauth

import (
	"context"
	"net/http"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// CreatePasskeyChallengeParams asks for the challenge of a new passkey.
type CreatePasskeyChallengeParams struct {
	// UserID is the user who will own it. Required; 1 to 255 characters.
	UserID UserID `json:"userId"`
	// AppID is the application's identifier. Required.
	AppID ApplicationID `json:"appId"`
}

// PasskeyDescriptor names a passkey to a browser.
type PasskeyDescriptor struct {
	CredentialID PasskeyBytes `json:"credentialId"`
	Type         string       `json:"type"`
	Transports   []string     `json:"transports"`
}

// PasskeyRegistrationChallenge is a challenge for a new passkey.
type PasskeyRegistrationChallenge struct {
	identkit.Raw `json:"-"`

	// Challenge is an opaque text, not Base64, although it looks like an activation code: give its UTF-8 bytes to the browser, and
	// the text unchanged to [Passkeys.Register]. Whoever has it can bind a passkey to the user.
	Challenge identkit.Secret `json:"challenge"`
	// ExcludeCredentials are passkeys the user has already.
	ExcludeCredentials []PasskeyDescriptor `json:"excludeCredentials"`
}

func (c *PasskeyRegistrationChallenge) check() error {
	return required("challenge", c.Challenge.Reveal())
}

var challengePasskeyRegistration = transport.Op[passkeyInput[CreatePasskeyChallengeParams], PasskeyRegistrationChallenge]{
	Name: "powerauth.Passkeys.RegistrationChallenge", Method: http.MethodPost, Path: "/v2/fido2/registrations/challenge",
	Retry: identkit.RetryIfNotProcessed, // each call makes another registration
	Request: func(in *passkeyInput[CreatePasskeyChallengeParams], r *transport.Request) {
		checkOwner(&r.Check, in.params.UserID, in.params.AppID)
		r.JSON(in.form.body(in.params))
	},
	Check: (*PasskeyRegistrationChallenge).check,
}

// RegistrationChallenge begins the registration of a passkey. Not safe to repeat: each call makes another registration in state
// [RegistrationCreated].
//
// Source: API-Passkeys, FIDO2-API of the engine, a public client of a live PAC; checked 2026-11.
func (s Passkeys) RegistrationChallenge(ctx context.Context, in CreatePasskeyChallengeParams, opts ...identkit.CallOption) (*PasskeyRegistrationChallenge, error) {
	return challengePasskeyRegistration.Do(ctx, s.client, passkeyInput[CreatePasskeyChallengeParams]{s.form, in}, opts)
}

// PasskeyAttestation is what a browser gives for a new passkey. It can be decoded from the JSON that PublicKeyCredential.toJSON()
// makes.
type PasskeyAttestation struct {
	// ID is the credential's id. Required.
	ID PasskeyBytes `json:"id"`
	// Type is "public-key"; empty means that.
	Type string `json:"type"`
	// AuthenticatorAttachment is "platform" or "cross-platform"; empty, as some browsers leave it, is not sent. PAC's page calls it
	// required; that PAC does without it is an assumption.
	AuthenticatorAttachment string `json:"authenticatorAttachment"`
	// Response is required, but for its Transports.
	Response struct {
		ClientDataJSON    PasskeyBytes `json:"clientDataJSON"`
		AttestationObject PasskeyBytes `json:"attestationObject"`
		Transports        []string     `json:"transports"`
	} `json:"response"`
}

// RegisterPasskeyParams completes the registration of a passkey.
type RegisterPasskeyParams struct {
	// AppID is the application's identifier. Required.
	AppID ApplicationID
	// Name is what the user sees in a list of passkeys. Required.
	Name string
	// ExpectedChallenge is the challenge that the browser was given.
	ExpectedChallenge identkit.Secret
	// Credential is what the browser gave.
	Credential PasskeyAttestation
	PasskeyPolicy
}

// request checks and sends what the browser gave.
func (in *RegisterPasskeyParams) request(form PasskeyConfig, r *transport.Request) {
	c, credential := &r.Check, in.Credential
	c.Text("appId", string(in.AppID), 0)
	c.Text("registrationName", in.Name, 0)
	checkCredential(c, credential.ID, credential.Type, credential.AuthenticatorAttachment, credential.Response.ClientDataJSON)
	c.That(len(credential.Response.AttestationObject) > 0, "response.attestationObject", "is empty")
	r.JSON(form.body(registerPasskeyBody{in.AppID, in.Name, in.ExpectedChallenge, authenticatorParameters{
		form.text(credential.ID), passkeyType, credential.AuthenticatorAttachment, attestationResponse{
			form.text(credential.Response.ClientDataJSON), form.text(credential.Response.AttestationObject), credential.Response.Transports,
		}, in.PasskeyPolicy,
	}}))
}

type registerPasskeyBody struct {
	AppID             ApplicationID           `json:"appId"`
	Name              string                  `json:"registrationName"`
	ExpectedChallenge identkit.Secret         `json:"expectedChallenge,omitzero"`
	Authenticator     authenticatorParameters `json:"authenticatorParameters"`
}

type authenticatorParameters struct {
	CredentialID            string              `json:"credentialId"`
	Type                    string              `json:"type"`
	AuthenticatorAttachment string              `json:"authenticatorAttachment,omitzero"`
	Response                attestationResponse `json:"response"`
	PasskeyPolicy
}

type attestationResponse struct {
	ClientDataJSON    string   `json:"clientDataJSON"`
	AttestationObject string   `json:"attestationObject"`
	Transports        []string `json:"transports,omitzero"`
}

var registerPasskey = transport.Op[passkeyInput[RegisterPasskeyParams], Passkey]{
	Name: "powerauth.Passkeys.Register", Method: http.MethodPost, Path: "/v2/fido2/registrations",
	Retry:     identkit.RetryIfNotProcessed, // uses the challenge up
	AfterLoss: "Passkeys.List says whether it was registered",
	Request:   func(in *passkeyInput[RegisterPasskeyParams], r *transport.Request) { in.params.request(in.form, r) },
	Check:     (*Passkey).check,
}

// Register completes the registration of a passkey, and uses its challenge up. Ask RegistrationStatus of the result: the passkey can
// be used when it is [RegistrationActive].
//
// Errors: [identkit.ErrInvalidRequest]; [identkit.ErrRejected] with code [CodeFIDO2] for an attestation that does not fit challenge
// or policy. Not safe to repeat. After [identkit.ErrOutcomeUnknown], List says whether it is there.
//
// Source: API-Passkeys, FIDO2-API of the engine, a public client of a live PAC; checked 2026-11.
func (s Passkeys) Register(ctx context.Context, in RegisterPasskeyParams, opts ...identkit.CallOption) (*Passkey, error) {
	return registerPasskey.Do(ctx, s.client, passkeyInput[RegisterPasskeyParams]{s.form, in}, opts)
}
