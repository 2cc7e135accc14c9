package iproov_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/iproov"
	"github.com/identkit/identkit/iproov/iproovtest"
)

var errDatabase = errors.New("the database is down")

// fail is a hook of the nth Save.
func fail(nth int, err error) func(int) error {
	return func(n int) error {
		if n == nth {
			return err
		}
		return nil
	}
}

// A process that ends after it marked the attempt leaves the mark behind. A Save that never wrote simulates it.
func TestAMarkIsTakenOverAfterAMinuteAndEndsAsLost(t *testing.T) {
	t.Parallel()
	for name, takeOver := range map[string]func(*table, *iproov.Client, iproov.ClaimToken) error{
		"by Finish": func(s *table, client *iproov.Client, token iproov.ClaimToken) error {
			_, err := s.finish(client, token)
			e := fails(s.t, err, identkit.ErrConflict, "")
			assert.ErrorIs(s.t, err, iproov.ErrNoVerdict)
			assert.True(s.t, e.OutcomeUnknown)
			return nil
		},
		"by Begin": func(s *table, client *iproov.Client, _ iproov.ClaimToken) error {
			_, err := s.begin(client)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, iproovtest.Options{}, func(t *testing.T, srv *iproovtest.Server) {
				client := srv.Client()
				s, token := scannedJourney(t, srv, client, iproovtest.Pass())
				s.before = fail(2, errDatabase)
				_, err := s.finish(client, token)
				require.ErrorIs(t, err, iproov.ErrNotSaved)
				tokens := srv.Journal().Count("iproov.Verify.CreateToken")
				time.Sleep(time.Minute - time.Second)
				_, err = s.finish(client, token)
				require.ErrorIs(t, err, iproov.ErrInProgress)
				_, err = s.begin(client)
				require.ErrorIs(t, err, iproov.ErrInProgress)
				assert.Equal(t, tokens, srv.Journal().Count("iproov.Verify.CreateToken"))

				time.Sleep(time.Second)
				require.NoError(t, takeOver(s, client, token))
				assert.Equal(t, iproov.OutcomeLost, s.load().Attempts[0].Outcome)
				assert.Equal(t, 1, verdicts(srv), "it is not asked for again")
				_, err = s.finish(client, token)
				require.ErrorIs(t, err, iproov.ErrNoVerdict)
				if s.load().Open() == nil {
					_, err = s.begin(client)
					require.NoError(t, err)
				}
				assert.Equal(t, 1, s.load().AttemptsLeft())
			})
		})
	}
}

func TestTheMarkIsStoredBeforeTheVerdictIsAskedFor(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{})
	client := srv.Client()
	s, token := scannedJourney(t, srv, client, iproovtest.Pass())
	s.after = func(n int) error {
		j := s.load()
		assert.Equal(t, n-1, verdicts(srv))
		assert.Equal(t, n == 2, j.Passed())
		assert.WithinDuration(t, time.Now(), j.Attempts[0].Finishing.At, time.Minute)
		return nil
	}
	_, err := s.finish(client, token)
	require.NoError(t, err)
	assert.Equal(t, 2, s.saves)
}

func TestAProcessThatWasFrozenDoesNotOverwriteWhoTookOver(t *testing.T) {
	t.Parallel()
	bubble(t, iproovtest.Options{}, func(t *testing.T, srv *iproovtest.Server) {
		client := srv.Client()
		s, token := scannedJourney(t, srv, client, iproovtest.Pass())
		s.before = func(n int) error {
			if n == 2 {
				time.Sleep(2 * time.Minute)
			}
			return nil
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			j := s.load()
			v, err := client.Journeys.Finish(t.Context(), j, iproov.FinishParams{Token: token, Client: userAgent, Save: s.save})
			assert.ErrorIs(t, err, iproov.ErrNotSaved)
			assert.ErrorIs(t, err, iproov.ErrRevision)
			assert.NotNil(t, v)
		}()
		time.Sleep(time.Minute)
		_, err := s.finish(client, token)
		require.ErrorIs(t, err, iproov.ErrNoVerdict)
		<-done
		assert.Equal(t, iproov.OutcomeLost, s.load().Attempts[0].Outcome, "what is stored counts")
		assert.Equal(t, 1, verdicts(srv))
	})
}

func TestWithoutTheFirstSaveNothingIsSent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		lost bool // the race
	}{"database": {errDatabase, false}, "lost race": {iproov.ErrRevision, true}, "context": {context.Canceled, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := iproovtest.New(iproovtest.Options{})
			client := srv.Client()
			s, token := scannedJourney(t, srv, client, iproovtest.Pass())
			judge := func(err error) {
				t.Helper()
				require.ErrorIs(t, err, c.err)
				assert.Equal(t, c.lost, errors.Is(err, iproov.ErrInProgress))
				assert.Equal(t, c.lost, errors.As(err, new(*identkit.Error)), "a failure of the team's own is not the provider's")
				assert.NotErrorIs(t, err, iproov.ErrNotSaved)
			}
			s.before = fail(1, c.err)
			j, want := s.load(), s.load()
			v, err := client.Journeys.Finish(t.Context(), j, iproov.FinishParams{Token: token, Client: userAgent, Save: s.save})
			judge(err)
			assert.Nil(t, v)
			assert.Equal(t, want, j, "unchanged")
			assert.Zero(t, verdicts(srv))

			s.before = fail(2, c.err)
			claim, err := client.Journeys.Begin(t.Context(), j, iproov.BeginParams{Save: s.save})
			judge(err)
			assert.Nil(t, claim, "no claim leaves that is not stored")
			assert.Equal(t, want, j, "unchanged")
			v, err = s.finish(client, token)
			require.NoError(t, err)
			assert.True(t, v.Passed)
		})
	}
}

