package providertest

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// judge collects what fails in a rule, so that known failures can be passed over.
type judge struct {
	testing.TB
	mu       sync.Mutex
	failures []string
}

type stopped struct{}

func (j *judge) note(text string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.failures = append(j.failures, brief(text))
}

// brief is a failure without what testify writes around it: the trace leads into this package, the name is in the subtest.
func brief(text string) string {
	_, after, found := strings.Cut(text, "Error:")
	if strings.Contains(text, "Error Trace:") && found {
		text = after
	}
	before, after, _ := strings.Cut(text, "Test:")
	_, message, found := strings.Cut(after, "Messages:")
	text = strings.Join(strings.Fields(before), " ")
	if found {
		text = strings.Join(strings.Fields(message), " ") + ": " + text
	}
	return text
}

func (j *judge) Error(args ...any)                 { j.note(fmt.Sprintln(args...)) }
func (j *judge) Errorf(format string, args ...any) { j.note(fmt.Sprintf(format, args...)) }
func (j *judge) Fatal(args ...any)                 { j.Error(args...); j.FailNow() }
func (j *judge) Fatalf(format string, args ...any) { j.Errorf(format, args...); j.FailNow() }
func (j *judge) Fail()                             { j.note("failed") }
func (j *judge) FailNow()                          { panic(stopped{}) }
func (j *judge) Failed() bool                      { j.mu.Lock(); defer j.mu.Unlock(); return len(j.failures) > 0 }

// judged runs a check and returns what failed in it. A panic is a failure.
func judged(tb testing.TB, check func(t testing.TB)) []string {
	j := &judge{TB: tb}
	func() {
		defer func() {
			if v := recover(); v != nil && v != any(stopped{}) {
				j.Errorf("panic: %v", v)
			}
		}()
		check(j)
	}()
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.failures
}

// notes are the known failures and which of them were met.
type notes struct {
	known map[string]string
	mu    sync.Mutex
	met   map[string]bool
}

// excused reports whether a failure of a rule is known.
func (n *notes) excused(call, rule string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, key := range [...]string{call + ": " + rule, call, rule} {
		if _, ok := n.known[key]; ok {
			n.met[key] = true
			return true
		}
	}
	return false
}

// unmet are the notes whose rules hold by now.
func (n *notes) unmet() (keys []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for key := range n.known {
		if !n.met[key] {
			keys = append(keys, key)
		}
	}
	return keys
}
