package powerauth

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
	"github.com/identkit/identkit/internal/wire"
	"github.com/identkit/identkit/powerauth/protocol"
	"github.com/identkit/identkit/webhook"
)

// RegistrationCallback says that something about a registration has changed.
type RegistrationCallback struct {
	identkit.Raw `json:"-"`

	RegistrationID RegistrationID
	// Registration is the state read after the callback came. Nil with CallbackConfig.TrustBody, and with NotFound.
	Registration *Registration
	// NotFound says that PAC did not find the registration when it was read again: it is gone, or the client has no access to it
	// any more. Do not take it for removed unless the payload says so, or you know that the client has access.
	NotFound bool
	// Payload is what the body says: not signed, maybe old, and only as much as the callback's attributes name.
	Payload RegistrationPayload
}

// Format prints the id, whatever the verb: for some, package fmt prints what a pointer in a struct leads to without calling its methods.
func (c RegistrationCallback) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "powerauth.RegistrationCallback("+string(c.RegistrationID)+")")
}

// RegistrationPayload is the content of a registration callback.
type RegistrationPayload struct {
	Status        RegistrationStatus
	BlockedReason string
	UserID        UserID
	Name          string
	Platform      string
	DeviceInfo    string
	Protocol      string
	Flags         []string
	ApplicationID ApplicationID
}

// OperationCallback says that something about an operation has changed, a failed attempt included.
type OperationCallback struct {
	identkit.Raw `json:"-"`

	OperationID OperationID
	// Operation is the state read after the callback came. Nil with CallbackConfig.TrustBody, and with NotFound.
	Operation *Operation
	// NotFound says that PAC did not find the operation when it was read again, or gives no access to it.
	NotFound bool
	// Payload is what the body says: not signed, maybe old, and only as much as the callback's attributes name.
	Payload OperationPayload
}

// Format prints the id, whatever the verb; see [RegistrationCallback.Format].
func (c OperationCallback) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "powerauth.OperationCallback("+string(c.OperationID)+")")
}

// OperationPayload is the content of an operation callback.
type OperationPayload struct {
	Status          OperationStatus
	UserID          UserID
	OperationType   string
	ExternalID      string
	Data            string
	Flag            string // activationFlag, sent only if the callback's URL contains that word
	Factors         protocol.Factors
	Applications    []ApplicationID
	Parameters      map[string]string
	AdditionalData  map[string]json.RawMessage
	FailureCount    int
	MaxFailureCount int
	Created         time.Time
	Expires         time.Time
	Finalized       time.Time
}

// UnknownCallback is a callback that is about neither, or that has no function of its own. RawJSON gives its body.
type UnknownCallback struct {
	identkit.Raw `json:"-"`

	// Type is as it came.
	Type string
}

// ParseRegistrationCallback reads a registration callback back from what its RawJSON gave. Nothing is read from PAC: Registration is nil.
// A failure is [webhook.ErrInvalidEvent].
func ParseRegistrationCallback(raw []byte) (*RegistrationCallback, error) {
	c, err := readCallback(raw)
	if err == nil && c.registration == nil {
		err = &webhook.DecodeError{Detail: "is not about a registration"}
	}
	return c.registration, err
}

// ParseOperationCallback reads an operation callback back from what its RawJSON gave; see [ParseRegistrationCallback].
func ParseOperationCallback(raw []byte) (*OperationCallback, error) {
	c, err := readCallback(raw)
	if err == nil && c.operation == nil {
		err = &webhook.DecodeError{Detail: "is not about an operation"}
	}
	return c.operation, err
}

// callback is a decoded callback. At most one of registration and operation is set.
type callback struct {
	UnknownCallback
	id           string
	notifyKey    string
	registration *RegistrationCallback
	operation    *OperationCallback
}

// asUnknown is a callback that no function of its own takes.
func (c callback) asUnknown() callback {
	return callback{UnknownCallback: c.UnknownCallback, id: c.id, notifyKey: c.notifyKey}
}

