package transport

import (
	"context"
	"math"
	"sync"
	"time"
)

// downloadRate is how much faster than other bodies a download must move.
const downloadRate = 16

const errCallTimeout timeoutError = "call timed out"

// flow ends a download that takes too long or comes too slowly. Of a window of the rate only the time counts in which a Read waits, so
// that a caller who reads slowly is not cut.
type flow struct {
	cancel   context.CancelCauseFunc
	minBytes int64     // in a window; zero or less: no minimum
	end      time.Time // zero: none

	mu     sync.Mutex
	timer  *time.Timer
	since  time.Time // when the Read began; zero: there is none
	waited time.Duration
	moved  int64
	over   bool
}

func (f *flow) start(cancel context.CancelCauseFunc, rate int64, end time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	const windows = downloadRate * int64(rateWindow/time.Second)
	f.cancel, f.minBytes, f.end = cancel, max(-1, min(rate, math.MaxInt64/windows))*windows, end
	f.arm(time.Now())
}

func (f *flow) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.over = true; f.timer != nil {
		f.timer.Stop()
	}
}

// enter begins a Read, leave ends it.
func (f *flow) enter() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.since = time.Now()
	f.arm(f.since)
}

func (f *flow) leave(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waited += time.Since(f.since)
	f.moved += int64(n)
	f.since = time.Time{}
	f.look(f.waited)
}

// arm sets the timer for the end, and for that of the window while a Read waits.
func (f *flow) arm(now time.Time) {
	at := f.end
	if f.minBytes > 0 && !f.since.IsZero() {
		if look := f.since.Add(rateWindow - f.waited); at.IsZero() || look.Before(at) {
			at = look
		}
	}
	switch {
	case f.over || at.IsZero():
	case f.timer == nil:
		f.timer = time.AfterFunc(at.Sub(now), f.fire)
	default:
		f.timer.Reset(at.Sub(now))
	}
}

func (f *flow) fire() {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	switch {
	case f.over:
	case !f.end.IsZero() && !now.Before(f.end):
		f.over = true
		f.cancel(errCallTimeout)
	default:
		if !f.since.IsZero() && f.look(f.waited+now.Sub(f.since)) {
			f.since = now
		}
		f.arm(now)
	}
}

// look reports whether a window is over, and begins the next one or ends the download.
func (f *flow) look(waited time.Duration) bool {
	if f.minBytes <= 0 || waited < rateWindow || f.over {
		return false
	}
	if f.moved < f.minBytes {
		f.over = true
		f.cancel(errTooSlow)
	}
	f.waited, f.moved = 0, 0
	return true
}
