package oauth

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/identkit/identkit"
)

// inFlight is a fetch on its way, or the result of one.
type inFlight[C comparable] struct {
	credential C
	early      bool // the token in use is still valid
	done       chan struct{}
	err        error // once done
}

// failure is why there is no token, and until when no fetch is tried.
type failure[C comparable] struct {
	credential C
	early      bool
	err        *identkit.Error
	base       time.Duration // of the pause
	until      time.Time
}

// pauses reports whether no fetch is to be tried. A failed early renewal, which no call waited for, holds back no more than other early ones.
func (f *failure[C]) pauses(now time.Time, early bool) bool {
	return f != nil && now.Before(f.until) && (early || !f.early)
}

// during is the error of calls in the pause.
func (f *failure[C]) during(now time.Time) error {
	e := *f.err
	e.Detail += "; the next fetch is after a pause"
	e.RetryAfter = f.until.Sub(now)
	return &e
}

// fetch joins the fetch in flight for the credential or begins one, unless there is a pause. c.mu is held.
func (c *cache[C]) fetch(ctx context.Context, credential C, now time.Time, early bool) (*inFlight[C], error) {
	if c.pending != nil && c.pending.credential == credential {
		c.pending.early = c.pending.early && early
		return c.pending, nil
	}
	if c.failed.pauses(now, early) && c.failed.credential == credential {
		if early {
			return nil, nil
		}
		return nil, c.failed.during(now)
	}
	f := &inFlight[C]{credential: credential, early: early, done: make(chan struct{})}
	c.pending = f
	c.generation++
	// Detached: the call that asked first may end, the others still wait. Its values stay, for traces.
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.config.FetchTimeout)
	go func() {
		defer cancel()
		token, err := c.request(within, credential)
		c.finish(f, token, err)
	}()
	return f, nil
}

var (
	errNoToken = errors.New("the fetch brought no token")
	errUseless = errors.New("the fetch brought a token that was refused or used up")
	errPanic   = errors.New("the fetch panicked")
)

func (c *cache[C]) request(ctx context.Context, credential C) (t *cachedToken[C], err error) {
	defer func() {
		if v := recover(); v != nil { // the calls that wait must not wait for ever, nor the process end
			t, err = nil, errPanic
		}
	}()
	asked := time.Now()
	token, err := c.config.Fetch(ctx, credential)
	if err == nil && token.Access == "" {
		err = errNoToken
	}
	if err != nil {
		return nil, err
	}
	lifetime := cmp.Or(max(token.Lifetime, 0), c.config.Lifetime)
	end := asked.Add(lifetime)
	return &cachedToken[C]{
		credential: credential,
		header:     []string{"Bearer " + token.Access.Reveal()},
		renew:      end.Add(-min(c.config.Margin, lifetime/2)),
		end:        end,
	}, nil
}

// finish ends a fetch. One that was overtaken, because credentials were rotated meanwhile, changes nothing.
func (c *cache[C]) finish(f *inFlight[C], t *cachedToken[C], err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer close(f.done)
	if c.pending != f {
		return
	}
	c.pending = nil
	detail := ""
	if err == nil && c.useless.has(t.header[0]) {
		err, detail = errUseless, errUseless.Error()
	}
	if err == nil {
		if old := c.current; old != nil && old.header[0] == t.header[0] {
			t.uses = old.uses // the endpoint gives the same token until it ends
		}
		c.current, c.failed = t, nil
		c.generation++
		return
	}
	e := explain(err, detail)
	f.err = e
	base := c.config.Pause
	if last := c.failed; isRefusal(err) && last != nil && last.credential == f.credential {
		base = max(base, min(2*last.base, maxPauses*base))
	}
	pause := base/2 + rand.N(base/2+1) //nolint:gosec // jitter, not a secret
	pause = max(pause, min(e.RetryAfter, maxPauses*c.config.Pause))
	c.failed = &failure[C]{credential: f.credential, early: f.early, err: e, base: base, until: time.Now().Add(pause)}
}

// isRefusal reports whether the token endpoint refused the credential. Anything else may pass at any moment.
func isRefusal(err error) bool {
	return errors.Is(err, identkit.ErrUnauthorized) || errors.Is(err, identkit.ErrForbidden) || errors.Is(err, identkit.ErrRejected)
}

// explain is the failure of a call that got no token: kind and code of the cause, with the cause inside.
func explain(err error, detail string) *identkit.Error {
	e := &identkit.Error{Kind: identkit.ErrCredential, Detail: "no access token", Err: err}
	if cause, ok := errors.AsType[*identkit.Error](err); ok {
		e.Kind, e.Status, e.Code, e.Message = cause.Kind, cause.Status, cause.Code, cause.Message
		e.RequestID, e.RetryAfter = cause.RequestID, cause.RetryAfter
		detail = cmp.Or(detail, cause.Detail)
	}
	if detail != "" {
		e.Detail += ": " + detail
	}
	return e
}
