package powerauth

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// Registrations binds devices to users: client.Registrations.
type Registrations struct{ client *transport.Client }

// RegistrationID identifies a registration, one device bound to one user. PAC's engine and its callbacks call it activationId.
type RegistrationID string

// ApplicationID identifies an application: a mobile app, whose devices and operations are apart from those of others.
type ApplicationID string

// UserID identifies a user of the caller's system; 1 to 255 characters.
type UserID string

// CreateRegistrationParams asks for a new registration.
type CreateRegistrationParams struct {
	// UserID is the user to bind a device to. Required; 1 to 255 characters.
	UserID UserID `json:"userId"`
	// AppID is the application's identifier. Required.
	AppID ApplicationID `json:"appId"`
	// OTP is an extra code that the phone, or the commit, must present. PAC ignores it unless CommitPhase or OTPValidation says
	// when to check it, so it is refused without one of them.
	OTP identkit.Secret `json:"otp,omitzero"`
	// OTPValidation says when the OTP is checked. Deprecated by the vendor in 1.9; use CommitPhase, with which it cannot be combined.
	OTPValidation OTPValidation `json:"otpValidation,omitzero"`
	// CommitPhase (PAC 1.9 and later) says when the registration becomes active and when the OTP is checked. PAC's default is
	// [CommitOnCommit].
	CommitPhase CommitPhase `json:"commitPhase,omitzero"`
	// Flags are free labels; operations can select devices by them.
	Flags []string `json:"flags,omitzero"`
	// Expires is until when the activation code can be used. Zero means the deployment's default: 2 or 5 minutes, sources disagree.
	Expires time.Time `json:"timestampRegistrationExpire,omitzero"`
	// IncompleteStatusCheck refuses the registration while another one of the user is in progress.
	IncompleteStatusCheck bool `json:"-"`
}

// CommitPhase says when a registration becomes active, and when its OTP is checked.
type CommitPhase string

// The commit phases.
const (
	CommitOnCommit      CommitPhase = "ON_COMMIT"       // by Registrations.Commit
	CommitOnKeyExchange CommitPhase = "ON_KEY_EXCHANGE" // as soon as the phone has used the code
)

// Known reports whether this version of the package knows the phase.
func (p CommitPhase) Known() bool { return p == CommitOnCommit || p == CommitOnKeyExchange }

// OTPValidation says when an OTP is checked. Deprecated by the vendor in 1.9.
type OTPValidation string

// The OTP validations.
const (
	OTPNone          OTPValidation = "NONE"            // never
	OTPOnKeyExchange OTPValidation = "ON_KEY_EXCHANGE" // when the phone uses the code
	OTPOnCommit      OTPValidation = "ON_COMMIT"       // by Registrations.Commit
)

// Known reports whether this version of the package knows the validation.
func (v OTPValidation) Known() bool { return v == OTPNone || v == OTPOnKeyExchange || v == OTPOnCommit }

// UnmarshalJSON reads the body that PAC takes, times as epoch milliseconds (or ISO 8601) included, so that a backend can accept
// it from its own clients. Member names match exactly, and a value of another type is an error. Marshalling a
// CreateRegistrationParams masks its OTP.
func (in *CreateRegistrationParams) UnmarshalJSON(b []byte) error {
	type plain CreateRegistrationParams
	return readParams(b, (*plain)(in))
}

const maxUserID = 255 // characters; the engine's limit

func (in *CreateRegistrationParams) request(r *transport.Request) {
	r.Text("userId", string(in.UserID), maxUserID)
	r.Text("appId", string(in.AppID), 0)
	r.That(in.CommitPhase == "" || in.CommitPhase.Known(), "commitPhase", "is not ON_COMMIT or ON_KEY_EXCHANGE")
	r.That(in.OTPValidation == "" || in.OTPValidation.Known(), "otpValidation", "is not NONE, ON_KEY_EXCHANGE or ON_COMMIT")
	r.That(in.CommitPhase == "" || in.OTPValidation == "", "otpValidation", "cannot be combined with commitPhase")
	checked := in.CommitPhase != "" || in.OTPValidation != "" && in.OTPValidation != OTPNone
	r.That(in.OTP == "" || checked, "otp", "needs commitPhase (or otpValidation), without which it would be ignored")
	r.That(in.OTP != "" || in.OTPValidation == "" || in.OTPValidation == OTPNone, "otpValidation", "needs otp")
	for _, f := range in.Flags {
		r.Text("flags", f, 0)
	}
	r.Future("timestampRegistrationExpire", in.Expires)
	if in.IncompleteStatusCheck {
		r.AddQuery("incompleteStatusCheck", "true")
	}
	r.JSON(in)
}

