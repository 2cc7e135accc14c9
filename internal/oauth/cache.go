package oauth

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// Token is what a fetch brings.
type Token struct {
	Access identkit.Secret
	// Lifetime is how long the token is valid; zero or less means that the provider did not say.
	Lifetime time.Duration
}

// Config says how tokens are fetched and how long they are used. C is what a token is fetched with.
type Config[C comparable] struct {
	// Credential gives the present credential; it is asked for every attempt. Another one than a token was fetched with means
	// that credentials were rotated: the token is dropped.
	Credential func(ctx context.Context) (C, error)
	// Fetch fetches a token. Its context ends with FetchTimeout, not with any caller's.
	Fetch func(ctx context.Context, credential C) (Token, error)
	// Refused reports whether a refused attempt was refused because of its token: then it did not run, and is worth one
	// replay with another token. Nil means status 401.
	Refused func(e *identkit.Error) bool

	// MaxUses is how many attempts a token may be used for; zero means any number. Every attempt counts, also without a response.
	MaxUses int
	// RenewUses is after how many uses the next token is fetched, while this one is still used; zero means when it is used up.
	RenewUses int
	// Margin is how long before its end a token is renewed. Zero means 60 s; never more than half of the token's lifetime.
	Margin time.Duration
	// Lifetime is assumed when the provider does not say one. Zero means 5 minutes.
	Lifetime time.Duration
	// FetchTimeout bounds a fetch. Zero means 30 s.
	FetchTimeout time.Duration
	// Pause is how long no fetch is tried after one that failed; it doubles with each further failure, up to thirty times as
	// long. Zero means 1 s.
	Pause time.Duration
}

// replays is how many refused tokens in a row are replaced at once; afterwards it is one a pause. It keeps a provider that refuses
// every token from being asked for two more requests a call.
const replays = 10

// maxPauses caps the doubling of the pause.
const maxPauses = 30

// Cache holds the token of one client. It is safe for concurrent use.
type Cache[C comparable] struct {
	config Config[C]

	mu         sync.Mutex
	current    *cached[C]
	pending    *fetch[C]
	failed     *failure[C]
	generation int // counts tokens stored and fetches begun: a credential that was read before the last one is read again
	credit     float64
	credited   time.Time
}

// cached is a token with the count of its uses.
type cached[C comparable] struct {
	isFor      func(credential C) bool
	header     func() []string
	uses       int
	renew, end time.Time
}

// fetch is a fetch in flight.
type fetch[C comparable] struct {
	isFor func(credential C) bool
	early bool // nothing waits for it yet
	done  chan struct{}
	err   error // once done
}

type failure[C comparable] struct {
	isFor func(credential C) bool
	early bool
	err   error
	pause time.Duration
	until time.Time
}

// is compares with a credential, which stands in a function: fmt prints what it finds in unexported fields.
func is[C comparable](credential C) func(C) bool {
	return func(other C) bool { return other == credential }
}

// New makes a cache. It does no I/O.
func New[C comparable](config Config[C]) *Cache[C] {
	if config.Refused == nil {
		config.Refused = func(e *identkit.Error) bool { return e.Status == http.StatusUnauthorized }
	}
	if config.RenewUses >= config.MaxUses {
		config.RenewUses = 0
	}
	for _, d := range [...]struct {
		at   *time.Duration
		zero time.Duration
	}{{&config.Margin, time.Minute}, {&config.Lifetime, 5 * time.Minute}, {&config.FetchTimeout, 30 * time.Second}, {&config.Pause, time.Second}} {
		if *d.at <= 0 {
			*d.at = d.zero
		}
	}
	return &Cache[C]{config: config, credit: replays}
}

// Authorize adds a bearer token to an attempt and counts the use. It fetches one when none is left; all that wait share
// the fetch.
func (c *Cache[C]) Authorize(ctx context.Context, out *transport.Outgoing) error {
	for {
		c.mu.Lock()
		seen := c.generation
		c.mu.Unlock()
		credential, err := c.config.Credential(ctx)
		if err != nil {
			return err
		}
		token, wait, err := c.take(ctx, credential, seen)
		switch {
		case err != nil:
			return err
		case token != nil:
			out.Header["Authorization"], out.Used = token, token[0]
			return nil
		case wait == nil:
			continue // the credential was read before a change
		}
		select {
		case <-wait.done:
		case <-ctx.Done():
			return &identkit.Error{Kind: identkit.ErrTimeout, Detail: "no access token in time", Err: ctx.Err()}
		}
		if wait.err != nil {
			// The credential may have been rotated while the fetch was under way.
			if fresh, err := c.config.Credential(ctx); err == nil && fresh != credential {
				continue
			}
			return wait.err
		}
	}
}

