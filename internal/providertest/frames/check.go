package frames

import (
	"errors"
	"testing"

	"github.com/identkit/identkit"
)

// attempts is the default of identkit.RetryPolicy.
const attempts = 3

// ArrivesOnce makes a call that must not be repeated under a fault, which it meets always or only at first. Each attempt arrives once. What
// may have been processed is not sent again, and its outcome is unknown, whatever a second request would get. What was surely not
// processed is sent again, if net/http says so: says reports that it always does for this call, else it is to be unknown in the other
// cases. Good is the body of a successful response.
func (s *Server) ArrivesOnce(tb testing.TB, f Fault, says bool, good string, call func() error) {
	tb.Helper()
	if f.Early {
		s.Play(Early(f.Do, Responds(200, good)))
		s.bounded(tb, f, call())
		return
	}
	for i, run := range []struct {
		name   string
		script Script
		want   int // attempts, if what was not processed is sent again
		kind   identkit.Kind
	}{
		{"then a conflict", Then(f.Do, Responds(409, good)), 2, ""},
		{"then a response", Then(f.Do, Responds(200, good)), 2, ""},
		{"always", f.Do, attempts, identkit.ErrNetwork},
	} {
		if i > 0 && !f.Unprocessed {
			break // there must not be a second request
		}
		s.Play(run.script)
		err := call()
		unknown := errors.Is(err, identkit.ErrOutcomeUnknown)
		want := run.want
		switch {
		case unknown && f.Unprocessed && says:
			tb.Errorf("%s, %s: the server surely did not process it: %v", f.Name, run.name, err)
		case !unknown && !f.Unprocessed:
			tb.Errorf("%s, %s: the outcome is unknown, and not: %v", f.Name, run.name, err)
		case unknown:
			want = 1
		case run.kind != "" && !errors.Is(err, run.kind), run.kind == "" && (err != nil) != (run.name == "then a conflict"):
			tb.Errorf("%s, %s: %v", f.Name, run.name, err)
		}
		if made, ok := attemptsOf(err); s.Arrivals() != want || ok && made != want {
			tb.Errorf("%s, %s: %d arrivals and %d attempts, not %d: %v", f.Name, run.name, s.Arrivals(), made, want, err)
		}
	}
}

// IdleEnds makes a call whose connection may have ended since the last one.
func (s *Server) IdleEnds(tb testing.TB, good string, call func() error) {
	tb.Helper()
	for range 5 {
		s.Play(On(Whole, func(x *Exchange) {
			x.Respond(200, good)
			_ = x.Close()
		}))
		s.bounded(tb, Fault{Name: "connection closed while idle"}, call())
	}
}

// bounded holds a call against what must be so though a race decides how far it came.
func (s *Server) bounded(tb testing.TB, f Fault, err error) {
	tb.Helper()
	made, failed := attemptsOf(err)
	switch arrived := s.Arrivals(); {
	case err == nil && arrived != 1, failed && arrived > made, made > attempts:
		tb.Errorf("%s: %d arrivals, %d attempts: %v", f.Name, arrived, made, err)
	case err != nil && !errors.Is(err, identkit.ErrOutcomeUnknown):
		tb.Errorf("%s: neither a result nor unknown: %v", f.Name, err)
	}
}

func attemptsOf(err error) (int, bool) {
	var e *identkit.Error
	if !errors.As(err, &e) {
		return 0, false
	}
	return len(e.Attempts), true
}
