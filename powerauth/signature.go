package powerauth

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
	"github.com/identkit/identkit/internal/wire"
	"github.com/identkit/identkit/powerauth/protocol"
)

// Signatures verifies the codes (formerly called signatures) by which phones authenticate their requests: client.Signatures.
// For endpoints of one's own, [Protect] does all of it.
type Signatures struct{ client *transport.Client }

// VerifySignatureParams asks whether a phone's request is authentic.
type VerifySignatureParams struct {
	// Method is the HTTP method of the phone's request: GET, POST, PUT or DELETE. Required.
	Method string `json:"method"`
	// URIID is the constant that the app and the backend agreed on for this request, not necessarily its path. Required.
	URIID string `json:"uriId"`
	// AuthHeader is the whole value of X-PowerAuth-Authorization, unchanged. Required; at most 4 KiB (assumed).
	AuthHeader identkit.Secret `json:"authHeader"`
	// Body is the raw body of the phone's request, to the byte as it was received. Decoding and encoding it again breaks the code.
	// It is not sent for GET, and must be empty then.
	Body []byte `json:"requestBody"`
	// QueryParams are the decoded query parameters of a GET. The code of other methods does not cover the query, so they are
	// refused there. A map cannot express a repeated parameter: refuse such requests.
	QueryParams map[string]string `json:"queryParams"`

	verified bool // in this request already
}

func (in *VerifySignatureParams) request(r *transport.Request) {
	r.That(canSign(in.Method), "method", "is not GET, POST, PUT or DELETE")
	r.Text("uriId", in.URIID, 0)
	r.Text("authHeader", in.AuthHeader.Reveal(), protocol.MaxHeaderLength)
	r.That(!in.verified, "authHeader", alreadyVerified)
	get := in.Method == http.MethodGet
	r.That(!get || len(in.Body) == 0, "requestBody", "is not covered by the code of a GET")
	r.That(get || len(in.QueryParams) == 0, "queryParams", "are covered by the code of a GET only")
	for name, value := range in.QueryParams {
		r.Text("queryParams", name, 0)
		r.Optional("queryParams", value, 0)
	}
	// What the code covers is there, if empty; the other is null.
	switch {
	case get:
		in.Body = nil
		if in.QueryParams == nil {
			in.QueryParams = map[string]string{}
		}
	default:
		in.QueryParams = nil
		if in.Body == nil {
			in.Body = []byte{}
		}
	}
	r.JSON(in)
}

const alreadyVerified = "was verified in this request already; see IdentityFrom"

// canSign reports whether a request with the method can be verified.
func canSign(method string) bool {
	return slices.Contains([]string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete}, method)
}

// Verification is what PAC says about who authenticated, and how. With Valid false the rest may be missing.
type Verification struct {
	// Valid says that the code is right. It is not yet an authorisation: ask [Verification.Authorizes].
	Valid bool `json:"signatureValid"` // otpValid, of an offline code
	// UserID is who authenticated. Compare it with the user of the session, where there is one.
	UserID         UserID         `json:"userId"`
	RegistrationID RegistrationID `json:"registrationId"`
	// RegistrationStatus is the device's state now: BLOCKED after the last allowed failure.
	RegistrationStatus RegistrationStatus `json:"registrationStatus"`
	// BlockedReason says why it is blocked.
	BlockedReason string `json:"blockedReason"`
	// Factors are those that were used.
	Factors protocol.Factors `json:"signatureType"`
	// RemainingAttempts are left before the device is blocked; nil when PAC does not say.
	RemainingAttempts *int `json:"remainingAttempts"`
	// Flags are those of the registration.
	Flags []string `json:"flags"`
	// Applications are the ids of the applications; the form of that field is undocumented, every plausible one is read.
	Applications []ApplicationID `json:"application"`
}

// Has reports whether the code is right, the device active, and all the wanted factors were used.
func (v *Verification) Has(wanted ...protocol.Factor) bool {
	return v.Authorizes(RequireFactors(wanted...))
}

// Authorizes reports whether the code is right, the device active, and the factors used are enough for the policy. A valid code
// of possession alone does not authorise what the PIN is asked for.
func (v *Verification) Authorizes(policy FactorPolicy) bool {
	return v != nil && v.Valid && v.RegistrationStatus == RegistrationActive && policy.Allows(v.Factors)
}

