package iproov

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/identkit/identkit"
)

// JourneyAttempt is one claim of a journey.
type JourneyAttempt struct {
	Type        ClaimType  `json:"type"`
	Token       ClaimToken `json:"token"`
	Started     time.Time  `json:"started"`
	StartBefore time.Time  `json:"startBefore"`
	// Finishing says who fetches the verdict, or did. An attempt that is not ended a minute later is lost: its request has died.
	Finishing Finishing      `json:"finishing,omitzero"`
	Ended     time.Time      `json:"ended,omitzero"`
	Outcome   JourneyOutcome `json:"outcome,omitzero"` // empty while the attempt is open
	Reason    string         `json:"reason,omitzero"`  // iProov's, of a scan that did not pass
	Code      string         `json:"code,omitzero"`    // that of a validation that was refused
	// Result is the verdict, as far as this version knows its members, without frames; [JourneyAttempt.Validation] reads it. For more,
	// keep the RawJSON of what Finish returned.
	Result json.RawMessage `json:"result,omitempty"`
}

// Finishing marks an attempt whose verdict is being fetched.
type Finishing struct {
	At time.Time `json:"at"`
	By string    `json:"by,omitzero"` // FinishParams.By
}

// JourneyOutcome says how an attempt ended.
type JourneyOutcome string

// The outcomes.
const (
	OutcomePassed    JourneyOutcome = "passed"
	OutcomeFailed    JourneyOutcome = "failed"    // scanned, not passed
	OutcomeRefused   JourneyOutcome = "refused"   // no verdict: not scanned, expired, or validated elsewhere
	OutcomeLost      JourneyOutcome = "lost"      // the response with the verdict was lost, or the request that fetched it died
	OutcomeAbandoned JourneyOutcome = "abandoned" // another attempt took its place
)

// Validation returns the verdict of an attempt that passed or failed. Its frames are not kept. It is [ErrNoVerdict] for another attempt,
// and [identkit.ErrBadResponse] where Result does not fit the attempt.
func (a *JourneyAttempt) Validation() (*Validation, error) {
	return a.validation("iproov.JourneyAttempt.Validation")
}

func (a *JourneyAttempt) validation(name string) (*Validation, error) {
	if a.Outcome != OutcomePassed && a.Outcome != OutcomeFailed {
		e := conflict(name, "the attempt has none", ErrNoVerdict)
		switch e.Code = a.Code; a.Outcome {
		case OutcomeRefused:
			e.Detail = "iProov gave none: the scan did not end, or the claim expired or was validated elsewhere"
		case OutcomeLost:
			e.Detail, e.OutcomeUnknown = verdictLost, true
		case OutcomeAbandoned:
			e.Detail = "another attempt took its place"
		}
		return nil, e
	}
	v, err := ParseValidation(a.Result)
	if err == nil && (v.Passed != (a.Outcome == OutcomePassed) || v.Token != a.Token) {
		err = &identkit.Error{Provider: provider, Operation: name, Kind: identkit.ErrBadResponse, Detail: "the stored result is not the attempt's"}
	}
	if err != nil {
		return nil, err
	}
	return v, nil
}

// isFinishing reports whether another request may still bring the verdict.
func (a *JourneyAttempt) isFinishing() bool {
	return !a.Finishing.At.IsZero() && time.Since(a.Finishing.At) < finishTime
}

// finish notes what came of a validation. After errors that say nothing about the claim the attempt is open as before.
func (a *JourneyAttempt) finish(v *Validation, err error) {
	switch {
	case err == nil:
		a.Result = kept(v)
		a.end(OutcomePassed)
		if !v.Passed {
			a.end(OutcomeFailed)
			a.Reason = v.Reason
		}
	case errors.Is(err, identkit.ErrOutcomeUnknown):
		a.end(OutcomeLost)
		a.Code = codeOf(err)
	case codeOf(err) != "" && (errors.Is(err, identkit.ErrConflict) || errors.Is(err, identkit.ErrNotFound) || errors.Is(err, identkit.ErrRejected)):
		a.end(OutcomeRefused)
		a.Code = codeOf(err)
	default: // not sent, or not iProov's refusal of the claim: a proxy's, of the keys, of the rate
		a.Finishing = Finishing{}
	}
}

func (a *JourneyAttempt) end(outcome JourneyOutcome) { a.Outcome, a.Ended = outcome, moment() }

func moment() time.Time { return time.Now().UTC().Round(0) }

// keptMembers are what of a verdict an attempt keeps. Frames, also ones under names of another version, do not belong into a
// database of journeys.
var keptMembers = []string{
	"passed", "token", "type", "reason", "result", "risk_profile", "assurance_type", "signals", "return_frame_quality",
}

// kept is the verdict as [ParseValidation] reads it, also when it came as a text.
func kept(v *Validation) json.RawMessage {
	var members map[string]jsontext.Value
	_ = codec.Unmarshal(v.RawJSON(), &members) // it was read before
	for name := range members {
		if !slices.Contains(keptMembers, name) {
			delete(members, name)
		}
	}
	members["passed"] = jsontext.Value("false")
	if v.Passed {
		members["passed"] = jsontext.Value("true")
	}
	b, _ := jsonv2.Marshal(members, jsonv2.Deterministic(true)) // valid JSON throughout
	return b
}