func TestAVerdictThatIsNotSavedCanBeSavedLater(t *testing.T) {
	t.Parallel()
	bubble(t, iproovtest.Options{}, func(t *testing.T, srv *iproovtest.Server) {
		client := srv.Client()
		s, token := scannedJourney(t, srv, client, iproovtest.Pass())
		s.before = fail(2, errDatabase)
		j := s.load()
		v, err := client.Journeys.Finish(t.Context(), j, iproov.FinishParams{Token: token, Client: userAgent, Save: s.save})
		require.ErrorIs(t, err, iproov.ErrNotSaved)
		require.ErrorIs(t, err, errDatabase)
		require.NotNil(t, v)
		assert.True(t, v.Passed)
		assert.True(t, j.Passed())
		_, err = s.finish(client, token)
		require.ErrorIs(t, err, iproov.ErrInProgress)

		require.NoError(t, s.save(t.Context(), j))
		require.ErrorIs(t, s.save(t.Context(), j), iproov.ErrRevision, "it is there")
		v, err = s.finish(client, token)
		require.NoError(t, err)
		assert.True(t, v.Passed)
		assert.Equal(t, 1, verdicts(srv))
	})
	t.Run("nor a loss", func(t *testing.T) {
		t.Parallel()
		srv := iproovtest.New(iproovtest.Options{})
		client := srv.Client()
		s, token := scannedJourney(t, srv, client, iproovtest.Pass())
		s.before = fail(2, errDatabase)
		srv.Fault(identkittest.On(validate).LoseResponse())
		j := s.load()
		v, err := client.Journeys.Finish(t.Context(), j, iproov.FinishParams{Token: token, Client: userAgent, Save: s.save})
		assert.Nil(t, v)
		for _, want := range []error{identkit.ErrNetwork, identkit.ErrOutcomeUnknown, iproov.ErrNotSaved, errDatabase} {
			require.ErrorIs(t, err, want)
		}
		assert.NotContains(t, err.Error(), "\n")
		assert.Equal(t, iproov.OutcomeLost, j.Attempts[0].Outcome)
		require.NoError(t, s.save(t.Context(), j))
	})
}

func TestTheLastSaveDoesNotEndWithTheRequest(t *testing.T) {
	t.Parallel()
	bubble(t, iproovtest.Options{}, func(t *testing.T, srv *iproovtest.Server) {
		ctx, hangUp := context.WithCancel(context.WithValue(t.Context(), t, "kept"))
		client := srv.Client(func(cfg *iproov.Config) {
			cfg.Options.Observer.CallEnd = func(_ context.Context, r identkit.CallResult) {
				if r.Operation == validate {
					hangUp()
				}
			}
		})
		s, token := scannedJourney(t, srv, client, iproovtest.Pass())
		save := func(within context.Context, j *iproov.Journey) error {
			deadline, bounded := within.Deadline()
			assert.True(t, bounded)
			assert.LessOrEqual(t, time.Until(deadline), 45*time.Second)
			assert.Equal(t, "kept", within.Value(t))
			if err := within.Err(); err != nil {
				return err
			}
			return s.save(within, j)
		}
		v, err := client.Journeys.Finish(ctx, s.load(), iproov.FinishParams{Token: token, Client: userAgent, Save: save})
		require.NoError(t, err)
		assert.True(t, v.Passed)
		require.ErrorIs(t, ctx.Err(), context.Canceled)
		assert.True(t, s.load().Passed())
	})
}

func TestAFinishEndsBeforeItsMarkIsTakenOver(t *testing.T) {
	t.Parallel()
	bubble(t, iproovtest.Options{}, func(t *testing.T, srv *iproovtest.Server) {
		client := srv.Client(func(cfg *iproov.Config) { cfg.Options.Retry.AttemptTimeout = 2 * time.Minute })
		s, token := scannedJourney(t, srv, client, iproovtest.Pass())
		srv.Fault(identkittest.On(validate).SlowHeader(100 * time.Second))
		began := time.Now()
		_, err := s.finish(client, token)
		require.ErrorIs(t, err, identkit.ErrTimeout)
		require.ErrorIs(t, err, identkit.ErrOutcomeUnknown)
		assert.Equal(t, 45*time.Second, time.Since(began))
		assert.Equal(t, iproov.OutcomeLost, s.load().Attempts[0].Outcome)
	})
}