// take uses the present token, or says what to wait for; neither means that the credential must be read again.
func (c *Cache[C]) take(ctx context.Context, credential C, seen int) ([]string, *fetch[C], error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	rotated := c.current != nil && !c.current.isFor(credential) || c.pending != nil && !c.pending.isFor(credential)
	if rotated && c.generation != seen {
		return nil, nil, nil
	}
	if c.current != nil && (!c.current.isFor(credential) || !now.Before(c.current.end) || c.spent(c.current)) {
		c.current = nil
	}
	if t := c.current; t != nil {
		t.uses++
		if due := c.config.RenewUses > 0 && t.uses >= c.config.RenewUses; due || !now.Before(t.renew) {
			_, _ = c.begin(ctx, credential, now, true)
		}
		return t.header(), nil, nil
	}
	f, err := c.begin(ctx, credential, now, false)
	return nil, f, err
}

func (c *Cache[C]) spent(t *cached[C]) bool {
	return c.config.MaxUses > 0 && t.uses >= c.config.MaxUses
}

// begin joins the fetch in flight for the credential or begins one, unless the last one failed within the pause. A failed early
// renewal, which nothing waited for, delays only other early ones. c.mu is held.
func (c *Cache[C]) begin(ctx context.Context, credential C, now time.Time, early bool) (*fetch[C], error) {
	if c.pending != nil && c.pending.isFor(credential) {
		c.pending.early = c.pending.early && early
		return c.pending, nil
	}
	if c.failed != nil && c.failed.isFor(credential) && now.Before(c.failed.until) && (early || !c.failed.early) {
		return nil, c.failed.err
	}
	f := &fetch[C]{isFor: is(credential), early: early, done: make(chan struct{})}
	c.pending = f
	c.generation++
	// Detached: whoever asked first may go away, the others still wait. Its values stay, for traces.
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.config.FetchTimeout)
	go func() {
		defer cancel()
		token, err := c.get(within, credential)
		c.finish(f, credential, token, err)
	}()
	return f, nil
}

var (
	errNoToken = errors.New("the fetch brought no token")
	errPanic   = errors.New("the fetch panicked")
)

func (c *Cache[C]) get(ctx context.Context, credential C) (t *cached[C], err error) {
	defer func() {
		if v := recover(); v != nil { // those who wait must not wait for ever, nor the process end
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
	lifetime := token.Lifetime
	if lifetime <= 0 {
		lifetime = c.config.Lifetime
	}
	end := asked.Add(lifetime)
	header := []string{"Bearer " + token.Access.Reveal()}
	return &cached[C]{
		isFor:  is(credential),
		header: func() []string { return header },
		renew:  end.Add(-min(c.config.Margin, lifetime/2)),
		end:    end,
	}, nil
}

// finish ends a fetch. One that was overtaken, because credentials were rotated meanwhile, changes nothing.
func (c *Cache[C]) finish(f *fetch[C], credential C, t *cached[C], err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer close(f.done)
	if c.pending != f {
		return
	}
	c.pending = nil
	if err == nil {
		c.current, c.failed = t, nil
		c.generation++
		return
	}
	f.err = explain(err)
	pause := c.config.Pause
	if last := c.failed; last != nil && last.isFor(credential) {
		pause = min(2*last.pause, maxPauses*c.config.Pause)
	}
	var e *identkit.Error
	if errors.As(err, &e) {
		pause = max(pause, min(e.RetryAfter, maxPauses*c.config.Pause))
	}
	c.failed = &failure[C]{isFor: f.isFor, early: f.early, err: f.err, pause: pause, until: time.Now().Add(pause)}
}

// explain is the failure of a call that got no token: the fetch's own kind and code, with the fetch as its cause.
func explain(err error) error {
	e := &identkit.Error{Kind: identkit.ErrUnauthorized, Detail: "no access token", Err: err}
	var cause *identkit.Error
	if errors.As(err, &cause) {
		e.Kind, e.Status, e.Code, e.Message = cause.Kind, cause.Status, cause.Code, cause.Message
		e.RequestID, e.RetryAfter = cause.RequestID, cause.RetryAfter
		if cause.Detail != "" {
			e.Detail += ": " + cause.Detail
		}
	}
	return e
}

// Renew implements [transport.Authorizer]. It drops the token if it was refused and is still the present one, and
// reports whether the attempt is worth one more try.
func (c *Cache[C]) Renew(_ context.Context, used string, e *identkit.Error) bool {
	if used == "" || !c.config.Refused(e) {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current == nil || c.current.header()[0] != used {
		return true // replaced already
	}
	now := time.Now()
	if !c.credited.IsZero() {
		c.credit = min(replays, c.credit+now.Sub(c.credited).Seconds()/c.config.Pause.Seconds())
	}
	c.credited = now
	if c.credit < 1 {
		return false
	}
	c.credit--
	c.current = nil
	return true
}
