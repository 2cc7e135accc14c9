// Package oauth keeps access tokens of the client-credentials grant: one fetch at a time however many calls wait, renewal before
// a token ends, a count of its uses where the provider limits them, and a new token when credentials rotate or a token is refused.
//
// A [Cache] authenticates calls of internal/transport (transport.Tokens), without importing it. How a token is fetched is the provider's own call,
// which is a call like any other.
package oauth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/wire"
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
	// Pause is how long no fetch is tried after one that failed; it doubles with each further failure, up to thirty times as
	// long. Zero means 1 s.
	Pause time.Duration
}

// replays is how many refused tokens in a row are replaced at once; afterwards it is one a pause. It keeps a provider that refuses
// every token from being asked for two more requests a call.
const replays = 10

// maxPauses caps the doubling of the pause.
const maxPauses = 30

// Cache keeps the token of one client. It is safe for concurrent use.
type Cache[C comparable] struct {
	config Config[C]

	mu         sync.Mutex
	current    *cachedToken[C]
	pending    *inFlight[C]
	failed     *failure[C]
	generation int // counts tokens stored and fetches begun, so that a credential read before a change is read again
	credit     float64
	credited   time.Time
}

// cachedToken is a token with the count of its uses.
type cachedToken[C comparable] struct {
	credential C
	header     []string
	uses       int
	renew, end time.Time
}

type inFlight[C comparable] struct {
	credential C
	early      bool // the token in use is still valid
	done       chan struct{}
	err        error // once done
}

type failure[C comparable] struct {
	*inFlight[C]
	pause time.Duration
	until time.Time
}

// New makes a cache. It does no I/O.
func New[C comparable](config Config[C]) *Cache[C] {
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
	return &Cache[C]{config: config, credit: replays}
}

// Header returns the Authorization header with a bearer token and counts the use. It fetches a token when none is left, together with
// every other call that waits for it. The values must not be changed.
func (c *Cache[C]) Header(ctx context.Context) ([]string, error) {
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
func (c *Cache[C]) take(ctx context.Context, credential C, seen int) ([]string, *inFlight[C], error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	rotated := c.current != nil && c.current.credential != credential || c.pending != nil && c.pending.credential != credential
	if rotated && c.generation != seen {
		return nil, nil, nil
	}
	t := c.current
	if t != nil && (t.credential != credential || !now.Before(t.end) || c.config.MaxUses > 0 && t.uses >= c.config.MaxUses) {
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

// fetch joins the fetch in flight for the credential or begins one, unless the last fetch failed a moment ago. A failed early renewal, which
// no call waited for, holds back no more than other early ones. c.mu is held.
func (c *Cache[C]) fetch(ctx context.Context, credential C, now time.Time, early bool) (*inFlight[C], error) {
	if c.pending != nil && c.pending.credential == credential {
		c.pending.early = c.pending.early && early
		return c.pending, nil
	}
	if c.failed != nil && c.failed.credential == credential && now.Before(c.failed.until) && (early || !c.failed.early) {
		return nil, c.failed.err
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
	errPanic   = errors.New("the fetch panicked")
)

func (c *Cache[C]) request(ctx context.Context, credential C) (t *cachedToken[C], err error) {
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
func (c *Cache[C]) finish(f *inFlight[C], t *cachedToken[C], err error) {
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
	e := explain(err)
	f.err = e
	pause := max(c.config.Pause, e.RetryAfter)
	if last := c.failed; last != nil && last.credential == f.credential {
		pause = max(pause, 2*last.pause)
	}
	pause = min(pause, maxPauses*c.config.Pause)
	c.failed = &failure[C]{inFlight: f, pause: pause, until: time.Now().Add(pause)}
}

// explain is the failure of a call that got no token: the fetch's own kind and code, with the fetch as its cause.
func explain(err error) *identkit.Error {
	e := &identkit.Error{Kind: identkit.ErrCredential, Detail: "no access token", Err: err}
	if cause, ok := errors.AsType[*identkit.Error](err); ok {
		e.Kind, e.Status, e.Code, e.Message = cause.Kind, cause.Status, cause.Code, cause.Message
		e.RequestID, e.RetryAfter = cause.RequestID, cause.RetryAfter
		if cause.Detail != "" {
			e.Detail += ": " + cause.Detail
		}
	}
	return e
}

// Renew reports that an attempt with a token failed. It drops the token if it was refused and is still the present one, and
// reports whether the attempt is worth one more try.
func (c *Cache[C]) Renew(_ context.Context, used string, e *identkit.Error) bool {
	if used == "" || !c.config.Blamed(e) {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current == nil || c.current.header[0] != used {
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

// Format keeps tokens and credentials from being printed with a client.
func (*Cache[C]) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[credentials]") }

// Response is a token response by RFC 6749, section 5.1. Operations decode into it, or into a type that embeds it.
type Response struct {
	AccessToken identkit.Secret `json:"access_token"`
	TokenType   string          `json:"token_type"`
	// ExpiresIn is in seconds. It only bounds how long a token is kept, so a fraction, a text and a missing one are read, too.
	ExpiresIn float64 `json:"expires_in"`
}

// Check says why the response brings no bearer token: it has none, one that a header cannot carry, or one of another type. A
// missing type is Bearer.
func (r *Response) Check() error {
	switch {
	case r.AccessToken == "":
		return unusable("response lacks access_token")
	case strings.ContainsFunc(r.AccessToken.Reveal(), func(c rune) bool { return c <= ' ' || c >= 0x7f }):
		return unusable("access_token cannot be sent in a header")
	case r.TokenType != "" && !strings.EqualFold(r.TokenType, "Bearer"):
		return unusable("token_type is not Bearer")
	}
	return nil
}

func unusable(detail string) error {
	return &identkit.Error{Kind: identkit.ErrBadResponse, Detail: detail}
}

// Token returns the token of the response.
func (r *Response) Token() Token {
	return Token{Access: r.AccessToken, Lifetime: wire.Seconds(r.ExpiresIn)}
}
