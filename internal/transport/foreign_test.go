package transport

import (
	"context"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/seal"
)

func TestASourceThatSleepsCannotOutlastTheCall(t *testing.T) {
	t.Parallel()
	source := func(context.Context) (identkit.Secret, error) {
		time.Sleep(2 * time.Second) // of a bubble, without a look at its context
		return "s3cret-s3cret", nil
	}
	for name, auth := range map[string]Authorizer{
		"header": Bearer(source), "basic": Basic("user", source), "joined": Join(Bearer(identkit.Static("other")), Header("X-Key", "", source)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := fakeOfThings()
				defer srv.Close()
				c := clientFor(t, srv, func(cfg *Config) { cfg.Auth = auth })
				for _, wait := range []struct {
					within time.Duration
					opts   []identkit.CallOption
				}{{300 * time.Millisecond, nil}, {time.Hour, []identkit.CallOption{identkit.WithTimeout(300 * time.Millisecond)}}} {
					ctx, cancel := context.WithTimeout(t.Context(), wait.within)
					start := time.Now()
					_, err := readOne(ctx, c, "1", wait.opts...)
					cancel()
					assert.Equal(t, 300*time.Millisecond, time.Since(start))
					require.ErrorIs(t, err, identkit.ErrTimeout)
					var e *identkit.Error
					require.ErrorAs(t, err, &e)
					require.Len(t, e.Attempts, 1)
					assert.Equal(t, identkit.PhaseCredential, e.Attempts[0].Phase)
				}
				assert.Zero(t, srv.Journal().Len())
				_, err := readOne(t.Context(), c, "1")
				require.NoError(t, err, "it has the time that it needs")
				time.Sleep(time.Minute) // of the bubble: what was left behind ends
			})
		})
	}
}

func TestForeignCodeThatPanicsPanicsInTheCaller(t *testing.T) {
	t.Parallel()
	_, c := things(t, func(cfg *Config) {
		cfg.Auth = Bearer(func(context.Context) (identkit.Secret, error) { panic("the caller's own") })
	})
	assert.PanicsWithValue(t, "the caller's own", func() { _ = read(t.Context(), c) })
	_, c = things(t, func(cfg *Config) {
		cfg.Auth = Bearer(func(context.Context) (identkit.Secret, error) { runtime.Goexit(); return "", nil })
	})
	require.Error(t, read(t.Context(), c))
}

func TestStaticSourcesAreCalledDirectly(t *testing.T) {
	t.Parallel()
	assert.True(t, seal.IsStatic(identkit.Static("a")))
	made := []identkit.SecretSource{identkit.Static("b"), func(context.Context) (identkit.Secret, error) { return "c", nil }}
	assert.True(t, seal.IsStatic(made[0]))
	assert.False(t, seal.IsStatic(made[1]))
}

// Not parallel: allocations are counted process-wide.
func TestForeignCodeCostsWhatItCosts(t *testing.T) {
	count := func(source identkit.SecretSource) float64 {
		var check Check
		c := New(Config{
			Provider: "test", BaseURL: "https://h", Operations: thingOperations, Auth: Bearer(source),
			Options: identkit.Options{HTTPClient: &http.Client{Transport: stub(200, `{"id":"1"}`)}},
		}, &check)
		return testing.AllocsPerRun(300, func() {
			if err := read(t.Context(), c); err != nil {
				t.Error(err)
			}
		})
	}
	static := count(identkit.Static("token"))
	foreign := count(func(context.Context) (identkit.Secret, error) { return identkit.Secret(strings.Clone("token")), nil })
	t.Log(static, foreign)
	assert.LessOrEqual(t, foreign-static, 9.0)
}
