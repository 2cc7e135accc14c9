package powerauth

import (
	"slices"

	"github.com/identkit/identkit/powerauth/protocol"
)

// FactorPolicy says which factors authorise something. The zero value allows nothing. Make one with [RequireFactors].
type FactorPolicy struct{ alternatives [][]protocol.Factor }

// RequireFactors is a policy that all the factors named must have been used; more do no harm. With no factor it allows nothing,
// and so does a factor that PowerAuth does not have.
//
//	powerauth.RequireFactors(protocol.Possession, protocol.Knowledge)
func RequireFactors(factors ...protocol.Factor) FactorPolicy { return FactorPolicy{}.Or(factors...) }

// Or is the policy with one more combination that is enough, such as biometry in place of the PIN:
//
//	powerauth.RequireFactors(protocol.Possession, protocol.Knowledge).Or(protocol.Possession, protocol.Biometry)
func (p FactorPolicy) Or(factors ...protocol.Factor) FactorPolicy {
	if len(factors) == 0 {
		return p
	}
	return FactorPolicy{append(slices.Clip(p.alternatives), slices.Clone(factors))}
}

// Allows reports whether the factors used are enough. An unknown combination never is.
func (p FactorPolicy) Allows(used protocol.Factors) bool {
	return slices.ContainsFunc(p.alternatives, func(wanted []protocol.Factor) bool { return used.Has(wanted...) })
}

// fault says why the policy cannot be meant, or "".
func (p FactorPolicy) fault() string {
	if len(p.alternatives) == 0 {
		return "names no factors, and would allow nothing"
	}
	for _, wanted := range p.alternatives {
		for _, f := range wanted {
			if f != protocol.Possession && f != protocol.Knowledge && f != protocol.Biometry {
				return "names a factor that PowerAuth does not have"
			}
		}
	}
	return ""
}
