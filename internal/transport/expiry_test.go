package transport

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
)

// skewed is an API whose clock differs from ours. Its job was created before the first read and is DONE, or never, after some time.
type skewed struct {
	skew           time.Duration // of its clock
	age, validity  time.Duration // of the job at the first read, and altogether
	doneAfter      time.Duration // zero: never
	dated, created bool          // whether responses have a Date, and the time of creation
}

func (s skewed) run(t *testing.T, policy identkit.WaitPolicy) (*jobs, *job, error) {
	t.Helper()
	start := time.Now()
	made := start.Add(s.skew - s.age)
	j := newJobs(t, func(_ int, r *http.Request) (*http.Response, error) {
		state := "WAITING"
		if s.doneAfter > 0 && time.Since(start) >= s.doneAfter {
			state = "DONE"
		}
		body := fmt.Sprintf(`{"state":%q,"expires":%d`, state, made.Add(s.validity).UnixMilli())
		if s.created {
			body += fmt.Sprintf(`,"created":%d`, made.UnixMilli())
		}
		resp, err := stub(200, body+"}")(r)
		if s.dated {
			resp.Header.Set("Date", time.Now().Add(s.skew).UTC().Format(http.TimeFormat))
		}
		return resp, err
	})
	got, err := j.wait(t.Context(), policy)
	return j, got, err
}

func TestAClockThatDiffersDoesNotEndAWait(t *testing.T) {
	t.Parallel()
	for _, skew := range []time.Duration{-24 * time.Hour, -16 * time.Minute, -time.Minute, 0, 16 * time.Minute, 24 * time.Hour} {
		for _, dated := range []bool{true, false} {
			t.Run(fmt.Sprint(skew, ", with a Date ", dated), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					_, got, err := skewed{skew: skew, validity: 5 * time.Minute, doneAfter: 4 * time.Minute, dated: dated, created: true}.run(t, identkit.WaitPolicy{})
					require.NoError(t, err)
					assert.Equal(t, jobState("DONE"), got.State)
				})
				synctest.Test(t, func(t *testing.T) {
					j, _, err := skewed{skew: skew, validity: 5 * time.Minute, dated: dated, created: true}.run(t, identkit.WaitPolicy{})
					require.ErrorIs(t, err, identkit.ErrTimeout)
					require.ErrorContains(t, err, "the state has expired by the provider's clock")
					assert.InDelta(t, 5*time.Minute+expiryGrace, time.Since(j.started), float64(2*time.Second), "it still ends soon after the expiry")
				})
			})
		}
	}
}

func TestWithADateTheTimeBeforeTheFirstReadCounts(t *testing.T) {
	t.Parallel()
	for dated, want := range map[bool]time.Duration{true: time.Minute, false: 5 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			j, _, err := skewed{skew: time.Hour, age: 4 * time.Minute, validity: 5 * time.Minute, dated: dated, created: true}.run(t, identkit.WaitPolicy{})
			require.ErrorIs(t, err, identkit.ErrTimeout)
			assert.InDelta(t, want+expiryGrace, time.Since(j.started), float64(2*time.Second))
		})
	}
}

func TestAStateIsReadRightAfterItsExpiry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j, _, err := skewed{skew: -time.Hour, validity: 5 * time.Minute, doneAfter: 5 * time.Minute, dated: true}.run(t, identkit.WaitPolicy{MaxInterval: time.Minute})
		require.NoError(t, err)
		assert.InDelta(t, 5*time.Minute, time.Since(j.started), float64(2*time.Second), "not at the next interval")
	})
}

func TestAnExpiryThatHasPassedAtTheFirstReadGetsTheGrace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j, _, err := skewed{age: time.Hour, validity: 5 * time.Minute, dated: true, created: true}.run(t, identkit.WaitPolicy{})
		require.ErrorIs(t, err, identkit.ErrTimeout)
		assert.Equal(t, expiryGrace, time.Since(j.started))
	})
}

func TestAWaitEndsWithoutAPlausibleExpiry(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		api  skewed
		want time.Duration
	}{
		"far away":                         {skewed{validity: 200 * 365 * 24 * time.Hour, dated: true}, 24 * time.Hour},
		"far away, no Date":                {skewed{validity: 200 * 365 * 24 * time.Hour, created: true}, 24 * time.Hour},
		"neither a Date nor a creation":    {skewed{validity: 5 * time.Minute}, time.Hour},
		"before the creation, and undated": {skewed{validity: -5 * time.Minute, created: true}, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				j, _, err := c.api.run(t, identkit.WaitPolicy{MaxInterval: 10 * time.Minute})
				require.ErrorIs(t, err, identkit.ErrTimeout)
				require.ErrorContains(t, err, "it took longer than "+c.want.String())
				assert.Equal(t, c.want, time.Since(j.started))
			})
		})
	}
}

func TestUntilAndTheExpiryEndAWaitWhicheverIsFirst(t *testing.T) {
	t.Parallel()
	for until, want := range map[time.Duration]time.Duration{time.Minute: time.Minute, time.Hour: 5*time.Minute + expiryGrace} {
		synctest.Test(t, func(t *testing.T) {
			j, _, err := skewed{skew: -time.Hour, validity: 5 * time.Minute, dated: true}.run(t, identkit.WaitPolicy{Until: time.Now().Add(until)})
			require.ErrorIs(t, err, identkit.ErrTimeout)
			assert.InDelta(t, want, time.Since(j.started), float64(2*time.Second))
		})
	}
}
