package identkittest

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Rule is one fault: which requests it is about ([On], [Any]), which of them it hits (Nth, First, After, Times,
// Probability, When; without any of these, all of them) and what happens to those (the effects: Status, Reset,
// SlowBody and so on).
//
// A Rule is a value. Every method returns a changed copy, so that a rule can be kept and varied. Mistakes,
// such as two answers in one rule or Nth(0), are kept inside and come out when the rule is given to a fake; ask
// for them earlier with [Rule.Err].
//
// Rules count requests, not calls: an attempt repeated by a client is another request.
type Rule struct {
	operation string // "" for every request
	text      string // as it was written
	nth       int
	first     int
	after     int
	times     int
	chance    *float64
	when      []func(*http.Request) bool
	plan      Plan
	slots     map[string]string // part of the answer → effect that took it
	faults    []string          // mistakes made in writing the rule
}

// On begins a rule about the requests of one operation, named as in its provider's Catalog, such as
// "powerauth.Operations.Create".
func On(operation string) Rule {
	r := Rule{operation: operation, text: "On(" + strconv.Quote(operation) + ")"}
	if operation == "" {
		return r.mistake("On needs the name of an operation")
	}
	return r
}

// Any begins a rule about every request, those to unknown paths included.
func Any() Rule { return Rule{text: "Any()"} }

// Nth hits the n-th request of those the rule is about, counted from 1, and no other.
func (r Rule) Nth(n int) Rule {
	r = r.said("Nth(%d)", n)
	if n < 1 {
		return r.mistake("Nth counts from 1")
	}
	r.nth = n
	return r
}

// First hits the first n requests of those the rule is about.
func (r Rule) First(n int) Rule {
	r = r.said("First(%d)", n)
	if n < 1 {
		return r.mistake("First needs at least 1")
	}
	r.first = n
	return r
}

// After spares the first n requests of those the rule is about. After(2).First(5) hits the third to the fifth.
func (r Rule) After(n int) Rule {
	r = r.said("After(%d)", n)
	if n < 1 {
		return r.mistake("After needs at least 1")
	}
	r.after = n
	return r
}

// Times ends the rule after it hit n requests.
func (r Rule) Times(n int) Rule {
	r = r.said("Times(%d)", n)
	if n < 1 {
		return r.mistake("Times needs at least 1")
	}
	r.times = n
	return r
}

// Probability hits a request with the chance p, between 0 and 1. The dice are the fake's, thrown from its seed: requests
// that come one after the other are hit in the same places in every run.
func (r Rule) Probability(p float64) Rule {
	r = r.said("Probability(%v)", p)
	if !(p >= 0 && p <= 1) {
		return r.mistake("Probability needs a number from 0 to 1")
	}
	r.chance = &p
	return r
}

// When narrows what the rule is about to the requests for which f holds; the others are not counted. f may
// read the request's body, and may be called from several goroutines. Several Whens must all hold.
func (r Rule) When(f func(*http.Request) bool) Rule {
	r = r.said("When(…)")
	if f == nil {
		return r.mistake("When needs a function")
	}
	r.when = append(r.when[:len(r.when):len(r.when)], f)
	return r
}

// String returns the rule as it was written, without the contents of bodies.
func (r Rule) String() string { return r.text }

// Operation returns the name the rule was begun with, or "" for [Any].
func (r Rule) Operation() string { return r.operation }

// Plan returns what the rule does to the requests it hits.
func (r Rule) Plan() Plan {
	p := r.plan
	p.Rule = r.text
	return p
}

// Err reports everything that is wrong with the rule, or nil.
func (r Rule) Err() error {
	faults := r.faults[:len(r.faults):len(r.faults)]
	if r.text == "" {
		faults = append(faults, "begin it with On or Any")
	} else if len(r.slots) == 0 {
		faults = append(faults, "it has no effect; end it with one, such as Status(503)")
	}
	if r.nth > 0 && (r.first > 0 || r.after > 0) {
		faults = append(faults, "Nth cannot be combined with First or After")
	}
	if r.plan.Processed && r.plan.Reply == nil {
		faults = append(faults, "Processed needs an answer, such as Status(502)")
	}
	if !r.plan.Acts() && (r.plan.ExpireToken || r.plan.DuplicateDelivery || r.plan.Reorder) {
		faults = append(faults, "the fake does not act on the request, so nothing expires and nothing is delivered")
	}
	if r.first > 0 && r.first <= r.after {
		faults = append(faults, fmt.Sprintf("After(%d).First(%d) hits nothing", r.after, r.first))
	}
	if len(faults) == 0 {
		return nil
	}
	return errors.New("identkittest: rule " + r.text + ": " + strings.Join(faults, "; "))
}

// hits reports whether the rule hits its n-th request, dice and Times apart.
func (r Rule) hits(n int) bool {
	if r.nth > 0 {
		return n == r.nth
	}
	return n > r.after && (r.first == 0 || n <= r.first)
}

// about reports whether the rule is about a request.
func (r Rule) about(operation string, req *http.Request) bool {
	if r.operation != "" && r.operation != operation {
		return false
	}
	for _, f := range r.when {
		if !f(req) {
			return false
		}
	}
	return true
}

func (r Rule) said(format string, args ...any) Rule {
	r.text += "." + fmt.Sprintf(format, args...)
	return r
}

func (r Rule) mistake(text string) Rule {
	r.faults = append(r.faults[:len(r.faults):len(r.faults)], text)
	return r
}
