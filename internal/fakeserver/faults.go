package fakeserver

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"

	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/internal/fault"
)

// faults are the active rules, in the order in which they were added.
type faults struct {
	seed uint64

	mu    sync.Mutex
	rules []*activeRule
	added int
}

type activeRule struct {
	identkittest.ActiveRule
	rule   fault.Rule
	random *rand.Rand
}

// add activates rules and returns their ids.
func (f *faults) add(rules []identkittest.Rule) (ids []int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range rules {
		f.added++
		ids = append(ids, f.added)
		f.rules = append(f.rules, &activeRule{
			identkittest.ActiveRule{ID: f.added, Rule: r}, fault.Of(r), rand.New(rand.NewPCG(f.seed, uint64(f.added))),
		})
	}
	return ids
}

func (f *faults) remove(ids []int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = slices.DeleteFunc(slices.Clone(f.rules), func(r *activeRule) bool { return slices.Contains(ids, r.ID) })
}

func (f *faults) active() []identkittest.ActiveRule {
	return locked(&f.mu, func() (all []identkittest.ActiveRule) {
		for _, r := range f.rules {
			all = append(all, r.ActiveRule)
		}
		return all
	})
}

// next counts a request and returns the plan of the rule that hits it, or the zero Plan. The request's body must be
// replayable for the functions of Rule.When.
func (f *faults) next(operation string, r *http.Request) fault.Plan {
	rules := locked(&f.mu, func() []*activeRule { return slices.Clone(f.rules) })
	// Outside the lock: these are the user's functions.
	rules = slices.DeleteFunc(rules, func(rule *activeRule) bool { return !rule.rule.Selects(operation, r) })

	f.mu.Lock()
	defer f.mu.Unlock()
	var winner *activeRule
	for _, rule := range rules {
		if rule.count() && winner == nil {
			winner = rule
		}
	}
	if winner == nil {
		return fault.Plan{}
	}
	winner.Hits++
	return winner.rule.Plan
}

// count counts a request and reports whether the rule selects it. Every request takes a random number, so that the chance of one rule does not depend on
// another rule.
func (r *activeRule) count() bool {
	r.Seen++
	chosen := r.rule.Chance == nil || r.random.Float64() < *r.rule.Chance
	return chosen && r.rule.Hits(r.Seen) && (r.rule.Times == 0 || r.Hits < r.rule.Times)
}
