package iproov

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// Journeys moves users through their attempts: client.Journeys.
type Journeys struct {
	enrol  Enrol
	verify Verify
}

// The errors of journeys, found with errors.Is.
var (
	// ErrRevision is for a Save to return where the stored revision is not the one before the journey's.
	ErrRevision = errors.New("iproov: the stored journey has another revision")
	// ErrInProgress says that another request is moving the journey: it fetches the verdict, or Save returned [ErrRevision]. Load the
	// journey and call again; Finish then returns the verdict, once it is stored.
	ErrInProgress = errors.New("iproov: another request is moving the journey")
	// ErrJourneyOver says that the journey passed or has no attempts left.
	ErrJourneyOver = errors.New("iproov: the journey is over")
	// ErrNoVerdict says that the attempt ended without a verdict: it was refused, lost or abandoned. Begin another one.
	ErrNoVerdict = errors.New("iproov: the attempt ended without a verdict")
	// ErrNotSaved says that Finish has asked iProov, but could not save what came of it: *j holds it. See [Journeys.Finish].
	ErrNotSaved = errors.New("iproov: the journey was not saved after the verdict was asked for")
)

// BeginParams begins an attempt.
type BeginParams struct {
	// Save stores the journey, before the claim is returned; see [Journey]. Required.
	Save func(context.Context, *Journey) error
}

// Begin makes the claim of the next attempt and saves the journey with it; an attempt that is open is abandoned.
//
// In mode [JourneyEnrolOrVerify] iProov decides: a verification is asked for, an enrolment if the user is not known, or the
// other way round after an enrolment; that makes up to two token calls.
//
// Errors, after all of which *j is unchanged: [ErrJourneyOver] and [ErrInProgress], both [identkit.ErrConflict]; those of
// Enrol.CreateToken and Verify.CreateToken; any other of Save, wrapped. A claim that was not saved is not returned, and costs no attempt.
func (s Journeys) Begin(ctx context.Context, j *Journey, in BeginParams, opts ...identkit.CallOption) (*Claim, error) {
	const name = "iproov.Journeys.Begin"
	var check transport.Check
	j.check(&check)
	check.That(in.Save != nil, "Save", "is missing")
	if err := check.Err(provider, name); err != nil {
		return nil, err
	}
	switch open := j.Open(); {
	case j.Passed():
		return nil, conflict(name, "it passed", ErrJourneyOver)
	case open != nil && open.isFinishing():
		return nil, conflict(name, "the verdict of its open attempt is being fetched", ErrInProgress)
	case j.AttemptsLeft() == 0:
		return nil, conflict(name, "all attempts are used up", ErrJourneyOver)
	}
	started := moment()
	claim, err := s.token(ctx, j, opts)
	if err != nil {
		return nil, err
	}
	err = j.swap(ctx, name, in.Save, func(j *Journey) {
		if open := j.Open(); open != nil && open.Finishing != (Finishing{}) {
			open.end(OutcomeLost)
		} else if open != nil {
			open.end(OutcomeAbandoned)
		}
		j.Attempts = append(j.Attempts, JourneyAttempt{
			Type: claim.Type, Token: claim.Token, Started: started, StartBefore: claim.StartBefore.UTC().Round(0),
		})
	})
	if err != nil {
		return nil, err
	}
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
	Token  ClaimToken // what the app sent; required; one that is not the journey's is identkit.ErrInvalidRequest
	Client string     // describes the user's device, such as its User-Agent; required
	// Save stores the journey, before the verdict is asked for and after; see [Journey]. Required.
	Save func(context.Context, *Journey) error
	// By names this process or request in the stored journey, for people. Optional.
	By string
}

func (in *FinishParams) check(ctx context.Context, j *Journey) error {
	var check transport.Check
	j.check(&check)
	check.That(ctx != nil, "ctx", "is nil")
	check.That(in.Save != nil, "Save", "is missing")
	check.That(j == nil || j.attempt(in.Token) != nil, "token", "is not of an attempt of this journey")
	check.Text("client", in.Client, 0)
	check.Optional("By", in.By, 0)
	return check.Err(provider, "iproov.Journeys.Finish")
}

