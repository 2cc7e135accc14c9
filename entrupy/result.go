package entrupy

// Status is the state of an authentication.
type Status struct {
	Result Result `json:"result"`
	// InitialResult is the first result, where the response has one. It decides nothing.
	InitialResult *Result `json:"initial_result"`
	// Flag is the state of a dispute; empty means none.
	Flag Flag `json:"flag"`
}

// Result is a result of an authentication.
type Result struct {
	ID ResultID `json:"id"`
	// Final says that the result is settled, whatever it is. A result without the member is not final (EN-007).
	Final   bool   `json:"final"`
	Display string `json:"display"` // 1.4: a text to show, which may change
	Reason  string `json:"reason"`  // 1.4: why it is invalid
}

// ResultID says what a result is. The set is open: unknown values pass through unchanged. Whether it is settled says Result.Final alone.
type ResultID string

// The results. Of these, only authentic, unidentified and invalid were seen in the partner API; the others come from the vendor's mobile
// SDK, and the last two from a public client alone (EN-006).
const (
	ResultAuthentic    ResultID = "authentic"    // a certificate exists
	ResultUnidentified ResultID = "unidentified" // could not be confirmed; no statement that the item is fake
	ResultInvalid      ResultID = "invalid"      // the submission cannot be used; Reason says why
	ResultUnknown      ResultID = "unknown"      // presumably what the mobile SDK calls unidentified
	ResultNotSupported ResultID = "not_supported"
	ResultNotAvailable ResultID = "not_available"
	ResultCanceled     ResultID = "canceled"

	ResultReceived     ResultID = "received"      // presumably pending
	ResultNeedsReview  ResultID = "needs_review"  // presumably pending
	ResultAnalyzed     ResultID = "analyzed"      // presumably pending
	ResultDataRequired ResultID = "data_required" // presumably pending

	ResultRegistered               ResultID = "registered" // fingerprint sessions, up to the blank line
	ResultMatch                    ResultID = "match"
	ResultNoMatch                  ResultID = "no_match"
	ResultMatchFound               ResultID = "match_found"
	ResultNoMatchFound             ResultID = "no_match_found"
	ResultRegistrationInvalid      ResultID = "registration_invalid"
	ResultRegistrationNotSupported ResultID = "registration_not_supported"

	ResultNotAuthentic ResultID = "not_authentic"
	ResultInconclusive ResultID = "inconclusive"
)

// Known reports whether this version of the package knows the result.
func (r ResultID) Known() bool {
	switch r {
	case ResultAuthentic, ResultUnidentified, ResultInvalid, ResultUnknown, ResultNotSupported, ResultNotAvailable, ResultCanceled,
		ResultReceived, ResultNeedsReview, ResultAnalyzed, ResultDataRequired,
		ResultRegistered, ResultMatch, ResultNoMatch, ResultMatchFound, ResultNoMatchFound, ResultRegistrationInvalid, ResultRegistrationNotSupported,
		ResultNotAuthentic, ResultInconclusive:
		return true
	}
	return false
}

// Flag is the state of a dispute about a result. The set is open, and empty means that there is none.
type Flag string

// The flags. The words of 1.4 are not documented; these come from the mobile SDK and a sample of v2.
const (
	FlagNone       Flag = "none" // the same as an empty one
	FlagFlagged    Flag = "flagged"
	FlagResolved   Flag = "resolved"
	FlagReviewedOK Flag = "reviewed_ok"
)

// Known reports whether this version of the package knows the flag.
func (f Flag) Known() bool {
	return f == FlagNone || f == FlagFlagged || f == FlagResolved || f == FlagReviewedOK
}

// Activity says what was done with the item.
type Activity struct {
	Name            ActivityName    `json:"name"`
	Mode            ActivityMode    `json:"mode"` // in v2 also of authentications, such as standard_authentication
	FormFactor      FormFactor      `json:"form_factor"`
	ProductCategory ProductCategory `json:"product_category"`
}

// ActivityName tells authentications from fingerprint sessions.
type ActivityName string

// The activities.
const (
	ActivityAuthentication ActivityName = "authentication"
	ActivityFingerprint    ActivityName = "fingerprint"
)

// Known reports whether this version of the package knows the activity.
func (n ActivityName) Known() bool { return n == ActivityAuthentication || n == ActivityFingerprint }

// ActivityMode is the kind of an activity.
type ActivityMode string

// The modes.
const (
	ModeStandard ActivityMode = "standard_authentication" // v2
	ModeCompare  ActivityMode = "compare"                 // a fingerprint session
	ModeRegister ActivityMode = "register"                // a fingerprint session
)

// Known reports whether this version of the package knows the mode.
func (m ActivityMode) Known() bool { return m == ModeStandard || m == ModeCompare || m == ModeRegister }

// FormFactor is what the pictures were taken with.
type FormFactor string

// The form factors.
const (
	FormFactorMicroscopic FormFactor = "microscopic"
	FormFactorLightbox    FormFactor = "lightbox"
	FormFactorFreeCamera  FormFactor = "free_camera"
)

// Known reports whether this version of the package knows the form factor.
func (f FormFactor) Known() bool {
	return f == FormFactorMicroscopic || f == FormFactorLightbox || f == FormFactorFreeCamera
}

// ProductCategory is the kind of an item.
type ProductCategory string

// The product categories.
const (
	CategoryLuxury   ProductCategory = "luxury"
	CategorySneakers ProductCategory = "sneakers"
	CategoryApparel  ProductCategory = "apparel"
)

// Known reports whether this version of the package knows the category.
func (c ProductCategory) Known() bool {
	return c == CategoryLuxury || c == CategorySneakers || c == CategoryApparel
}
