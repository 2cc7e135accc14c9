package powerauth

import (
	"context"
	"net/http"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// CreatePasskeyChallengeParams asks for the challenge of a new passkey.
type CreatePasskeyChallengeParams struct {
	// UserID is who shall own it. Required; 1 to 255 characters.
	UserID UserID `json:"userId"`
	// AppID is the application's identifier. Required.
	AppID ApplicationID `json:"appId"`
}

func (in *CreatePasskeyChallengeParams) check(c *transport.Check) { checkOwner(c, in.UserID, in.AppID) }

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

func (c *PasskeyRegistrationChallenge) finish(transport.Path) (*PasskeyRegistrationChallenge, error) {
	if c.Challenge == "" {
		return nil, transport.Missing("challenge")
	}
	return c, nil
}

var challengePasskeyRegistration = &transport.OldOperation{
	Name:   "powerauth.Passkeys.RegistrationChallenge",
	Method: http.MethodPost, Path: "/v2/fido2/registrations/challenge",
	Retry: transport.RetryIfNotProcessed, // each call makes another registration
}

// RegistrationChallenge begins the registration of a passkey. Not safe to repeat: each call makes another registration in state
// [RegistrationCreated].
//
// Source: API-Passkeys, FIDO2-API of the engine, a public client of a live PAC; checked 2026-11.
func (s *Passkeys) RegistrationChallenge(ctx context.Context, in CreatePasskeyChallengeParams, opts ...identkit.CallOption) (*PasskeyRegistrationChallenge, error) {
	return transport.Do(ctx, s.road, challengePasskeyRegistration, transport.Input{Body: s.form.body(in), Check: in.check},
		(*PasskeyRegistrationChallenge).finish, opts)
}

// PasskeyAttestation is what a browser gives for a new passkey. It can be decoded from the JSON that PublicKeyCredential.toJSON()
// makes.
type PasskeyAttestation struct {
	// ID is the credential's id. Required.
	ID PasskeyBytes `json:"id"`
	// Type is "public-key"; empty means that.
	Type string `json:"type"`
	// AuthenticatorAttachment is "platform" or "cross-platform". Required by PAC; browsers may leave it out.
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

func (in *RegisterPasskeyParams) check(c *transport.Check) {
	c.Text("appId", string(in.AppID), 0)
	c.Text("registrationName", in.Name, 0)
	checkCredential(c, in.Credential.ID, in.Credential.Type, in.Credential.AuthenticatorAttachment, in.Credential.Response.ClientDataJSON)
	c.That(len(in.Credential.Response.AttestationObject) > 0, "response.attestationObject", "is empty")
}

type attestationResponse struct {
	ClientDataJSON    string   `json:"clientDataJSON"`
	AttestationObject string   `json:"attestationObject"`
	Transports        []string `json:"transports,omitempty"`
}

type authenticatorParameters struct {
	CredentialID            string              `json:"credentialId"`
	Type                    string              `json:"type"`
	AuthenticatorAttachment string              `json:"authenticatorAttachment"`
	Response                attestationResponse `json:"response"`
	PasskeyPolicy
}

func (in *RegisterPasskeyParams) body(form PasskeyConfig) transport.Body {
	r := in.Credential.Response
	return form.body(struct {
		AppID             ApplicationID           `json:"appId"`
		Name              string                  `json:"registrationName"`
		ExpectedChallenge string                  `json:"expectedChallenge,omitzero"`
		Authenticator     authenticatorParameters `json:"authenticatorParameters"`
	}{in.AppID, in.Name, in.ExpectedChallenge.Reveal(), authenticatorParameters{
		form.text(in.Credential.ID), passkeyType, in.Credential.AuthenticatorAttachment,
		attestationResponse{form.text(r.ClientDataJSON), form.text(r.AttestationObject), r.Transports}, in.PasskeyPolicy,
	}})
}

var registerPasskey = &transport.OldOperation{
	Name:   "powerauth.Passkeys.Register",
	Method: http.MethodPost, Path: "/v2/fido2/registrations",
	Retry: transport.RetryIfNotProcessed, // uses the challenge up
}

// Register completes the registration of a passkey, and uses its challenge up. Ask RegistrationStatus of the result: the passkey can
// be used when it is [RegistrationActive].
//
// Errors: [identkit.ErrInvalidRequest]; [identkit.ErrRejected] with code [CodeFIDO2] for what the authenticator should not have
// signed. Not safe to repeat. After [identkit.ErrOutcomeUnknown], List says whether it is there.
//
// Source: API-Passkeys, FIDO2-API of the engine, a public client of a live PAC; checked 2026-11.
func (s *Passkeys) Register(ctx context.Context, in RegisterPasskeyParams, opts ...identkit.CallOption) (*Passkey, error) {
	return transport.Do(ctx, s.road, registerPasskey, transport.Input{Body: in.body(s.form), Check: in.check}, (*passkeyAnswer).finish, opts)
}
