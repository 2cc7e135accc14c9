package protocol

import (
	"errors"
	"slices"
	"strings"

	"github.com/identkit/identkit/internal/pacrypto"
)

// ErrFactors is the error of a text that is not a combination of factors.
var ErrFactors = errors.New("powerauth: unknown combination of factors")

// Factor is one authentication factor.
type Factor string

// The factors of PowerAuth.
const (
	Possession Factor = pacrypto.Possession // the device
	Knowledge  Factor = pacrypto.Knowledge  // the PIN or password
	Biometry   Factor = pacrypto.Biometry   // fingerprint or face
)

// Factors is a combination of factors, such as "possession_knowledge". The provider writes it in upper or lower case,
// which makes no difference here; unknown values pass through unchanged, and hold no factor.
type Factors string

// ParseFactors reads one of the six combinations that PowerAuth has, in any case, and returns it in lower case.
// Everything else is [ErrFactors].
func ParseFactors(s string) (Factors, error) {
	names, ok := pacrypto.SplitFactors(s)
	if !ok {
		return "", ErrFactors
	}
	return Factors(strings.Join(names, "_")), nil
}

// Known reports whether it is one of the six combinations that PowerAuth has.
func (f Factors) Known() bool { return len(f.List()) > 0 }

// Has reports whether the combination is known and holds all the wanted factors. It is false when none are named, so
// that an empty policy allows nothing.
func (f Factors) Has(wanted ...Factor) bool {
	factors := f.List()
	missing := func(w Factor) bool { return !slices.Contains(factors, w) }
	return len(wanted) > 0 && !slices.ContainsFunc(wanted, missing)
}

// List returns the factors of a known combination, and nil for an unknown one.
func (f Factors) List() []Factor {
	names, ok := pacrypto.SplitFactors(string(f))
	if !ok {
		return nil
	}
	factors := make([]Factor, len(names))
	for i, n := range names {
		factors[i] = Factor(n)
	}
	return factors
}
