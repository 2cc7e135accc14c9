package powerauth

import (
	"context"
	"net/http"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
	"github.com/identkit/identkit/internal/wire"
)

// CreateAssertionChallengeParams asks for a challenge that a passkey shall sign. It makes an operation.
type CreateAssertionChallengeParams struct {
	// TemplateName is the name of the operation's template, such as "login". Required.
	TemplateName string `json:"templateName"`
	// ApplicationIDs are the applications whose passkeys may sign; the engine requires them.
	ApplicationIDs []ApplicationID `json:"applicationIds,omitempty"`
	// UserID is who shall sign; empty lets any user do it who has a passkey.
	UserID UserID `json:"userId,omitzero"`
	// OperationID takes an operation that exists in place of a new one.
	OperationID OperationID `json:"operationId,omitzero"`
	// ExternalID is the caller's own id.
	ExternalID string `json:"externalId,omitzero"`
	// Parameters fill the template's data.
	Parameters map[string]string `json:"parameters,omitempty"`
}

func (in *CreateAssertionChallengeParams) check(c *transport.Check) {
	c.Text("templateName", in.TemplateName, 0)
	c.Optional("userId", string(in.UserID), maxUserID)
	for _, id := range in.ApplicationIDs {
		c.Text("applicationIds", string(id), 0)
	}
	checkParameters(c, in.Parameters)
}

// PasskeyAssertionChallenge is a challenge that a passkey shall sign.
type PasskeyAssertionChallenge struct {
	identkit.Raw `json:"-"`

	// Challenge is an opaque text: give its UTF-8 bytes to the browser, and the text unchanged to [Passkeys.VerifyAssertion].
	Challenge identkit.Secret `json:"challenge"`
	// AllowCredentials are the passkeys that may sign; empty means any.
	AllowCredentials []PasskeyDescriptor `json:"allowCredentials"`
	// OperationID is the operation that the assertion approves (2.1 and later).
	OperationID OperationID `json:"operationId"`
}

func (c *PasskeyAssertionChallenge) finish(transport.Path) (*PasskeyAssertionChallenge, error) {
	if c.Challenge == "" {
		return nil, transport.Missing("challenge")
	}
	return c, nil
}

var challengeAssertion = &transport.OldOperation{
	Name:   "powerauth.Passkeys.AssertionChallenge",
	Method: http.MethodPost, Path: "/v2/fido2/assertions/challenge",
	Retry: transport.RetryIfNotProcessed, // each call makes another operation
}

// AssertionChallenge begins an authentication by passkey. Not safe to repeat: each call makes another operation.
//
// Source: API-Passkeys, FIDO2-API of the engine, a public client of a live PAC; checked 2026-11.
func (s *Passkeys) AssertionChallenge(ctx context.Context, in CreateAssertionChallengeParams, opts ...identkit.CallOption) (*PasskeyAssertionChallenge, error) {
	return transport.Do(ctx, s.road, challengeAssertion, transport.Input{Body: s.form.body(in), Check: in.check},
		(*PasskeyAssertionChallenge).finish, opts)
}

// PasskeyAssertion is what a browser gives for a challenge. It can be decoded from the JSON that PublicKeyCredential.toJSON() makes.
type PasskeyAssertion struct {
	// ID is the credential's id. Required.
	ID PasskeyBytes `json:"id"`
	// Type is "public-key"; empty means that.
	Type string `json:"type"`
	// AuthenticatorAttachment is "platform" or "cross-platform". Required by PAC; browsers may leave it out.
	AuthenticatorAttachment string `json:"authenticatorAttachment"`
	// Response is required, but for its UserHandle.
	Response struct {
		ClientDataJSON    PasskeyBytes `json:"clientDataJSON"`
		AuthenticatorData PasskeyBytes `json:"authenticatorData"`
		Signature         PasskeyBytes `json:"signature"`
		UserHandle        PasskeyBytes `json:"userHandle"`
	} `json:"response"`
}

// VerifyPasskeyAssertionParams asks whether a passkey signed a challenge.
type VerifyPasskeyAssertionParams struct {
	// Credential is what the browser gave.
	Credential PasskeyAssertion
	// ApplicationID is the application's identifier; PAC needs it before 2.1. Other passkey calls name it appId.
	ApplicationID ApplicationID
	// ExpectedChallenge is the challenge that the browser was given.
	ExpectedChallenge identkit.Secret
	PasskeyPolicy
}

func (in *VerifyPasskeyAssertionParams) check(c *transport.Check) {
	r := in.Credential.Response
	checkCredential(c, in.Credential.ID, in.Credential.Type, in.Credential.AuthenticatorAttachment, r.ClientDataJSON)
	c.That(len(r.AuthenticatorData) > 0, "response.authenticatorData", "is empty")
	c.That(len(r.Signature) > 0, "response.signature", "is empty")
	c.Optional("applicationId", string(in.ApplicationID), 0)
}

