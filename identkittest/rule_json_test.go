package identkittest_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/internal/fault"
)

func TestRuleHasAJSONForm(t *testing.T) {
	t.Parallel()
	any, on := identkittest.Any(), identkittest.On("a.Get")
	for text, rule := range map[string]identkittest.Rule{
		`{"on":"a.Get","nth":3,"html":502}`:                                         on.Nth(3).HTML(502),
		`{"first":4,"after":1,"times":2,"status":503,"processed":true}`:             any.First(4).After(1).Times(2).Status(503).Processed(),
		`{"probability":0.1,"retryAfter":[429,"1"],"header":{"X-A":"1","X-B":"2"}}`: any.Probability(0.1).RetryAfter(429, "1").Header("X-A", "1").Header("X-B", "2"),
		`{"json":[400,{"a":[1]}],"slowHeader":"1.5s"}`:                              any.JSON(400, map[string][]int{"a": {1}}).SlowHeader(1500 * time.Millisecond),
		`{"body":[200,"text/csv","a,b"],"gzip":true}`:                               any.Body(200, "text/csv", []byte("a,b")).Gzip(),
		`{"stream":[1,"1s"]}`:                                                       any.Stream(1, time.Second),
		`{"slowBody":[10,"1m0s"],"truncate":7,"pad":100,"gzipTruncated":true}`:      any.SlowBody(10, time.Minute).Truncate(7).Pad(100).GzipTruncated(),
		`{"redirect":"https://elsewhere.test/"}`:                                    any.Redirect("https://elsewhere.test/"),
		`{"badJSON":true,"resetInBody":true}`:                                       any.BadJSON().ResetInBody(),
		`{"gzipBomb":10}`:                                                           any.GzipBomb(10),
		`{"loseResponse":true,"expireToken":true}`:                                  any.LoseResponse().ExpireToken(),
		`{"reorder":true}`:                                                          any.Reorder(),
	} {
		written, err := json.Marshal(rule)
		require.NoError(t, err)
		assert.JSONEq(t, text, string(written))
		var read identkittest.Rule
		require.NoError(t, json.Unmarshal([]byte(text), &read), text)
		want, got := fault.Of(rule), fault.Of(read)
		want.Text, got.Text = "", ""
		assert.Equal(t, want, got, text)
		assert.NotEmpty(t, read.String())
	}
	narrowed, err := json.Marshal(any.When(func(*http.Request) bool { return true }).Reset())
	require.NoError(t, err)
	assert.JSONEq(t, `{"when":true,"reset":true}`, string(narrowed))
}

func TestRuleInJSONKnowsItsMistakes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`[]`:                             "must be a JSON object",
		`{}`:                             "it has no effect",
		`{"on":"","reset":true}`:         "needs the name of an operation",
		`{"on":7,"reset":true}`:          "on must be the name",
		`{"html":99}`:                    "200 to 599",
		`{"html":"502"}`:                 "html: needs a int",
		`{"reset":false}`:                "reset: must be true",
		`{"retryAfter":429}`:             "retryAfter: needs a list of 2 arguments",
		`{"slowHeader":5}`:               "slowHeader: needs a time.Duration",
		`{"body":[200,"",{}]}`:           "needs a []uint8",
		`{"header":["a","b"]}`:           "object of texts",
		`{"drip":[1,"1s"]}`:              `"drip" is no method`,
		`{"when":true,"reset":true}`:     "when: needs a func",
		`{"err":true,"reset":true}`:      "err: is no method that makes a rule",
		`{"status":500,"reset":true}`:    "both decide the response",
		`{"nth":1,"first":2,"status":5}`: "cannot be combined",
	} {
		var rule identkittest.Rule
		require.ErrorContains(t, json.Unmarshal([]byte(text), &rule), want, text)
	}
}

func FuzzRuleInJSON(f *testing.F) {
	f.Add([]byte(`{"on":"a","nth":1,"html":502,"header":{"A":"b"}}`))
	f.Add([]byte(`{"body":[200,"text/csv","a"],"slowBody":[1,"1s"],"probability":0.5}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var rule, again identkittest.Rule
		if json.Unmarshal(text, &rule) != nil {
			return
		}
		written, err := json.Marshal(rule)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(written, &again))
		rewritten, err := json.Marshal(again)
		require.NoError(t, err)
		require.Equal(t, written, rewritten)
	})
}
