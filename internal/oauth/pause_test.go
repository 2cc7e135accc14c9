package oauth_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/oauth"
)

func TestAfterAFailedFetchThereIsAPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cause := &identkit.Error{Operation: "p.Token", Kind: identkit.ErrUnavailable, Status: 503, Code: "server_error", Detail: "down"}
		i := &issuer{life: time.Hour, err: cause}
		c := oauth.New(i.config())
		for n := range 50 {
			_, err := c.Header(t.Context())
			require.ErrorIs(t, err, identkit.ErrUnavailable)
			require.ErrorIs(t, err, error(cause))
			var e *identkit.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, "server_error", e.Code)
			assert.Contains(t, err.Error(), "no access token: down")
			if n > 0 {
				assert.Contains(t, err.Error(), "after a pause")
				assert.Positive(t, e.RetryAfter)
				assert.LessOrEqual(t, e.RetryAfter, time.Second)
			}
		}
		assert.Equal(t, 1, i.count())
		time.Sleep(500*time.Millisecond - time.Nanosecond)
		_, err := c.Header(t.Context())
		require.Error(t, err)
		assert.Equal(t, 1, i.count())
		time.Sleep(500 * time.Millisecond)
		_, err = c.Header(t.Context())
		require.Error(t, err)
		assert.Equal(t, 2, i.count())
	})
}

func TestAfterAnOutageOfAnyLengthCallsGoAgainWithinASecond(t *testing.T) {
	t.Parallel()
	for _, kind := range []identkit.Kind{
		identkit.ErrUnavailable, identkit.ErrNetwork, identkit.ErrTimeout, identkit.ErrRateLimited, identkit.ErrRetryBudget, identkit.ErrBadResponse,
		identkit.ErrNotFound,
	} {
		for _, outage := range []time.Duration{time.Second, time.Minute, 10 * time.Minute} {
			synctest.Test(t, func(t *testing.T) {
				i := &issuer{life: time.Minute, err: &identkit.Error{Kind: kind}}
				c := oauth.New(i.config())
				for start := time.Now(); time.Since(start) < outage; time.Sleep(200 * time.Millisecond) {
					_, err := c.Header(t.Context())
					require.ErrorIs(t, err, kind)
				}
				fetches := i.count()
				i.set(func() { i.err = nil })
				end := time.Now()
				for {
					if _, err := c.Header(t.Context()); err == nil {
						break
					}
					time.Sleep(10 * time.Millisecond)
				}
				assert.LessOrEqual(t, time.Since(end), time.Second+10*time.Millisecond, "%s, %s", kind, outage)
				assert.LessOrEqual(t, fetches, 2*int(outage/time.Second)+1, "%s, %s", kind, outage)
			})
		}
	}
}

func TestARefusedCredentialIsTriedEverMoreRarely(t *testing.T) {
	t.Parallel()
	for _, kind := range []identkit.Kind{identkit.ErrUnauthorized, identkit.ErrForbidden, identkit.ErrRejected} {
		synctest.Test(t, func(t *testing.T) {
			i := &issuer{life: time.Hour, password: "wrong", err: &identkit.Error{Kind: kind}}
			c := oauth.New(i.config())
			for range 600 {
				_, err := c.Header(t.Context())
				require.ErrorIs(t, err, kind)
				time.Sleep(time.Second)
			}
			assert.LessOrEqual(t, i.count(), 50)
			assert.GreaterOrEqual(t, i.count(), 20, "at least one in half a minute")
			i.set(func() { i.err, i.password = nil, "right" })
			assert.Contains(t, use(t, c), "right", "another one is tried at once")
		})
	}
}

func TestAFailedFetchPausesAsLongAsItWasAskedTo(t *testing.T) {
	t.Parallel()
	for asked, pause := range map[time.Duration]time.Duration{10 * time.Second: 10 * time.Second, time.Hour: 30 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			i := &issuer{err: &identkit.Error{Kind: identkit.ErrRateLimited, RetryAfter: asked}}
			c := oauth.New(i.config())
			for _, wait := range []time.Duration{pause - time.Nanosecond, time.Nanosecond} {
				_, err := c.Header(t.Context())
				require.ErrorIs(t, err, identkit.ErrRateLimited)
				time.Sleep(wait)
			}
			assert.Equal(t, 1, i.count())
			i.set(func() { i.err = nil })
			use(t, c)
		})
	}
}

func TestAPlainErrorOfAFetchPausesToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{err: errors.New("down"), life: time.Hour}
		c := oauth.New(i.config())
		for range 10 {
			_, err := c.Header(t.Context())
			require.ErrorIs(t, err, identkit.ErrCredential)
		}
		assert.Equal(t, 1, i.count())
	})
}
