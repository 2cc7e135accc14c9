package entrupy_test

import (
	"context"
	"net/http"
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

// polling is a client without a Notifier.
func polling(srv *entrupytest.Server) *entrupy.Client {
	return srv.Client(func(cfg *entrupy.Config) { cfg.Options.Notifier = nothing{} })
}

// nothing is a Notifier that never notifies.
type nothing struct{}

func (nothing) Subscribe(context.Context, string) (<-chan struct{}, func(), error) {
	return make(chan struct{}), func() {}, nil
}
func (nothing) Notify(context.Context, string) error { return nil }

func TestAWaitEndsWithTheFinalResult(t *testing.T) {
	t.Parallel()
	for _, result := range []entrupy.ResultID{entrupy.ResultAuthentic, entrupy.ResultUnidentified, entrupy.ResultInvalid} {
		bubble(t, entrupytest.Options{}, func(t *testing.T, srv *entrupytest.Server) {
			id := srv.Capture(entrupytest.Item{CustomerItemID: "inv-1"})
			began := time.Now()
			go func() {
				time.Sleep(time.Minute)
				assert.NoError(t, srv.SetResult(id, entrupy.Result{ID: entrupy.ResultNeedsReview}))
				time.Sleep(time.Hour)
				assert.NoError(t, srv.Complete(id, result))
			}()
			a, err := srv.Client().Authentications.Wait(t.Context(), id, identkit.WaitPolicy{})
			require.NoError(t, err)
			assert.Equal(t, result, a.Status.Result.ID)
			assert.Less(t, time.Since(began), 61*time.Minute+time.Second, "the fake's Notifier wakes it")
		})
	}
}

func TestHowOftenAWaitReads(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		notifier        identkit.Notifier
		atLeast, atMost int
	}{{nil, 12, 40}, {nothing{}, 6, 24}} {
		bubble(t, entrupytest.Options{}, func(t *testing.T, srv *entrupytest.Server) {
			id := srv.Capture(entrupytest.Item{})
			cfg := srv.Config()
			cfg.Options.Notifier = c.notifier
			client, err := entrupy.New(cfg)
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			_, err = client.Authentications.Wait(ctx, id, identkit.WaitPolicy{})
			require.ErrorIs(t, err, identkit.ErrTimeout)
			polls := srv.Journal().Count("entrupy.Authentications.Get")
			assert.GreaterOrEqual(t, polls, c.atLeast)
			assert.LessOrEqual(t, polls, c.atMost)
		})
	}
}

func TestAWaitEndsAfterADay(t *testing.T) {
	t.Parallel()
	bubble(t, entrupytest.Options{}, func(t *testing.T, srv *entrupytest.Server) {
		id := srv.Capture(entrupytest.Item{})
		began := time.Now()
		_, err := polling(srv).Authentications.Wait(t.Context(), id, identkit.WaitPolicy{})
		require.ErrorIs(t, err, identkit.ErrTimeout)
		assert.InDelta(t, 24*time.Hour, time.Since(began), float64(time.Minute))
		var we *identkit.WaitError[entrupy.Authentication]
		require.ErrorAs(t, err, &we)
		assert.Equal(t, entrupy.ResultReceived, we.Last.Status.Result.ID)
		_, err = polling(srv).Authentications.Wait(t.Context(), "NOTHERE", identkit.WaitPolicy{})
		fails(t, err, identkit.ErrNotFound)
	})
}

func TestWaitLookupTakesNoOldResult(t *testing.T) {
	t.Parallel()
	type lookup = entrupy.WaitLookupParams
	for name, params := range map[string]func(old entrupy.ID, capture time.Time) lookup{
		"except": func(old entrupy.ID, _ time.Time) lookup { return lookup{Item: "inv-1", Except: old} },
		"since":  func(_ entrupy.ID, capture time.Time) lookup { return lookup{Item: "inv-1", Since: capture} },
		"both": func(old entrupy.ID, capture time.Time) lookup {
			return lookup{Item: "inv-1", Except: old, Since: capture}
		},
	} {
		for _, ahead := range []time.Duration{0, 5 * time.Minute, -5 * time.Minute} {
			t.Run(name+" "+ahead.String(), func(t *testing.T) {
				t.Parallel()
				clock := new(identkittest.Clock)
				synctest.Test(t, func(t *testing.T) {
					clock.Advance(ahead)
					srv := entrupytest.New(entrupytest.Options{Clock: clock})
					defer srv.Close()
					old := srv.Capture(entrupytest.Item{CustomerItemID: "inv-1"})
					require.NoError(t, srv.Complete(old, entrupy.ResultAuthentic))
					time.Sleep(10 * time.Second)
					in := params(old, time.Now())
					go func() {
						time.Sleep(2 * time.Minute)
						id := srv.Capture(entrupytest.Item{CustomerItemID: "inv-1"})
						time.Sleep(2 * time.Minute)
						assert.NoError(t, srv.Complete(id, entrupy.ResultInvalid))
					}()
					a, err := polling(srv).Authentications.WaitLookup(t.Context(), in, identkit.WaitPolicy{})
					require.NoError(t, err)
					assert.NotEqual(t, old, a.ID)
					assert.Equal(t, entrupy.ResultInvalid, a.Status.Result.ID)
				})
			})
		}
	}
}