// complete reads what some deployments call otherwise.
func (v *Verification) complete(response func() json.RawMessage) {
	if v.Factors == "" {
		v.Factors = otherFactors(response())
	}
	if v.Applications == nil {
		v.Applications = applicationsIn(wire.Member(response(), "applications"))
	}
}

// otherFactors reads the factors under the name that the engine's 2.0 has for them.
func otherFactors(response []byte) (f protocol.Factors) {
	_ = codec.Unmarshal(wire.Member(response, "authenticationCodeType"), &f) // none authorize nothing
	return f
}

// SignatureResult is what [Signatures.Verify] gives.
type SignatureResult struct {
	identkit.Raw `json:"-"`
	Verification
}

func (r *SignatureResult) check() error {
	r.complete(r.RawJSON)
	return nil
}

// ParseSignatureResult reads a result back from what its RawJSON gave, by the rules of [Signatures.Verify].
func ParseSignatureResult(raw []byte) (*SignatureResult, error) {
	return verifySignature.Parse(codec, raw)
}

var verifySignature = transport.Op[VerifySignatureParams, SignatureResult]{
	Name: "powerauth.Signatures.Verify", Method: http.MethodPost, Path: "/v2/signature/verify",
	Retry:     identkit.RetryIfNotProcessed, // moves the device's counter; the second time the same code is wrong
	Verdicts:  []string{"signatureValid"},
	AfterLoss: "let the user sign again",
	Request:   (*VerifySignatureParams).request,
	Check:     (*SignatureResult).check,
}

// Verify checks the code of a phone's request, and uses it up: a right code moves the device's counter, a wrong one with the PIN
// or biometry in it takes an attempt from the user, and the last one blocks the device.
//
// A wrong code is no error but a result with Valid false. Errors: [identkit.ErrInvalidRequest] for input that PAC would refuse, and
// for a header that [Protect] has verified in this request already; [identkit.ErrRejected] with code [CodeSignatureInvalid] for a
// malformed header; [identkit.ErrBadResponse] for a response without a verdict.
//
// Not safe to repeat: the same header fails when repeated, and burns an attempt. After [identkit.ErrOutcomeUnknown] let the
// user sign again.
//
// How PAC reads PUT and DELETE with query parameters is undocumented; they are not sent.
//
// Source: API-Authentication, vendor tutorial, vendor test suites; checked 2026-11.
func (s Signatures) Verify(ctx context.Context, in VerifySignatureParams, opts ...identkit.CallOption) (*SignatureResult, error) {
	in.verified = verifiedAlready(ctx, in.AuthHeader)
	return verifySignature.Do(ctx, s.client, in, opts)
}

// FactorPolicy says which factors authorise something. The zero value allows nothing. Make one with [RequireFactors].
type FactorPolicy struct{ alternatives [][]protocol.Factor }

// RequireFactors is a policy that all the factors named must have been used; more do no harm. With no factor it allows nothing,
// and so does a factor that PowerAuth does not have.
//
//	powerauth.RequireFactors(protocol.Possession, protocol.Knowledge)
func RequireFactors(factors ...protocol.Factor) FactorPolicy { return FactorPolicy{}.Or(factors...) }

// Or is the policy with one more combination that is enough, such as biometry in place of the PIN:
//
//	powerauth.RequireFactors(protocol.Possession, protocol.Knowledge).Or(protocol.Possession, protocol.Biometry)
func (p FactorPolicy) Or(factors ...protocol.Factor) FactorPolicy {
	if len(factors) == 0 {
		return p
	}
	return FactorPolicy{append(slices.Clip(p.alternatives), slices.Clone(factors))}
}

// Allows reports whether the factors used are enough. An unknown combination never is.
func (p FactorPolicy) Allows(used protocol.Factors) bool {
	return slices.ContainsFunc(p.alternatives, func(wanted []protocol.Factor) bool { return used.Has(wanted...) })
}

// fault says why the policy cannot be meant, or "".
func (p FactorPolicy) fault() string {
	if len(p.alternatives) == 0 {
		return "names no factors, and would allow nothing"
	}
	for _, f := range slices.Concat(p.alternatives...) {
		if f != protocol.Possession && f != protocol.Knowledge && f != protocol.Biometry {
			return "names a factor that PowerAuth does not have"
		}
	}
	return ""
}
