package oauth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/internal/oauth"
)

// issuer gives out numbered tokens.
type issuer struct {
	mu       sync.Mutex
	password string
	fetches  int
	life     time.Duration
	slow     time.Duration
	err      error
	seen     []string // passwords of the fetches
}

func (i *issuer) config() oauth.Config[string] {
	return oauth.Config[string]{
		Credential: func(context.Context) (string, error) {
			i.mu.Lock()
			defer i.mu.Unlock()
			return i.password, nil
		},
		Fetch: func(ctx context.Context, password string) (oauth.Token, error) {
			i.mu.Lock()
			i.fetches++
			i.seen = append(i.seen, password)
			token := oauth.Token{Access: identkit.Secret(fmt.Sprintf("token-%d-%s", i.fetches, password)), Lifetime: i.life}
			slow, err := i.slow, i.err
			i.mu.Unlock()
			if slow > 0 {
				select {
				case <-time.After(slow):
				case <-ctx.Done():
					return oauth.Token{}, ctx.Err()
				}
			}
			return token, err
		},
	}
}

func (i *issuer) set(change func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change()
}

func (i *issuer) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fetches
}

func use(t *testing.T, c oauth.Source) string {
	t.Helper()
	header, err := c.Header(t.Context())
	require.NoError(t, err)
	require.Len(t, header, 1)
	return header[0]
}

// refuse reports a token as refused, and whether the attempt is worth another.
func refuse(t *testing.T, c oauth.Source, token string) bool {
	t.Helper()
	c.Report(token, unauthorized)
	return c.Renew(t.Context(), token, unauthorized)
}

var unauthorized = &identkit.Error{Kind: identkit.ErrUnauthorized, Status: http.StatusUnauthorized}

func TestManyCallsShareOneFetch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{slow: time.Second, life: time.Hour}
		c := oauth.New(i.config())
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { assert.Equal(t, "Bearer token-1-", use(t, c)) })
		}
		wg.Wait()
		assert.Equal(t, 1, i.count())
	})
}

func TestUsesAreCountedAcrossGoroutines(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ renew, before, fetches int }{
		"3 of 50 uses left":              {renew: 0, before: 47, fetches: 1 + 2}, // 97 calls on tokens of 50
		"no token yet":                   {renew: 0, before: 0, fetches: 2},      // 100 calls on tokens of 50
		"early renewal":                  {renew: 45, before: 41, fetches: 1 + 2},
		"early renewal on its way":       {renew: 45, before: 47, fetches: 1 + 3}, // the last one was due early, for the next call
		"as many uses as the next token": {renew: 0, before: 50, fetches: 1 + 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				i := &issuer{life: time.Hour}
				config := i.config()
				config.MaxUses, config.RenewUses = 50, row.renew
				c := oauth.New(config)
				uses := map[string]int{}
				for n := range row.before {
					if n == 40 {
						i.set(func() { i.slow = time.Second })
					}
					uses[use(t, c)]++
				}
				var (
					wg sync.WaitGroup
					mu sync.Mutex
				)
				for range 100 {
					wg.Go(func() {
						token := use(t, c)
						mu.Lock()
						defer mu.Unlock()
						uses[token]++
					})
				}
				wg.Wait()
				time.Sleep(time.Minute) // lets a renewal land
				for token, n := range uses {
					assert.LessOrEqual(t, n, 50, token)
				}
				assert.Equal(t, row.fetches, i.count(), "fetches")
			})
		})
	}
}

func TestATokenIsRenewedBeforeItsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{life: time.Hour, slow: time.Second}
		c := oauth.New(i.config())
		require.Equal(t, "Bearer token-1-", use(t, c))
		time.Sleep(59*time.Minute - 2*time.Second)
		require.Equal(t, "Bearer token-1-", use(t, c))
		synctest.Wait()
		require.Equal(t, 1, i.count())
		time.Sleep(2 * time.Second)
		start := time.Now()
		require.Equal(t, "Bearer token-1-", use(t, c), "no call waits for an early renewal")
		assert.Zero(t, time.Since(start))
		time.Sleep(2 * time.Second)
		require.Equal(t, "Bearer token-2-", use(t, c))
		assert.Equal(t, 2, i.count())

		time.Sleep(2 * time.Hour)
		require.Equal(t, "Bearer token-3-", use(t, c), "an expired token is never sent")
	})
}

