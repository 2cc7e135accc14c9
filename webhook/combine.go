package webhook

import (
	"context"
	"errors"
	"fmt"
)

// All accepts a delivery when every verifier does, asked in order until one refuses. The receipt joins theirs:
// schemes with "+", and for the rest the first that has something to say. It is an error to give none, or a nil
// one.
func All(verifiers ...Verifier) (Verifier, error) {
	if err := checkParts("All", verifiers); err != nil {
		return nil, err
	}
	return allOf(append([]Verifier(nil), verifiers...)), nil
}

// Any accepts a delivery when one verifier does, asked in order; the receipt is that one's. When all refuse, the
// error is the one that came furthest: cannot be checked, stale, wrong, malformed, missing. It is an error to give
// none, or a nil one.
func Any(verifiers ...Verifier) (Verifier, error) {
	if err := checkParts("Any", verifiers); err != nil {
		return nil, err
	}
	return anyOf(append([]Verifier(nil), verifiers...)), nil
}

func checkParts(what string, verifiers []Verifier) error {
	if len(verifiers) == 0 {
		return fmt.Errorf("webhook: %s: no verifiers", what)
	}
	var errs []error
	for i, v := range verifiers {
		if v == nil {
			errs = append(errs, fmt.Errorf("webhook: %s: verifier %d is nil", what, i+1))
		}
	}
	return errors.Join(errs...)
}

type allOf []Verifier

func (vs allOf) Verify(ctx context.Context, r *Request) (Receipt, error) {
	var sum Receipt
	for i, v := range vs {
		part, err := v.Verify(ctx, r)
		if err != nil {
			return Receipt{}, err
		}
		if i > 0 {
			sum.Scheme += "+"
		}
		sum.Scheme += part.Scheme
		if sum.KeyID == "" {
			sum.KeyID = part.KeyID
		}
		if sum.ID == "" {
			sum.ID = part.ID
		}
		if sum.Time.IsZero() {
			sum.Time = part.Time
		}
		sum.BodySigned = sum.BodySigned || part.BodySigned
	}
	return sum, nil
}

type anyOf []Verifier

func (vs anyOf) Verify(ctx context.Context, r *Request) (Receipt, error) {
	var furthest error
	reached := -1
	for _, v := range vs {
		receipt, err := v.Verify(ctx, r)
		if err == nil {
			return receipt, nil
		}
		if n := progress(reasonOf(err)); n > reached {
			furthest, reached = err, n
		}
	}
	return Receipt{}, furthest
}

// progress orders refusals by how much of the proof had been right.
func progress(r Reason) int {
	switch r {
	case ErrProofMissing:
		return 0
	case ErrProofMalformed:
		return 1
	case ErrProofWrong:
		return 2
	case ErrProofStale:
		return 3
	default:
		return 4
	}
}

// challenger is a verifier that tells a client which authentication scheme it expects, for WWW-Authenticate.
type challenger interface{ challenges() []string }

func (vs allOf) challenges() []string { return challengesOf(vs...) }
func (vs anyOf) challenges() []string { return challengesOf(vs...) }

func challengesOf(vs ...Verifier) []string {
	var all []string
	for _, v := range vs {
		if c, ok := v.(challenger); ok {
			all = append(all, c.challenges()...)
		}
	}
	return all
}
