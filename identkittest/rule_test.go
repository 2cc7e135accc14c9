package identkittest_test

import (
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/identkittest"
)

func request(t *testing.T) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://fake.test/", nil)
	require.NoError(t, err)
	return r
}

// hits plays n requests of one operation and returns the numbers of those that were hit.
func hits(t *testing.T, f *identkittest.Faults, operation string, n int) []int {
	t.Helper()
	var found []int
	for i := 1; i <= n; i++ {
		if !f.Next(operation, request(t)).IsZero() {
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
			f := identkittest.NewFaults(1)
			require.NoError(t, f.Add(test.rule))
			assert.Equal(t, test.want, hits(t, f, "a", 6))
		})
	}
}

func TestRuleCountsOnlyTheRequestsForWhichWhenHolds(t *testing.T) {
	t.Parallel()
	f := identkittest.NewFaults(1)
	n := 0
	even := func(*http.Request) bool { n++; return n%2 == 0 }
	require.NoError(t, f.Add(identkittest.Any().When(even).Nth(2).Reset()))
	assert.Equal(t, []int{4}, hits(t, f, "a", 8))
}

func TestRuleThrowsTheSameDiceForTheSameSeed(t *testing.T) {
	t.Parallel()
	throw := func(seed uint64) []int {
		f := identkittest.NewFaults(seed)
		require.NoError(t, f.Add(identkittest.Any().Probability(0.3).Reset()))
		return hits(t, f, "a", 200)
	}
	first, again := throw(7), throw(7)
	assert.Equal(t, first, again)
	assert.NotEqual(t, throw(7), throw(8))
	assert.InDelta(t, 60, len(throw(7)), 25)
}

func TestFirstRuleThatHitsDecidesAndAllRulesCount(t *testing.T) {
	t.Parallel()
	f := identkittest.NewFaults(1)
	require.NoError(t, f.Add(
		identkittest.On("a").Nth(1).Status(501),
		identkittest.On("a").Nth(2).Status(502),
		identkittest.Any().Times(1).Status(503),
		identkittest.On("a").Nth(9).Status(509),
	))
	var got []int
	for range 4 {
		if reply := f.Next("a", request(t)).Reply; reply != nil {
			got = append(got, reply.Status)
		} else {
			got = append(got, 0)
		}
	}
	assert.Equal(t, []int{501, 502, 503, 0}, got)
	assert.Equal(t, []string{`On("a").Nth(9).Status(509)`}, f.Unused())
	f.Clear()
	assert.Empty(t, f.Unused())
}

func TestRuleIsAValue(t *testing.T) {
	t.Parallel()
	base := identkittest.On("a").Header("X-A", "1").When(func(*http.Request) bool { return true })
	one, two := base.Status(501).Header("X-B", "2"), base.Status(502).Nth(3)
	require.NoError(t, one.Err())
	require.NoError(t, two.Err())
	require.NoError(t, base.Err())
	assert.Nil(t, base.Plan().Reply)
	assert.Equal(t, 501, one.Plan().Reply.Status)
	assert.Equal(t, http.Header{"X-A": {"1"}, "X-B": {"2"}}, one.Plan().Header)
	assert.Equal(t, http.Header{"X-A": {"1"}}, two.Plan().Header)
	assert.Equal(t, `On("a").Header("X-A", …).When(…).Status(502).Nth(3)`, two.String())

	body := []byte("abc")
	rule := identkittest.Any().Body(200, "", body)
	body[0] = 'x'
	assert.Equal(t, "abc", string(rule.Plan().Reply.Body))
}