func TestWaitLookupWaitsForTheFirstAuthentication(t *testing.T) {
	t.Parallel()
	bubble(t, entrupytest.Options{}, func(t *testing.T, srv *entrupytest.Server) {
		go func() {
			time.Sleep(10 * time.Minute)
			id := srv.Capture(entrupytest.Item{CustomerItemID: "a/b #1"})
			assert.NoError(t, srv.Complete(id, entrupy.ResultAuthentic))
		}()
		began := time.Now()
		a, err := srv.Client().Authentications.WaitLookup(t.Context(), entrupy.WaitLookupParams{Item: "a/b #1", Since: began}, identkit.WaitPolicy{})
		require.NoError(t, err, "404 is not yet")
		assert.True(t, a.IsAuthentic())
		assert.Less(t, time.Since(began), 11*time.Minute, "notified by the item's id")
	})
}

func TestWaitLookupComparesWholeSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now().Truncate(time.Second)
		item := func(created time.Time) string {
			return `{"item":` + minimal + `,"timestamp":{"created_at":"` + created.UTC().Format(time.RFC3339Nano) + `"}}}`
		}
		for _, c := range []struct {
			created, since time.Duration // from now
			ends           bool
		}{{0, 900 * time.Millisecond, true}, {-100 * time.Millisecond, 0, false}, {900 * time.Millisecond, 0, true}, {-time.Second, 0, false}} {
			s, client := stubbed(t, 200, item(now.Add(c.created)))
			s.date = now.UTC().Format(http.TimeFormat)
			_, err := client.Authentications.WaitLookup(t.Context(), entrupy.WaitLookupParams{Item: "i", Since: now.Add(c.since)}, identkit.WaitPolicy{Until: time.Now()})
			assert.Equal(t, c.ends, err == nil, "%+v", c)
		}
	})
}

func TestAnItemWithoutACreationTimeDoesNotEndAWaitBySince(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, client := stubbed(t, 200, `{"item":`+minimal+`}}`)
		_, err := client.Authentications.WaitLookup(t.Context(), entrupy.WaitLookupParams{Item: "i", Since: time.Unix(1, 0)}, identkit.WaitPolicy{})
		e := fails(t, err, identkit.ErrTimeout)
		assert.Contains(t, e.Detail, "no creation time to compare with Since")
		a, err := client.Authentications.WaitLookup(t.Context(), entrupy.WaitLookupParams{Item: "i", Except: "B"}, identkit.WaitPolicy{})
		require.NoError(t, err)
		assert.Equal(t, entrupy.ID("A"), a.ID)
		_, err = client.Authentications.WaitLookup(t.Context(), entrupy.WaitLookupParams{Item: "i", Except: "a"}, identkit.WaitPolicy{Until: time.Now()})
		assert.NotContains(t, fails(t, err, identkit.ErrTimeout).Detail, "Since")
	})
}

func TestInvalidWaitsSendNothing(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 200, `{}`)
	for _, in := range []entrupy.WaitLookupParams{{}, {Item: "i"}, {Except: "A"}, {Since: time.Now()}} {
		_, err := client.Authentications.WaitLookup(t.Context(), in, identkit.WaitPolicy{})
		e := fails(t, err, identkit.ErrInvalidRequest)
		assert.Equal(t, "entrupy.Authentications.WaitLookup", e.Operation)
	}
	assert.Zero(t, s.count())
	assert.Equal(t, "entrupy.authentication:7QK2M9X", entrupy.AuthenticationKey("7qk2m9x"))
	assert.Equal(t, "entrupy.item:inv-1", entrupy.CustomerItemKey("inv-1"))
}
