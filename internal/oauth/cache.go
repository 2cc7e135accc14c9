// Package oauth keeps access tokens of the client-credentials grant: one fetch at a time however many calls wait, renewal before
// a token ends, a count of its uses where the provider limits them, and a new token when credentials rotate or a token is refused.
//
// A [Source] authenticates calls of internal/transport (transport.Tokens), without importing it. How a token is fetched is the provider's own call,
// which is a call like any other.
package oauth

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/identkit/identkit"
)

// Token is what a fetch brings.
type Token struct {
	Access identkit.Secret
	// Lifetime is how long the token is valid; zero or less means that the provider did not say.
	Lifetime time.Duration
}

// Config says how tokens are had and how long they serve. C is what a token is fetched with.
type Config[C comparable] struct {
	// Credential gives the present credential; it is asked for every attempt. Another one than a token was fetched with
	// means that credentials were rotated: the token is dropped.
	Credential func(ctx context.Context) (C, error)
	// Fetch fetches a token. Its context ends with FetchTimeout, not with any caller's.
	Fetch func(ctx context.Context, credential C) (Token, error)
	// Blamed reports whether a refused attempt was refused because of its token: then it did not run, and is worth one
	// replay with another token. Nil means status 401.
	Blamed func(e *identkit.Error) bool

	// MaxUses is how many attempts a token may be used for; zero means any number. Every attempt counts, with or without a response.
	MaxUses int
	// RenewUses is after how many uses the next token is fetched, while this one still serves; zero means when it is spent.
	RenewUses int
	// Margin is how long before its end a token is renewed. Zero means 60 s; never more than half of the token's lifetime.
	Margin time.Duration
	// Lifetime is assumed when the provider does not say one. Zero means 5 minutes.
	Lifetime time.Duration
	// FetchTimeout bounds a fetch. Zero means 30 s.
	FetchTimeout time.Duration
	// Pause is how long no fetch is tried after one that failed, less a random part of up to a half; longer if the response asked for it.
	// Where the credential was refused, which does not pass by itself, it doubles with each further failure. It never takes more than
	// thirty times as long. Zero means 1 s.
	Pause time.Duration
}

// replays is how many more tokens may be refused than attempts accepted, before fetches are made one a pause. It keeps a provider that
// refuses every token from being asked for two more requests a call.
const replays = 10

// maxPauses caps a pause.
const maxPauses = 30

// Source gives access tokens to calls, and learns how they fared. That of [New] belongs to one client; a pool that several processes
// share would be another.
type Source interface {
	// Header returns the values of an Authorization header, which must not be changed, for one attempt.
	Header(ctx context.Context) ([]string, error)
	// Report says how an attempt with a token ended that brought a response. Nil means that the token was accepted. A token that was
	// refused is never given again.
	Report(used string, e *identkit.Error)
	// Renew reports whether an attempt whose token was refused, and reported, is worth one more try.
	Renew(ctx context.Context, used string, e *identkit.Error) bool
}

// cache keeps the token of one client. It is safe for concurrent use.
type cache[C comparable] struct {
	config Config[C]

	mu         sync.Mutex
	current    *cachedToken[C]
	pending    *inFlight[C]
	failed     *failure[C]
	generation int // counts tokens stored and fetches begun, so that a credential read before a change is read again
	useless    uselessTokens
	credit     float64 // of replays
	credited   time.Time
	charged    atomic.Bool // the credit is not full
}

// cachedToken is a token with the count of its uses.
type cachedToken[C comparable] struct {
	credential C
	header     []string
	uses       int
	renew, end time.Time
}

// New makes a source that keeps one token at a time in memory. It does no I/O.
func New[C comparable](config Config[C]) Source {
	if config.Blamed == nil {
		config.Blamed = func(e *identkit.Error) bool { return e.Status == http.StatusUnauthorized }
	}
	if config.RenewUses >= config.MaxUses {
		config.RenewUses = 0
	}
	config.Margin = cmp.Or(max(config.Margin, 0), time.Minute)
	config.Lifetime = cmp.Or(max(config.Lifetime, 0), 5*time.Minute)
	config.FetchTimeout = cmp.Or(max(config.FetchTimeout, 0), 30*time.Second)
	config.Pause = cmp.Or(max(config.Pause, 0), time.Second)
	return &cache[C]{config: config, credit: replays}
}

// Header implements [Source]. It counts the use, and fetches a token when none is left, together with every other call that waits for it.
func (c *cache[C]) Header(ctx context.Context) ([]string, error) {
	for {
		c.mu.Lock()
		seen := c.generation
		c.mu.Unlock()
		credential, err := c.config.Credential(ctx)
		if err != nil {
			return nil, err
		}
		token, wait, err := c.take(ctx, credential, seen)
		switch {
		case err != nil || token != nil:
			return token, err
		case wait == nil:
			continue // the credential was read before a change
		}
		select {
		case <-wait.done:
		case <-ctx.Done():
			return nil, &identkit.Error{Kind: identkit.ErrTimeout, Detail: "no access token in time", Err: ctx.Err()}
		}
		if wait.err != nil {
			// The credential may have been rotated while the fetch was under way.
			if fresh, err := c.config.Credential(ctx); err == nil && fresh != credential {
				continue
			}
			return nil, wait.err
		}
	}
}

// take uses the present token, or says what to wait for; neither means that the credential must be read again.
func (c *cache[C]) take(ctx context.Context, credential C, seen int) ([]string, *inFlight[C], error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	rotated := c.current != nil && c.current.credential != credential || c.pending != nil && c.pending.credential != credential
	if rotated && c.generation != seen {
		return nil, nil, nil
	}
	t := c.current
	if t != nil && c.config.MaxUses > 0 && t.uses >= c.config.MaxUses {
		c.useless.add(t.header[0])
		c.current, t = nil, nil
	}
	if t != nil && (t.credential != credential || !now.Before(t.end)) {
		c.current, t = nil, nil
	}
	if t != nil {
		t.uses++
		if due := c.config.RenewUses > 0 && t.uses >= c.config.RenewUses; due || !now.Before(t.renew) {
			_, _ = c.fetch(ctx, credential, now, true)
		}
		return t.header, nil, nil
	}
	f, err := c.fetch(ctx, credential, now, false)
	return nil, f, err
}

// Report implements [Source].
func (c *cache[C]) Report(used string, e *identkit.Error) {
	if e == nil && !c.charged.Load() || e != nil && (used == "" || !c.config.Blamed(e)) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e == nil {
		c.charge(-1)
		return
	}
	c.useless.add(used)
	t := c.current
	if t == nil || t.header[0] != used {
		return // replaced already
	}
	c.current = nil
	now := time.Now()
	if !c.credited.IsZero() {
		c.charge(-now.Sub(c.credited).Seconds() / c.config.Pause.Seconds())
	}
	c.credited = now
	if c.credit >= 1 {
		c.charge(1)
		return
	}
	pause := time.Duration((1 - c.credit) * float64(c.config.Pause))
	c.failed = &failure[C]{credential: t.credential, err: explain(e, "the provider refuses one token after another"), until: now.Add(pause)}
}

// charge takes from the credit. c.mu is held.
func (c *cache[C]) charge(n float64) {
	c.credit = min(replays, c.credit-n)
	c.charged.Store(c.credit < replays)
}

// Renew implements [Source].
func (c *cache[C]) Renew(_ context.Context, used string, e *identkit.Error) bool {
	if used == "" || !c.config.Blamed(e) {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current != nil || c.pending != nil || !c.failed.pauses(time.Now(), false)
}

// Format keeps tokens and credentials from being printed with a client.
func (*cache[C]) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[credentials]") }
