package oauth_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/oauth"
)

func TestOnlyTheTokenThatFailedIsDropped(t *testing.T) {
	t.Parallel()
	i := &issuer{life: time.Hour}
	c := oauth.New(i.config())
	first := use(t, c)
	forbidden := &identkit.Error{Kind: identkit.ErrForbidden, Status: http.StatusForbidden}
	c.Report(first, forbidden)
	require.False(t, c.Renew(t.Context(), first, forbidden), "not the token's fault")
	require.False(t, refuse(t, c, ""), "no token was used")
	require.Equal(t, first, use(t, c))

	require.True(t, refuse(t, c, first))
	second := use(t, c)
	require.NotEqual(t, first, second)
	require.True(t, refuse(t, c, first), "a straggler is worth a replay")
	require.Equal(t, second, use(t, c), "but the newer token stays")
	assert.Equal(t, 2, i.count())
}

func TestARefusedTokenIsNeverGivenAgain(t *testing.T) {
	t.Parallel()
	// again gives the same token until more is set.
	again := func(i *issuer, more *bool) oauth.Config[string] {
		config := i.config()
		inner := config.Fetch
		config.Fetch = func(ctx context.Context, password string) (oauth.Token, error) {
			token, err := inner(ctx, password)
			i.mu.Lock()
			defer i.mu.Unlock()
			if !*more {
				token.Access = "same"
			}
			return token, err
		}
		return config
	}
	for name, run := range map[string]func(t *testing.T, i *issuer, c oauth.Source){
		"by the next fetch": func(t *testing.T, _ *issuer, c oauth.Source) { refuse(t, c, use(t, c)) },
		"by a fetch in flight": func(t *testing.T, i *issuer, c oauth.Source) {
			token := use(t, c)
			i.set(func() { i.slow = time.Second })
			time.Sleep(59 * time.Minute)
			use(t, c) // begins an early renewal
			synctest.Wait()
			refuse(t, c, token)
		},
		"after it was replaced": func(t *testing.T, i *issuer, c oauth.Source) {
			token := use(t, c)
			i.set(func() { i.password = "new" })
			assert.Equal(t, token, use(t, c), "the endpoint gives the same for both")
			i.set(func() { i.password = "old" })
			refuse(t, c, token)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var more bool
				i := &issuer{life: time.Hour}
				c := oauth.New(again(i, &more))
				run(t, i, c)
				for range 3 {
					_, err := c.Header(t.Context())
					require.ErrorIs(t, err, identkit.ErrCredential)
					require.ErrorContains(t, err, "a token that was refused")
					time.Sleep(time.Second)
				}
				i.set(func() { more = true })
				assert.NotContains(t, use(t, c), "same", "within a second of a new token being given")
			})
		})
	}
}

func TestATokenThatIsGivenAgainKeepsItsUses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		config := (&issuer{life: time.Hour}).config()
		config.Fetch = func(context.Context, string) (oauth.Token, error) {
			return oauth.Token{Access: "same", Lifetime: time.Hour}, nil
		}
		config.MaxUses, config.RenewUses = 10, 5
		c, uses := oauth.New(config), 0
		for ; uses < 100; uses++ {
			if _, err := c.Header(t.Context()); err != nil {
				require.ErrorContains(t, err, "used up")
				break
			}
			synctest.Wait()
		}
		assert.Equal(t, 10, uses)
	})
}

func TestRefusedTokensDoNotMakeAStorm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{life: time.Hour}
		c := oauth.New(i.config())
		given, replays := map[string]bool{}, 0
		for range 1000 {
			header, err := c.Header(t.Context())
			if err != nil {
				require.ErrorIs(t, err, identkit.ErrUnauthorized)
				require.ErrorContains(t, err, "one token after another")
				var e *identkit.Error
				require.ErrorAs(t, err, &e)
				assert.Equal(t, time.Second, e.RetryAfter)
				continue
			}
			require.False(t, given[header[0]])
			given[header[0]] = true
			if refuse(t, c, header[0]) {
				replays++
			}
		}
		assert.Equal(t, 10, replays)
		assert.Equal(t, 11, i.count())
		time.Sleep(time.Second)
		require.True(t, refuse(t, c, use(t, c)), "one a second goes on, so that it recovers")
		require.False(t, refuse(t, c, use(t, c)))
		time.Sleep(time.Second)
		token := use(t, c)
		c.Report(token, nil)
		for range 100 {
			require.Equal(t, token, use(t, c))
		}
	})
}

func TestAcceptedTokensAllowReplays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{life: time.Hour}
		c := oauth.New(i.config())
		for range 1000 {
			require.True(t, refuse(t, c, use(t, c)), "a provider that accepts tokens, too, does not refuse every one")
			c.Report(use(t, c), nil)
		}
		for range 10 {
			require.True(t, refuse(t, c, use(t, c)))
		}
		require.False(t, refuse(t, c, use(t, c)), "but they do not add up")
	})
}

func TestRotatedCredentialsEndThePauseForRefusedTokens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{life: time.Hour, password: "old"}
		c := oauth.New(i.config())
		for range 11 {
			refuse(t, c, use(t, c))
		}
		_, err := c.Header(t.Context())
		require.Error(t, err)
		i.set(func() { i.password = "new" })
		assert.Contains(t, use(t, c), "new")
	})
}

func TestManyRefusedTokensAreForgottenInTheirOrder(t *testing.T) {
	t.Parallel()
	i := &issuer{life: time.Hour}
	config := i.config()
	inner, repeat := config.Fetch, 0
	config.Fetch = func(ctx context.Context, password string) (oauth.Token, error) {
		token, err := inner(ctx, password)
		if repeat > 0 {
			token.Access = identkit.Secret(fmt.Sprintf("token-%d-", repeat))
		}
		return token, err
	}
	config.Pause = time.Nanosecond
	c := oauth.New(config)
	for range 1500 {
		refuse(t, c, use(t, c))
	}
	repeat = 1500 - 1024 + 1
	_, err := c.Header(t.Context())
	require.ErrorContains(t, err, "refused", "the last 1024 are known")
}

func TestRefusalsAreSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	i := &issuer{life: time.Hour}
	c := oauth.New(i.config())
	var mu sync.Mutex
	refused := map[string]bool{}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for n := range 100 {
				mu.Lock()
				before := len(refused)
				mu.Unlock()
				header, err := c.Header(t.Context())
				if err != nil {
					continue
				}
				mu.Lock()
				if len(refused) == before {
					assert.False(t, refused[header[0]])
				}
				mu.Unlock()
				if n%3 > 0 {
					c.Report(header[0], nil)
					continue
				}
				c.Report(header[0], unauthorized)
				mu.Lock()
				refused[header[0]] = true
				mu.Unlock()
				c.Renew(t.Context(), header[0], unauthorized)
			}
		})
	}
	wg.Wait()
	assert.NotEmpty(t, refused)
}
