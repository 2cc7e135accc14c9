package webhook

import (
	"context"
	"fmt"
	"slices"
)

// All accepts a delivery when every verifier does, asked in order until one refuses. The receipt joins theirs:
// schemes with "+", and for the rest the first that says something. It is an error to give none, or a nil one.
func All(verifiers ...Verifier) (Verifier, error) {
	if err := checkVerifiers("All", verifiers); err != nil {
		return nil, err
	}
	return allOf(slices.Clone(verifiers)), nil
}

// Any accepts a delivery when one verifier does, asked in order; the receipt is that one's. When all refuse, the
// error is that of the verifier which came furthest: unavailable, expired, mismatch, malformed, missing. It is an error to give
// none, or a nil one.
func Any(verifiers ...Verifier) (Verifier, error) {
	if err := checkVerifiers("Any", verifiers); err != nil {
		return nil, err
	}
	return anyOf(slices.Clone(verifiers)), nil
}

func checkVerifiers(operation string, verifiers []Verifier) error {
	var f faults
	f.that(len(verifiers) > 0, "verifiers", "are empty")
	for i, v := range verifiers {
		f.that(v != nil, fmt.Sprintf("verifiers[%d]", i), "is nil")
	}
	return f.err(operation)
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
	reached := -2
	for _, v := range vs {
		receipt, err := v.Verify(ctx, r)
		if err == nil {
			return receipt, nil
		}
		if n := progress(ReasonOf(err)); n > reached {
			furthest, reached = err, n
		}
	}
	return Receipt{}, furthest
}

// progress orders refusals by how much of the authentication was right.
func progress(r Reason) int {
	return slices.Index([]Reason{ReasonMissing, ReasonMalformed, ReasonMismatch, ReasonExpired, ReasonPanic, ReasonUnavailable}, r)
}

// challenger is a verifier that names the authentication scheme it expects, for WWW-Authenticate.
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
