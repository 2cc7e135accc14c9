package iproov

import (
	"cmp"
	"net/url"
	"slices"

	"github.com/identkit/identkit/internal/transport"
	"github.com/identkit/identkit/internal/wire"
)

// Journey is one user's way to a verdict for one purpose: attempts, each with a claim of its own, until one passes or all are used
// up. It is plain data that lives in the team's own database, as JSON; [Journeys] moves it. Each request loads a copy of its own.
//
// Two requests may move the same journey at once: apps repeat requests. So [Journeys] saves each change through a function of the
// team's, Save, which must be a compare and swap. It stores the journey, whose Revision is already the new one, only where the
// stored revision is the one before, and returns [ErrRevision] where it is not:
//
//	UPDATE journeys SET data = $1, revision = $2 WHERE key = $3 AND revision = $2 - 1
//
// No row was changed: [ErrRevision]. A journey that was never moved has revision 0; insert it before, or when it is saved with
// revision 1. Save must not change the journey, and must return when its context ends. Package iproovtest has acceptance tests for it.
type Journey struct {
	// ID names what the journey is for, such as a login session or an order: attempts are counted for it. A journey that is final
	// stays final; the next one begins under another id.
	ID string `json:"id"`
	// UserID and Purpose say whose journey it is and what for, such as "login".
	UserID  UserID      `json:"userId"`
	Purpose string      `json:"purpose"`
	Mode    JourneyMode `json:"mode"` // what the attempts shall do
	// MaxAttempts is how many claims are made at most. Zero means 3, which iProov recommends.
	MaxAttempts int `json:"maxAttempts,omitzero"`
	// Resource is sent to iProov. Empty means the purpose.
	Resource string `json:"resource,omitzero"`
	// AssuranceType and RiskProfile are sent with every claim.
	AssuranceType AssuranceType `json:"assuranceType,omitzero"`
	RiskProfile   string        `json:"riskProfile,omitzero"`

	// Attempts are what happened so far. Keep them: verdicts cannot be fetched again.
	Attempts []JourneyAttempt `json:"attempts,omitempty"`
	Revision int              `json:"revision"` // grows with every change
}

// JourneyMode says what a journey's attempts do.
type JourneyMode string

// The modes.
const (
	JourneyEnrol  JourneyMode = "enrol"  // enrol; a user who is known is an error
	JourneyVerify JourneyMode = "verify" // verify; a user who is not known is an error
	// JourneyEnrolOrVerify verifies a user who is known and enrols one who is not: whoever comes first under a user id is
	// trusted. Use it only behind another authentication.
	JourneyEnrolOrVerify JourneyMode = "enrol_or_verify"
)

// Known reports whether this version of the package knows the mode.
func (m JourneyMode) Known() bool {
	return m == JourneyEnrol || m == JourneyVerify || m == JourneyEnrolOrVerify
}

const defaultAttempts = 3

// Passed reports whether an attempt passed.
func (j *Journey) Passed() bool {
	return slices.ContainsFunc(j.Attempts, func(a JourneyAttempt) bool { return a.Outcome == OutcomePassed })
}

// AttemptsLeft is how many more claims can be made. Every claim counts, scanned or not: scans that an app does not report would
// otherwise be free.
func (j *Journey) AttemptsLeft() int {
	if j.Passed() {
		return 0
	}
	return max(cmp.Or(max(j.MaxAttempts, 0), defaultAttempts)-len(j.Attempts), 0)
}

// IsFinal reports whether nothing can happen any more: it passed, or no attempt is left or open.
func (j *Journey) IsFinal() bool { return j.Passed() || j.AttemptsLeft() == 0 && j.Open() == nil }

// Open is the attempt that waits for its verdict, or nil.
func (j *Journey) Open() *JourneyAttempt {
	if j == nil {
		return nil
	}
	if n := len(j.Attempts); n > 0 && j.Attempts[n-1].Outcome == "" {
		return &j.Attempts[n-1]
	}
	return nil
}

// Key names user, purpose and id together, for a unique index. No two journeys that differ in one of them have the same.
func (j *Journey) Key() string {
	return string(j.UserID) + "/" + j.Purpose + "/" + url.PathEscape(j.ID) // only the purpose can hold a slash
}

// UnmarshalJSON reads a stored journey, by exact names: encoding/json alone would take "Outcome" for "outcome".
func (j *Journey) UnmarshalJSON(b []byte) error {
	type plain Journey
	return wire.UnmarshalStrict(b, (*plain)(j))
}

func (j *Journey) check(c *transport.Check) {
	if j == nil {
		c.Refuse("Journey", "is nil")
		return
	}
	c.Text("Journey.ID", j.ID, 0)
	j.UserID.check(c, "Journey.UserID")
	c.Text("Journey.Purpose", j.Purpose, 0)
	c.That(j.Mode.Known(), "Journey.Mode", "is not enrol, verify or enrol_or_verify")
	c.That(j.MaxAttempts >= 0, "Journey.MaxAttempts", "is negative")
	checkRiskProfile(j.RiskProfile, c)
}

// attempt finds the attempt of a claim, or nil.
func (j *Journey) attempt(token ClaimToken) *JourneyAttempt {
	if i := slices.IndexFunc(j.Attempts, func(a JourneyAttempt) bool { return a.Token == token }); i >= 0 && token != "" {
		return &j.Attempts[i]
	}
	return nil
}

// with returns the journey as it is after a change, in the next revision. The two share nothing that changes.
func (j *Journey) with(change func(*Journey)) *Journey {
	next := *j
	next.Attempts = slices.Clone(j.Attempts)
	change(&next)
	next.Revision++
	return &next
}
