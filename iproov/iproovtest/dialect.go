package iproovtest

// Dialect chooses among the variants on which the vendor's documents disagree or are silent. Each field's zero value is the likelier
// variant.
// The tag of a field is the id of its assumption in ASSUMPTIONS.md.
type Dialect struct {
	// UnknownUserCode is the error code for an unknown user; empty means no_user for claims and invalid_user_id for the user endpoints.
	UnknownUserCode string `assumption:"IP-002"`
	// KeyStatus is the status of invalid_key; zero means 401, older documents say 403.
	KeyStatus int `assumption:"IP-001"`
	// OAuthStatus and QuotaStatus are those of invalid_oauth and token_quota_exceeded; zero means 401, 403 is as possible.
	OAuthStatus, QuotaStatus int `assumption:"IP-024"`
	// UnknownTokenStatus is the status for an unknown claim token; zero means 400.
	UnknownTokenStatus int `assumption:"IP-011"`
	// LargeImageStatus is the status for a photo that is too large; zero means 413, 400 is as possible.
	LargeImageStatus int `assumption:"IP-035"`
	// ExpiresInAsText writes expires_in as a text.
	ExpiresInAsText bool `assumption:"IP-022"`
	// ScopeAs is "array" (or empty), "text", "null" or "absent".
	ScopeAs string `assumption:"IP-022"`
	// NewTokenEndsOld ends an access token when the next one is issued.
	NewTokenEndsOld bool `assumption:"IP-023"`
	// InvalidateNeedsToken demands an access token for Claims.Invalidate.
	InvalidateNeedsToken bool `assumption:"IP-006"`
	// VerdictsAsText writes passed as "true" or "false".
	VerdictsAsText bool `assumption:"IP-008"`
	// FrameAvailableAsText writes frame_available as "True" or "False".
	FrameAvailableAsText bool `assumption:"IP-012"`
	// ReasonInResult puts reason into an object named result.
	ReasonInResult bool `assumption:"IP-012"`
	// SingleFaceSignal writes the faces signal as the signals page has it: multiple_faces.single_face.found, true for one face.
	SingleFaceSignal bool `assumption:"IP-012"`
	// QualityInSignals puts return_frame_quality among the signals.
	QualityInSignals bool `assumption:"IP-012"`
	// TitleCaseStatus writes Active for active.
	TitleCaseStatus bool `assumption:"IP-030"`
	// NullUserID writes a null user_id in responses to token calls.
	NullUserID bool `assumption:"IP-003"`
	// FallbackAsTexts writes fallback as a list of texts.
	FallbackAsTexts bool `assumption:"IP-005"`
	// SourceOptional accepts a photo without source for eid.
	SourceOptional bool `assumption:"IP-016"`
	// FailedEnrolBlocks makes a user whose enrolment did not pass exist, as inactive.
	FailedEnrolBlocks bool `assumption:"IP-034"`
	// EarlyValidateConsumes makes a validation before the end of the scan consume the token.
	EarlyValidateConsumes bool `assumption:"IP-033"`
	// DeletedUsersShow makes Get of a deleted user return status deleted instead of an error.
	DeletedUsersShow bool `assumption:"IP-037"`
	// DeletedIDsStayTaken refuses to enrol the id of a deleted user again.
	DeletedIDsStayTaken bool `assumption:"IP-037"`
}