// CreatedRegistration is a new registration with the code that a phone activates it with. Code and QR data are secrets, which print
// and marshal as masks: what goes to the app, or into a store, is what Reveal gives.
//
//	toTheApp := map[string]string{"activationCode": created.ActivationCode.Reveal(), "qr": created.ActivationQRCodeData.Reveal()}
type CreatedRegistration struct {
	identkit.Raw `json:"-"`

	ID RegistrationID `json:"registrationId"`
	// ActivationCode is the code to type on the phone, 23 characters. Whoever has it can bind a device to the user.
	ActivationCode identkit.Secret `json:"activationCode"`
	// ActivationCodeSignature is an ECDSA signature of the code in Base64. It differs each time it is read.
	ActivationCodeSignature string `json:"activationCodeSignature"`
	// ActivationQRCodeData is code and signature, to be put into a QR code as it is.
	ActivationQRCodeData identkit.Secret `json:"activationQrCodeData"`
}

func (r *CreatedRegistration) check() error {
	if r.ActivationCode == "" { // older deployments give only the QR text
		code, _, _ := strings.Cut(r.ActivationQRCodeData.Reveal(), "#")
		r.ActivationCode = identkit.Secret(code)
	}
	return required("registrationId", string(r.ID), "activationCode", r.ActivationCode.Reveal())
}

var createRegistration = transport.Op[CreateRegistrationParams, CreatedRegistration]{
	Name: "powerauth.Registrations.Create", Method: http.MethodPost, Path: "/v2/registrations",
	Retry:     identkit.RetryIfNotProcessed, // each call makes another registration
	AfterLoss: "Registrations.List shows whether it was made",
	Request:   (*CreateRegistrationParams).request,
	Check:     (*CreatedRegistration).check,
}

// Create makes a registration in state [RegistrationCreated] and returns the activation code for the user's phone.
//
// Errors: [identkit.ErrInvalidRequest] for input that PAC would refuse or ignore; [identkit.ErrConflict] when another
// registration is in progress and IncompleteStatusCheck is set; [identkit.ErrRejected] with Fields for validation failures.
//
// Not safe to repeat: each call makes another registration. It is sent again only when it surely was not processed; a lost response is
// [identkit.ErrOutcomeUnknown], after which List shows what there is.
//
// Source: vendor tutorial "Mobile-First Authentication", API-Registrations; checked 2026-11.
func (s Registrations) Create(ctx context.Context, in CreateRegistrationParams, opts ...identkit.CallOption) (*CreatedRegistration, error) {
	return createRegistration.Do(ctx, s.client, in, opts)
}

// Registration is one device bound, or about to be bound, to one user.
type Registration struct {
	identkit.Raw `json:"-"`

	ID     RegistrationID     `json:"registrationId"`
	Status RegistrationStatus `json:"registrationStatus"`
	// UserID is missing from list items in the vendor's samples; List fills it in from its input.
	UserID        UserID        `json:"userId"`
	ApplicationID ApplicationID `json:"applicationId"`
	Name          string        `json:"name"`       // given on the phone, once it has registered
	Platform      string        `json:"platform"`   // ios, android, hw, unknown; passkeys: platform, cross-platform
	DeviceInfo    string        `json:"deviceInfo"` // such as a model code
	// BlockedReason says why it is blocked: NOT_SPECIFIED, MAX_FAILED_ATTEMPTS, or any code the blocker sent.
	BlockedReason string    `json:"blockedReason"`
	Flags         []string  `json:"flags"`
	Created       time.Time `json:"timestampCreated"`
	LastUsed      time.Time `json:"timestampLastUsed"`
	// ActivationFingerprint is 8 digits that phone and backend can show to the user for comparison; in PENDING_COMMIT.
	ActivationFingerprint string `json:"activationFingerprint"`
	// The activation code, only while the status is CREATED; see CreatedRegistration. Its signature is made anew for each read: never
	// compare signatures.
	ActivationCode          identkit.Secret `json:"activationCode"`
	ActivationCodeSignature string          `json:"activationCodeSignature"`
	ActivationQRCodeData    identkit.Secret `json:"activationQrCodeData"`
}

