package iproov

import (
	"errors"
	"net/http"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// Codes of iProov's errors, as found in identkit.Error.Code. Codes not listed here pass through as they came.
// Source: Swagger file 2.13 and the implementation guide; checked 2026-11.
const (
	CodeInvalidKey           = "invalid_key"            // key or secret missing, wrong, or of another region
	CodeInvalidUserID        = "invalid_user_id"        // malformed, missing or unknown user id
	CodeNoUser               = "no_user"                // unknown user id
	CodeInactiveUser         = "inactive_user"          // user is not active
	CodeAlreadyEnrolled      = "already_enrolled"       // verify instead, take a new id, or delete the user first
	CodeInvalidToken         = "invalid_token"          // claim token wrong, used, validated, or not yet scanned
	CodeInvalidValidation    = "invalid_validation"     // user id or risk profile differ from the claim's
	CodeInvalidRiskAppetite  = "invalid_risk_appetite"  // risk profile missing, malformed, unknown or switched off
	CodeMissingData          = "missing_data"           // resource, reason or token is missing
	CodeInvalidEnrolImage    = "invalid_enrol_image"    // no image in the body
	CodeInvalidSource        = "invalid_source"         // not oid, eid or selfie
	CodeInvalidReason        = "invalid_reason"         // reason of an invalidation outside its alphabet
	CodeInvalidGrant         = "invalid_grant"          // access token only
	CodeInvalidClient        = "invalid_client"         // access token only: wrong OAuth user or password
	CodeInvalidScope         = "invalid_scope"          // access token only
	CodeUnsupportedGrantType = "unsupported_grant_type" // access token only
	CodeInvalidRequest       = "invalid_request"        // access token only: no grant type
	CodeInvalidOAuth         = "invalid_oauth"          // access token missing, wrong or expired
	CodeTokenQuotaExceeded   = "token_quota_exceeded"   // access token used 50 times
	CodeInvalidAssuranceType = "invalid_assurance_type" // not enabled for the service provider; asking for none means genuine presence
	CodeTooManyRequests      = "too_many_requests"      // over the contracted rate
	CodeServerError          = "server_error"           // generic
	CodeInvalidAgent         = "invalid_agent"          // deprecated
	CodeInvalidIP            = "invalid_ip"             // deprecated
)

var kindOfCode = map[string]identkit.Kind{
	CodeInvalidKey: identkit.ErrUnauthorized,
	// The ids sent are well formed, so both say that there is no such user.
	CodeInvalidUserID:        identkit.ErrNotFound,
	CodeNoUser:               identkit.ErrNotFound,
	CodeInactiveUser:         identkit.ErrConflict,
	CodeAlreadyEnrolled:      identkit.ErrConflict,
	CodeInvalidToken:         identkit.ErrConflict,
	CodeInvalidClient:        identkit.ErrUnauthorized,
	CodeInvalidGrant:         identkit.ErrUnauthorized,
	CodeInvalidOAuth:         identkit.ErrUnauthorized,
	CodeTokenQuotaExceeded:   identkit.ErrUnauthorized,
	CodeInvalidAssuranceType: identkit.ErrForbidden,
	CodeTooManyRequests:      identkit.ErrRateLimited,
}

// failureBody is the body of every documented failure.
type failureBody struct {
	Code    string `json:"error"`
	Message string `json:"error_description"`
}

// readFailureBody gives an empty one for a body of another form: the status has decided that it is a failure.
func readFailureBody(body []byte) (f failureBody) {
	if codec.Unmarshal(body, &f) != nil {
		return failureBody{}
	}
	return f
}

func readFailure(err *identkit.Error, r transport.FailedResponse, at Endpoint) {
	f := readFailureBody(r.Body)
	err.Code, err.Message = f.Code, f.Message
	kind, known := kindOfCode[err.Code]
	switch {
	case err.Code == CodeInvalidKey && (err.Status/100 == 4 || err.Status == http.StatusInternalServerError): // 500 for an access token: permanent none the less
		err.Kind = kind
		at.hint(err)
	case known && err.Status/100 == 4:
		err.Kind = kind // the code decides: sources disagree about statuses
	case err.Status == http.StatusRequestEntityTooLarge:
		err.Detail = "body is too large for the provider"
	}
}

// isTokenRefused reports whether a call was refused because of its access token. Which of 401 and 403 comes with which code is not
// documented, so the code decides.
func isTokenRefused(e *identkit.Error) bool {
	return (e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden) &&
		(e.Code == CodeInvalidOAuth || e.Code == CodeTokenQuotaExceeded)
}

// codeOf is the provider's code in an error, or "".
func codeOf(err error) string {
	if e, ok := errors.AsType[*identkit.Error](err); ok {
		return e.Code
	}
	return ""
}
