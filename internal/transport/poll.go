package transport

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/identkit/identkit"
)

// Poll reads a state until it is the one wanted.
type Poll[T any] struct {
	Operation string // names the wait in errors
	Policy    identkit.WaitPolicy
	Read      func(ctx context.Context) (*T, error)
	// Done reports whether the state is the one wanted. An error ends the wait: the state can no longer come.
	Done func(*T) (bool, error)
	// Expires is when the state ends by itself; zero: never. Reads go on a little longer, and then show how it ended.
	Expires func(*T) time.Time
}

// Wait polls at growing, jittered intervals. A read that failed for a passing reason (network, timeout, 5xx, rate limit)
// does not end it; others do, a failing source of the credential among them. When it gives up, the error is an *identkit.WaitError with the last state.
func Wait[T any](ctx context.Context, c *Client, p Poll[T]) (*T, error) {
	w := waiting[T]{Poll: p, client: c, started: time.Now()}
	if c == nil {
		return w.end(ctx, &identkit.Error{Kind: identkit.ErrInvalidRequest, Detail: notMade})
	}
	if p.Policy.InitialInterval < 0 || p.Policy.MaxInterval < 0 {
		return w.end(ctx, &identkit.Error{Kind: identkit.ErrInvalidRequest, Fields: []identkit.FieldError{{Field: "WaitPolicy", Reason: "has a negative interval"}}})
	}
	return w.end(ctx, w.run(ctx))
}

// waiting is one wait on its way.
type waiting[T any] struct {
	Poll[T]
	client  *Client
	started time.Time
	last    *T
	failed  error // the last read's, while no later one succeeded
	polls   int
	expired bool
}

func (w *waiting[T]) run(ctx context.Context) *identkit.Error {
	interval := max(or(w.Policy.InitialInterval, time.Second), time.Millisecond)
	for {
		done, e := w.read(ctx)
		if done || e != nil {
			return e
		}
		if w.expired {
			return &identkit.Error{Kind: identkit.ErrTimeout, Detail: "the time for it ran out", Err: w.failed}
		}
		pause := interval/2 + rand.N(interval/2+1) //nolint:gosec // jitter, not a secret
		if end := w.until(); !end.IsZero() {
			if left := time.Until(end); left <= pause {
				pause, w.expired = max(left, 0), true
			}
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			e := canceled(ctx)
			e.Err = errors.Join(e.Err, w.failed)
			return e
		case <-timer.C:
		}
		interval = min(interval+interval/2, or(w.Policy.MaxInterval, 5*time.Second))
	}
}

// read reads once, in no more time than the policy allows, and reports whether the state is the one wanted.
func (w *waiting[T]) read(ctx context.Context) (done bool, e *identkit.Error) {
	w.polls++
	within := ctx
	if until := w.Policy.Until; !until.IsZero() {
		// A moment more, so that the read at the very end can succeed.
		var cancel context.CancelFunc
		within, cancel = context.WithDeadline(ctx, until.Add(time.Second))
		defer cancel()
	}
	state, err := w.Read(within)
	switch {
	case err == nil:
		w.last, w.failed = state, nil
		done, err := w.Done(state)
		if err != nil {
			return false, &identkit.Error{Kind: identkit.ErrConflict, Detail: err.Error(), Err: err}
		}
		return done, nil
	case ctx.Err() != nil:
		e = canceled(ctx)
		e.Err = errors.Join(e.Err, err)
		return false, e
	case isPassing(err):
		w.failed = err
		return false, nil
	}
	failed := identkit.Error{Kind: identkit.ErrBadResponse}
	if errors.As(err, &e) {
		failed = *e
	}
	failed.Err = err
	return false, &failed
}

// clockSkew is how much longer than its own expiry a state is polled for, because the provider's clock decides. Normally the first read after
// the expiry shows how it ended.
const clockSkew = 30 * time.Second

// until is when the wait is over: the policy's Until, or a little after the state's own expiry, whichever is first.
func (w *waiting[T]) until() time.Time {
	end := w.Policy.Until
	if w.last != nil && w.Expires != nil {
		if at := w.Expires(w.last); !at.IsZero() && (end.IsZero() || at.Add(clockSkew).Before(end)) {
			end = at.Add(clockSkew)
		}
	}
	return end
}

// end tells the observer and returns the state, or the error with the last one.
func (w *waiting[T]) end(ctx context.Context, e *identkit.Error) (*T, error) {
	info := identkit.WaitInfo{Operation: w.Operation, Start: w.started, Duration: time.Since(w.started), Polls: w.polls}
	if e != nil {
		info.Kind = e.Kind
	}
	if w.client != nil {
		info.Provider = w.client.provider
		if o := w.client.observer.Wait; o != nil {
			o(ctx, info)
		}
	}
	if e == nil {
		return w.last, nil
	}
	e.Provider, e.Operation = info.Provider, w.Operation
	return nil, &identkit.WaitError[T]{Last: w.last, Polls: w.polls, Err: e}
}

func isPassing(err error) bool {
	for _, k := range [...]identkit.Kind{
		identkit.ErrNetwork, identkit.ErrTimeout, identkit.ErrUnavailable, identkit.ErrRateLimited, identkit.ErrRetryBudget,
	} {
		if errors.Is(err, k) {
			return true
		}
	}
	return false
}