type assertionResponse struct {
	ClientDataJSON    string `json:"clientDataJSON"`
	AuthenticatorData string `json:"authenticatorData"`
	Signature         string `json:"signature"`
	UserHandle        string `json:"userHandle,omitzero"`
}

func (in *VerifyPasskeyAssertionParams) body(form PasskeyConfig) transport.Body {
	r := in.Credential.Response
	return form.body(struct {
		CredentialID            string            `json:"credentialId"`
		Type                    string            `json:"type"`
		AuthenticatorAttachment string            `json:"authenticatorAttachment"`
		Response                assertionResponse `json:"response"`
		ApplicationID           ApplicationID     `json:"applicationId,omitzero"`
		ExpectedChallenge       string            `json:"expectedChallenge,omitzero"`
		PasskeyPolicy
	}{
		form.text(in.Credential.ID), passkeyType, in.Credential.AuthenticatorAttachment,
		assertionResponse{form.text(r.ClientDataJSON), form.text(r.AuthenticatorData), form.text(r.Signature), form.text(r.UserHandle)},
		in.ApplicationID, in.ExpectedChallenge.Reveal(), in.PasskeyPolicy,
	})
}

// PasskeyAssertionResult is what [Passkeys.VerifyAssertion] gives. With Valid false the rest may be missing.
type PasskeyAssertionResult struct {
	identkit.Raw `json:"-"`

	// Valid says that the passkey signed the challenge.
	Valid bool
	// UserID is who owns the passkey. Compare it with the user of the session, where there is one.
	UserID             UserID
	RegistrationID     RegistrationID
	RegistrationStatus RegistrationStatus // empty when PAC does not say
	BlockedReason      string
	ApplicationID      ApplicationID
	// RemainingAttempts are left before the passkey is blocked; nil when PAC does not say.
	RemainingAttempts *int
}

type assertionAnswer struct {
	Valid              wire.Verdict  `json:"assertionValid"`
	UserID             wire.Sole     `json:"userId"`
	RegistrationID     wire.Sole     `json:"registrationId"`
	RegistrationStatus wire.Sole     `json:"registrationStatus"`
	BlockedReason      string        `json:"blockedReason"`
	ApplicationID      ApplicationID `json:"applicationId"`
	AppID              ApplicationID `json:"appId"`
	RemainingAttempts  *wire.Number  `json:"remainingAttempts"`
}

func (w *assertionAnswer) finish(transport.Path) (*PasskeyAssertionResult, error) {
	if !w.Valid.Given() {
		return nil, transport.Missing("assertionValid")
	}
	r := &PasskeyAssertionResult{
		Valid: w.Valid.Yes(), UserID: UserID(w.UserID.String()), RegistrationID: RegistrationID(w.RegistrationID.String()),
		RegistrationStatus: RegistrationStatus(w.RegistrationStatus.String()), BlockedReason: w.BlockedReason, ApplicationID: w.ApplicationID,
	}
	if r.ApplicationID == "" {
		r.ApplicationID = w.AppID
	}
	if r.Valid && r.RegistrationStatus != "" && r.RegistrationStatus != RegistrationActive {
		return nil, transport.Contradiction("answer calls valid what a registration signed that is not active")
	}
	switch {
	case r.Valid && r.UserID == "":
		return nil, transport.Missing("userId")
	case r.Valid && r.RegistrationID == "":
		return nil, transport.Missing("registrationId")
	}
	r.RemainingAttempts = count(w.RemainingAttempts)
	return r, nil
}

var verifyAssertion = &transport.OldOperation{
	Name:   "powerauth.Passkeys.VerifyAssertion",
	Method: http.MethodPost, Path: "/v2/fido2/assertions",
	Retry: transport.RetryIfNotProcessed, // decides the operation and counts attempts
}

// VerifyAssertion checks what a passkey signed, and uses the challenge up: the operation behind it is approved, or an attempt is
// counted.
//
// A wrong signature is no error but a result with Valid false. Errors: [identkit.ErrRejected] with code [CodeFIDO2];
// [identkit.ErrBadResponse] for an answer without a verdict. Not safe to repeat. After [identkit.ErrOutcomeUnknown], the operation
// of the challenge says how it ended.
//
// Source: API-Passkeys, FIDO2-API of the engine, a public client of a live PAC; checked 2026-11.
func (s *Passkeys) VerifyAssertion(ctx context.Context, in VerifyPasskeyAssertionParams, opts ...identkit.CallOption) (*PasskeyAssertionResult, error) {
	return transport.Do(ctx, s.road, verifyAssertion, transport.Input{Body: in.body(s.form), Check: in.check}, (*assertionAnswer).finish, opts)
}
