package powerauthtest

import "time"

// Dialect chooses among the variants on which the vendor's documents disagree or are silent. Each field's zero value is the likelier
// variant.
// The tag of a field is the id of its assumption in ASSUMPTIONS.md.
type Dialect struct {
	// UnknownRegistrationIsRemoved returns a REMOVED registration for an unknown id instead of ERROR_REGISTRATION_NOT_FOUND.
	UnknownRegistrationIsRemoved bool `assumption:"PA-007"`
	// EnvelopeSuccess wraps successful responses into {"status":"OK","responseObject":…}.
	EnvelopeSuccess bool `assumption:"PA-002"`
	// EnvelopePasskeys does so for the responses about passkeys alone, as their page shows.
	EnvelopePasskeys bool `assumption:"PA-002"`
	// PasskeyRequestObject demands {"requestObject":…} around the requests about passkeys; both forms are read without it.
	PasskeyRequestObject bool `assumption:"PA-032"`
	// PasskeyBase64URL reads and writes the binary members of passkeys as Base64URL without padding, in place of standard Base64.
	PasskeyBase64URL bool `assumption:"PA-032"`
	// PasskeyListByQuery wants userId and appId of the passkey list in the query; otherwise they may be in body or query.
	PasskeyListByQuery bool `assumption:"PA-033"`
	// PasskeyAttachmentRequired refuses a passkey without authenticatorAttachment, as the vendor's page has it. Some browsers leave it out.
	PasskeyAttachmentRequired bool `assumption:"PA-076"`
	// AssertionOperationID puts operationId into the response to an assertion challenge, as PAC 2.1 does.
	AssertionOperationID bool `assumption:"PA-035"`
	// UnauthorizedCode is the code of a 401; empty means HTTP_401, one-page references say ERROR_UNAUTHORIZED.
	UnauthorizedCode string `assumption:"PA-005"`
	// ForbiddenStatus is the status for a user whose role does not allow a call. Zero means 403, which is in no table; 401 is possible too.
	ForbiddenStatus int `assumption:"PA-071"`
	// BothRoles lets the admin user make integration calls and the integration user read applications, as one vendor test does.
	BothRoles bool `assumption:"PA-071"`
	// CallbacksByIntegrationUser lets the integration user make callbacks, as one vendor test does.
	CallbacksByIntegrationUser bool `assumption:"PA-045"`
	// FractionalTimes writes times as fractional numbers (1.7e12).
	FractionalTimes bool `assumption:"PA-006"`
	// ListWithUserID puts userId into list items, where the vendor's sample has none.
	ListWithUserID bool `assumption:"PA-017"`
	// ListOnlyUsable leaves CREATED and PENDING_COMMIT out of lists without removed=true.
	ListOnlyUsable bool `assumption:"PA-016"`
	// QRDataOnly leaves activationCode and its signature out of the response to Create, as old deployments may.
	QRDataOnly bool `assumption:"PA-009"`
	// CommitOTPField is the member of the commit body that holds the OTP; empty means "otp". In the engine it is "activationOtp".
	CommitOTPField string `assumption:"PA-013"`
	// BlockReasonField is the member of the block body that holds the reason; empty means "reason", as in the engine.
	BlockReasonField string `assumption:"PA-012"`
	// BareDone responds to delete, cancel, commit, block and message calls with {} in place of {"status":"OK"}.
	BareDone bool `assumption:"PA-014"`
	// UpperCaseFactors writes signatureType in upper case.
	UpperCaseFactors bool `assumption:"PA-025"`
	// BareVerdicts leaves flags and application out of verdicts, as the vendor's models do.
	BareVerdicts bool `assumption:"PA-065"`
	// ExplicitNulls writes null for members of verdicts that have no value, in place of leaving them out.
	ExplicitNulls bool `assumption:"PA-065"`
	// ApplicationForm is the form of application in verdicts; empty means a string.
	ApplicationForm ApplicationForm `assumption:"PA-024"`
	// WrongOTPIsError responds to a wrong offline code with ERROR_OTP_INVALID in place of otpValid false, as in old references.
	WrongOTPIsError bool `assumption:"PA-031"`
	// LenientOTP reads offline codes without or with further dashes and blanks.
	LenientOTP bool `assumption:"PA-057"`
	// OfflineMasterKey signs offline QR codes with the master key in place of the registration's.
	OfflineMasterKey bool `assumption:"PA-067"`
	// TokenErrorCode is the code of a replayed token header or one out of time; empty means ERROR_TOKEN_INVALID. ERROR_GENERIC
	// and ERROR_INTERNAL_API come with status 500, others with 400.
	TokenErrorCode string `assumption:"PA-066"`
	// RequestWindow is how far the time of a token header may be off, as PAC 2.0 has it: 60 seconds. Zero means the windows of 1.9: 2 hours
	// back, 30 minutes ahead, 60 seconds ahead since protocol 3.2.
	RequestWindow time.Duration `assumption:"PA-066"`
	// AuditUnderV2 moves the audit log to /v2/audit/log, as texts of 2.1 have it.
	AuditUnderV2 bool `assumption:"PA-041"`
	// MasterKeyAsSPKI writes masterServerPublicKey as a DER SubjectPublicKeyInfo, as the reference shows it.
	MasterKeyAsSPKI bool `assumption:"PA-052"`
	// CallbackTypes is the spelling of type in callbacks; empty means ACTIVATION and OPERATION.
	CallbackTypes CallbackTypes `assumption:"PA-049"`
	// CallbackApplications is the form of applications in callbacks; empty means an array.
	CallbackApplications CallbackApplications `assumption:"PA-050"`
	// CallbackTimes is the form of times in callbacks; empty means numbers on the first attempt and ISO 8601 on the others.
	CallbackTimes CallbackTimes `assumption:"PA-050"`
	// ActivationFlagAlways sends activationFlag whenever it is requested. The engine sends it only to a URL that contains the word.
	ActivationFlagAlways bool `assumption:"PA-051"`
	// CallbacksWithoutKey leaves Idempotency-Key out of callbacks, as PAC before 1.9 does.
	CallbacksWithoutKey bool `assumption:"PA-047"`
}

