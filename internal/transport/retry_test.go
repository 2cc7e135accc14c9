package transport

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/identkit/identkit"
)

func TestJitterStaysUnderItsEdge(t *testing.T) {
	t.Parallel()
	var reached time.Duration
	for n := 1; n < 80; n++ {
		for range 50 {
			d := jitter(n, 200*time.Millisecond, 10*time.Second)
			assert.GreaterOrEqual(t, d, time.Duration(0))
			assert.LessOrEqual(t, d, 10*time.Second)
			if n == 1 {
				assert.LessOrEqual(t, d, 200*time.Millisecond)
			}
			reached = max(reached, d)
		}
	}
	assert.Greater(t, reached, 9*time.Second, "late waits spread over the whole range")
	assert.LessOrEqual(t, jitter(1, time.Hour, time.Second), time.Second, "MaxBackoff wins over InitialBackoff")
}

func TestBudgetRunsOutAndRefills(t *testing.T) {
	t.Parallel()
	b := newBudget(3)
	var taken int
	for b.take() {
		taken++
	}
	assert.Equal(t, 3, taken)
	for range 9 {
		b.refund()
	}
	assert.False(t, b.take(), "nine tenths are not a retry")
	b.refund()
	assert.True(t, b.take())
	for range 1000 {
		b.refund()
	}
	taken = 0
	for b.take() {
		taken++
	}
	assert.Equal(t, 3, taken, "never more than it began with")

	none := newBudget(-1)
	for range 1000 {
		assert.True(t, none.take())
	}
}

func TestBudgetIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	b := newBudget(100)
	var wg sync.WaitGroup
	var mu sync.Mutex
	taken := 0
	for range 8 {
		wg.Go(func() {
			for range 100 {
				if b.take() {
					mu.Lock()
					taken++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	assert.Equal(t, 100, taken)
}

func TestRetryableFollowsTheRetryClass(t *testing.T) {
	t.Parallel()
	fail := func(kind identkit.Kind, status int, sent, permanent bool) *failure {
		return &failure{err: &identkit.Error{Kind: kind, Status: status}, sent: sent, permanent: permanent}
	}
	for _, c := range []struct {
		name          string
		f             *failure
		safe, refused bool
	}{
		{"429", fail(identkit.ErrRateLimited, 429, true, false), true, true},
		{"local limiter", fail(identkit.ErrRateLimited, 0, false, true), false, false},
		{"never sent", fail(identkit.ErrNetwork, 0, false, false), true, true},
		{"lost after sending", fail(identkit.ErrNetwork, 0, true, false), true, false},
		{"timed out after sending", fail(identkit.ErrTimeout, 0, true, false), true, false},
		{"503", fail(identkit.ErrUnavailable, 503, true, false), true, false},
		{"500", fail(identkit.ErrUnavailable, 500, true, false), true, false},
		{"501", fail(identkit.ErrUnavailable, 501, true, false), false, false},
		{"404", fail(identkit.ErrNotFound, 404, true, false), false, false},
		{"500 that means bad credentials", fail(identkit.ErrUnauthorized, 500, true, false), false, false},
		{"certificate", fail(identkit.ErrNetwork, 0, false, true), false, false},
		{"too large", fail(identkit.ErrResponseTooLarge, 200, true, true), false, false},
	} {
		assert.Equal(t, c.safe, retryable(identkit.RetrySafe, c.f), "%s, safe", c.name)
		assert.Equal(t, c.refused, retryable(identkit.RetryIfNotProcessed, c.f), "%s, refused", c.name)
	}
}
