package powerauth

import "slices"

// FactorPolicy says which factors authorise something. The zero value allows nothing. Make one with [RequireFactors].
type FactorPolicy struct{ alternatives [][]Factor }

// RequireFactors is a policy that all the factors named must have been used; more do no harm. With no factor it allows nothing,
// and so does a factor that PowerAuth does not have.
//
//	powerauth.RequireFactors(powerauth.Possession, powerauth.Knowledge)
func RequireFactors(factors ...Factor) FactorPolicy { return FactorPolicy{}.Or(factors...) }

// Or is the policy with one more combination that is enough, such as biometry in place of the PIN:
//
//	powerauth.RequireFactors(powerauth.Possession, powerauth.Knowledge).Or(powerauth.Possession, powerauth.Biometry)
func (p FactorPolicy) Or(factors ...Factor) FactorPolicy {
	if len(factors) == 0 {
		return p
	}
	return FactorPolicy{append(slices.Clip(p.alternatives), slices.Clone(factors))}
}

// Allows reports whether the factors used are enough. An unknown combination never is.
func (p FactorPolicy) Allows(used Factors) bool {
	return slices.ContainsFunc(p.alternatives, func(wanted []Factor) bool { return used.Has(wanted...) })
}

// fault says why the policy cannot be meant, or "".
func (p FactorPolicy) fault() string {
	if len(p.alternatives) == 0 {
		return "names no factors, and would allow nothing"
	}
	for _, wanted := range p.alternatives {
		for _, f := range wanted {
			if f != Possession && f != Knowledge && f != Biometry {
				return "names a factor that PowerAuth does not have"
			}
		}
	}
	return ""
}
