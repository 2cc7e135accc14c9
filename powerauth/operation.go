package powerauth

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
	"github.com/identkit/identkit/powerauth/protocol"
)

// Operations asks users for approval: client.Operations.
type Operations struct{ client *transport.Client }

// OperationID identifies an operation. It is the id in deeplinks and offline QR texts.
type OperationID = protocol.OperationID

// CreateOperationParams asks for an approval.
type CreateOperationParams struct {
	// UserID is who shall approve. Empty makes an operation without a user, claimed by whoever scans it (PAC 1.6 and later).
	UserID UserID `json:"userId,omitzero"`
	// Template is the name of the operation's template, such as "login". Required.
	Template string `json:"template"`
	// Language is the language of the push message, two letters.
	Language string `json:"language,omitzero"`
	// ExternalID is the caller's own id. PAC does not make it unique.
	ExternalID string `json:"externalId,omitzero"`
	// Flag lets only registrations with this flag approve.
	Flag string `json:"flag,omitzero"`
	// Expires overrides the template's expiry; it must be in the future.
	Expires time.Time `json:"timestampExpires,omitzero"`
	// Parameters fill the template's data. Line feeds are the only control characters allowed.
	Parameters map[string]string `json:"parameters,omitzero"`
	// ProximityCheckEnabled overrides the template: the phone must then read a code that changes every 30 seconds.
	ProximityCheckEnabled *bool `json:"proximityCheckEnabled,omitzero"`
	// Silent sends no push message.
	Silent bool `json:"silent,omitzero"`
	// RegistrationID lets only this device approve (PAC 1.7 and later).
	RegistrationID RegistrationID `json:"registrationId,omitzero"`
}

// UnmarshalJSON reads the body that PAC takes, times as epoch milliseconds (or ISO 8601) included, so that a backend can accept it
// from its own clients. Member names match exactly, and a value of another type is an error.
func (in *CreateOperationParams) UnmarshalJSON(b []byte) error {
	type plain CreateOperationParams
	return readParams(b, (*plain)(in))
}

func (in *CreateOperationParams) request(r *transport.Request) {
	r.Optional("userId", string(in.UserID), maxUserID)
	r.Text("template", in.Template, 0)
	r.That(in.Language == "" || isLanguage(in.Language), "language", "is not a two-letter code")
	r.Optional("externalId", in.ExternalID, 0)
	r.Optional("flag", in.Flag, 0)
	r.Future("timestampExpires", in.Expires)
	checkParameters(&r.Check, in.Parameters)
	r.JSON(in)
}

func checkParameters(c *transport.Check, parameters map[string]string) {
	for name, value := range parameters {
		c.Text("parameters", name, 0)
		c.Optional("parameters."+name, value, 0)
		c.That(!strings.ContainsFunc(value, isForbiddenControl), "parameters."+name, "holds a control character other than LF")
	}
}

func isLanguage(s string) bool {
	return len(s) == 2 && !strings.ContainsFunc(s, func(r rune) bool { return (r|0x20) < 'a' || (r|0x20) > 'z' })
}

func isForbiddenControl(r rune) bool { return r != '\n' && (r < ' ' || r >= 0x7f && r <= 0x9f) }

// Operation is one thing to approve.
type Operation struct {
	identkit.Raw `json:"-"`

	ID           OperationID     `json:"operationId"`
	Status       OperationStatus `json:"status"`
	StatusReason string          `json:"statusReason"` // such as the code it was cancelled with
	UserID       UserID          `json:"userId"`       // empty until claimed, for operations without a user
	Template     string          `json:"template"`
	Type         string          `json:"operationType"`
	// Parameters are those it was created with.
	Parameters map[string]string `json:"parameters"`
	// AdditionalData is what the approving phone and its server added, as JSON: the approver's activationId, the user agent, …
	AdditionalData  map[string]json.RawMessage `json:"additionalData"`
	FailureCount    int                        `json:"failureCount"`
	MaxFailureCount int                        `json:"maxFailureCount"`
	Created         time.Time                  `json:"timestampCreated"`
	Expires         time.Time                  `json:"timestampExpires"`
	// ProximityOTP is the code to show as a QR code or deeplink, 8 digits, only with a proximity check. It changes every 30
	// seconds: read the operation again before drawing it.
	ProximityOTP identkit.Secret `json:"proximityOtp"`
}

// OperationStatus is the state of an operation. Values this package does not know pass through.
type OperationStatus string

