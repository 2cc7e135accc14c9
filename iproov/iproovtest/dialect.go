package iproovtest

// Dialect chooses among the variants on which the vendor's documents disagree or are silent. Each field's zero value is the likelier
// variant.
type Dialect struct {
	// UnknownUserCode is the error code for an unknown user; empty means no_user for claims and invalid_user_id for the user endpoints.
	UnknownUserCode string
	// KeyStatus is the status of invalid_key; zero means 401, older documents say 403.
	KeyStatus int
	// OAuthStatus and QuotaStatus are those of invalid_oauth and token_quota_exceeded; zero means 401, 403 is as possible.
	OAuthStatus, QuotaStatus int
	// UnknownTokenStatus is the status for an unknown claim token; zero means 400.
	UnknownTokenStatus int
	// LargeImageStatus is the status for a photo that is too large; zero means 413, 400 is as possible.
	LargeImageStatus int
	// ExpiresInAsText writes expires_in as a text.
	ExpiresInAsText bool
	// ScopeAs is "array" (or empty), "text", "null" or "absent".
	ScopeAs string
	// NewTokenEndsOld ends an access token when the next one is issued.
	NewTokenEndsOld bool
	// InvalidateNeedsToken demands an access token for Claims.Invalidate.
	InvalidateNeedsToken bool
	// VerdictsAsText writes passed as "true" or "false".
	VerdictsAsText bool
	// FrameAvailableAsText writes frame_available as "True" or "False".
	FrameAvailableAsText bool
	// ReasonInResult puts reason into an object named result.
	ReasonInResult bool
	// SingleFaceSignal writes the faces signal as the signals page has it: multiple_faces.single_face.found, true for one face.
	SingleFaceSignal bool
	// QualityInSignals puts return_frame_quality among the signals.
	QualityInSignals bool
	// TitleCaseStatus writes Active for active.
	TitleCaseStatus bool
	// NullUserID writes a null user_id in responses to token calls.
	NullUserID bool
	// FallbackAsTexts writes fallback as a list of texts.
	FallbackAsTexts bool
	// SourceOptional accepts a photo without source for eid.
	SourceOptional bool
	// FailedEnrolBlocks makes a user whose enrolment did not pass exist, as inactive.
	FailedEnrolBlocks bool
	// EarlyValidateConsumes makes a validation before the end of the scan consume the token.
	EarlyValidateConsumes bool
	// DeletedUsersShow makes Get of a deleted user return status deleted instead of an error.
	DeletedUsersShow bool
	// DeletedIDsStayTaken refuses to enrol the id of a deleted user again.
	DeletedIDsStayTaken bool
}
