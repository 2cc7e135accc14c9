package powerauth

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// Codes of PAC's errors, as found in identkit.Error.Code. Codes not listed here pass through as they came.
// Source: General-Principles and API pages of the PAC reference, and the one-page references before 1.8; checked 2026-11.
const (
	CodeRegistration           = "ERROR_REGISTRATION"             // registration problem, general
	CodeRegistrationNotFound   = "ERROR_REGISTRATION_NOT_FOUND"   // no such registration, or no access to it
	CodeRegistrationNotAllowed = "ERROR_REGISTRATION_NOT_ALLOWED" // another one is in progress
	CodeRegistrationChange     = "ERROR_REGISTRATION_CHANGE"      // wrong state for block, unblock, commit
	CodeOperationNotFound      = "ERROR_OPERATION_NOT_FOUND"      // no such operation
	CodeOperationStateChange   = "ERROR_OPERATION_STATE_CHANGE"   // operation no longer pending
	CodeOTPInvalid             = "ERROR_OTP_INVALID"              // offline code malformed, or (older) wrong
	CodeSignatureInvalid       = "ERROR_SIGNATURE_INVALID"        // malformed authorization header or unsupported version
	CodeTokenInvalid           = "ERROR_TOKEN_INVALID"            // malformed token header
	CodePushMessage            = "ERROR_PUSH_MESSAGE"             // push request refused
	CodeInbox                  = "ERROR_INBOX"                    // inbox problem
	CodeInboxNotFound          = "ERROR_INBOX_NOT_FOUND"          // no such inbox message
	CodeAudit                  = "ERROR_AUDIT"                    // audit log: bad dates or unknown user
	CodeFIDO2                  = "ERROR_FIDO2"                    // passkey problem
	CodeHTTPRequest            = "ERROR_HTTP_REQUEST"             // request cannot be read
	CodeRequest                = "ERROR_REQUEST"                  // validation; see identkit.Error.Fields
	CodeUnauthorized           = "HTTP_401"                       // bad credentials; older deployments say ERROR_UNAUTHORIZED
	CodeNotFound               = "ERROR_NOT_FOUND"                // wrong URL; a missing entity has its own code
	CodeGeneric                = "ERROR_GENERIC"                  // unknown server error
	CodeInternalAPI            = "ERROR_INTERNAL_API"             // PAC cannot reach its engine
	CodeUpstream               = "ERROR_UNABLE_TO_CALL_UPSTREAM_SERVICE"
)

var kindOfCode = map[string]identkit.Kind{
	CodeRegistrationNotFound:   identkit.ErrNotFound,
	CodeOperationNotFound:      identkit.ErrNotFound,
	CodeInboxNotFound:          identkit.ErrNotFound,
	CodeRegistrationNotAllowed: identkit.ErrConflict,
	CodeRegistrationChange:     identkit.ErrConflict,
	CodeOperationStateChange:   identkit.ErrConflict,
}

// failureBody is the error envelope. Members are raw, because what answers may also be a proxy or a servlet container, whose
// members of the same name have other types.
type failureBody struct {
	Status         json.RawMessage `json:"status"`
	ResponseObject json.RawMessage `json:"responseObject"`
}

type failureObject struct {
	Code       string `json:"code"`
	Message    string `json:"message"`
	Violations []struct {
		FieldName    string          `json:"fieldName"`
		InvalidValue json.RawMessage `json:"invalidValue"`
		Hint         string          `json:"hint"`
	} `json:"violations"`
}

// readFailure reads an error body into e. The status has decided that it is a failure; the body may be anything.
func readFailure(e *identkit.Error, body []byte) {
	var (
		envelope failureBody
		object   failureObject
	)
	if json.Unmarshal(body, &envelope) == nil {
		inner := []byte(envelope.ResponseObject)
		if len(inner) == 0 {
			inner = body // seen nowhere, but an unwrapped error would be no surprise
		}
		_ = json.Unmarshal(inner, &object) // what fits is kept
	}
	e.Code, e.Message = object.Code, object.Message
	for _, v := range object.Violations {
		e.Fields = append(e.Fields, identkit.FieldError{Field: v.FieldName, Reason: v.Hint, Value: string(v.InvalidValue)})
	}
	switch e.Status {
	case http.StatusBadRequest:
		if kind, ok := kindOfCode[e.Code]; ok {
			e.Kind = kind
		}
	case http.StatusNotFound:
		// A missing entity is a 400 with its own code. Taking a wrong base URL for one would unbind devices.
		e.Kind = identkit.ErrRejected
		e.Detail = "no such path; check BaseURL and its context path"
	}
}

var (
	responseObject = []byte(`"responseObject"`)
	statusError    = []byte(`"ERROR"`)
	errTwoObjects  = transport.Contradiction("answer is an envelope and something else at once")
)

// unwrap takes off the envelope that some deployments put around successful answers, and refuses answers that say two things at
// once.
func unwrap(body []byte) ([]byte, error) {
	if !bytes.Contains(body, responseObject) && !bytes.Contains(body, statusError) {
		return body, nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return nil, err
	}
	var envelope failureBody
	for name, value := range members {
		switch {
		case name == "status":
			envelope.Status = value
		case name == "responseObject" && string(value) != "null":
			envelope.ResponseObject = value
		case name != "responseObject" && strings.EqualFold(name, "responseObject"):
			return nil, errTwoObjects
		}
	}
	switch {
	case string(envelope.Status) == `"ERROR"`, envelope.ResponseObject != nil && string(envelope.Status) != `"OK"`:
		e := &identkit.Error{Kind: identkit.ErrBadResponse, Detail: "answer says both success and failure"}
		var object failureObject
		_ = json.Unmarshal(envelope.ResponseObject, &object)
		e.Code, e.Message = object.Code, object.Message
		return nil, e
	case envelope.ResponseObject == nil:
		return body, nil // empty, or the words stand deeper inside
	case len(members) > 2:
		return nil, errTwoObjects // which of them is the answer?
	}
	return envelope.ResponseObject, nil
}
