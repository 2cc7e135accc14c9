package identkittest_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/identkittest"
)

var newYear = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

func TestClockStandsStillUntilItIsMoved(t *testing.T) {
	t.Parallel()
	c := identkittest.NewClock(newYear)
	assert.Equal(t, newYear, c.Now())
	assert.Equal(t, newYear.Add(time.Hour), c.Advance(time.Hour))
	c.Advance(-2 * time.Hour)
	assert.Equal(t, newYear.Add(-time.Hour), c.Now())
	c.Set(newYear)
	c.Sleep(time.Minute)
	assert.Equal(t, newYear.Add(time.Minute), c.Now())
}

func TestClockRunsWithAnOffset(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new(identkittest.Clock)
		start := time.Now()
		assert.Equal(t, start, c.Now())
		assert.Equal(t, start.Add(time.Hour), c.Advance(time.Hour))
		time.Sleep(time.Minute)
		assert.Equal(t, start.Add(time.Hour+time.Minute), c.Now())
		c.Set(newYear)
		time.Sleep(time.Minute)
		assert.True(t, newYear.Add(time.Minute).Equal(c.Now()))
		c.Stop()
		time.Sleep(time.Minute)
		assert.True(t, newYear.Add(time.Minute).Equal(c.Now()))
		c.Run()
		time.Sleep(time.Minute)
		assert.True(t, newYear.Add(2*time.Minute).Equal(c.Now()))
	})
}

func TestClockHasAJSONForm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for text, want := range map[string]string{
			`{}`:                             `{"now":"2000-01-01T00:00:00Z","running":true,"offset":"0s"}`,
			`{"offset":"-24h"}`:              `{"now":"1999-12-31T00:00:00Z","running":true,"offset":"-24h0m0s"}`,
			`{"now":"2030-01-01T00:00:00Z"}`: `{"now":"2030-01-01T00:00:00Z","running":true,"offset":"262992h0m0s"}`,
			`{"now":"2030-01-01T00:00:00Z","running":false}`: `{"now":"2030-01-01T00:00:00Z","running":false}`,
			`{"running":false}`:                            `{"now":"2000-01-01T00:00:00Z","running":false}`,
			`{"offset":"soon"}`:                            "",
			`{"offset":"1s","running":false}`:              "",
			`{"now":"tomorrow"}`:                           "",
			`{"now":"2030-01-01T00:00:00Z","offset":"1s"}`: "",
		} {
			c := new(identkittest.Clock)
			err := json.Unmarshal([]byte(text), c)
			if want == "" {
				require.Error(t, err, text)
				continue
			}
			require.NoError(t, err, text)
			c.Set(c.Now().UTC())
			b, err := json.Marshal(c)
			require.NoError(t, err)
			var got struct{ Now time.Time }
			require.NoError(t, json.Unmarshal(b, &got))
			assert.JSONEq(t, want, string(b), text)
		}
	})
}
