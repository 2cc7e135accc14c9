package identkit_test

import (
	"fmt"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/identkit/identkit"
)

func TestNextIsTheArithmeticOfAWait(t *testing.T) {
	t.Parallel()
	const forever = time.Duration(math.MaxInt64)
	custom := identkit.WaitPolicy{InitialInterval: 4 * time.Second, MaxInterval: 8 * time.Second}
	notified := identkit.WaitPolicy{Notifier: identkit.NewNotifier()}
	for name, c := range map[string]struct {
		policy identkit.WaitPolicy
		polls  int
		left   time.Duration
		wait   time.Duration
		more   bool
	}{
		"the first read is at once":             {identkit.WaitPolicy{}, 0, forever, 0, true},
		"and made though time is up":            {identkit.WaitPolicy{}, 0, -time.Hour, 0, true},
		"a second after the first":              {identkit.WaitPolicy{}, 1, forever, time.Second, true},
		"growing by half":                       {identkit.WaitPolicy{}, 2, forever, 1500 * time.Millisecond, true},
		"to five":                               {identkit.WaitPolicy{}, 50, forever, 5 * time.Second, true},
		"to fifteen with a notifier":            {notified, 50, forever, 15 * time.Second, true},
		"intervals of the policy":               {custom, 1, forever, 4 * time.Second, true},
		"grow, too":                             {custom, 2, forever, 6 * time.Second, true},
		"to their end":                          {custom, 3, forever, 8 * time.Second, true},
		"a long first interval raises the max":  {identkit.WaitPolicy{InitialInterval: time.Minute}, 3, forever, time.Minute, true},
		"unless that is given":                  {identkit.WaitPolicy{InitialInterval: time.Minute, MaxInterval: time.Second}, 1, forever, time.Second, true},
		"the last wait ends with the time left": {custom, 3, 3 * time.Second, 3 * time.Second, true},
		"after it there is no read":             {custom, 4, 0, 0, false},
		"nor when time is long up":              {custom, 4, -time.Hour, 0, false},
		"a pause is never shorter":              {identkit.WaitPolicy{InitialInterval: -1, MaxInterval: 1}, 1, forever, time.Millisecond, true},
		"nothing overflows":                     {identkit.WaitPolicy{InitialInterval: forever, MaxInterval: forever}, math.MaxInt, forever, forever, true},
	} {
		wait, more := c.policy.Next(c.polls, c.left)
		assert.Equal(t, c.wait, wait, name)
		assert.Equal(t, c.more, more, name)
	}
}

func TestAResponseComparesTimesWithItsOwnDate(t *testing.T) {
	t.Parallel()
	theirs := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	left, ok := identkit.Response{Header: http.Header{"Date": {theirs.Format(http.TimeFormat)}}}.Until(theirs.Add(5 * time.Minute))
	assert.True(t, ok)
	assert.Equal(t, 5*time.Minute, left)
	_, ok = identkit.Response{Header: http.Header{"Date": {"today"}}}.Until(theirs)
	assert.False(t, ok)
	_, ok = identkit.Response{}.Until(theirs)
	assert.False(t, ok)
}

// A job queue owns the clock: each run of the job reads once, and asks when to run again.
func ExampleWaitPolicy_Next() {
	policy := identkit.WaitPolicy{InitialInterval: 10 * time.Second, MaxInterval: time.Minute}
	left := 100 * time.Second // until the operation expires
	for polls := 0; ; polls++ {
		wait, more := policy.Next(polls, left)
		if !more {
			fmt.Println("over")
			return
		}
		fmt.Println("read after", wait)
		left -= wait
	}
	// Output:
	// read after 0s
	// read after 10s
	// read after 15s
	// read after 22.5s
	// read after 33.75s
	// read after 18.75s
	// over
}
