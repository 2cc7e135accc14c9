package webhook

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
)

// All accepts a delivery when every verifier does, asked in order until one refuses. The receipt joins theirs:
// schemes with "+", and for the rest the first that says something. It is an error to give none, or a nil one.
func All(verifiers ...Verifier) (Verifier, error) {
	return combined("All", verifiers, allOf(slices.Clone(verifiers)))
}

// Any accepts a delivery when one verifier does, asked in order; the receipt is that one's. Its Sender, where [Named] gives none, is
// "#1" and so on by position, so that equal ids of two senders are two events: name the verifiers if their order may change, and give
// two verifiers of the same sender one name. When all refuse, the
// error is that of the verifier which came furthest: unavailable, expired, mismatch, malformed, missing. It is an error to give
// none, or a nil one.
func Any(verifiers ...Verifier) (Verifier, error) {
	return combined("Any", verifiers, anyOf(slices.Clone(verifiers)))
}

func combined(operation string, verifiers []Verifier, combination Verifier) (Verifier, error) {
	var f faults
	f.that(len(verifiers) > 0, "verifiers", "are empty")
	for i, v := range verifiers {
		f.notNil(fmt.Sprintf("verifiers[%d]", i), v)
	}
	return f.verifier(operation, combination)
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
		sum.Sender = cmp.Or(sum.Sender, part.Sender)
		sum.KeyID = cmp.Or(sum.KeyID, part.KeyID)
		sum.ID = cmp.Or(sum.ID, part.ID)
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
	for i, v := range vs {
		receipt, err := v.Verify(ctx, r)
		if err == nil {
			if receipt.Sender == "" || receipt.Sender[0] == '#' { // the position within a verifier counts too
				receipt.Sender = "#" + strconv.Itoa(i+1) + receipt.Sender
			}
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

// Named gives the receipts of a verifier a sender: at most 64 printable ASCII characters, no space and no colon, not beginning with
// "#". It is an error to give a nil verifier.
func Named(sender string, v Verifier) (Verifier, error) {
	var f faults
	f.that(isName(sender) && sender[0] != '#', "sender", "is empty, too long or not printable, has a colon or begins with #")
	f.notNil("v", v)
	return f.verifier("Named", &named{v, sender})
}

type named struct {
	Verifier
	sender string
}

func (n *named) Verify(ctx context.Context, r *Request) (Receipt, error) {
	receipt, err := n.Verifier.Verify(ctx, r)
	if err == nil {
		receipt.Sender = n.sender
	}
	return receipt, err
}

// bodyless is a verifier that says whether it needs no body, and so can be asked before the body is read.
type bodyless interface{ ignoresBody() bool }

func (*credential) ignoresBody() bool   { return true }
func (*bearerFunc) ignoresBody() bool   { return true }
func (*addresses) ignoresBody() bool    { return true }
func (*certificates) ignoresBody() bool { return true }
func (n *named) ignoresBody() bool      { return ignoreBody(n.Verifier) }
func (vs allOf) ignoresBody() bool      { return ignoreBody(vs...) }
func (vs anyOf) ignoresBody() bool      { return ignoreBody(vs...) }

func ignoreBody(vs ...Verifier) bool {
	return !slices.ContainsFunc(vs, func(v Verifier) bool {
		b, ok := v.(bodyless)
		return !ok || !b.ignoresBody()
	})
}

// challenger is a verifier that names the authentication scheme it expects, for WWW-Authenticate.
type challenger interface{ challenges() []string }

func (n *named) challenges() []string { return challengesOf(n.Verifier) }
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
