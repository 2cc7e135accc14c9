package transport

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/identkit/identkit"
)

const (
	defaultPause = time.Second                         // after a 429 without Retry-After
	spread       = time.Second                         // in which the calls that waited leave
	maxInstant   = math.MaxInt64 / 2 * time.Nanosecond // so that two of them can be added
)

// pauseTime is the end of a pause, on the monotonic clock.
type pauseTime struct {
	epoch time.Time    // instants are counted from it
	end   atomic.Int64 // zero: there is no pause
}

// left is how long the pause still takes.
func (p *pauseTime) left() time.Duration {
	end := p.end.Load()
	if end == 0 {
		return 0
	}
	left := time.Duration(end) - time.Since(p.epoch)
	if left <= 0 {
		p.end.CompareAndSwap(end, 0) // the clock need not be read again
		return 0
	}
	return left
}

// extend makes the pause end at an instant, unless it ends later, and reports whether it did.
func (p *pauseTime) extend(to time.Duration) bool {
	for {
		end := p.end.Load()
		if end != 0 && end >= int64(to) {
			return false
		}
		if p.end.CompareAndSwap(end, int64(to)) {
			return true
		}
	}
}

// pauseGate holds all calls of a client back after a 429, until the provider takes requests again. The copies of a client for one host share it.
type pauseGate struct {
	pauseTime
	maxPause time.Duration // that one 429 causes

	mu     sync.Mutex
	closed time.Duration // when it was last closed by a request that had passed it
	asked  time.Duration // until when the provider asked to wait, which may be longer
}

func newPauseGate(maxPause time.Duration) *pauseGate {
	return &pauseGate{pauseTime: pauseTime{epoch: time.Now()}, maxPause: min(maxPause, maxInstant), closed: -1}
}

// close closes the gate for d, at most for maxPause, because of a 429 for a request that was sent at a given time. It reports how long the
// gate stays closed, or zero if that is no longer than before.
//
// Requests that were on their way when the gate closed bring more 429s. They keep it closed only if the provider says for how long, and
// never beyond maxPause after it was closed: otherwise slow responses could hold the calls back for ever.
func (g *pauseGate) close(sent time.Time, d time.Duration, given bool) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Since(g.epoch)
	late := sent.Sub(g.epoch) <= g.closed
	if d <= 0 || late && !given {
		return 0
	}
	if !late {
		g.closed, g.asked = now, 0
	}
	g.asked = max(g.asked, now+min(d, maxInstant))
	end := min(now+min(d, g.maxPause), g.closed+g.maxPause)
	if end <= now || !g.extend(end) {
		return 0
	}
	return end - now
}

// retryAfter is how long the provider asked to wait, counted from now.
func (g *pauseGate) retryAfter() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return max(g.asked-time.Since(g.epoch), g.left())
}

// leave is when a call leaves that must wait for a pause: a random part of a second after it, so that the calls which waited do not leave
// together. It reports false if the call ends before the pause.
//
// The calls leave ever faster in that second: if the provider takes none yet, or only a few, the first ones show it at the cost of few
// attempts. Calls that failed twice already, which by default have one attempt left, leave after these and before the crowd.
func (c *call) leave(pause time.Duration) (time.Duration, bool) {
	rest := c.timeLeft() - pause
	if rest <= 0 {
		return 0, false
	}
	within := min(spread, c.client.retry.MaxBackoff, rest/2)
	after := max(rand.N(within+1), rand.N(within+1)) //nolint:gosec // jitter, not a secret
	if len(c.attempts) >= 2 {
		after = within*15/100 + rand.N(within*35/100+1) //nolint:gosec // jitter, not a secret
	}
	return pause + after, true
}

var errPaused = errors.New("transport: the client pauses after a 429")

// pass waits until the gate is open. A call that ends before fails at once.
func (a *attempt) pass() *failure {
	c := a.call
	for {
		left := c.client.gate.left()
		if left == 0 {
			return nil
		}
		wait, ok := c.leave(left)
		if !ok {
			return a.held(&identkit.Error{
				Kind: identkit.ErrRateLimited, RetryAfter: c.client.gate.retryAfter(), Err: errPaused,
				Detail: "not sent: the client pauses after a 429 for longer than the call may take",
			})
		}
		err := sleep(a.ctx, wait)
		a.info.Queued = time.Since(a.info.Start)
		if err != nil {
			return a.held(canceled(a.ctx))
		}
	}
}

// held is the failure of an attempt that was not sent because it had to wait. What the attempt before it said stays beside it.
func (a *attempt) held(e *identkit.Error) *failure {
	if last := a.call.failure; last != nil {
		e.Err = errors.Join(e.Err, last.err)
	}
	return &failure{err: e, phase: identkit.PhaseLimiter, permanent: true}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// limited closes the gate after a response that refuses the rate, and notes the least wait for it.
func (a *attempt) limited(f *failure) *failure {
	if f.err.Kind != identkit.ErrRateLimited {
		return f
	}
	c := a.call
	_, given := retryAfter(c.responseHeader, time.Now())
	if f.pause = f.err.RetryAfter; f.pause > 0 {
		given = true
	} else if !given {
		f.pause = min(defaultPause, c.client.retry.MaxBackoff)
	}
	if held := c.client.gate.close(a.sentAt(), f.pause, given); held > 0 && !c.op.unmetered {
		c.pauseLimiter(a.ctx, held)
	}
	return f
}

// waitForGate makes the wait before another attempt the gate's, where that is longer, so that the attempt need not wait again. It reports
// whether the wait is for a 429: such retries come no faster than the provider allows, and cost nothing of the budget.
func (c *call) waitForGate(f *failure) (paced bool) {
	pause := max(c.client.gate.left(), f.pause)
	if pause == 0 {
		return false
	}
	wait, ok := c.leave(pause)
	if !ok {
		wait = pause
	}
	limited := f.err.Kind == identkit.ErrRateLimited
	if limited || wait > c.wait {
		c.wait = wait
		if !limited || f.err.RetryAfter == 0 {
			c.reason = identkit.ReasonRateLimited
		} else {
			c.reason = identkit.ReasonRetryAfter
		}
	}
	return limited
}

// sentAt is when the attempt passed gate and limiter.
func (a *attempt) sentAt() time.Time { return a.info.Start.Add(a.passed) }
