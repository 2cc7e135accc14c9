package powerauth

import (
	"cmp"
	"encoding/json"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
	"github.com/identkit/identkit/powerauth/protocol"
	"github.com/identkit/identkit/webhook"
)

// RegistrationCallback says that something about a registration has changed.
type RegistrationCallback struct {
	identkit.Raw `json:"-"`

	RegistrationID RegistrationID
	// Registration is the state read after the callback came. Zero with CallbackConfig.TrustBody, and with NotFound.
	Registration Registration
	// NotFound says that PAC did not find the registration when it was read again: it is gone, or the client has no access to it
	// any more. Do not take it for removed unless the callback told so, or you know that the client has access.
	NotFound bool
	// Told is what the callback said: not signed, maybe old, and only as much as the callback's attributes name.
	Told RegistrationTold
}

// RegistrationTold is the content of a registration callback.
type RegistrationTold struct {
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
	// Operation is the state read after the callback came. Zero with CallbackConfig.TrustBody, and with NotFound.
	Operation Operation
	// NotFound says that PAC did not find the operation when it was read again, or gives no access to it.
	NotFound bool
	// Told is what the callback said: not signed, maybe old, and only as much as the callback's attributes name.
	Told OperationTold
}

// OperationTold is the content of an operation callback.
type OperationTold struct {
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

// callback is a decoded callback. At most one of registration and operation is set.
type callback struct {
	raw          identkit.Raw
	kind         callbackKind
	kindText     string
	id           string
	status       string
	failures     string
	keyed        bool // the delivery has an id, by which it is known again
	minute       string
	registration *RegistrationCallback
	operation    *OperationCallback
}

type callbackKind string

const (
	aboutRegistration callbackKind = "registration"
	aboutOperation    callbackKind = "operation"
	aboutUnknown      callbackKind = "unknown"
)

// kindOfType knows the spellings found in code and in the pages of several versions.
func kindOfType(text string) callbackKind {
	switch text {
	case "ACTIVATION", "REGISTRATION", "ACTIVATION_STATUS_CHANGE", "REGISTRATION_STATUS_CHANGE":
		return aboutRegistration
	case "OPERATION", "OPERATION_STATUS_CHANGE":
		return aboutOperation
	}
	return aboutUnknown
}

// decodeCallback reads a callback. Of its members only the ids must be right: everything else is a hint, and an odd one is left out.
func decodeCallback(d *webhook.Delivery) ([]callback, error) {
	bodies, err := webhook.JSON[members](d)
	if err != nil {
		return nil, err
	}
	m := bodies[0]
	c := callback{kindText: told[string](m, "type")}
	transport.KeepRaw(&c.raw, d.Request.Body)
	registration, operation := told[string](m, "activationId"), told[string](m, "operationId")
	if registration == "" {
		registration = told[string](m, "registrationId")
	}
	if c.kind = kindOfType(c.kindText); c.kind == aboutUnknown {
		switch { // a new spelling: which id is there tells
		case registration != "" && operation == "":
			c.kind = aboutRegistration
		case operation != "" && registration == "":
			c.kind = aboutOperation
		}
	}
	switch c.kind {
	case aboutRegistration:
		if registration == "" {
			return nil, &webhook.DecodeError{Detail: "a registration callback lacks activationId"}
		}
		c.id, c.registration = registration, &RegistrationCallback{Raw: c.raw, RegistrationID: RegistrationID(registration), Told: m.registration()}
		c.status = string(c.registration.Told.Status)
	case aboutOperation:
		if operation == "" {
			return nil, &webhook.DecodeError{Detail: "an operation callback lacks operationId"}
		}
		c.id, c.operation = operation, &OperationCallback{Raw: c.raw, OperationID: OperationID(operation), Told: m.operation()}
		c.status, c.failures = string(c.operation.Told.Status), told[string](m, "failureCount")
	}
	return []callback{c}, nil
}

type members map[string]json.RawMessage

// told is a member of a callback, or the zero value when it is missing or of another type.
func told[T any](m members, name string) T {
	var v, none T
	if raw, ok := m[name]; !ok || codec.Unmarshal(raw, &v) != nil {
		return none
	}
	return v
}

func (m members) text(name string) string { return told[string](m, name) }

func (m members) registration() RegistrationTold {
	return RegistrationTold{
		Status: RegistrationStatus(m.text("activationStatus")), BlockedReason: m.text("blockedReason"), UserID: UserID(m.text("userId")),
		Name: m.text("activationName"), Platform: m.text("platform"), DeviceInfo: m.text("deviceInfo"), Protocol: m.text("protocol"),
		Flags: told[[]string](m, "activationFlags"), ApplicationID: ApplicationID(m.text("applicationId")),
	}
}

func (m members) operation() OperationTold {
	t := OperationTold{
		Status: OperationStatus(m.text("status")), UserID: UserID(m.text("userId")), OperationType: m.text("operationType"),
		ExternalID: m.text("externalId"), Data: m.text("data"), Flag: m.text("activationFlag"),
		Factors:         cmp.Or(told[protocol.Factors](m, "signatureType"), told[protocol.Factors](m, "authenticationCodeType")),
		Applications:    append(told[[]ApplicationID](m, "applications"), told[[]ApplicationID](m, "applicationId")...),
		AdditionalData:  told[map[string]json.RawMessage](m, "additionalData"),
		FailureCount:    told[int](m, "failureCount"),
		MaxFailureCount: told[int](m, "maxFailureCount"),
		Created:         told[time.Time](m, "timestampCreated"),
		Expires:         told[time.Time](m, "timestampExpires"),
		Finalized:       told[time.Time](m, "timestampFinalized"),
		Parameters:      told[map[string]string](m, "parameters"),
	}
	return t
}
