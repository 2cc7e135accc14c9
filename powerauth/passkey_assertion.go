package powerauth

import (
	"context"
	"net/http"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// CreateAssertionChallengeParams asks for a challenge for a passkey to sign. It makes an operation.
type CreateAssertionChallengeParams struct {
	// TemplateName is the name of the operation's template, such as "login". Required.
	TemplateName string `json:"templateName"`
	// ApplicationIDs are the applications whose passkeys may sign; the engine requires them.
	ApplicationIDs []ApplicationID `json:"applicationIds,omitzero"`
	// UserID is the user who must sign; empty lets any user with a passkey sign.
	UserID UserID `json:"userId,omitzero"`
	// OperationID names an existing operation, used in place of a new one.
	OperationID OperationID `json:"operationId,omitzero"`
	// ExternalID is the caller's own id.
	ExternalID string `json:"externalId,omitzero"`
	// Parameters fill the template's data.
	Parameters map[string]string `json:"parameters,omitzero"`
}

func (in *CreateAssertionChallengeParams) check(c *transport.Check) {
	c.Text("templateName", in.TemplateName, 0)
	c.Optional("userId", string(in.UserID), maxUserID)
	for _, id := range in.ApplicationIDs {
		c.Text("applicationIds", string(id), 0)
	}
	checkParameters(c, in.Parameters)
}

// PasskeyAssertionChallenge is a challenge for a passkey to sign.
type PasskeyAssertionChallenge struct {
	identkit.Raw `json:"-"`

	// Challenge is an opaque text: give its UTF-8 bytes to the browser, and the text unchanged to [Passkeys.VerifyAssertion].
	Challenge identkit.Secret `json:"challenge"`
	// AllowCredentials are the passkeys that may sign; empty means any.
	AllowCredentials []PasskeyDescriptor `json:"allowCredentials"`
	// OperationID is the operation that the assertion approves (2.1 and later).
	OperationID OperationID `json:"operationId"`
}

func (c *PasskeyAssertionChallenge) check() error { return required("challenge", c.Challenge.Reveal()) }

var challengeAssertion = transport.Op[passkeyInput[CreateAssertionChallengeParams], PasskeyAssertionChallenge]{
	Name: "powerauth.Passkeys.AssertionChallenge", Method: http.MethodPost, Path: "/v2/fido2/assertions/challenge",
	Retry: identkit.RetryIfNotProcessed, // each call makes another operation
	Request: func(in *passkeyInput[CreateAssertionChallengeParams], r *transport.Request) {
		in.params.check(&r.Check)
		r.JSON(in.form.body(in.params))
	},
	Check: (*PasskeyAssertionChallenge).check,
}

// AssertionChallenge begins an authentication by passkey. Not safe to repeat: each call makes another operation.
//
// Source: API-Passkeys, FIDO2-API of the engine, a public client of a live PAC; checked 2026-11.
func (s Passkeys) AssertionChallenge(ctx context.Context, in CreateAssertionChallengeParams, opts ...identkit.CallOption) (*PasskeyAssertionChallenge, error) {
	return challengeAssertion.Do(ctx, s.client, passkeyInput[CreateAssertionChallengeParams]{s.form, in}, opts)
}

// PasskeyAssertion is what a browser gives for a challenge. It can be decoded from the JSON that PublicKeyCredential.toJSON() makes.
type PasskeyAssertion struct {
	// ID is the credential's id. Required.
	ID PasskeyBytes `json:"id"`
	// Type is "public-key"; empty means that.
	Type string `json:"type"`
	// AuthenticatorAttachment is "platform" or "cross-platform"; empty, as some browsers leave it, is not sent. PAC's page calls it
	// required; that PAC does without it is an assumption.
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

// request checks and sends what the browser gave.
func (in *VerifyPasskeyAssertionParams) request(form PasskeyConfig, r *transport.Request) {
	c, credential, given := &r.Check, in.Credential, in.Credential.Response
	checkCredential(c, credential.ID, credential.Type, credential.AuthenticatorAttachment, given.ClientDataJSON)
	c.That(len(given.AuthenticatorData) > 0, "response.authenticatorData", "is empty")
	c.That(len(given.Signature) > 0, "response.signature", "is empty")
	c.Optional("applicationId", string(in.ApplicationID), 0)
	r.JSON(form.body(verifyAssertionBody{
		form.text(credential.ID), passkeyType, credential.AuthenticatorAttachment, assertionResponse{
			form.text(given.ClientDataJSON), form.text(given.AuthenticatorData), form.text(given.Signature), form.text(given.UserHandle),
		}, in.ApplicationID, in.ExpectedChallenge, in.PasskeyPolicy,
	}))
}

type verifyAssertionBody struct {
	CredentialID            string            `json:"credentialId"`
	Type                    string            `json:"type"`
	AuthenticatorAttachment string            `json:"authenticatorAttachment,omitzero"`
	Response                assertionResponse `json:"response"`
	ApplicationID           ApplicationID     `json:"applicationId,omitzero"`
	ExpectedChallenge       identkit.Secret   `json:"expectedChallenge,omitzero"`
	PasskeyPolicy
}

type assertionResponse struct {
	ClientDataJSON    string `json:"clientDataJSON"`
	AuthenticatorData string `json:"authenticatorData"`
	Signature         string `json:"signature"`
	UserHandle        string `json:"userHandle,omitzero"`
}

// PasskeyAssertionResult is the result of [Passkeys.VerifyAssertion]. With Valid false the rest may be missing.
type PasskeyAssertionResult struct {
	identkit.Raw `json:"-"`

	// Valid says that the passkey signed the challenge.
	Valid bool `json:"assertionValid"`
	// UserID is who owns the passkey. Compare it with the user of the session, where there is one.
	UserID             UserID             `json:"userId"`
	RegistrationID     RegistrationID     `json:"registrationId"`
	RegistrationStatus RegistrationStatus `json:"registrationStatus"` // empty when PAC does not say
	BlockedReason      string             `json:"blockedReason"`
	ApplicationID      ApplicationID      `json:"applicationId"` // or appId
	// RemainingAttempts are left before the passkey is blocked; nil when PAC does not say.
	RemainingAttempts *int `json:"remainingAttempts"`
}

func (r *PasskeyAssertionResult) check() error {
	if r.Valid && r.RegistrationStatus != "" && r.RegistrationStatus != RegistrationActive {
		return transport.Contradiction("response calls an assertion valid whose registration is not active")
	}
	if err := required("userId", string(r.UserID), "registrationId", string(r.RegistrationID)); r.Valid && err != nil {
		return err
	}
	return otherName(&r.ApplicationID, r.Raw, "appId")
}

// ParsePasskeyAssertionResult reads the stored RawJSON of a [PasskeyAssertionResult], by the rules of [Passkeys.VerifyAssertion].
func ParsePasskeyAssertionResult(raw []byte) (*PasskeyAssertionResult, error) {
	return verifyAssertion.Parse(codec, raw)
}

var verifyAssertion = transport.Op[passkeyInput[VerifyPasskeyAssertionParams], PasskeyAssertionResult]{
	Name: "powerauth.Passkeys.VerifyAssertion", Method: http.MethodPost, Path: "/v2/fido2/assertions",
	Retry:     identkit.RetryIfNotProcessed, // decides the operation and counts attempts
	Verdicts:  []string{"assertionValid"},
	AfterLoss: "the operation of the challenge says how it ended",
	Request: func(in *passkeyInput[VerifyPasskeyAssertionParams], r *transport.Request) {
		in.params.request(in.form, r)
	},
	Check: (*PasskeyAssertionResult).check,
}

// VerifyAssertion checks what a passkey signed, and uses the challenge up: the operation behind it is approved, or an attempt is
// counted.
//
// A wrong signature is not an error but a result with Valid false. Errors: [identkit.ErrRejected] with code [CodeFIDO2];
// [identkit.ErrBadResponse] for a response without a verdict. Not safe to repeat. After [identkit.ErrOutcomeUnknown], the operation
// of the challenge says how it ended.
//
// Source: API-Passkeys, FIDO2-API of the engine, a public client of a live PAC; checked 2026-11.
func (s Passkeys) VerifyAssertion(ctx context.Context, in VerifyPasskeyAssertionParams, opts ...identkit.CallOption) (*PasskeyAssertionResult, error) {
	return verifyAssertion.Do(ctx, s.client, passkeyInput[VerifyPasskeyAssertionParams]{s.form, in}, opts)
}