// ApplicationForm is a form of application in verdicts, whose type is not documented.
type ApplicationForm string

// The forms.
const (
	ApplicationString ApplicationForm = "string" // "app"
	ApplicationList   ApplicationForm = "list"   // ["app"]
	ApplicationObject ApplicationForm = "object" // {"id":"app"}
)

// CallbackTypes is a spelling of the type of callbacks.
type CallbackTypes string

// The spellings.
const (
	TypesShort              CallbackTypes = "short"        // ACTIVATION, OPERATION: code and most pages
	TypesActivationChange   CallbackTypes = "activation"   // ACTIVATION_STATUS_CHANGE, OPERATION_STATUS_CHANGE
	TypesRegistrationChange CallbackTypes = "registration" // REGISTRATION_STATUS_CHANGE, OPERATION_STATUS_CHANGE
	TypesMissing            CallbackTypes = "missing"      // none: only the ids show it
)

// CallbackApplications is a form of applications in callbacks.
type CallbackApplications string

// The forms.
const (
	ApplicationsArray  CallbackApplications = "array"  // ["app"]
	ApplicationsText   CallbackApplications = "text"   // "[app]", the documentation's template
	ApplicationsSingle CallbackApplications = "single" // applicationId, until 1.5
)

// CallbackTimes is a form of times in callbacks.
type CallbackTimes string

// The forms.
const (
	TimesMixed  CallbackTimes = "mixed"  // numbers on the first attempt, ISO 8601 on retries
	TimesMillis CallbackTimes = "millis" // epoch milliseconds
	TimesISO    CallbackTimes = "iso"    // 2026-01-02T03:04:05.678+00:00
)
