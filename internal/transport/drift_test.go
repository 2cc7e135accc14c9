package transport

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
)

type mood string

func (m mood) Known() bool { return m == "calm" }

type driftResult struct {
	identkit.Raw `json:"-"`

	Mood   mood              `json:"mood"`
	Parts  []part            `json:"parts"`
	ByName map[string]part   `json:"byName"`
	Text   map[string]string `json:"text"`
	At     time.Time         `json:"at"`
	One    *part             `json:"one"`
}

func TestDriftIsReportedWithoutValues(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lc := identkittest.NewLeakCheck(t)
		secret, key := lc.Personal("value"), lc.Personal("key")
		op := Op[None, driftResult]{Name: "test.Drift", Method: http.MethodGet, Path: "/drift", Retry: identkit.RetrySafe}
		body := `{"mood":"wild","parts":[{"name":"` + secret + `","new":{"deep":1}},{"name":"b","new":2}],"byName":{"` + key + `":{"extra":"` + secret + `"}},
			"text":{"` + key + `":"x"},"at":"2026-03-01T10:00Z","one":{"name":"c"},"Mood":"calm","` + key + `":1,"fresh":["` + secret + `"]}`
		var seen []identkit.DriftInfo
		var check Check
		c := New(Config{Provider: "test", BaseURL: "https://h", Operations: []Operation{&op}, Options: identkit.Options{
			HTTPClient: &http.Client{Transport: stub(200, body)},
			Observer: identkit.Observer{Drift: func(_ context.Context, d identkit.DriftInfo) {
				lc.Value(d)
				seen = append(seen, d)
			}},
		}}, &check)
		for range 3 {
			_, err := op.Do(t.Context(), c, None{}, nil)
			require.NoError(t, err, "drift costs nothing")
		}
		found := map[string]identkit.DriftKind{}
		for _, d := range seen {
			assert.Equal(t, "test.Drift", d.Operation)
			found[d.Path] = d.Kind
		}
		assert.Equal(t, map[string]identkit.DriftKind{
			"mood": identkit.DriftValue, "parts[].new": identkit.DriftMember, "byName.*.extra": identkit.DriftMember,
			"Mood": identkit.DriftMember, "*": identkit.DriftMember, "fresh": identkit.DriftMember,
		}, found)
		assert.Len(t, seen, len(found), "each once a minute")
		<-time.After(driftPause)
		_, err := op.Do(t.Context(), c, None{}, nil)
		require.NoError(t, err)
		assert.Len(t, seen, 2*len(found))
	})
}

func TestDriftIsBounded(t *testing.T) {
	t.Parallel()
	var d drifts
	for i := range maxDrifts + 10 {
		assert.Equal(t, i < maxDrifts, d.due(identkit.DriftInfo{Path: strings.Repeat("x", i)}))
	}
}