// Finish fetches the verdict of the open attempt, when the app says that the scan is over, whether well or badly.
//
// It may be called any number of times, also at once: one call fetches the verdict, the others get [ErrInProgress], and the verdict
// from the stored attempt once it is there. To that end the journey is saved before iProov is asked, with the attempt marked as
// [JourneyAttempt].Finishing, and after that with what came of it. iProov is asked within 45 seconds, and the last Save gets another 10,
// in a context that does not end with ctx. An attempt marked for longer than a minute is saved as lost by the next call, because its
// verdict may be fetched and gone; the clocks of the processes must agree within a few seconds.
//
// Errors: [ErrInProgress] and [ErrNoVerdict], both [identkit.ErrConflict]; those of Enrol.Validate and Verify.Validate, after which the
// attempt is refused or lost, or still open if iProov has not looked at it; any other of Save, wrapped, when nothing was sent. With
// [ErrNotSaved], and only then, there may be a verdict beside the error: *j holds what was to be saved, so call Save again until it
// succeeds or returns [ErrRevision], which means that another request has ended the attempt. What is stored counts; a verdict that is
// not stored in the end is lost a minute later.
func (s Journeys) Finish(ctx context.Context, j *Journey, in FinishParams, opts ...identkit.CallOption) (*Validation, error) {
	const name = "iproov.Journeys.Finish"
	if err := in.check(ctx, j); err != nil {
		return nil, err
	}
	update := func(change func(*JourneyAttempt)) func(*Journey) {
		return func(j *Journey) { change(j.attempt(in.Token)) }
	}
	now := moment()
	switch a := j.attempt(in.Token); {
	case a.Outcome != "":
		return a.validation(name)
	case a.isFinishing():
		return nil, conflict(name, "the verdict is being fetched", ErrInProgress)
	case a.Finishing != (Finishing{}):
		if err := j.swap(ctx, name, in.Save, update(func(a *JourneyAttempt) { a.end(OutcomeLost) })); err != nil {
			return nil, err
		}
		return j.attempt(in.Token).validation(name)
	}
	within, cancel := context.WithDeadline(ctx, now.Add(fetchTime))
	defer cancel()
	if err := j.swap(within, name, in.Save, update(func(a *JourneyAttempt) { a.Finishing = Finishing{now, in.By} })); err != nil {
		return nil, err
	}
	v, err := s.validate(within, j, in, opts)
	next := j.with(update(func(a *JourneyAttempt) { a.finish(v, err) }))
	saving, stop := context.WithTimeout(context.WithoutCancel(ctx), saveTime)
	defer stop()
	unsaved := in.Save(saving, next)
	*j = *next
	switch {
	case unsaved == nil:
		return v, err
	case err == nil:
		return v, fmt.Errorf("%s: %w: %w", name, ErrNotSaved, unsaved)
	}
	return nil, fmt.Errorf("%w; %w: %w", err, ErrNotSaved, unsaved)
}

func (s Journeys) validate(ctx context.Context, j *Journey, in FinishParams, opts []identkit.CallOption) (*Validation, error) {
	params := ValidateParams{Token: in.Token, UserID: j.UserID, Client: in.Client, RiskProfile: j.RiskProfile}
	if j.attempt(in.Token).Type == TypeEnrol {
		return s.enrol.Validate(ctx, ValidateEnrolmentParams{ValidateParams: params}, opts...)
	}
	return s.verify.Validate(ctx, params, opts...)
}

// swap saves the journey with a change, and changes it only if it was saved.
func (j *Journey) swap(ctx context.Context, name string, save func(context.Context, *Journey) error, change func(*Journey)) error {
	next := j.with(change)
	switch err := save(ctx, next); {
	case errors.Is(err, ErrRevision):
		return conflict(name, "the journey has changed since it was loaded", fmt.Errorf("%w: %w", ErrInProgress, err))
	case err != nil:
		return fmt.Errorf("%s: the journey cannot be saved: %w", name, err)
	}
	*j = *next
	return nil
}

func conflict(name, detail string, err error) *identkit.Error {
	return &identkit.Error{Provider: provider, Operation: name, Kind: identkit.ErrConflict, Detail: detail, Err: err}
}

// The times of one Finish. The first two end before another process, by its own clock, takes the attempt for lost.
const (
	fetchTime  = 45 * time.Second
	saveTime   = 10 * time.Second
	finishTime = time.Minute
)
