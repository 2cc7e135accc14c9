package powerauth

import (
	"bytes"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
	"github.com/identkit/identkit/internal/wire"
)

// Codes of PAC's errors, as found in identkit.Error.Code. Codes not listed here pass through unchanged.
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

// envelope is what errors come in, and some successes. Its members are raw, because a proxy or a servlet container may respond as
// well, whose members of the same name have other types.
type envelope struct {
	Status         jsontext.Value `json:"status"`
	ResponseObject jsontext.Value `json:"responseObject"`
}

type failureObject struct {
	Code       string         `json:"code"`
	Message    string         `json:"message"`
	Violations jsontext.Value `json:"violations"`
}

type violation struct {
	FieldName    string         `json:"fieldName"`
	InvalidValue jsontext.Value `json:"invalidValue"`
	Hint         string         `json:"hint"`
}

// readFailure reads an error body into e. The status has decided that it is a failure; a body that is not one of PAC's, or breaks the
// rules of JSON, leaves code and message empty.
func readFailure(e *identkit.Error, r transport.FailedResponse) {
	var (
		outer      envelope
		object     failureObject
		violations []violation
	)
	if codec.Unmarshal(r.Body, &outer) == nil {
		inner := outer.ResponseObject
		if inner == nil {
			inner = r.Body // seen nowhere, but an unwrapped error would be no surprise
		}
		if codec.Unmarshal(inner, &object) == nil {
			e.Code, e.Message = object.Code, object.Message
		}
		if object.Violations != nil && codec.Unmarshal(object.Violations, &violations) == nil {
			for _, v := range violations {
				e.Fields = append(e.Fields, identkit.FieldError{Field: v.FieldName, Reason: v.Hint, Value: string(v.InvalidValue)})
			}
		}
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
	escape         = []byte(`\u`) // may hide either
	errTwoObjects  = transport.Contradiction("response is an envelope and something else at once")
)

// unwrap takes off the envelope that some deployments put around successful responses, and refuses responses that contradict
// themselves.
func unwrap(body []byte) ([]byte, error) {
	if wire.Kind(body) != '{' || !bytes.Contains(body, responseObject) && !bytes.Contains(body, statusError) && !bytes.Contains(body, escape) {
		return body, nil
	}
	var members map[string]jsontext.Value
	if err := codec.Unmarshal(body, &members); err != nil {
		return nil, err
	}
	status, inner := members["status"], members["responseObject"]
	wrapped := inner != nil && inner.Kind() != 'n'
	switch {
	case isText(status, "ERROR"), wrapped && !isText(status, "OK"):
		e := &identkit.Error{Kind: identkit.ErrBadResponse, Detail: "response says both success and failure"}
		var object failureObject
		if wrapped && codec.Unmarshal(inner, &object) == nil {
			e.Code, e.Message = object.Code, object.Message
		}
		return nil, e
	case !wrapped:
		return body, nil // empty, or the words stand deeper inside
	case len(members) > 2:
		return nil, errTwoObjects // which of them is meant?
	}
	return inner, nil
}

// isText reports whether a value is a JSON string with this text, however it is escaped.
func isText(value jsontext.Value, text string) bool {
	unquoted, err := jsontext.AppendUnquote(nil, value)
	return err == nil && value.Kind() == '"' && string(unquoted) == text
}
