package identkittest

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"github.com/identkit/identkit/internal/fault"
)

// Rule is one fault: which requests it is about ([On], [Any]), which of them it hits (Nth, First, After, Times,
// Probability, When; without any of these, all of them) and what happens to those (the effects: Status, Reset,
// SlowBody and so on).
//
// A Rule is a value. Every method returns a changed copy, so that a rule can be stored and varied. Mistakes,
// such as two responses in one rule or Nth(0), are reported when the rule is added to a fake, or by
// [Rule.Err].
//
// Rules count requests, not calls: an attempt repeated by a client is another request. Of the rules of a fake, the first that hits
// applies; each counts every request that it is about from then on, also those that another rule hits.
//
// Its JSON form is for programs in other languages; see [Rule.UnmarshalJSON].
type Rule struct {
	spec     fault.Rule
	calls    []call            // of its functions and methods
	slots    map[string]string // part of the response → effect that set it
	mistakes []string
}

// On begins a rule about the requests of one operation, named as in its provider's Catalog, such as
// "powerauth.Operations.Create".
func On(operation string) Rule {
	return Rule{spec: fault.Rule{Operation: operation}}.call("On", operation).must(operation != "", "On needs the name of an operation")
}

// Any begins a rule about every request, those to unknown paths included.
func Any() Rule { return Rule{}.call("Any") }

// Nth hits the n-th request of those the rule is about, counted from 1, and no other.
func (r Rule) Nth(n int) Rule {
	r.spec.Nth = n
	return r.call("Nth", n).must(n >= 1, "Nth counts from 1")
}

// First hits the first n requests of those the rule is about.
func (r Rule) First(n int) Rule {
	r.spec.First = n
	return r.call("First", n).must(n >= 1, "First needs at least 1")
}

// After skips the first n requests of those the rule is about. After(2).First(5) hits the third to the fifth.
func (r Rule) After(n int) Rule {
	r.spec.After = n
	return r.call("After", n).must(n >= 1, "After needs at least 1")
}

// Times ends the rule after it hit n requests.
func (r Rule) Times(n int) Rule {
	r.spec.Times = n
	return r.call("Times", n).must(n >= 1, "Times needs at least 1")
}

// Probability hits a request with probability p, between 0 and 1. The random source has the fake's seed: sequential requests are hit
// in the same places in every run.
func (r Rule) Probability(p float64) Rule {
	r.spec.Chance = &p
	return r.call("Probability", p).must(p >= 0 && p <= 1, "Probability needs a number from 0 to 1")
}

// When narrows what the rule is about to the requests for which f holds; the others are not counted. f may
// read the request's body, and may be called from several goroutines. Several Whens must all hold.
func (r Rule) When(f func(*http.Request) bool) Rule {
	r.spec.When = append(r.spec.When[:len(r.spec.When):len(r.spec.When)], f)
	return r.call("When", f).must(f != nil, "When needs a function")
}

// String returns the rule as it was written, without the contents of bodies.
func (r Rule) String() string { return r.spec.Text }

// Err reports all mistakes in the rule, or nil.
func (r Rule) Err() error {
	s := r.spec
	mistakes := r.must(s.Text != "", "begin it with On or Any").
		must(s.Text == "" || len(r.slots) > 0, "it has no effect; end it with one, such as Status(503)").
		must(s.Nth == 0 || s.First == 0 && s.After == 0, "Nth cannot be combined with First or After").
		must(!s.Processed || s.Reply != nil, "Processed needs a response, such as Status(502)").
		must(s.Processes() || !s.ExpireToken && !s.DuplicateDelivery && !s.Reorder,
			"the fake does not process the request, so nothing expires and nothing is delivered").
		must(s.First <= 0 || s.First > s.After, fmt.Sprintf("After(%d).First(%d) hits nothing", s.After, s.First)).mistakes
	if len(mistakes) == 0 {
		return nil
	}
	return errors.New("identkittest: rule " + s.Text + ": " + strings.Join(mistakes, "; "))
}

// must records a mistake unless a condition holds.
func (r Rule) must(holds bool, mistake string) Rule {
	if !holds {
		r.mistakes = append(r.mistakes[:len(r.mistakes):len(r.mistakes)], mistake)
	}
	return r
}

// take reserves parts of the response for an effect; two effects on one part are a mistake.
func (r Rule) take(effect string, parts ...string) Rule {
	slots := maps.Clone(r.slots)
	if slots == nil {
		slots = make(map[string]string)
	}
	for _, part := range parts {
		before, set := slots[part]
		r = r.must(!set || part == slotHeader, effect+" and "+before+" both decide "+part)
		slots[part] = effect
	}
	r.slots = slots
	return r
}