// RegistrationStatus is the state of a registration. Values this package does not know pass through.
type RegistrationStatus string

// The states of a registration.
const (
	RegistrationCreated       RegistrationStatus = "CREATED"        // the code waits for a phone
	RegistrationPendingCommit RegistrationStatus = "PENDING_COMMIT" // the phone used the code; Commit makes it active
	RegistrationActive        RegistrationStatus = "ACTIVE"         // the device can approve
	RegistrationBlocked       RegistrationStatus = "BLOCKED"        // by the backend, or after too many failed attempts
	RegistrationRemoved       RegistrationStatus = "REMOVED"        // final: removed, expired, or (some deployments) never existed
)

// Known reports whether this version of the package knows the status.
func (s RegistrationStatus) Known() bool {
	_, known := registrationOrder[s]
	return known
}

// IsFinal reports whether the status can no longer change.
func (s RegistrationStatus) IsFinal() bool { return s == RegistrationRemoved }

func (r *Registration) check() error {
	return required("registrationId", string(r.ID), "registrationStatus", string(r.Status))
}

// ParseRegistration reads a registration back from what its RawJSON gave, by the rules of [Registrations.Get].
func ParseRegistration(raw []byte) (*Registration, error) { return getRegistration.Parse(codec, raw) }

func registrationPath(id *RegistrationID, r *transport.Request) {
	r.Path("registrationId", string(*id))
}

var getRegistration = transport.Op[RegistrationID, Registration]{
	Name: "powerauth.Registrations.Get", Method: http.MethodGet, Path: "/v2/registrations/{registrationId}",
	Retry:   identkit.RetrySafe,
	Request: registrationPath,
	Check:   (*Registration).check,
	Same: func(id *RegistrationID, r *Registration) error {
		return transport.SameUUID("registrationId", *id, r.ID)
	},
}

// Get reads a registration.
//
// An id that PAC does not know is [identkit.ErrNotFound] on some deployments and a registration in state [RegistrationRemoved]
// on others (sources disagree): treat both as gone. Safe to repeat.
//
// Source: vendor tutorial, API-Registrations; checked 2026-11.
func (s Registrations) Get(ctx context.Context, id RegistrationID, opts ...identkit.CallOption) (*Registration, error) {
	return getRegistration.Do(ctx, s.client, id, opts)
}

// ListRegistrationsParams asks for the registrations of a user.
type ListRegistrationsParams struct {
	// UserID is the user. Required; 1 to 255 characters.
	UserID UserID
	// Removed also lists removed registrations.
	Removed bool
}

func (in *ListRegistrationsParams) request(r *transport.Request) {
	r.Text("userId", string(in.UserID), maxUserID)
	r.AddQuery("userId", string(in.UserID))
	if in.Removed {
		r.AddQuery("removed", "true")
	}
}

// RegistrationList is what [Registrations.List] gives.
type RegistrationList struct {
	identkit.Raw `json:"-"`

	Registrations []Registration `json:"registrations"`
}

func (l *RegistrationList) check() error {
	return requiredList("registrations", l.Registrations, (*Registration).check)
}

// sameUser also fills in the user, whom list items lack.
func sameUser(in *ListRegistrationsParams, l *RegistrationList) error {
	for i := range l.Registrations {
		r := &l.Registrations[i]
		if r.UserID == "" {
			r.UserID = in.UserID
		}
		if err := transport.Same("userId", in.UserID, r.UserID); err != nil {
			return err
		}
	}
	return nil
}

var listRegistrations = transport.Op[ListRegistrationsParams, RegistrationList]{
	Name: "powerauth.Registrations.List", Method: http.MethodGet, Path: "/v2/registrations",
	Retry:   identkit.RetrySafe,
	Request: (*ListRegistrationsParams).request,
	Check:   (*RegistrationList).check,
	Same:    sameUser,
}

// List reads the registrations of a user, newest first in the engine's order, its first page of 500.
//
// Without Removed only "active states" come back. BLOCKED is among them in the vendor's sample; whether CREATED and
// PENDING_COMMIT are is undocumented. Safe to repeat.
//
// Source: vendor tutorial, API-Registrations; checked 2026-11.
func (s Registrations) List(ctx context.Context, in ListRegistrationsParams, opts ...identkit.CallOption) (*RegistrationList, error) {
	return listRegistrations.Do(ctx, s.client, in, opts)
}

