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

func TestRuleIsAValue(t *testing.T) {
	t.Parallel()
	base := identkittest.On("a").Header("X-A", "1").When(func(*http.Request) bool { return true })
	one, two := base.Status(501).Header("X-B", "2"), base.Status(502).Nth(3)
	require.NoError(t, one.Err())
	require.NoError(t, two.Err())
	require.NoError(t, base.Err())
	assert.Equal(t, `On("a").Header("X-A", …).When(…).Status(501).Header("X-B", …)`, one.String())
	assert.Equal(t, `On("a").Header("X-A", …).When(…).Status(502).Nth(3)`, two.String())
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
		"status of no response":         {a.Status(100), "200 to 599"},
		"status beyond":                 {a.HTML(600), "200 to 599"},
		"JSON that is none":             {a.JSON(200, func() {}), "cannot marshal"},
		"redirect to nowhere":           {a.Redirect(""), "needs a URL"},
		"header without a name":         {a.Header("", "x"), "needs a name"},
		"two responses":                 {a.Status(500).HTML(502), "HTML and Status both decide the response"},
		"response and reset":            {a.Status(500).Reset(), "both decide the response"},
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
		"processed, but no response":    {a.Empty().Processed(), "needs a response"},
		"token of a request not looked": {a.Status(401).ExpireToken(), "does not process"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.ErrorContains(t, test.rule.Err(), test.want)
		})
	}
	require.ErrorContains(t, a.Nth(0).Status(1).Err(), "Nth counts from 1; Status needs a status from 200 to 599")
}
