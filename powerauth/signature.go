package powerauth

import (
	"context"
	"net/http"

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
	Method string
	// URIID is the constant that the app and the backend agreed on for this request, not necessarily its path. Required.
	URIID string
	// AuthHeader is the whole value of X-PowerAuth-Authorization, as it came. Required; at most 4 KiB (assumed).
	AuthHeader identkit.Secret
	// Body is the raw body of the phone's request, to the byte as it arrived. Decoding and encoding it again breaks the code.
	// It is not sent for GET, and must be empty then.
	Body []byte
	// QueryParams are the decoded query parameters of a GET. The code of other methods does not cover the query, so they are
	// refused there. A map cannot express a parameter that is given twice: refuse such requests.
	QueryParams map[string]string
}

func (in *VerifySignatureParams) body() transport.Body {
	w := struct {
		Method      string            `json:"method"`
		URIID       string            `json:"uriId"`
		AuthHeader  string            `json:"authHeader"`
		RequestBody *[]byte           `json:"requestBody"`
		QueryParams map[string]string `json:"queryParams"`
	}{Method: in.Method, URIID: in.URIID, AuthHeader: in.AuthHeader.Reveal()}
	if in.Method == http.MethodGet {
		if w.QueryParams = in.QueryParams; w.QueryParams == nil {
			w.QueryParams = map[string]string{}
		}
	} else {
		if in.Body == nil {
			in.Body = []byte{}
		}
		w.RequestBody = &in.Body
	}
	return transport.JSON(w)
}

func (in *VerifySignatureParams) check(c *transport.Check) {
	c.That(canSign(in.Method), "method", "is not GET, POST, PUT or DELETE")
	c.Text("uriId", in.URIID, 0)
	c.Text("authHeader", in.AuthHeader.Reveal(), protocol.MaxHeaderLength)
	get := in.Method == http.MethodGet
	c.That(!get || len(in.Body) == 0, "requestBody", "is not covered by the code of a GET")
	c.That(get || len(in.QueryParams) == 0, "queryParams", "are covered by the code of a GET only")
	for name, value := range in.QueryParams {
		c.Text("queryParams", name, 0)
		c.Optional("queryParams", value, 0)
	}
}

// canSign reports whether a request with the method can be verified.
func canSign(method string) bool {
	switch method {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete:
		return true
	}
	return false
}

// Verification is what PAC says about who authenticated, and how. With Valid false the rest may be missing.
type Verification struct {
	// Valid says that the code is right. It is not yet an authorisation: ask [Verification.Authorizes].
	Valid bool
	// UserID is who authenticated. Compare it with the user of the session, where there is one.
	UserID         UserID
	RegistrationID RegistrationID
	// RegistrationStatus is the device's state now: BLOCKED after the last allowed failure.
	RegistrationStatus RegistrationStatus
	// BlockedReason says why it is blocked.
	BlockedReason string
	// Factors are those that were used.
	Factors protocol.Factors
	// RemainingAttempts are left before the device is blocked; nil when PAC does not say.
	RemainingAttempts *int
	// Flags are those of the registration.
	Flags []string
	// Applications are the ids of the applications; the form of that field is undocumented, every plausible one is read.
	Applications []ApplicationID
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

// verificationAnswer holds the members that online and offline verification have in common.
type verificationAnswer struct {
	UserID             wire.Sole         `json:"userId"`
	RegistrationID     wire.Sole         `json:"registrationId"`
	RegistrationStatus wire.Sole         `json:"registrationStatus"`
	BlockedReason      string            `json:"blockedReason"`
	SignatureType      wire.Sole         `json:"signatureType"`
	AuthCodeType       wire.Sole         `json:"authenticationCodeType"` // as the engine's 2.0 calls it
	RemainingAttempts  *wire.Number      `json:"remainingAttempts"`
	Flags              wire.List[string] `json:"flags"`
	Application        names             `json:"application"`
	Applications       names             `json:"applications"`
}

func (w *verificationAnswer) verification(verdict wire.Verdict) Verification {
	v := Verification{
		Valid: verdict.Yes(), UserID: UserID(w.UserID.String()), RegistrationID: RegistrationID(w.RegistrationID.String()),
		RegistrationStatus: RegistrationStatus(w.RegistrationStatus.String()), BlockedReason: w.BlockedReason,
		Factors: factorsOf(w.SignatureType.String(), w.AuthCodeType.String()), Flags: w.Flags,
		Applications: append([]ApplicationID(w.Application), w.Applications...),
	}
	v.RemainingAttempts = count(w.RemainingAttempts)
	return v
}

// count is a number that may be missing.
func count(n *wire.Number) *int {
	if n == nil {
		return nil
	}
	i := int(*n)
	return &i
}

// factorsOf is a known combination in lower case, or the text as it came.
func factorsOf(text, otherwise string) protocol.Factors {
	if text == "" {
		text = otherwise
	}
	if f, err := protocol.ParseFactors(text); err == nil {
		return f
	}
	return protocol.Factors(text)
}

// SignatureResult is what [Signatures.Verify] gives.
type SignatureResult struct {
	identkit.Raw `json:"-"`
	Verification
}

type signatureAnswer struct {
	verificationAnswer
	Valid wire.Verdict `json:"signatureValid"`
}

func (w *signatureAnswer) finish(transport.Path) (*SignatureResult, error) {
	if !w.Valid.Given() {
		return nil, transport.Missing("signatureValid")
	}
	return &SignatureResult{Verification: w.verification(w.Valid)}, nil
}

var verifySignature = &transport.OldOperation{
	Name:   "powerauth.Signatures.Verify",
	Method: http.MethodPost, Path: "/v2/signature/verify",
	Retry: transport.RetryIfNotProcessed, // moves the device's counter; the second time the same code is wrong
}

// Verify checks the code of a phone's request, and uses it up: a right code moves the device's counter, a wrong one with the PIN
// or biometry in it takes an attempt from the user, and the last one blocks the device.
//
// A wrong code is no error but a result with Valid false. Errors: [identkit.ErrInvalidRequest] for input that PAC would refuse, and
// for a header that [Protect] has verified in this request already; [identkit.ErrRejected] with code [CodeSignatureInvalid] for a
// malformed header; [identkit.ErrBadResponse] for an answer without a verdict.
//
// Not safe to repeat: the same header fails the second time, and burns an attempt. After [identkit.ErrOutcomeUnknown] let the
// user sign again.
//
// How PAC reads PUT and DELETE with query parameters is undocumented; they are not sent.
//
// Source: API-Authentication, vendor tutorial, vendor test suites; checked 2026-11.
func (s Signatures) Verify(ctx context.Context, in VerifySignatureParams, opts ...identkit.CallOption) (*SignatureResult, error) {
	return transport.Do(ctx, s.client, verifySignature, transport.Input{Body: in.body(), Check: func(c *transport.Check) {
		in.check(c)
		c.That(!verifiedAlready(ctx, in.AuthHeader), "authHeader", "was verified in this request already; see IdentityFrom")
	}}, (*signatureAnswer).finish, opts)
}
