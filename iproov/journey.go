package iproov

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// Journey is one user's way to a verdict for one purpose: attempts, each with a claim of its own, until one passes or all are used
// up. It is plain data that lives in the team's own database, as JSON; [Journeys] moves it.
//
// Two requests may move the same journey at once. Write it only where the stored Revision is the one that was read (compare and
// swap), and write it before a token leaves the backend: otherwise attempts go uncounted.
type Journey struct {
	// UserID and Purpose say whose journey it is and what for, such as "login"; attempts are counted for the two together.
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

// JourneyAttempt is one claim of a journey.
type JourneyAttempt struct {
	Type        ClaimType      `json:"type"`
	Token       ClaimToken     `json:"token"`
	Started     time.Time      `json:"started"`
	StartBefore time.Time      `json:"startBefore"`
	Ended       time.Time      `json:"ended,omitzero"`
	Outcome     JourneyOutcome `json:"outcome,omitzero"` // empty while the attempt is open
	Reason      string         `json:"reason,omitzero"`  // iProov's, of a scan that did not pass
	Code        string         `json:"code,omitzero"`    // that of a validation that was refused
}

// JourneyOutcome says how an attempt ended.
type JourneyOutcome string

// The outcomes.
const (
	OutcomePassed    JourneyOutcome = "passed"
	OutcomeFailed    JourneyOutcome = "failed"    // scanned, not passed
	OutcomeRefused   JourneyOutcome = "refused"   // no verdict: not scanned, expired, or validated elsewhere
	OutcomeLost      JourneyOutcome = "lost"      // the response with the verdict was lost
	OutcomeAbandoned JourneyOutcome = "abandoned" // another attempt took its place
)

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

// Key names user and purpose together, for a unique index.
func (j *Journey) Key() string { return string(j.UserID) + "/" + j.Purpose }

func (j *Journey) check(c *transport.Check) {
	if j == nil {
		c.Refuse("Journey", "is nil")
		return
	}
	j.UserID.check(c, "Journey.UserID")
	c.Text("Journey.Purpose", j.Purpose, 0)
	c.That(j.Mode.Known(), "Journey.Mode", "is not enrol, verify or enrol_or_verify")
	c.That(j.MaxAttempts >= 0, "Journey.MaxAttempts", "is negative")
}

func (j *Journey) end(outcome JourneyOutcome, reason, code string) {
	if a := j.Open(); a != nil {
		a.Outcome, a.Reason, a.Code, a.Ended = outcome, reason, code, moment()
	}
}

func moment() time.Time { return time.Now().UTC().Round(0) }

// Journeys moves users through their attempts: client.Journeys.
type Journeys struct {
	enrol  Enrol
	verify Verify
}

// ErrJourneyOver is in the error of a journey that passed or has no attempts left.
var ErrJourneyOver = errors.New("iproov: the journey is over")

// Next makes the claim of the next attempt and notes it in the journey; an attempt that is open is abandoned. Persist the journey
// before handing the token out.
//
// In mode [JourneyEnrolOrVerify] iProov decides: a verification is asked for, an enrolment if the user is not known, or the
// other way round after an enrolment; that makes up to two token calls.
//
// Errors: [ErrJourneyOver]; otherwise those of Enrol.CreateToken and Verify.CreateToken, and the journey is then unchanged.
func (s Journeys) Next(ctx context.Context, j *Journey, opts ...identkit.CallOption) (*Claim, error) {
	const name = "iproov.Journeys.Next"
	var check transport.Check
	j.check(&check)
	if err := check.Err(provider, name); err != nil {
		return nil, err
	}
	if j.AttemptsLeft() == 0 {
		detail := "all attempts are used up"
		if j.Passed() {
			detail = "it passed"
		}
		return nil, &identkit.Error{Provider: provider, Operation: name, Kind: identkit.ErrConflict, Detail: detail, Err: ErrJourneyOver}
	}
	started := moment()
	claim, err := s.token(ctx, j, opts)
	if err != nil {
		return nil, err
	}
	j.end(OutcomeAbandoned, "", "")
	j.Attempts = append(j.Attempts, JourneyAttempt{
		Type: claim.Type, Token: claim.Token, Started: started, StartBefore: claim.StartBefore.UTC().Round(0),
	})
	j.Revision++
	return claim, nil
}

func (s Journeys) token(ctx context.Context, j *Journey, opts []identkit.CallOption) (*Claim, error) {
	in := CreateTokenParams{
		UserID: j.UserID, Resource: cmp.Or(j.Resource, j.Purpose), AssuranceType: j.AssuranceType, RiskProfile: j.RiskProfile,
	}
	enrol := func() (*Claim, error) { return s.enrol.CreateToken(ctx, in, opts...) }
	verify := func() (*Claim, error) { return s.verify.CreateToken(ctx, in, opts...) }
	switch {
	case j.Mode == JourneyEnrol:
		return enrol()
	case j.Mode == JourneyVerify:
		return verify()
	case len(j.Attempts) > 0 && j.Attempts[len(j.Attempts)-1].Type == TypeEnrol:
		claim, err := enrol()
		if codeOf(err) == CodeAlreadyEnrolled {
			return verify()
		}
		return claim, err
	}
	claim, err := verify()
	if code := codeOf(err); errors.Is(err, identkit.ErrNotFound) && (code == CodeNoUser || code == CodeInvalidUserID) {
		return enrol()
	}
	return claim, err
}

// FinishParams ends an attempt.
type FinishParams struct {
	Token  ClaimToken // what the app sent; required; another one than the open attempt's is identkit.ErrInvalidRequest
	Client string     // describes the user's device, such as its User-Agent; required
}

// Finish fetches the verdict of the open attempt, when the app says that the scan is over, whether well or badly, and notes it in
// the journey.
//
// Persist the journey also when there is an error: an attempt whose verdict was refused or lost is closed. After other errors it
// is still open, and Finish can be called again.
func (s Journeys) Finish(ctx context.Context, j *Journey, in FinishParams, opts ...identkit.CallOption) (*Validation, error) {
	var check transport.Check
	j.check(&check)
	open := j.Open()
	switch {
	case open == nil:
		check.Refuse("Journey", "has no open attempt")
	case open.Token != in.Token || in.Token == "":
		check.Refuse("token", "is not the open attempt's")
	}
	if err := check.Err(provider, "iproov.Journeys.Finish"); err != nil {
		return nil, err
	}
	params := ValidateParams{Token: open.Token, UserID: j.UserID, Client: in.Client, RiskProfile: j.RiskProfile}
	var v *Validation
	var err error
	if open.Type == TypeEnrol {
		v, err = s.enrol.Validate(ctx, ValidateEnrolmentParams{ValidateParams: params}, opts...)
	} else {
		v, err = s.verify.Validate(ctx, params, opts...)
	}
	switch {
	case err == nil && v.Passed:
		j.end(OutcomePassed, "", "")
	case err == nil:
		j.end(OutcomeFailed, v.Reason, "")
	case errors.Is(err, identkit.ErrOutcomeUnknown):
		j.end(OutcomeLost, "", codeOf(err))
	case codeOf(err) == "": // not iProov's refusal: a proxy's, or a wrong address
		return nil, err
	case errors.Is(err, identkit.ErrConflict), errors.Is(err, identkit.ErrNotFound), errors.Is(err, identkit.ErrRejected):
		j.end(OutcomeRefused, "", codeOf(err))
	default:
		return nil, err
	}
	j.Revision++
	return v, err
}
