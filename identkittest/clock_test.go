package identkittest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/identkit/identkit/identkittest"
)

func TestManualClockMovesOnlyByHand(t *testing.T) {
	t.Parallel()
	start := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	c := identkittest.NewClock(start)
	var _ identkittest.Clock = c
	assert.Equal(t, start, c.Now())
	assert.Equal(t, start.Add(time.Hour), c.Advance(time.Hour))
	c.Advance(-2 * time.Hour)
	assert.Equal(t, start.Add(-time.Hour), c.Now())
	c.Set(start)
	assert.Equal(t, start, c.Now())
	assert.WithinDuration(t, time.Now(), identkittest.SystemClock{}.Now(), time.Minute)
}
