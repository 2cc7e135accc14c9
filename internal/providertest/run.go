package providertest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/assumption"
	"github.com/identkit/identkit/internal/transport"
)

// Run proves of each operation of a provider that
//
//   - the table calls it, and the fake responds;
//   - its retry class holds under each fault: never sent, 429, 5xx, redirect, reset, cut off, lost response, timeout;
//   - if it must not be repeated, each attempt arrives once over HTTP/2 and HTTP/1.1, whatever the server does to its frames;
//   - a malformed response is the right error with the status kept, and never a zero value: null, empty, HTML, duplicate members,
//     another letter case, bytes that are not UTF-8, something after the value, missing verdicts and ids;
//   - invalid input is refused by name and sends nothing, and so are masked secrets, a nil context and a client that no
//     constructor made;
//   - nothing secret or personal shows in errors, logs and observers, and nothing secret in any value that is printed.
func Run[C any, F Fake](t *testing.T, p Provider[C, F]) {
	t.Helper()
	s := &suite[C, F]{Provider: p, notes: &notes{known: p.Known, met: map[string]bool{}}, facts: map[string]transport.Facts{}}
	for _, op := range p.Operations {
		if f, ok := op.(interface{ Facts() transport.Facts }); ok {
			s.facts[op.Info().Name] = f.Facts()
		}
	}
	s.catalog(t)
	parts := []struct {
		name  string
		prove func(*trial[C, F])
	}{
		{"retries", (*trial[C, F]).retries}, {"responses", (*trial[C, F]).responses}, {"input", (*trial[C, F]).input}, {"leaks", (*trial[C, F]).shows},
	}
	total, ran := 0, new(atomic.Int32)
	t.Cleanup(func() {
		if int(ran.Load()) < total {
			return // only some were asked for
		}
		for _, key := range s.notes.unmet() {
			t.Errorf("the rule holds, remove its note: %s (%s)", key, p.Known[key])
		}
	})
	for i := range p.Calls {
		call := &p.Calls[i]
		total += len(parts)
		overSockets := protocols
		if s.trial(t, call).class != identkit.RetryIfNotProcessed {
			overSockets = nil
		}
		total += len(overSockets)
		t.Run(strings.ReplaceAll(call.name(), " ", "_"), func(t *testing.T) {
			t.Parallel()
			for _, part := range parts {
				t.Run(part.name, func(t *testing.T) {
					defer ran.Add(1) // also of those that fail
					synctest.Test(t, func(t *testing.T) { part.prove(s.trial(t, call)) })
				})
			}
			for _, p := range overSockets {
				t.Run(string(p), func(t *testing.T) {
					defer ran.Add(1)
					s.trial(t, call).once(p)
				})
			}
		})
	}
}

// suite is a run.
type suite[C any, F Fake] struct {
	Provider[C, F]
	notes *notes
	facts map[string]transport.Facts
}

// catalog holds table, catalogue and operations against each other.
func (s *suite[C, F]) catalog(t *testing.T) {
	t.Helper()
	called := map[string]bool{}
	for _, c := range s.Calls {
		called[c.Operation] = true
		assert.NotEqual(t, identkit.OperationInfo{}, s.info(c.Operation), "%s is not in the catalogue", c.Operation)
		for _, verdict := range s.facts[c.Operation].Verdicts {
			assert.Contains(t, c.Verdicts, verdict, "the table for %s lacks a verdict", c.Operation)
		}
	}
	for _, op := range s.Catalog {
		assert.True(t, called[op.Name], "%s is not called", op.Name)
	}
	if s.Operations != nil {
		assert.Equal(t, transport.Catalog(s.Operations), s.Catalog)
	}
	s.assumptions(t)
}

// assumptions holds the ids of assumed paths against the table of assumptions.
func (s *suite[C, F]) assumptions(t *testing.T) {
	t.Helper()
	for name, f := range s.facts {
		provider, _, _ := strings.Cut(name, ".")
		for _, a := range assumption.Of(provider) {
			assert.Equal(t, strings.Contains(a.Change, "Options.Paths["+strconv.Quote(name)+"]"), f.Assumption == a.ID, "%s and %s", name, a.ID)
		}
	}
}

func (s *suite[C, F]) info(operation string) identkit.OperationInfo {
	i := slices.IndexFunc(s.Catalog, func(op identkit.OperationInfo) bool { return op.Name == operation })
	if i < 0 {
		return identkit.OperationInfo{}
	}
	return s.Catalog[i]
}

// trial is a call in a bubble, prepared on a fake of its own.
type trial[C any, F Fake] struct {
	*suite[C, F]
	Prepared[C]
	t        *testing.T
	call     *Call[C, F]
	op       identkit.OperationInfo
	class    identkit.RetryClass
	response transport.ResponseBody
	fake     F
	client   C

	good string // the body of a successful response
	want any    // its result
}

const contentJSON = "application/json"

func (s *suite[C, F]) trial(t *testing.T, call *Call[C, F]) *trial[C, F] {
	t.Helper()
	r := &trial[C, F]{suite: s, t: t, call: call, op: s.info(call.Operation), response: call.Response}
	if r.class = r.op.Retry; call.IfNotProcessed {
		r.class = identkit.RetryIfNotProcessed
	}
	if f, ok := s.facts[call.Operation]; ok {
		r.response = f.Response
	}
	return r
}

// prepare makes fake, client and input.
func (r *trial[C, F]) prepare(t testing.TB, canaries Canaries, adjust func(*identkit.Options)) {
	t.Helper()
	r.fake = r.Fake(canaries)
	r.t.Cleanup(r.fake.Close)
	r.Prepared = r.call.Prepare(t, r.fake, canaries)
	r.client = r.Client(r.fake, func(o *identkit.Options) {
		o.Retry.Budget = -1
		if adjust != nil {
			adjust(o)
		}
	})
	r.fake.Journal().Clear()
}

// succeed makes the call once as it is, and keeps body and result.
func (r *trial[C, F]) succeed(t testing.TB) any {
	t.Helper()
	var resp identkit.Response
	got, err := r.Do(r.t.Context(), r.client, identkit.WithResponse(&resp))
	require.NoError(t, err, "the prepared call fails")
	require.Equal(t, 1, r.arrived(), "the call is not one of %s", r.call.Operation)
	entry, _ := r.fake.Journal().Last(r.call.Operation)
	require.Equal(t, r.op.Method, entry.Method)
	require.True(t, entry.Processed)
	r.want = r.result(got)
	if r.good = string(resp.Body); r.good == "" {
		r.good = "{}"
	}
	return got
}

// result is what of a result comes from the response.
func (r *trial[C, F]) result(got any) any {
	v := plain(got)
	if members, ok := v.(map[string]any); ok {
		for _, name := range r.call.Local {
			delete(members, name)
		}
	}
	return v
}

func (r *trial[C, F]) arrived() int { return r.fake.Journal().Count(r.call.Operation) }

// rule proves one rule. A failure that is known is passed over.
func (r *trial[C, F]) rule(name string, check func(t testing.TB)) {
	r.t.Helper()
	failures := judged(r.t, check)
	if len(failures) == 0 || r.notes.excused(r.call.name(), name) {
		return
	}
	const shown = 5
	r.t.Errorf("%s: %s", name, strings.Join(failures[:min(shown, len(failures))], "\n"))
}

// isUnknown reports whether the outcome of a call that may have been processed is unknown: not when it only reads.
func (r *trial[C, F]) isUnknown() bool {
	return r.class == identkit.RetryIfNotProcessed || r.op.Method != http.MethodGet && r.op.Method != http.MethodHead
}
