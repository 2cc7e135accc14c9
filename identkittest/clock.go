package identkittest

import (
	"sync"
	"time"
)

// Clock tells a fake what time it is. Only the state of a fake lives by it (validity, expiry, time stamps); slow
// answers take real time, or that of the testing/synctest bubble, because the client's timeouts do.
type Clock interface {
	Now() time.Time
}

// SystemClock is the machine's clock, or that of the testing/synctest bubble it is asked in.
type SystemClock struct{}

// Now returns time.Now().
func (SystemClock) Now() time.Time { return time.Now() }

// ManualClock stands still until it is moved. It is safe for concurrent use. Make one with [NewClock].
type ManualClock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that stands at start.
func NewClock(start time.Time) *ManualClock { return &ManualClock{now: start.Round(0)} }

// Now returns the time the clock stands at.
func (c *ManualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock by d, backwards when d is negative, and returns the new time.
func (c *ManualClock) Advance(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return c.now
}

// Set moves the clock to t.
func (c *ManualClock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t.Round(0)
}
