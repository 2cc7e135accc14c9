package identkittest

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"sync"
)

// Faults is a set of rules at work. The fakes of this module hold one; it is exported for those who write
// a fake of their own. It is safe for concurrent use.
//
// Rules are asked in the order in which they were added, and the first one that hits decides. Each rule counts
// every request it is about, also those that another rule hit. A rule counts from the moment it was added.
type Faults struct {
	seed uint64

	mu    sync.Mutex
	rules []*activeRule
	added uint64
}

type activeRule struct {
	Rule
	dice *rand.Rand
	seen int // requests it is about
	hit  int
}

// NewFaults returns an empty set. The seed decides the dice of [Rule.Probability].
func NewFaults(seed uint64) *Faults { return &Faults{seed: seed} }

// Add puts rules to work, or none of them and returns what is wrong with them.
func (f *Faults) Add(rules ...Rule) error {
	var errs []error
	for _, r := range rules {
		errs = append(errs, r.Err())
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range rules {
		f.added++
		f.rules = append(f.rules, &activeRule{Rule: r, dice: rand.New(rand.NewPCG(f.seed, f.added))})
	}
	return nil
}

// Clear ends all rules.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = nil
}

// Unused returns the texts of the rules that have not hit anything yet, so that a test can see that it tested something.
func (f *Faults) Unused() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var texts []string
	for _, r := range f.rules {
		if r.hit == 0 {
			texts = append(texts, r.text)
		}
	}
	return texts
}

// Next counts a request and returns the plan of the rule that hits it, or the zero Plan. The request's body
// is left to the functions given to [Rule.When]: a caller that needs it must be able to read it again.
func (f *Faults) Next(operation string, r *http.Request) Plan {
	f.mu.Lock()
	rules := f.rules[:len(f.rules):len(f.rules)]
	f.mu.Unlock()
	if len(rules) == 0 {
		return Plan{}
	}

	// Outside the lock, because these are functions of the user's.
	var about []*activeRule
	for _, rule := range rules {
		if rule.about(operation, r) {
			about = append(about, rule)
		}
	}

	f.mu.Lock()
	defer f.mu.Unlock()
	var winner *activeRule
	for _, rule := range about {
		if rule.count() && winner == nil {
			winner = rule
		}
	}
	if winner == nil {
		return Plan{}
	}
	winner.hit++
	return winner.Plan()
}

// count counts a request and reports whether the rule wants to hit it. The dice are thrown for every request, so
// that one rule's luck does not depend on another rule.
func (r *activeRule) count() bool {
	r.seen++
	lucky := r.chance == nil || r.dice.Float64() < *r.chance
	return lucky && r.hits(r.seen) && (r.times == 0 || r.hit < r.times)
}
