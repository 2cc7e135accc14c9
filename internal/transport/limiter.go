package transport

import (
	"context"
	"time"

	"golang.org/x/time/rate"

	"github.com/identkit/identkit"
)

// Limiter is a provider's documented rate for one account. It pauses after a 429, for every client that it is given to.
type Limiter struct {
	rate  *rate.Limiter
	pause pauseTime
}

// NewLimiter allows a rate, with bursts of at most burst calls.
func NewLimiter(limit rate.Limit, burst int) *Limiter {
	return &Limiter{rate: rate.NewLimiter(limit, burst), pause: pauseTime{epoch: time.Now()}}
}

// allow takes a place without waiting, if there is one.
func (l *Limiter) allow() bool { return l.pause.left() == 0 && l.rate.Allow() }

// Wait implements [identkit.Limiter]. Like a [rate.Limiter] it fails at once if the context ends before.
func (l *Limiter) Wait(ctx context.Context) error {
	for {
		if left := l.pause.left(); left > 0 {
			if end, ok := ctx.Deadline(); ok && time.Until(end) < left {
				return errPaused
			}
			if err := sleep(ctx, left); err != nil {
				return err
			}
		}
		if err := l.rate.Wait(ctx); err != nil {
			return err
		}
		if l.pause.left() == 0 {
			return nil
		}
		// It was paused meanwhile: the place is lost, the rate holds after the pause as well.
	}
}

// Pause implements [identkit.Pauser]. A shorter pause never ends a longer one.
func (l *Limiter) Pause(_ context.Context, d time.Duration) error {
	if d > 0 {
		l.pause.extend(time.Since(l.pause.epoch) + min(d, maxInstant))
	}
	return nil
}

// limit waits for the gate and for the limiter, until both let the attempt go.
func (a *attempt) limit() *failure {
	c := a.call
	for {
		if f := a.pass(); f != nil {
			return f
		}
		waited, f := a.take()
		if f != nil {
			return f
		}
		if !waited || c.client.gate.left() == 0 {
			a.passed = a.info.Queued
			return nil
		}
	}
}

// take waits for a place in the limiter's rate, and reports whether it had to.
func (a *attempt) take() (waited bool, f *failure) {
	c := a.call
	l := c.client.limiter
	if l == nil || c.op.unmetered {
		return false, nil
	}
	// Most of the time there is a place to be had: no context with the call's deadline is needed then.
	switch l := l.(type) {
	case *rate.Limiter:
		if l.Allow() {
			return false, nil
		}
	case *Limiter:
		if l.allow() {
			return false, nil
		}
	}
	within, cancel := context.WithDeadline(a.ctx, c.deadline)
	defer cancel()
	err := waitFor(within, l)
	a.info.Queued = time.Since(a.info.Start)
	if err == nil {
		return true, nil
	}
	if a.ctx.Err() != nil {
		return true, a.held(canceled(a.ctx))
	}
	return true, a.held(&identkit.Error{Kind: identkit.ErrRateLimited, Detail: "the local limiter would wait longer than the call may take", Err: err})
}

// waitFor waits for a limiter. One of the caller's own need not look at the context.
func waitFor(ctx context.Context, l identkit.Limiter) error {
	switch l.(type) {
	case *rate.Limiter, *Limiter:
		return l.Wait(ctx)
	}
	_, err := foreign(ctx, func(ctx context.Context) (struct{}, error) { return struct{}{}, l.Wait(ctx) })
	return err
}

// pauseLimiter passes a pause after a 429 on to the limiter. A limiter of the caller's own may ask another process, and has a second for it
// within the call.
func (c *call) pauseLimiter(ctx context.Context, d time.Duration) {
	switch l := c.client.limiter.(type) {
	case *Limiter:
		_ = l.Pause(ctx, d)
	case identkit.Pauser:
		within, cancel := context.WithDeadline(ctx, earlier(c.deadline, time.Now().Add(time.Second)))
		defer cancel()
		// The gate of this client is closed all the same.
		_, _ = foreign(within, func(ctx context.Context) (struct{}, error) { return struct{}{}, l.Pause(ctx, d) })
	}
}
