package fakeserver

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/internal/fault"
)

func request(t *testing.T) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://fake.test/", nil)
	require.NoError(t, err)
	return r
}

// hits sends n requests of one operation and returns the numbers of those that were hit.
func hits(t *testing.T, f *faults, operation string, n int) []int {
	t.Helper()
	var found []int
	for i := 1; i <= n; i++ {
		if f.next(operation, request(t)).Text != "" {
			found = append(found, i)
		}
	}
	return found
}

func TestRuleHitsTheRequestsItSelects(t *testing.T) {
	t.Parallel()
	on := identkittest.On("a")
	for name, test := range map[string]struct {
		rule identkittest.Rule
		want []int
	}{
		"all":                     {on.Reset(), []int{1, 2, 3, 4, 5, 6}},
		"any":                     {identkittest.Any().Reset(), []int{1, 2, 3, 4, 5, 6}},
		"of another operation":    {identkittest.On("b").Reset(), nil},
		"nth":                     {on.Nth(3).Reset(), []int{3}},
		"first":                   {on.First(2).Reset(), []int{1, 2}},
		"after":                   {on.After(4).Reset(), []int{5, 6}},
		"after and first":         {on.After(2).First(4).Reset(), []int{3, 4}},
		"times":                   {on.Times(2).Reset(), []int{1, 2}},
		"after and times":         {on.After(1).Times(2).Reset(), []int{2, 3}},
		"never by chance":         {on.Probability(0).Reset(), nil},
		"always by chance":        {on.Probability(1).Reset(), []int{1, 2, 3, 4, 5, 6}},
		"when it holds":           {on.When(func(*http.Request) bool { return true }).Nth(2).Reset(), []int{2}},
		"when it does not hold":   {on.When(func(*http.Request) bool { return false }).Reset(), nil},
		"selectors after effects": {on.Reset().Nth(2), []int{2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &faults{seed: 1}
			f.add([]identkittest.Rule{test.rule})
			assert.Equal(t, test.want, hits(t, f, "a", 6))
		})
	}
}

func TestRuleCountsOnlyTheRequestsForWhichWhenHolds(t *testing.T) {
	t.Parallel()
	f := &faults{seed: 1}
	n := 0
	even := func(*http.Request) bool { n++; return n%2 == 0 }
	f.add([]identkittest.Rule{identkittest.Any().When(even).Nth(2).Reset()})
	assert.Equal(t, []int{4}, hits(t, f, "a", 8))
}

func TestRuleHitsTheSameRequestsForTheSameSeed(t *testing.T) {
	t.Parallel()
	draw := func(seed uint64) []int {
		f := &faults{seed: seed}
		f.add([]identkittest.Rule{identkittest.Any().Probability(0.3).Reset()})
		return hits(t, f, "a", 200)
	}
	first, again := draw(7), draw(7)
	assert.Equal(t, first, again)
	assert.NotEqual(t, draw(7), draw(8))
	assert.InDelta(t, 60, len(draw(7)), 25)
}

func TestFirstRuleThatHitsDecidesAndAllRulesCount(t *testing.T) {
	t.Parallel()
	f := &faults{seed: 1}
	f.add([]identkittest.Rule{
		identkittest.On("a").Nth(1).Status(501),
		identkittest.On("a").Nth(2).Status(502),
		identkittest.Any().Times(1).Status(503),
		identkittest.On("a").Nth(9).Status(509),
	})
	var got []int
	for range 4 {
		if reply := f.next("a", request(t)).Reply; reply != nil {
			got = append(got, reply.Status)
		} else {
			got = append(got, 0)
		}
	}
	assert.Equal(t, []int{501, 502, 503, 0}, got)
	active := f.active()
	require.Len(t, active, 4)
	assert.Equal(t, []int{1, 1, 1, 0}, []int{active[0].Hits, active[1].Hits, active[2].Hits, active[3].Hits})
	assert.Equal(t, []int{4, 4}, []int{active[0].Seen, active[2].Seen})
	f.remove([]int{active[0].ID, active[2].ID})
	assert.Len(t, f.active(), 2)
	assert.Equal(t, []int{5}, f.add([]identkittest.Rule{identkittest.Any().Reset()}), "ids are not used again")
}

func TestPlanSaysWhetherTheFakeProcessesTheRequest(t *testing.T) {
	t.Parallel()
	a := identkittest.Any()
	for name, test := range map[string]struct {
		rule      identkittest.Rule
		processes bool
	}{
		"reset":              {a.Reset(), false},
		"refuse":             {a.Refuse(), false},
		"status":             {a.Status(502), false},
		"status, processed":  {a.Status(502).Processed(), true},
		"redirect":           {a.Redirect("/x"), false},
		"retry after":        {a.RetryAfter(429, "1"), false},
		"no response":        {a.LoseResponse(), true},
		"truncated":          {a.TruncateHalf(), true},
		"bad JSON":           {a.BadJSON(), true},
		"empty":              {a.Empty(), true},
		"slow header":        {a.SlowHeader(time.Second), true},
		"expired token":      {a.ExpireToken(), true},
		"duplicate delivery": {a.DuplicateDelivery(), true},
	} {
		require.NoError(t, test.rule.Err(), name)
		assert.Equal(t, test.processes, fault.Of(test.rule).Processes(), name)
	}
	assert.True(t, fault.Plan{}.Processes())
}

func TestPlanKeepsBodiesAndHeadersOfItsOwn(t *testing.T) {
	t.Parallel()
	base := identkittest.Any().Header("X-A", "1")
	assert.Equal(t, http.Header{"X-A": {"1"}, "X-B": {"2"}}, fault.Of(base.Header("X-B", "2")).Header)
	assert.Equal(t, http.Header{"X-A": {"1"}}, fault.Of(base).Header)
	assert.Nil(t, fault.Of(base).Reply)

	body := []byte("abc")
	rule := identkittest.Any().Body(200, "", body)
	body[0] = 'x'
	assert.Equal(t, "abc", string(fault.Of(rule).Reply.Body))
}