// The states of an operation. All but PENDING are final.
const (
	OperationPending  OperationStatus = "PENDING"
	OperationApproved OperationStatus = "APPROVED" // by the user, on a phone
	OperationRejected OperationStatus = "REJECTED" // by the user, on a phone
	OperationCanceled OperationStatus = "CANCELED" // by the backend
	OperationExpired  OperationStatus = "EXPIRED"
	OperationFailed   OperationStatus = "FAILED" // too many failed attempts
)

// Known reports whether this version of the package knows the status.
func (s OperationStatus) Known() bool { return s == OperationPending || s.IsFinal() }

// IsFinal reports whether the status can no longer change. An unknown status is not taken for final.
func (s OperationStatus) IsFinal() bool {
	final := []OperationStatus{OperationApproved, OperationRejected, OperationCanceled, OperationExpired, OperationFailed}
	return slices.Contains(final, s)
}

// IsApproved reports whether the user approved the operation.
func (o *Operation) IsApproved() bool { return o.Status == OperationApproved }

func (o *Operation) check() error {
	return required("operationId", string(o.ID), "status", string(o.Status))
}

// ParseOperation reads an operation back from what its RawJSON gave, by the rules of [Operations.Get].
func ParseOperation(raw []byte) (*Operation, error) { return getOperation.Parse(codec, raw) }

var createOperation = transport.Op[CreateOperationParams, Operation]{
	Name: "powerauth.Operations.Create", Method: http.MethodPost, Path: "/v2/operations",
	Retry:     identkit.RetryIfNotProcessed, // each call makes another operation
	AfterLoss: "the user may have been asked, and no documented call finds the operation",
	Request:   (*CreateOperationParams).request,
	Check:     (*Operation).check,
}

// Create asks a user to approve something. The operation is pending; the phone gets a push message unless Silent is set. How it ends is
// seen by [Operations.Wait] and callbacks.
//
// Errors: [identkit.ErrInvalidRequest] for input that PAC would refuse; [identkit.ErrRejected] with Fields for validation failures.
//
// Not safe to repeat: each call asks the user again. It is sent again only when it surely was not processed; a lost response is
// [identkit.ErrOutcomeUnknown]. PAC offers no documented call to find an operation by ExternalID.
//
// Source: vendor tutorial, API-Operations; checked 2026-11.
func (s Operations) Create(ctx context.Context, in CreateOperationParams, opts ...identkit.CallOption) (*Operation, error) {
	return createOperation.Do(ctx, s.client, in, opts)
}

func operationPath(id *OperationID, r *transport.Request) { r.Path("operationId", string(*id)) }

var getOperation = transport.Op[OperationID, Operation]{
	Name: "powerauth.Operations.Get", Method: http.MethodGet, Path: "/v2/operations/{operationId}",
	Retry:   identkit.RetrySafe,
	Request: operationPath,
	Check:   (*Operation).check,
	Same:    func(id *OperationID, o *Operation) error { return transport.Same("operationId", *id, o.ID) },
}

// Get reads an operation. An unknown id is [identkit.ErrNotFound]. Safe to repeat.
//
// Source: vendor tutorial, API-Operations; checked 2026-11.
func (s Operations) Get(ctx context.Context, id OperationID, opts ...identkit.CallOption) (*Operation, error) {
	return getOperation.Do(ctx, s.client, id, opts)
}

// maxStatusReason is in characters.
const maxStatusReason = 32

type cancelInput struct {
	id     OperationID
	reason string
}

func (in *cancelInput) request(r *transport.Request) {
	operationPath(&in.id, r)
	r.Optional("statusReason", in.reason, maxStatusReason)
	if in.reason != "" {
		r.AddQuery("statusReason", in.reason)
	}
}

var cancelOperation = transport.Op[cancelInput, transport.None]{
	Name: "powerauth.Operations.Cancel", Method: http.MethodDelete, Path: "/v2/operations/{operationId}",
	Retry:     identkit.RetryIfNotProcessed, // only a pending operation can be cancelled, the second cancel fails
	AfterLoss: "Operations.Get says how it ended",
	Request:   (*cancelInput).request,
}

// Cancel cancels a pending operation; one that has ended is [identkit.ErrConflict]. statusReason is a machine code of up to 32
// characters that Get gives back (PAC 1.8 and later); empty sends none.
//
// Not safe to repeat: a second cancel fails. After [identkit.ErrOutcomeUnknown], Get says how it ended.
//
// Source: vendor tutorial, API-Operations; checked 2026-11.
func (s Operations) Cancel(ctx context.Context, id OperationID, statusReason string, opts ...identkit.CallOption) error {
	return cancelOperation.Exec(ctx, s.client, cancelInput{id, statusReason}, opts)
}
