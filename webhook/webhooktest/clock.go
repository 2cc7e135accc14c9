package webhooktest

import (
	"sync"
	"time"
)

// Clock gives a [Sender] its time.
type Clock interface {
	Now() time.Time
	// Sleep returns when d has passed on this clock.
	Sleep(d time.Duration)
}

// ManualClock is a [Clock] that stands still but for Sleep, which moves it and returns at once. It is safe
// for concurrent use.
type ManualClock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that shows start.
func NewClock(start time.Time) *ManualClock { return &ManualClock{now: start} }

// Now returns the time it shows; it fits webhook's Clock fields.
func (c *ManualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Sleep moves the clock forward by d and does not wait.
func (c *ManualClock) Sleep(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
