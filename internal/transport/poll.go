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
// does not end it. When it gives up, the error is an *identkit.WaitError with the last state.
func Wait[T any](ctx context.Context, c *Client, p Poll[T]) (*T, error) {
	var (
		last     *T
		lastErr  error
		expired  bool
		polls    int
		interval = max(or(p.Policy.InitialInterval, time.Second), time.Millisecond)
		most     = or(p.Policy.MaxInterval, 5*time.Second)
	)
	give := func(e *identkit.Error) (*T, error) {
		e.Operation = p.Operation
		if c != nil {
			e.Provider = c.provider
		}
		return nil, &identkit.WaitError[T]{Last: last, Polls: polls, Err: e}
	}
	if p.Policy.InitialInterval < 0 || p.Policy.MaxInterval < 0 {
		return give(&identkit.Error{Kind: identkit.ErrInvalidRequest, Fields: []identkit.FieldError{{Field: "WaitPolicy", Reason: "has a negative interval"}}})
	}
	for {
		polls++
		state, err := p.read(ctx)
		switch {
		case err == nil:
			last, lastErr = state, nil
			done, err := p.Done(state)
			if done {
				return state, nil
			}
			if err != nil {
				return give(&identkit.Error{Kind: identkit.ErrConflict, Detail: err.Error(), Err: err})
			}
		case ctx.Err() != nil:
			e := canceled(ctx)
			e.Err = errors.Join(e.Err, err)
			return give(e)
		case !passing(err):
			var e *identkit.Error
			if !errors.As(err, &e) {
				e = &identkit.Error{Kind: identkit.ErrBadResponse}
			}
			failed := *e
			failed.Err = err
			return give(&failed)
		default:
			lastErr = err
		}
		if expired {
			return give(&identkit.Error{Kind: identkit.ErrTimeout, Detail: "the time for it ran out", Err: lastErr})
		}
		wait := interval/2 + rand.N(interval/2+1) //nolint:gosec // jitter, not a secret
		if end := p.end(last); !end.IsZero() {
			if left := time.Until(end); left <= wait {
				wait, expired = max(left, 0), true
			}
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			e := canceled(ctx)
			if lastErr != nil {
				e.Err = errors.Join(e.Err, lastErr)
			}
			return give(e)
		case <-timer.C:
		}
		interval = min(interval+interval/2, most)
	}
}

// clockSkew is how much longer than its own expiry a state is polled for, because the provider's clock decides. Normally the first read after
// the expiry shows how it ended.
const clockSkew = 30 * time.Second

// end is when the wait is over: the policy's Until, or a little after the state's own expiry, whichever is first.
func (p *Poll[T]) end(last *T) time.Time {
	end := p.Policy.Until
	if last != nil && p.Expires != nil {
		if at := p.Expires(last); !at.IsZero() && (end.IsZero() || at.Add(clockSkew).Before(end)) {
			end = at.Add(clockSkew)
		}
	}
	return end
}

// read reads once, in no more time than the policy allows.
func (p *Poll[T]) read(ctx context.Context) (*T, error) {
	if p.Policy.Until.IsZero() {
		return p.Read(ctx)
	}
	// A moment more, so that the read at the very end gets a response.
	within, cancel := context.WithDeadline(ctx, p.Policy.Until.Add(time.Second))
	defer cancel()
	return p.Read(within)
}

func passing(err error) bool {
	for _, k := range [...]identkit.Kind{
		identkit.ErrNetwork, identkit.ErrTimeout, identkit.ErrUnavailable, identkit.ErrRateLimited, identkit.ErrRetryBudget,
	} {
		if errors.Is(err, k) {
			return true
		}
	}
	return false
}
