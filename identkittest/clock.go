package identkittest

import (
	"encoding/json"
	"errors"
	"sync"
	"time"
)

// Clock is the time of a fake's state: validity, expiry, time stamps. Slow responses take real time, or that of the
// testing/synctest bubble, because the client's timeouts do.
//
// One from [NewClock] stands still until it is moved. The zero value runs: it shows the system's time, or that of the
// testing/synctest bubble, plus an offset that moving it changes. It is safe for concurrent use. Its JSON form is
// {"now":"2030-01-01T12:00:00Z","running":true,"offset":"5m0s"}; reading one takes an offset, which makes it run, or a time.
type Clock struct {
	mu     sync.Mutex
	still  bool
	now    time.Time     // while it stands still
	offset time.Duration // while it runs
}

// NewClock returns a clock that stands at start.
func NewClock(start time.Time) *Clock { return &Clock{still: true, now: start.Round(0)} }

// Now returns the time that the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.still {
		return c.now
	}
	return time.Now().Add(c.offset)
}

// Advance moves the clock by d, backwards when d is negative, and returns the new time.
func (c *Clock) Advance(d time.Duration) time.Time {
	c.mu.Lock()
	c.now, c.offset = c.now.Add(d), c.offset+d
	c.mu.Unlock()
	return c.Now()
}

// Sleep moves the clock forward by d and returns at once.
func (c *Clock) Sleep(d time.Duration) { c.Advance(d) }

// Set moves the clock to t. A running clock continues from there.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now, c.offset = t.Round(0), time.Until(t)
}

// Run makes the clock run from the time that it shows, Stop makes it stop there.
func (c *Clock) Run() { c.run(true) }

// Stop makes the clock stand at the time that it shows; see [Clock.Run].
func (c *Clock) Stop() { c.run(false) }

func (c *Clock) run(on bool) {
	c.Set(c.Now())
	c.mu.Lock()
	defer c.mu.Unlock()
	c.still = !on
}

type clockForm struct {
	Now     time.Time `json:"now,omitzero"`
	Running *bool     `json:"running,omitempty"`
	Offset  string    `json:"offset,omitempty"`
}

// MarshalJSON writes the time, whether the clock runs, and how far it is from the system's.
func (c *Clock) MarshalJSON() ([]byte, error) {
	c.mu.Lock()
	running, offset := !c.still, c.offset
	c.mu.Unlock()
	form := clockForm{Now: c.Now(), Running: &running}
	if running {
		form.Offset = offset.Round(time.Millisecond).String()
	}
	return json.Marshal(form)
}

// UnmarshalJSON moves the clock, and makes it run or stand still if the text has it so.
func (c *Clock) UnmarshalJSON(b []byte) error {
	var form clockForm
	if err := json.Unmarshal(b, &form); err != nil {
		return errors.New("identkittest: a clock needs a time in now, a duration in offset, or a boolean in running")
	}
	offset, err := time.ParseDuration(form.Offset)
	switch {
	case form.Offset != "" && (err != nil || !form.Now.IsZero() || form.Running != nil && !*form.Running):
		return errors.New("identkittest: the offset of a clock is a duration such as 5m0s, without now, and the clock runs")
	case form.Offset != "":
		c.Set(time.Now().Add(offset))
		c.Run()
		return nil
	case !form.Now.IsZero():
		c.Set(form.Now)
	}
	if form.Running != nil {
		c.run(*form.Running)
	}
	return nil
}
