package oauth_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/internal/oauth"
)

func TestRotatedCredentialsDropTheToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{password: "old", life: time.Hour}
		c := oauth.New(i.config())
		require.Equal(t, "Bearer token-1-old", use(t, c))
		i.set(func() { i.password = "new" })
		require.Equal(t, "Bearer token-2-new", use(t, c))
		require.Equal(t, "Bearer token-2-new", use(t, c))

		i.set(func() { i.err = errors.New("down"); i.password = "wrong" })
		_, err := c.Header(t.Context())
		require.Error(t, err)
		i.set(func() { i.err = nil; i.password = "right" })
		require.Equal(t, "Bearer token-4-right", use(t, c), "the pause was for the wrong one")
	})
}

func TestRotationDuringAFetch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{password: "old", life: time.Hour, slow: 10 * time.Second}
		c := oauth.New(i.config())
		var wg sync.WaitGroup
		wg.Go(func() {
			assert.Equal(t, "Bearer token-2-new", use(t, c), "whoever waited for the old one reads the credential again")
		})
		time.Sleep(time.Second)
		i.set(func() { i.password, i.slow = "new", time.Second })
		wg.Go(func() { assert.Equal(t, "Bearer token-2-new", use(t, c)) })
		wg.Wait()
		time.Sleep(time.Minute)
		require.Equal(t, "Bearer token-2-new", use(t, c), "the overtaken fetch changes nothing")
		assert.Equal(t, []string{"old", "new"}, i.seen)
	})
}

func TestACredentialReadBeforeARotationDropsNoNewerToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{password: "old", life: time.Hour}
		config, readings, goOn := i.config(), 0, make(chan struct{})
		read := config.Credential
		config.Credential = func(ctx context.Context) (string, error) {
			readings++
			slow := readings == 3 // the first use reads before and after its fetch
			password, err := read(ctx)
			if slow {
				<-goOn
			}
			return password, err
		}
		c := oauth.New(config)
		use(t, c)
		var wg sync.WaitGroup
		wg.Go(func() { assert.Equal(t, "Bearer token-2-new", use(t, c)) })
		synctest.Wait()
		i.set(func() { i.password = "new" })
		require.Equal(t, "Bearer token-2-new", use(t, c))
		close(goOn)
		wg.Wait()
		assert.Equal(t, 2, i.count())
	})
}

func TestRotationUnderLoadFetchesOnce(t *testing.T) {
	t.Parallel()
	i := &issuer{password: "old", life: time.Hour}
	c := oauth.New(i.config())
	var (
		wg   sync.WaitGroup
		stop atomic.Bool
	)
	for range 8 {
		wg.Go(func() {
			for !stop.Load() {
				use(t, c)
			}
		})
	}
	for n := range 20 {
		i.set(func() { i.password = fmt.Sprint(n) })
		for range 100 {
			use(t, c)
		}
	}
	stop.Store(true)
	wg.Wait()
	assert.LessOrEqual(t, i.count(), 21, "a late reader never drops a newer token")
}
