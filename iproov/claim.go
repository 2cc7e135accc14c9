package iproov

import (
	"context"
	"crypto/rand"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// ClaimToken names one claim, that is one scan of a face. It goes to the app and into audit logs (iProov asks for it in support
// cases); it is opaque, 64 characters so far.
type ClaimToken string

// ClaimWindow is how long an SDK may wait before it starts the scan of a token. Ask for a token right before that.
const ClaimWindow = 2 * time.Minute

// UserID identifies a user: 1 to 256 letters, digits and ' + _ @ . -, unique, and without personal data such as an e-mail address.
// "." and "..", which iProov's pattern admits, are refused, because they cannot stand in a path. [NewUserID] makes one.
type UserID string

// NewUserID returns a user id of at least 128 random bits, as 26 capital letters and digits. iProov asks for ids without personal data,
// and one that was used before may stay taken: keep the id with your own user.
func NewUserID() UserID { return UserID(rand.Text()) }

func (id UserID) check(c *transport.Check, field string) {
	const longest = 256
	switch {
	case id == "":
		c.Refuse(field, "is empty")
	case len(id) > longest:
		c.Refuse(field, "is longer than 256 characters")
	case id == "." || id == "..":
		c.Refuse(field, "must not be . or ..")
	case !isAlphanumericOr(string(id), "'+_@.-"):
		c.Refuse(field, "has characters other than letters, digits and ' + _ @ . -")
	}
}

// AssuranceType is what a scan proves.
type AssuranceType string

// The assurance types.
const (
	GenuinePresence AssuranceType = "genuine_presence" // Dynamic Liveness: a live face, there now
	Liveness        AssuranceType = "liveness"         // Express Liveness: a live face
)

// Known reports whether this version of the package knows the assurance type.
func (a AssuranceType) Known() bool { return a == GenuinePresence || a == Liveness }

// ClaimType says what a claim does with the face.
type ClaimType string

// The claim types.
const (
	TypeEnrol  ClaimType = "enrol"
	TypeVerify ClaimType = "verify"
)

// Known reports whether this version of the package knows the type.
func (t ClaimType) Known() bool { return t == TypeEnrol || t == TypeVerify }

// CreateTokenParams asks for a claim.
type CreateTokenParams struct {
	// UserID is whose face it is. Required: sources disagree whether iProov demands it.
	UserID UserID `json:"user_id"`
	// Resource says what the face gives access to, such as "acme-onboarding". Required; iProov recommends customer and journey.
	Resource string `json:"resource"`
	// AssuranceType is what the scan shall prove. Empty means genuine presence, which fails with invalid_assurance_type for
	// service providers that have liveness only.
	AssuranceType AssuranceType `json:"assurance_type,omitzero"`
	// RiskProfile names one of the service provider's risk profiles; letters, digits, _ and -, up to 100. Required when profiles
	// are enabled; give the same to Validate.
	RiskProfile string `json:"risk_profile,omitzero"`
	// Client describes the app. Not documented for this call, though most clients send it; empty sends none.
	Client string `json:"client,omitzero"`
}

// tokenInput also notes when the attempt that brought the claim was sent.
type tokenInput struct {
	CreateTokenParams
	sent time.Time
}

func (in *tokenInput) request(r *transport.Request) {
	in.UserID.check(&r.Check, "user_id")
	r.Text("resource", in.Resource, 0)
	r.That(in.AssuranceType == "" || in.AssuranceType.Known(), "assurance_type", "is not genuine_presence or liveness")
	checkRiskProfile(in.RiskProfile, &r.Check)
	r.Optional("client", in.Client, 0)
	r.JSON(&in.CreateTokenParams)
	r.Sent = &in.sent
}

func checkRiskProfile(name string, c *transport.Check) {
	const longest = 100
	c.That(len(name) <= longest, "risk_profile", "is longer than 100 characters")
	c.That(isAlphanumericOr(name, "_-"), "risk_profile", "has characters other than letters, digits, _ and -")
}

// Claim is a scan that may be started.
type Claim struct {
	identkit.Raw `json:"-"`

	Token  ClaimToken `json:"token"`
	UserID UserID     `json:"user_id"` // of the request
	// Type and StartBefore are set by the call; iProov sends neither. StartBefore is when the token expires if no SDK has started
	// with it, reckoned from when it was asked for; waits for the limiter and earlier attempts do not count.
	Type        ClaimType  `json:"claimType"`
	StartBefore time.Time  `json:"startBefore"`
	Pod         string     `json:"pod"`     // the platform's node that serves the claim
	Primary     string     `json:"primary"` // meaning not documented
	Fallback    []Fallback `json:"fallback"`
	RiskProfile string     `json:"risk_profile"` // the one that will be used, if the response says it
}

// Fallback is an alternative that the response offers, to be shown to the user.
type Fallback struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

func (c *Claim) check() error {
	if c.Token == "" {
		return transport.Missing("token")
	}
	return nil
}

// same completes the claim with what iProov does not send, or sends as null.
func (in *tokenInput) same(out *Claim) error {
	if out.UserID != "" { // null when a token has no user
		if err := transport.Same("user_id", in.UserID, out.UserID); err != nil {
			return err
		}
	}
	out.UserID, out.StartBefore = in.UserID, in.sent.Add(ClaimWindow)
	return nil
}

func createToken(ctx context.Context, client *transport.Client, op *transport.Op[tokenInput, Claim], t ClaimType, in CreateTokenParams, opts []identkit.CallOption) (*Claim, error) {
	claim, err := op.Do(ctx, client, tokenInput{CreateTokenParams: in}, opts)
	if err != nil {
		return nil, err
	}
	claim.Type = t
	return claim, nil
}

// Claims stops claims: client.Claims.
type Claims struct{ client *transport.Client }

// Invalidation says what came of [Claims.Invalidate].
type Invalidation struct {
	identkit.Raw `json:"-"`

	Aborted      bool `json:"claim_aborted"` // the claim was stopped
	UserInformed bool `json:"user_informed"` // the reason was shown to the user
}

type invalidateInput struct {
	token  ClaimToken
	Reason string `json:"reason"`
}

func (in *invalidateInput) request(r *transport.Request) {
	const longest = 800
	r.Path("token", string(in.token))
	r.Text("reason", in.Reason, longest)
	ok := utf8.ValidString(in.Reason) && isAlphanumericOr(in.Reason, "_.:=()’'\"/ \t\n\r\f\v")
	r.That(ok, "reason", `has characters other than letters, digits, whitespace and _ . : = ( ) ' ’ " /`)
	r.JSON(in)
}

var invalidateClaim = transport.Op[invalidateInput, Invalidation]{
	Name: "iproov.Claims.Invalidate", Method: http.MethodPost, Path: "/claim/{token}/invalidate",
	Retry:     identkit.RetrySafe, // a claim that is stopped stays stopped
	Unmetered: true,
	Verdicts:  []string{"claim_aborted", "user_informed"},
	Request:   (*invalidateInput).request,
}

// Invalidate stops a claim: no SDK can start with its token any more. The reason is shown to the user: 1 to 800 letters, digits,
// whitespace and _ . : = ( ) ' ’ " / (no comma, hyphen, ! or ?).
//
// Sources disagree whether the call needs an access token; see Config.InvalidateAuth. Assumed safe to repeat; what iProov returns
// for a claim that is over is not documented.
// Source: Swagger file 2.13, operations page; checked 2026-11.
func (s Claims) Invalidate(ctx context.Context, token ClaimToken, reason string, opts ...identkit.CallOption) (*Invalidation, error) {
	return invalidateClaim.Do(ctx, s.client, invalidateInput{token, reason}, opts)
}