// about says what a callback is about, which the spellings of its type in code and in the pages of several versions tell; for any
// other, the id that is there.
func about(kind, registration, operation string) (isRegistration, isOperation bool) {
	switch kind {
	case "ACTIVATION", "REGISTRATION", "ACTIVATION_STATUS_CHANGE", "REGISTRATION_STATUS_CHANGE":
		return true, false
	case "OPERATION", "OPERATION_STATUS_CHANGE":
		return false, true
	}
	return registration != "" && operation == "", operation != "" && registration == ""
}

func decodeCallback(d *webhook.Delivery) ([]callback, error) {
	c, err := readCallback(d.Request.Body)
	return []callback{c}, err
}

// readCallback reads a callback. Of its members only the ids must be right: everything else is a hint, and left empty where it has another type.
func readCallback(body []byte) (callback, error) {
	var m members
	if err := codec.Unmarshal(body, &m); err != nil {
		return callback{}, &webhook.DecodeError{Detail: err.Error()}
	}
	if m == nil {
		return callback{}, &webhook.DecodeError{Detail: "is no object"}
	}
	var c callback
	c.Type = m.text("type")
	transport.KeepRaw(&c.Raw, wire.TrimBOM(body))
	registration, operation := cmp.Or(m.text("activationId"), m.text("registrationId")), m.text("operationId")
	switch isRegistration, isOperation := about(c.Type, registration, operation); {
	case isRegistration && registration == "":
		return callback{}, &webhook.DecodeError{Detail: "a registration callback lacks activationId"}
	case isRegistration:
		c.id, c.notifyKey = registration, RegistrationKey(RegistrationID(registration))
		c.registration = &RegistrationCallback{Raw: c.Raw, RegistrationID: RegistrationID(registration), Payload: m.registration()}
	case isOperation && operation == "":
		return callback{}, &webhook.DecodeError{Detail: "an operation callback lacks operationId"}
	case isOperation:
		c.id, c.notifyKey = operation, OperationKey(OperationID(operation))
		c.operation = &OperationCallback{Raw: c.Raw, OperationID: OperationID(operation), Payload: m.operation()}
	}
	return c, nil
}

type members map[string]json.RawMessage

// memberOf is a member of a callback, or the zero value when it is missing or of another type.
func memberOf[T any](m members, name string) T {
	var v, none T
	if raw, ok := m[name]; !ok || codec.Unmarshal(raw, &v) != nil {
		return none
	}
	return v
}

func (m members) text(name string) string { return memberOf[string](m, name) }

func (m members) registration() RegistrationPayload {
	return RegistrationPayload{
		Status: RegistrationStatus(m.text("activationStatus")), BlockedReason: m.text("blockedReason"), UserID: UserID(m.text("userId")),
		Name: m.text("activationName"), Platform: m.text("platform"), DeviceInfo: m.text("deviceInfo"), Protocol: m.text("protocol"),
		Flags: memberOf[[]string](m, "activationFlags"), ApplicationID: ApplicationID(m.text("applicationId")),
	}
}

func (m members) operation() OperationPayload {
	return OperationPayload{
		Status: OperationStatus(m.text("status")), UserID: UserID(m.text("userId")), OperationType: m.text("operationType"),
		ExternalID: m.text("externalId"), Data: m.text("data"), Flag: m.text("activationFlag"),
		Factors:         cmp.Or(memberOf[protocol.Factors](m, "signatureType"), memberOf[protocol.Factors](m, "authenticationCodeType")),
		Applications:    append(memberOf[[]ApplicationID](m, "applications"), memberOf[[]ApplicationID](m, "applicationId")...),
		AdditionalData:  memberOf[map[string]json.RawMessage](m, "additionalData"),
		FailureCount:    memberOf[int](m, "failureCount"),
		MaxFailureCount: memberOf[int](m, "maxFailureCount"),
		Created:         memberOf[time.Time](m, "timestampCreated"),
		Expires:         memberOf[time.Time](m, "timestampExpires"),
		Finalized:       memberOf[time.Time](m, "timestampFinalized"),
		Parameters:      memberOf[map[string]string](m, "parameters"),
	}
}