func TestAShortOrUnknownLifetime(t *testing.T) {
	t.Parallel()
	for life, unusable := range map[time.Duration]time.Duration{
		0: 5 * time.Minute, -time.Second: 5 * time.Minute, 10 * time.Second: 10 * time.Second,
	} {
		synctest.Test(t, func(t *testing.T) {
			i := &issuer{life: life}
			c := oauth.New(i.config())
			first := use(t, c)
			require.Equal(t, first, use(t, c))
			synctest.Wait()
			require.Equal(t, 1, i.count(), "margin leaves half of the life")
			time.Sleep(unusable)
			require.NotEqual(t, first, use(t, c))
		})
	}
}

func TestAPresentTokenServesWhileItsRenewalFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{life: time.Hour}
		config := i.config()
		config.MaxUses, config.RenewUses = 50, 45
		c := oauth.New(config)
		use(t, c)
		i.set(func() { i.err = errors.New("down") })
		for range 49 {
			require.Equal(t, "Bearer token-1-", use(t, c))
		}
		synctest.Wait()
		_, err := c.Header(t.Context())
		require.Error(t, err, "the 51st use")
		assert.Equal(t, 3, i.count(), "which asks for itself: the early renewal's failure does not speak for it")
	})
}

func TestACallerThatGoesAwayLeavesTheFetchToTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{life: time.Hour, slow: 5 * time.Second}
		c := oauth.New(i.config())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := c.Header(ctx)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			assert.ErrorIs(t, err, identkit.ErrTimeout)
		})
		synctest.Wait() // so that the one who goes away began the fetch
		wg.Go(func() { assert.Equal(t, "Bearer token-1-", use(t, c)) })
		wg.Wait()
		assert.Equal(t, 1, i.count())
	})
}

func TestAFetchIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{slow: time.Hour}
		c := oauth.New(i.config())
		start := time.Now()
		_, err := c.Header(t.Context())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 30*time.Second, time.Since(start))
	})
}

func TestBadFetchesFail(t *testing.T) {
	t.Parallel()
	for name, fetch := range map[string]func(context.Context, string) (oauth.Token, error){
		"no token": func(context.Context, string) (oauth.Token, error) { return oauth.Token{}, nil },
		"panic":    func(context.Context, string) (oauth.Token, error) { panic("boom") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := new(issuer).config()
			config.Fetch = fetch
			_, err := oauth.New(config).Header(t.Context())
			require.ErrorIs(t, err, identkit.ErrCredential)
		})
	}
	t.Run("source", func(t *testing.T) {
		t.Parallel()
		sealed := errors.New("sealed")
		config := new(issuer).config()
		config.Credential = func(context.Context) (string, error) { return "", sealed }
		_, err := oauth.New(config).Header(t.Context())
		require.ErrorIs(t, err, sealed)
	})
}

func TestACacheDoesNotPrintItsTokens(t *testing.T) {
	t.Parallel()
	lc := identkittest.NewLeakCheck(t)
	password := lc.Personal("password")
	i := &issuer{password: password, life: time.Hour}
	c := oauth.New(i.config())
	lc.Seed("token", use(t, c))
	lc.Value(c)
	lc.Value(struct{ Cache any }{c})
}

func TestAFailedEarlyRenewalFailsNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{life: time.Hour}
		config := i.config()
		config.MaxUses, config.RenewUses = 10, 8
		c := oauth.New(config)
		for range 7 {
			use(t, c)
		}
		i.set(func() { i.err = errors.New("a passing outage") })
		use(t, c) // begins the early renewal, which fails
		synctest.Wait()
		i.set(func() { i.err = nil })
		for range 20 {
			use(t, c) // the token's last uses, and then a new one at once
		}
	})
}

func TestARotationIsNoticedByThoseWhoWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{life: time.Hour, password: "old"}
		config := i.config()
		inner := config.Fetch
		config.Fetch = func(ctx context.Context, password string) (oauth.Token, error) {
			if password == "old" {
				time.Sleep(time.Second)
				return oauth.Token{}, unauthorized
			}
			return inner(ctx, password)
		}
		c := oauth.New(config)
		time.AfterFunc(500*time.Millisecond, func() { i.set(func() { i.password = "new" }) })
		assert.Contains(t, use(t, c), "new")
	})
}