// registrationChange is the input of Block and Unblock.
type registrationChange struct {
	id     RegistrationID
	Change string `json:"change"`
}

func (in *registrationChange) request(r *transport.Request) {
	r.Path("registrationId", string(in.id))
	r.JSON(in)
}

var changeRegistration = transport.Op[registrationChange, transport.None]{
	Name: "powerauth.Registrations.Change", Method: http.MethodPut, Path: "/v2/registrations/{registrationId}",
	Retry:   identkit.RetrySafe, // assumed: blocking BLOCKED and unblocking ACTIVE are no-ops in the engine
	Request: (*registrationChange).request,
}

// Block blocks an active registration: its device can approve nothing until it is unblocked. Blocking a blocked one changes
// nothing (assumed from the engine); other states are [identkit.ErrConflict]. Safe to repeat.
//
// The JSON name of a reason is undocumented (the engine calls it "reason"); send one with identkit.WithBodyField("reason", …) after
// trying it on your deployment.
//
// Source: vendor tutorial, API-Registrations; checked 2026-11.
func (s Registrations) Block(ctx context.Context, id RegistrationID, opts ...identkit.CallOption) error {
	return changeRegistration.Exec(ctx, s.client, registrationChange{id, "BLOCK"}, opts)
}

// Unblock makes a blocked registration active again and resets its failed attempts. Unblocking an active one changes nothing
// (assumed from the engine); other states are [identkit.ErrConflict]. Safe to repeat.
//
// Source: vendor tutorial, API-Registrations; checked 2026-11.
func (s Registrations) Unblock(ctx context.Context, id RegistrationID, opts ...identkit.CallOption) error {
	return changeRegistration.Exec(ctx, s.client, registrationChange{id, "UNBLOCK"}, opts)
}

// CommitRegistrationParams completes a registration.
type CommitRegistrationParams struct {
	// ExternalUserID says who committed, for the audit; optional, up to 255 characters.
	ExternalUserID UserID `json:"externalUserId,omitzero"`
}

type commitInput struct {
	CommitRegistrationParams
	id RegistrationID
}

func (in *commitInput) request(r *transport.Request) {
	r.Path("registrationId", string(in.id))
	r.Optional("externalUserId", string(in.ExternalUserID), maxUserID)
	r.JSON(in.CommitRegistrationParams)
}

var commitRegistration = transport.Op[commitInput, transport.None]{
	Name: "powerauth.Registrations.Commit", Method: http.MethodPost, Path: "/v2/registrations/{registrationId}/commit",
	Retry:     identkit.RetryIfNotProcessed, // the second commit fails
	AfterLoss: "Registrations.Get says whether it is active",
	Request:   (*commitInput).request,
}

// Commit makes a registration active that a phone has used the code of (state [RegistrationPendingCommit]); other states are
// [identkit.ErrConflict].
//
// The JSON name of an OTP checked at the commit is undocumented (PAC's create calls it "otp", the engine "activationOtp"); send one
// with identkit.WithBodyField("otp", otp) after trying it on your deployment.
//
// Not safe to repeat: a second commit fails. After [identkit.ErrOutcomeUnknown], Get says whether it is active.
//
// Source: vendor tutorial, API-Registrations; checked 2026-11.
func (s Registrations) Commit(ctx context.Context, id RegistrationID, in CommitRegistrationParams, opts ...identkit.CallOption) error {
	return commitRegistration.Exec(ctx, s.client, commitInput{in, id}, opts)
}

var deleteRegistration = transport.Op[RegistrationID, transport.None]{
	Name: "powerauth.Registrations.Delete", Method: http.MethodDelete, Path: "/v2/registrations/{registrationId}",
	Retry:   identkit.RetrySafe, // assumed: removing a removed one succeeds in the engine
	Request: registrationPath,
}

// Delete removes a registration in any state, for good: its device can never be used again. Removing a removed one succeeds
// (assumed from the engine). Safe to repeat.
//
// Source: vendor tutorial, API-Registrations; checked 2026-11.
func (s Registrations) Delete(ctx context.Context, id RegistrationID, opts ...identkit.CallOption) error {
	return deleteRegistration.Exec(ctx, s.client, id, opts)
}
