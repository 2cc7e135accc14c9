package transport

import (
	"context"
	"math"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/identkit/identkit"
)

// retryable reports whether another attempt is allowed after a failure.
func retryable(class identkit.RetryClass, f *failure) bool {
	switch {
	case f.permanent:
		return false
	case f.unprocessed, f.err.Kind == identkit.ErrRateLimited:
		return true
	case !f.sent:
		return f.err.Kind == identkit.ErrNetwork || f.err.Kind == identkit.ErrTimeout
	case class != identkit.RetrySafe:
		return false
	}
	switch f.err.Kind {
	case identkit.ErrUnavailable:
		return f.err.Status != http.StatusNotImplemented && f.err.Status != http.StatusHTTPVersionNotSupported
	case identkit.ErrNetwork, identkit.ErrTimeout:
		return true
	}
	return false
}

// jitter is a random wait before attempt n+1: anything up to the initial backoff doubled n-1 times, at most maxBackoff.
func jitter(n int, initial, maxBackoff time.Duration) time.Duration {
	bound := maxBackoff
	if shift := n - 1; shift < 32 && initial < maxBackoff>>shift {
		bound = initial << shift
	}
	return rand.N(min(bound, math.MaxInt64-1) + 1) //nolint:gosec // jitter, not a secret
}

// checkRetry is the loop's hook: it decides whether there is another attempt, and how long to wait for it.
func (c *call) checkRetry(context.Context, *http.Response, error) (bool, error) {
	f, policy := c.failure, &c.client.retry
	if f == nil || f.paused {
		return false, nil
	}
	c.unknown = c.unknown || f.unknown
	c.wait, c.reason = 0, ""
	select {
	case <-c.ctx.Done():
		return false, nil
	default:
	}
	if spent := c.request.Body.spent; spent != nil && spent() {
		return false, nil
	}
	if c.renews(f) {
		c.renewed, c.reason = true, identkit.ReasonCredential
		c.logRetry()
		return true, nil
	}
	done, limit := len(c.attempts), policy.MaxAttempts
	if c.renewed {
		done--
	}
	if c.settings.Attempts > 0 {
		limit = c.settings.Attempts
	}
	if done >= limit || !retryable(c.op.retry, f) {
		return false, nil
	}
	c.wait, c.reason = jitter(done, policy.InitialBackoff, policy.MaxBackoff), identkit.ReasonBackoff
	if asked := f.err.RetryAfter; asked > c.wait {
		c.wait, c.reason = asked, identkit.ReasonRetryAfter
	}
	if c.wait > policy.MaxBackoff {
		return false, nil
	}
	paced := c.waitForGate(f)
	if !c.fitsDeadline(c.wait) {
		return false, nil
	}
	if !paced && !c.client.budget.take() {
		spent := *f.err
		spent.Kind, spent.Err, spent.Detail = identkit.ErrRetryBudget, f.err, "stopped locally after "+string(f.err.Kind)
		f.err = &spent
		return false, nil
	}
	c.logRetry()
	return true, nil
}

// renews reports whether the call is worth sending once more with a newer credential, which is asked for in no more time than an
// attempt may take. What may have been processed is not sent again, whatever the code in its body says.
func (c *call) renews(f *failure) bool {
	auth := c.authorizer()
	if auth == nil || c.renewed || f.err.Status == 0 || c.op.retry == identkit.RetryIfNotProcessed && f.unknown {
		return false
	}
	within, cancel := context.WithDeadline(c.ctx, earlier(c.deadline, time.Now().Add(c.client.retry.AttemptTimeout)))
	defer cancel()
	return auth.Renew(within, c.used, f.err)
}

// fitsDeadline reports whether the call outlives a wait.
func (c *call) fitsDeadline(wait time.Duration) bool { return wait < c.timeLeft() }

func (c *call) timeLeft() time.Duration {
	end := c.deadline
	if d, ok := c.ctx.Deadline(); ok && d.Before(end) {
		end = d
	}
	return time.Until(end)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// budget is how many retries a client has in hand, counted in tenths.
type budget struct {
	tenths atomic.Int64
	full   int64 // negative: no budget
}

func newBudget(n int) *budget {
	b := &budget{full: int64(n) * 10}
	b.tenths.Store(b.full)
	return b
}

// take takes one retry, or reports that there is none.
func (b *budget) take() bool {
	if b.full < 0 {
		return true
	}
	for {
		have := b.tenths.Load()
		if have < 10 {
			return false
		}
		if b.tenths.CompareAndSwap(have, have-10) {
			return true
		}
	}
}

// refund gives back a tenth for a call that succeeded.
func (b *budget) refund() {
	for {
		have := b.tenths.Load()
		if b.full < 0 || have >= b.full || b.tenths.CompareAndSwap(have, have+1) {
			return
		}
	}
}
