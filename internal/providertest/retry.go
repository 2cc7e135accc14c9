package providertest

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
)

// fault is a way in which an attempt fails.
type fault struct {
	name  string
	shape func(on identkittest.Rule, good []byte) identkittest.Rule
	kind  identkit.Kind
	retry retried
	// unknown says that the request may have been processed.
	unknown bool
}

type retried uint8

const (
	never     retried = iota
	whenSafe          // in class safe
	inAnyCase         // the request was surely not processed
)

type rule = identkittest.Rule

const attemptTimeout = 30 * time.Second // of identkit.RetryPolicy

var faults = []fault{
	{"never sent", func(on rule, _ []byte) rule { return on.Refuse() }, identkit.ErrNetwork, inAnyCase, false},
	{"429", func(on rule, _ []byte) rule { return on.Status(429) }, identkit.ErrRateLimited, inAnyCase, false},
	{"429 with Retry-After", func(on rule, _ []byte) rule { return on.RetryAfter(429, "2") }, identkit.ErrRateLimited, inAnyCase, false},
	{"503", func(on rule, _ []byte) rule { return on.Status(503) }, identkit.ErrUnavailable, whenSafe, true},
	{"500", func(on rule, _ []byte) rule { return on.Status(500) }, identkit.ErrUnavailable, whenSafe, true},
	{"502 with an HTML page", func(on rule, _ []byte) rule { return on.HTML(502) }, identkit.ErrUnavailable, whenSafe, true},
	{"504 after processing", func(on rule, _ []byte) rule { return on.Status(504).Processed() }, identkit.ErrUnavailable, whenSafe, true},
	{"501", func(on rule, _ []byte) rule { return on.Status(501) }, identkit.ErrUnavailable, never, true},
	{"400", func(on rule, _ []byte) rule { return on.Status(400) }, identkit.ErrRejected, never, false},
	{"401", func(on rule, _ []byte) rule { return on.Status(401) }, identkit.ErrUnauthorized, never, false},
	{"redirect", func(on rule, _ []byte) rule { return on.Redirect(elsewhere) }, identkit.ErrBadResponse, never, true},
	{"reset before the response", func(on rule, _ []byte) rule { return on.Reset() }, identkit.ErrNetwork, whenSafe, true},
	{"reset after the headers", func(on rule, good []byte) rule { return on.Body(200, contentJSON, good).ResetAfterHeaders() }, identkit.ErrNetwork, whenSafe, true},
	{"reset in the response", func(on rule, good []byte) rule { return on.Body(200, contentJSON, good).ResetInBody() }, identkit.ErrNetwork, whenSafe, true},
	{"cut off", func(on rule, good []byte) rule { return on.Body(200, contentJSON, good).TruncateHalf() }, identkit.ErrNetwork, whenSafe, true},
	{"cut off inside gzip", func(on rule, good []byte) rule { return on.Body(200, contentJSON, good).GzipTruncated() }, identkit.ErrNetwork, whenSafe, true},
	{"lost response", func(on rule, _ []byte) rule { return on.LoseResponse() }, identkit.ErrNetwork, whenSafe, true},
	{"timeout", func(on rule, _ []byte) rule { return on.SlowHeader(attemptTimeout + time.Second) }, identkit.ErrTimeout, whenSafe, true},
	{"timeout in the response", func(on rule, good []byte) rule {
		return on.Body(200, contentJSON, good).Stream(1, time.Second)
	}, identkit.ErrTimeout, whenSafe, true},
}

const elsewhere = "https://elsewhere.example/"

// retries proves that the retry class holds under each fault.
func (r *trial[C, F]) retries() {
	r.rule("succeeds", func(t testing.TB) {
		r.prepare(t, Texts{}, nil)
		r.succeed(t)
	})
	if r.want == nil && r.good == "" {
		return
	}
	for _, f := range faults {
		r.rule(f.name, func(t testing.TB) { r.fails(t, f) })
		r.rule(f.name+", then a response", func(t testing.TB) { r.recovers(t, f) })
	}
	r.fake.ClearFaults()
	r.rule("prepared again", func(t testing.TB) {
		again := r.call.Prepare(t, r.fake, Texts{Run: 1})
		_, err := again.Do(r.t.Context(), r.client)
		require.NoError(t, err)
	})
}

// attempts is how many attempts are made under a fault that stays.
func (r *trial[C, F]) attempts(f fault) int {
	const byDefault = 3
	again := f.retry == inAnyCase || f.retry == whenSafe && r.class == identkit.RetrySafe
	if !again || r.call.SingleAttempt {
		return 1
	}
	return byDefault
}

// under makes the call under rules and returns how often it arrived.
func (r *trial[C, F]) under(rules ...identkittest.Rule) (arrived int, got any, err error) {
	r.fake.ClearFaults()
	r.fake.Fault(rules...)
	before := r.arrived()
	got, err = r.Do(r.t.Context(), r.client)
	return r.arrived() - before, got, err
}

func (r *trial[C, F]) fails(t testing.TB, f fault) {
	t.Helper()
	arrived, got, err := r.under(f.shape(identkittest.On(r.call.Operation), []byte(r.good)))
	want := r.attempts(f)
	assert.Equal(t, want, arrived, "attempts")
	r.failed(t, got, err, f.kind, f.unknown)
	var e *identkit.Error
	if errors.As(err, &e) {
		assert.Len(t, e.Attempts, want, "attempts in the error")
	}
	for _, entry := range r.fake.Journal().All() {
		assert.NotEqual(t, "elsewhere.example", entry.Host, "a redirect was followed")
	}
}

func (r *trial[C, F]) recovers(t testing.TB, f fault) {
	t.Helper()
	on := identkittest.On(r.call.Operation)
	arrived, got, err := r.under(f.shape(on.First(1), []byte(r.good)), on.Body(http.StatusOK, contentJSON, []byte(r.good)))
	if r.attempts(f) == 1 {
		assert.Equal(t, 1, arrived, "attempts")
		r.failed(t, got, err, f.kind, f.unknown)
		return
	}
	assert.Equal(t, 2, arrived, "attempts")
	require.NoError(t, err)
	assert.Equal(t, r.want, r.result(got))
}

// failed holds an error of a call against what it must be.
func (r *trial[C, F]) failed(t testing.TB, got any, err error, kind identkit.Kind, processed bool) {
	t.Helper()
	require.Error(t, err)
	assert.Nil(t, plain(got), "a result beside an error")
	require.ErrorIs(t, err, kind)
	var e *identkit.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, r.call.Operation, e.Operation)
	unknown := processed && r.isUnknown()
	assert.Equal(t, unknown, errors.Is(err, identkit.ErrOutcomeUnknown), "outcome unknown")
	if advice := r.facts[r.call.Operation].AfterLoss; advice != "" {
		assert.Equal(t, unknown, strings.Contains(err.Error(), advice), "advice: %s", err)
	}
}