func TestRuleKnowsItsMistakes(t *testing.T) {
	t.Parallel()
	a := identkittest.Any()
	for name, test := range map[string]struct {
		rule identkittest.Rule
		want string
	}{
		"nothing":                       {identkittest.Rule{}, "begin it with On or Any"},
		"no operation":                  {identkittest.On("").Reset(), "name of an operation"},
		"no effect":                     {a.Nth(1), "no effect"},
		"nth 0":                         {a.Nth(0).Reset(), "counts from 1"},
		"first 0":                       {a.First(0).Reset(), "at least 1"},
		"after 0":                       {a.After(0).Reset(), "at least 1"},
		"times 0":                       {a.Times(0).Reset(), "at least 1"},
		"nth with first":                {a.Nth(1).First(2).Reset(), "cannot be combined"},
		"empty window":                  {a.After(3).First(3).Reset(), "hits nothing"},
		"chance over 1":                 {a.Probability(1.1).Reset(), "from 0 to 1"},
		"chance that is no number":      {a.Probability(math.NaN()).Reset(), "from 0 to 1"},
		"when without a function":       {a.When(nil).Reset(), "needs a function"},
		"status of no answer":           {a.Status(100), "200 to 599"},
		"status beyond":                 {a.HTML(600), "200 to 599"},
		"JSON that is none":             {a.JSON(200, func() {}), "cannot marshal"},
		"redirect to nowhere":           {a.Redirect(""), "needs a URL"},
		"header without a name":         {a.Header("", "x"), "needs a name"},
		"two answers":                   {a.Status(500).HTML(502), "HTML and Status both decide the answer"},
		"answer and reset":              {a.Status(500).Reset(), "both decide the answer"},
		"two bodies":                    {a.Empty().BadJSON(), "both decide the body"},
		"two bombs":                     {a.Pad(1).GzipBomb(1), "both decide the body"},
		"two encodings":                 {a.Gzip().GzipTruncated(), "both decide the encoding"},
		"two ends":                      {a.Truncate(1).ResetInBody(), "both decide the end of the body"},
		"endless with an end":           {a.Stream(1, time.Second).TruncateHalf(), "both decide the end of the body"},
		"two paces":                     {a.SlowBody(1, time.Second).Stream(1, time.Second), "both decide the pace"},
		"refused late":                  {a.Refuse().SlowHeader(time.Second), "both decide the time"},
		"reset and refused":             {a.Reset().Refuse(), "both decide the connection"},
		"no time":                       {a.SlowHeader(0), "positive duration"},
		"no pace":                       {a.SlowBody(0, time.Second), "at least 1 byte"},
		"no size":                       {a.Pad(0), "at least 1 byte"},
		"size beyond reason":            {a.Pad(1 << 62), "at most 1 TiB"},
		"no bomb":                       {a.GzipBomb(-1), "at least 1 byte"},
		"truncated before its begin":    {a.Truncate(-1), "less than nothing"},
		"processed, but no answer":      {a.Empty().Processed(), "needs an answer"},
		"token of a request not looked": {a.Status(401).ExpireToken(), "does not act"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.ErrorContains(t, test.rule.Err(), test.want)
			f := identkittest.NewFaults(1)
			require.Error(t, f.Add(a.Reset(), test.rule))
			assert.Empty(t, f.Unused(), "no rule of a refused set may be at work")
		})
	}
	require.ErrorContains(t, a.Nth(0).Status(1).Err(), "Nth counts from 1; Status needs a status from 200 to 599")
}

func TestPlanSaysWhetherTheFakeActs(t *testing.T) {
	t.Parallel()
	a := identkittest.Any()
	for name, test := range map[string]struct {
		rule identkittest.Rule
		acts bool
	}{
		"reset":              {a.Reset(), false},
		"refuse":             {a.Refuse(), false},
		"status":             {a.Status(502), false},
		"status, processed":  {a.Status(502).Processed(), true},
		"redirect":           {a.Redirect("/x"), false},
		"retry after":        {a.RetryAfter(429, "1"), false},
		"lost answer":        {a.LoseResponse(), true},
		"truncated":          {a.TruncateHalf(), true},
		"bad JSON":           {a.BadJSON(), true},
		"empty":              {a.Empty(), true},
		"slow header":        {a.SlowHeader(time.Second), true},
		"expired token":      {a.ExpireToken(), true},
		"duplicate delivery": {a.DuplicateDelivery(), true},
	} {
		require.NoError(t, test.rule.Err(), name)
		assert.Equal(t, test.acts, test.rule.Plan().Acts(), name)
	}
	assert.True(t, identkittest.Plan{}.Acts())
	assert.True(t, identkittest.Plan{}.IsZero())
}
