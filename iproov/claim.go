package iproov

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
	"github.com/identkit/identkit/internal/wire"
)

// ClaimToken names one claim, that is one scan of a face. It goes to the app and into audit logs (iProov asks for it in support
// cases); it is opaque, 64 characters so far.
type ClaimToken string

// ClaimWindow is how long an SDK may wait before it starts the scan of a token. Ask for a token right before that.
const ClaimWindow = 2 * time.Minute

// UserID identifies a user: 1 to 256 letters, digits and ' + _ @ . -, unique, and without personal data such as an e-mail address.
// "." and "..", which iProov's pattern admits, are refused, because they cannot stand in a path.
type UserID string

func (id UserID) check(c *transport.Check, field string) {
	const longest = 256
	switch {
	case id == "":
		c.Refuse(field, "is empty")
	case len(id) > longest:
		c.Refuse(field, "is longer than 256 characters")
	case id == "." || id == "..":
		c.Refuse(field, "must not be . or ..")
	case strings.ContainsFunc(string(id), func(r rune) bool { return !isAlphanumeric(r) && !strings.ContainsRune("'+_@.-", r) }):
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
	UserID UserID
	// Resource says what the face gives access to, such as "acme-onboarding". Required; iProov recommends customer and journey.
	Resource string
	// AssuranceType is what the scan shall prove. Empty means genuine presence, which fails with invalid_assurance_type for
	// service providers that have liveness only.
	AssuranceType AssuranceType
	// RiskProfile names one of the service provider's risk profiles; letters, digits, _ and -, up to 100. Required when profiles
	// are enabled; give the same to Validate.
	RiskProfile string
	// Client describes the app. Not documented for this call, though most clients send it; empty sends none.
	Client string
}

func (in *CreateTokenParams) check(c *transport.Check) {
	in.UserID.check(c, "user_id")
	c.Text("resource", in.Resource, 0)
	c.That(in.AssuranceType == "" || in.AssuranceType.Known(), "assurance_type", "is not genuine_presence or liveness")
	checkRiskProfile(in.RiskProfile, c)
	c.Optional("client", in.Client, 0)
}

func checkRiskProfile(name string, c *transport.Check) {
	const longest = 100
	c.That(len(name) <= longest, "risk_profile", "is longer than 100 characters")
	c.That(!strings.ContainsFunc(name, func(r rune) bool { return !isAlphanumeric(r) && r != '_' && r != '-' }), "risk_profile", "has characters other than letters, digits, _ and -")
}

type tokenBody struct {
	APIKey        string        `json:"api_key"`
	Secret        string        `json:"secret"`
	Resource      string        `json:"resource"`
	UserID        UserID        `json:"user_id"`
	AssuranceType AssuranceType `json:"assurance_type,omitempty"`
	RiskProfile   string        `json:"risk_profile,omitempty"`
	Client        string        `json:"client,omitempty"`
}

// Claim is a scan that may be started.
type Claim struct {
	identkit.Raw `json:"-"`

	Token  ClaimToken
	UserID UserID // of the request
	Type   ClaimType
	// StartBefore is when the token expires if no SDK has started with it, reckoned from before it was asked for. iProov does not
	// send it.
	StartBefore time.Time
	Pod         string // the platform's node that serves the claim
	Primary     string // meaning not documented
	Fallback    []Fallback
	RiskProfile string // the one that will be used, if the answer says it
}

// Fallback is an alternative that the answer offers, to be shown to the user.
type Fallback struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

// fallback also reads the bare texts of older answers.
type fallback Fallback

func (f *fallback) UnmarshalJSON(b []byte) error {
	if t := text(b); t != "" {
		*f = fallback{Message: t}
		return nil
	}
	return json.Unmarshal(b, (*Fallback)(f))
}

type claimAnswer struct {
	Token       wire.Sole           `json:"token"`
	UserID      wire.Sole           `json:"user_id"`
	Pod         wire.Text           `json:"pod"`
	Primary     wire.Text           `json:"primary"`
	Fallback    wire.List[fallback] `json:"fallback"`
	RiskProfile wire.Text           `json:"risk_profile"`
}

// token asks for a claim of either type.
func (s *service) token(ctx context.Context, op *transport.OldOperation, t ClaimType, in CreateTokenParams, opts []identkit.CallOption) (*Claim, error) {
	before := time.Now().Add(ClaimWindow)
	finish := func(w *claimAnswer, _ transport.Path) (*Claim, error) {
		if w.Token.String() == "" {
			return nil, transport.Missing("token")
		}
		if id := w.UserID.String(); id != "" { // null when a token has no user
			if err := transport.Same("user_id", string(in.UserID), id); err != nil {
				return nil, err
			}
		}
		c := &Claim{
			Token: ClaimToken(w.Token.String()), UserID: in.UserID, Type: t, StartBefore: before,
			Pod: string(w.Pod), Primary: string(w.Primary), RiskProfile: string(w.RiskProfile),
		}
		for _, f := range w.Fallback {
			c.Fallback = append(c.Fallback, Fallback(f))
		}
		return c, nil
	}
	return send(ctx, s, call{op: op, in: transport.Input{Check: in.check}, keys: func(k keys, input *transport.Input) {
		input.Body = transport.JSON(tokenBody{
			k.apiKey.Reveal(), k.secret.Reveal(), in.Resource, in.UserID, in.AssuranceType, in.RiskProfile, in.Client,
		})
	}}, finish, opts)
}

// Claims stops claims: client.Claims.
type Claims struct{ road *transport.Road }

// Invalidation says what came of [Claims.Invalidate].
type Invalidation struct {
	identkit.Raw `json:"-"`

	Aborted      bool // the claim was stopped
	UserInformed bool // the reason was shown to the user
}

type invalidationAnswer struct {
	Aborted  wire.Verdict `json:"claim_aborted"`
	Informed wire.Verdict `json:"user_informed"`
}

func (w *invalidationAnswer) finish(transport.Path) (*Invalidation, error) {
	switch {
	case !w.Aborted.Given():
		return nil, transport.Missing("claim_aborted")
	case !w.Informed.Given():
		return nil, transport.Missing("user_informed")
	}
	return &Invalidation{Aborted: w.Aborted.Yes(), UserInformed: w.Informed.Yes()}, nil
}

var invalidateClaim = &transport.OldOperation{
	Name:   "iproov.Claims.Invalidate",
	Method: http.MethodPost, Path: "/claim/{token}/invalidate",
	Retry:     transport.RetrySafe, // a claim that is stopped stays stopped
	Unmetered: true,
}

// Invalidate stops a claim: no SDK can start with its token any more. The reason is shown to the user: 1 to 800 letters, digits,
// whitespace and _ . : = ( ) ' ’ " / (no comma, hyphen, ! or ?).
//
// Sources disagree whether the call needs an access token; see Config.InvalidateAuth. Assumed safe to repeat; what iProov answers
// for a claim that is over is not documented.
//
// Source: Swagger file 2.13, operations page; checked 2026-11.
func (s *Claims) Invalidate(ctx context.Context, token ClaimToken, reason string, opts ...identkit.CallOption) (*Invalidation, error) {
	in := transport.Input{
		Path: transport.Path{string(token)},
		Body: transport.JSON(struct {
			Reason string `json:"reason"`
		}{reason}),
		Check: func(c *transport.Check) { checkReason(reason, c) },
	}
	return transport.Do(ctx, s.road, invalidateClaim, in, (*invalidationAnswer).finish, opts)
}

func checkReason(reason string, c *transport.Check) {
	const longest = 800
	c.Text("reason", reason, longest)
	ok := utf8.ValidString(reason) && !strings.ContainsFunc(reason, func(r rune) bool {
		return !isAlphanumeric(r) && !strings.ContainsRune("_.:=()’'\"/ \t\n\r\f\v", r)
	})
	c.That(ok, "reason", `has characters other than letters, digits, whitespace and _ . : = ( ) ' ’ " /`)
}
