package entrupy_test

import (
	"context"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/entrupy"
	"github.com/identkit/identkit/entrupy/entrupytest"
	"github.com/identkit/identkit/identkittest"
)

const getConfiguration = "entrupy.Configuration.Get"

func TestAConfigurationIsKeptByLanguageUntilItExpires(t *testing.T) {
	t.Parallel()
	for life, kept := range map[time.Duration]time.Duration{
		time.Second: time.Minute, -time.Hour: time.Minute, time.Hour: time.Hour, 100 * time.Hour: 24 * time.Hour,
	} {
		bubble(t, entrupytest.Options{ConfigurationLife: life}, func(t *testing.T, srv *entrupytest.Server) {
			client := unlimited(srv)
			get := func(language string) *entrupy.Supported {
				s, err := client.Configuration.Get(t.Context(), entrupy.GetConfigurationParams{Language: language})
				require.NoError(t, err)
				return s
			}
			en := get("en")
			assert.Equal(t, "Acme", en.Brands[0].Display.Name)
			assert.Equal(t, "canvas", en.Brands[0].Materials[0].ID)
			assert.Equal(t, "Color", en.Brands[0].Materials[0].Details[0].Display.Name)
			assert.Equal(t, "Acme (日本語)", get("ja").Brands[0].Display.Name)
			assert.Equal(t, 2, srv.Journal().Count(getConfiguration))
			en.Brands[0].Display.Name = "changed"
			time.Sleep(kept - time.Second)
			assert.Equal(t, "Acme", get("en").Brands[0].Display.Name, "the result is the caller's own")
			get("ja")
			assert.Equal(t, 2, srv.Journal().Count(getConfiguration))
			time.Sleep(2 * time.Second)
			get("en")
			get("en")
			assert.Equal(t, 3, srv.Journal().Count(getConfiguration), "kept for %s", kept)
		})
	}
}

func TestTheConfigurationMayBeElsewhere(t *testing.T) {
	t.Parallel()
	srv := dialect(entrupytest.Dialect{ConfigurationUnderConfig: true})
	_, err := unlimited(srv).Configuration.Get(t.Context(), entrupy.GetConfigurationParams{})
	require.NoError(t, err)
	_, err = srv.Client(func(cfg *entrupy.Config) { cfg.Options.Paths = nil }).Configuration.Get(t.Context(), entrupy.GetConfigurationParams{})
	assert.Contains(t, fails(t, err, identkit.ErrRejected).Detail, "EN-027", "the error names the assumption")
}

func TestOneFetchServesAllWhoWait(t *testing.T) {
	t.Parallel()
	bubble(t, entrupytest.Options{}, func(t *testing.T, srv *entrupytest.Server) {
		srv.Fault(identkittest.On(getConfiguration).First(1).SlowHeader(5 * time.Second))
		client := unlimited(srv)
		first, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := client.Configuration.Get(first, entrupy.GetConfigurationParams{})
			assert.ErrorIs(t, err, identkit.ErrTimeout, "the caller who began it leaves")
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		})
		synctest.Wait()
		for range 10 {
			wg.Go(func() {
				_, err := client.Configuration.Get(t.Context(), entrupy.GetConfigurationParams{})
				assert.NoError(t, err, "and the others get it")
			})
		}
		wg.Wait()
		assert.Equal(t, 1, srv.Journal().Count(getConfiguration))
	})
}

func TestAFailedFetchIsNotKept(t *testing.T) {
	t.Parallel()
	srv := entrupytest.New(entrupytest.Options{})
	client := unlimited(srv)
	srv.Fault(identkittest.On(getConfiguration).First(1).Status(400))
	_, err := client.Configuration.Get(t.Context(), entrupy.GetConfigurationParams{})
	fails(t, err, identkit.ErrRejected)
	_, err = client.Configuration.Get(t.Context(), entrupy.GetConfigurationParams{})
	require.NoError(t, err)
	_, err = client.Configuration.Get(t.Context(), entrupy.GetConfigurationParams{}, identkit.WithHeader("Accept-Language", "ja"))
	require.NoError(t, err)
	assert.Equal(t, 3, srv.Journal().Count(getConfiguration), "a call with options makes its own request")
	ended, end := context.WithCancel(t.Context())
	end()
	_, err = client.Configuration.Get(ended, entrupy.GetConfigurationParams{Language: "fr"})
	fails(t, err, identkit.ErrCanceled)
	assert.Equal(t, 3, srv.Journal().Count(getConfiguration))
}

func TestAnObserverThatPanicsIsTheCallers(t *testing.T) {
	t.Parallel()
	srv := entrupytest.New(entrupytest.Options{})
	observe := func() {}
	client := srv.Client(func(cfg *entrupy.Config) {
		cfg.Options.Limiter = identkit.NoLimit
		cfg.Options.Observer.CallEnd = func(context.Context, identkit.CallResult) { observe() }
	})
	get := func() error {
		_, err := client.Configuration.Get(t.Context(), entrupy.GetConfigurationParams{})
		return err
	}
	observe = func() { panic("observer") }
	assert.PanicsWithValue(t, "observer", func() { _ = get() })
	observe = runtime.Goexit
	require.ErrorContains(t, get(), "observer ended")
	observe = func() {}
	require.NoError(t, get(), "nothing was kept, and nothing waits for the requests before")
}

func TestTheLifeIsMeasuredOnTheProvidersClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// Their clock is a year ahead: the response holds for an hour all the same.
		there := time.Now().AddDate(1, 0, 0)
		s, client := stubbed(t, 200, `{"config":{"brands":[]},"exp":`+there.Add(time.Hour).Format(`"2006-01-02T15:04:05Z07:00"`)+`}`)
		s.date = there.UTC().Format(http.TimeFormat)
		for _, wait := range []time.Duration{0, 59 * time.Minute, 2 * time.Minute} {
			time.Sleep(wait)
			_, err := client.Configuration.Get(t.Context(), entrupy.GetConfigurationParams{})
			require.NoError(t, err)
		}
		assert.Equal(t, 2, s.count())
	})
}
