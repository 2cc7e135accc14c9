package powerauth

import (
	"context"
	"net/http"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
	"github.com/identkit/identkit/powerauth/protocol"
)

// Tokens verifies the tokens by which phones read things without asking the user: client.Tokens. For endpoints of one's own,
// [ProtectToken] does all of it.
type Tokens struct{ client *transport.Client }

// VerifyTokenParams asks whether a phone holds a token.
type VerifyTokenParams struct {
	// AuthHeader is the whole value of X-PowerAuth-Token, unchanged. Required; at most 4 KiB (assumed).
	AuthHeader identkit.Secret `json:"authHeader"`

	verified bool // in this request already
}

func (in *VerifyTokenParams) request(r *transport.Request) {
	r.Text("authHeader", in.AuthHeader.Reveal(), protocol.MaxHeaderLength)
	r.That(!in.verified, "authHeader", alreadyVerified)
	r.JSON(in)
}

// TokenResult is what [Tokens.Verify] gives. With Valid false the rest may be missing.
type TokenResult struct {
	identkit.Raw `json:"-"`

	// Valid says that the token's digest is right. It proves possession of the device and nothing more; ask IsActive.
	Valid bool `json:"tokenValid"`
	// UserID is the user of the device. Compare it with the user of the session, where there is one.
	UserID             UserID             `json:"userId"`
	RegistrationID     RegistrationID     `json:"registrationId"`
	RegistrationStatus RegistrationStatus `json:"registrationStatus"`
	// MadeWith are the factors that the user authenticated with when the token was made, perhaps months ago. It says nothing about
	// who holds the phone now.
	MadeWith protocol.Factors `json:"signatureType"`
}

// IsActive reports whether the token is right and its device active.
func (r *TokenResult) IsActive() bool {
	return r != nil && r.Valid && r.RegistrationStatus == RegistrationActive
}

func (r *TokenResult) check() error {
	if r.MadeWith == "" {
		r.MadeWith = otherFactors(r.RawJSON())
	}
	return nil
}

var verifyToken = transport.Op[VerifyTokenParams, TokenResult]{
	Name: "powerauth.Tokens.Verify", Method: http.MethodPost, Path: "/v2/token/verify",
	Retry:     identkit.RetryIfNotProcessed, // a nonce seen before is an error
	Verdicts:  []string{"tokenValid"},
	AfterLoss: "let the phone send a new token header",
	Request:   (*VerifyTokenParams).request,
	Check:     (*TokenResult).check,
}

// Verify checks the digest of a token header, and uses its nonce up.
//
// An unknown token, a wrong digest and a device that is not active are no errors but a result with Valid false. A header that PAC
// has seen before, or whose time is too far off (2 hours back or 30 minutes ahead with the engine's 1.9, 60 seconds with 2.0), is
// refused with an error whose code is undocumented: [CodeTokenInvalid], [CodeRequest] and a 500 are all possible.
// [identkit.ErrBadResponse] is a response without a verdict.
//
// Not safe to repeat: PAC has then seen the nonce. PAC remembers nonces for a shorter time than digests are good, so a
// token proves possession and is not a one-time code: let it read, never decide.
//
// Source: API-Authentication, vendor test suites; checked 2026-11.
func (s Tokens) Verify(ctx context.Context, in VerifyTokenParams, opts ...identkit.CallOption) (*TokenResult, error) {
	in.verified = verifiedAlready(ctx, in.AuthHeader)
	return verifyToken.Do(ctx, s.client, in, opts)
}
