package iproov_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/iproov"
	"github.com/identkit/identkit/iproov/iproovtest"
)

// table is a team's table with one journey. It checks what must hold of every change.
type table struct {
	t             *testing.T
	before, after func(n int) error // called around the write of the nth Save; nil does nothing

	mu    sync.Mutex
	row   []byte
	saves int
}

func newTable(t *testing.T, j *iproov.Journey) *table {
	t.Helper()
	row, err := json.Marshal(j)
	require.NoError(t, err)
	none := func(int) error { return nil }
	return &table{t: t, row: row, before: none, after: none}
}

func (s *table) load() *iproov.Journey {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stored()
}

func (s *table) stored() *iproov.Journey {
	j := new(iproov.Journey)
	assert.NoError(s.t, json.Unmarshal(s.row, j))
	return j
}

func (s *table) save(_ context.Context, j *iproov.Journey) error {
	s.mu.Lock()
	s.saves++
	n := s.saves
	s.mu.Unlock()
	err := s.before(n)
	if err == nil {
		err = s.swap(j)
	}
	if err == nil {
		err = s.after(n)
	}
	return err
}

func (s *table) swap(j *iproov.Journey) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	stored := s.stored()
	if stored.Revision != j.Revision-1 {
		return iproov.ErrRevision
	}
	for i, a := range stored.Attempts {
		if a.Outcome != "" {
			assert.Equal(s.t, a, j.Attempts[i], "an attempt that has ended stays as it is")
		}
	}
	row, err := json.Marshal(j)
	s.row = row
	return err
}

func (s *table) begin(client *iproov.Client) (*iproov.Claim, error) {
	return client.Journeys.Begin(s.t.Context(), s.load(), iproov.BeginParams{Save: s.save})
}

func (s *table) finish(client *iproov.Client, token iproov.ClaimToken) (*iproov.Validation, error) {
	return client.Journeys.Finish(s.t.Context(), s.load(), iproov.FinishParams{Token: token, Client: userAgent, Save: s.save, By: "web-1"})
}

// verdicts is how often a verdict was asked for.
func verdicts(srv *iproovtest.Server) int {
	return srv.Journal().Count("iproov.Verify.Validate") + srv.Journal().Count("iproov.Enrol.Validate")
}

const validate = "iproov.Verify.Validate"

// scannedJourney is a journey whose first attempt is scanned.
func scannedJourney(t *testing.T, srv *iproovtest.Server, client *iproov.Client, outcome iproovtest.Outcome) (*table, iproov.ClaimToken) {
	t.Helper()
	srv.AddUser(alice, iproov.UserActive)
	s := newTable(t, journey(iproov.JourneyVerify))
	claim, err := s.begin(client)
	require.NoError(t, err)
	require.NoError(t, srv.Complete(claim.Token, outcome))
	s.saves = 0
	return s, claim.Token
}

func TestOneOfManyFinishesFetchesTheVerdict(t *testing.T) {
	t.Parallel()
	for n := 2; n <= 16; n++ {
		for name, outcome := range map[string]iproovtest.Outcome{"passed": iproovtest.Pass(), "failed": iproovtest.Fail("Eyes closed")} {
			t.Run(fmt.Sprintf("%d, %s", n, name), func(t *testing.T) {
				t.Parallel()
				bubble(t, iproovtest.Options{}, func(t *testing.T, srv *iproovtest.Server) {
					client := srv.Client()
					s, token := scannedJourney(t, srv, client, outcome)
					srv.Fault(identkittest.On(validate).SlowHeader(2 * time.Second))
					var all sync.WaitGroup
					for range n {
						all.Go(func() {
							for range 10 {
								v, err := s.finish(client, token)
								if err == nil {
									assert.Equal(t, outcome.Passed, v.Passed)
									assert.Equal(t, outcome.Reason, v.Reason)
									return
								}
								if !assert.ErrorIs(t, err, iproov.ErrInProgress) || !assert.ErrorIs(t, err, identkit.ErrConflict) {
									return
								}
								time.Sleep(time.Second)
							}
							assert.Fail(t, "no verdict")
						})
					}
					all.Wait()
					assert.Equal(t, 1, verdicts(srv))
					j := s.load()
					assert.Equal(t, outcome.Passed, j.Passed())
					assert.Equal(t, 3, j.Revision)
					assert.Equal(t, "web-1", j.Attempts[0].Finishing.By)
				})
			})
		}
	}
}

// The table checks at each change that nothing which has ended, such as a passed attempt, is overwritten.
func TestRequestsInAnyOrderKeepAJourneyRight(t *testing.T) {
	t.Parallel()
	for seed := range uint64(30) {
		bubble(t, iproovtest.Options{}, func(t *testing.T, srv *iproovtest.Server) {
			srv.AddUser(alice, iproov.UserActive)
			client, s := srv.Client(), newTable(t, journey(iproov.JourneyVerify))
			srv.Fault(identkittest.On(validate).SlowHeader(2 * time.Millisecond))
			var all sync.WaitGroup
			for worker := range uint64(8) {
				random := rand.New(rand.NewPCG(seed, worker))
				all.Go(func() {
					for range 6 {
						time.Sleep(time.Duration(random.IntN(5)) * time.Millisecond)
						j := s.load()
						time.Sleep(time.Duration(random.IntN(3)) * time.Millisecond)
						var err error
						if open := j.Open(); open != nil && random.IntN(3) > 0 {
							_ = srv.Complete(open.Token, iproovtest.Outcome{Passed: random.IntN(2) == 0})
							_, err = client.Journeys.Finish(t.Context(), j, iproov.FinishParams{Token: open.Token, Client: userAgent, Save: s.save})
						} else {
							_, err = client.Journeys.Begin(t.Context(), j, iproov.BeginParams{Save: s.save})
						}
						if err != nil {
							assert.ErrorIs(t, err, identkit.ErrConflict)
						}
					}
				})
			}
			all.Wait()
			j := s.load()
			assert.LessOrEqual(t, len(j.Attempts), 3)
			assert.LessOrEqual(t, verdicts(srv), len(j.Attempts), "one a claim")
		})
	}
}

func TestAFinishedAttemptGivesItsVerdictAgain(t *testing.T) {
	t.Parallel()
	for _, outcome := range []iproovtest.Outcome{{Passed: true, Frame: []byte("\x89PNG")}, {Reason: "Eyes closed", SpoofFound: true, Frame: []byte("\x89PNG")}} {
		srv := iproovtest.New(iproovtest.Options{})
		client := srv.Client()
		s, token := scannedJourney(t, srv, client, outcome)
		first, err := s.finish(client, token)
		require.NoError(t, err)
		_, err = first.Frame()
		require.NoError(t, err, "the request that fetched it has all of it")
		again, err := s.finish(client, token)
		require.NoError(t, err)
		assert.Equal(t, 1, verdicts(srv))
		assert.Equal(t, 2, s.saves, "nothing has changed")
		assert.Equal(t, []any{first.Passed, first.Token, first.Reason, first.Signals.AntiSpoofing}, []any{again.Passed, again.Token, again.Reason, again.Signals.AntiSpoofing})
		assert.False(t, again.FrameAvailable)
		_, err = again.Frame()
		require.ErrorIs(t, err, iproov.ErrNoFrame)

		if !outcome.Passed { // and after the next attempt has begun
			_, err = s.begin(client)
			require.NoError(t, err)
			again, err = s.finish(client, token)
			require.NoError(t, err)
			assert.Equal(t, outcome.Reason, again.Reason)
		}
	}
}
