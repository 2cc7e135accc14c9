package iproov_test

import (
	"encoding/base64"
	"encoding/json"
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

func TestAnAttemptKeepsItsVerdictWithoutFrames(t *testing.T) {
	t.Parallel()
	for name, dialect := range map[string]iproovtest.Dialect{
		"Swagger file":  {},
		"other pages":   {ReasonInResult: true, SingleFaceSignal: true, QualityInSignals: true, FrameAvailableAsText: true},
		"text verdicts": {VerdictsAsText: true},
	} {
		for _, outcome := range []iproovtest.Outcome{
			{Passed: true, SeveralFaces: true, Frame: []byte("\x89PNG")},
			{Reason: "Eyes <closed> & \u2028", FaceDiffers: true, SeveralFaces: true, Frame: []byte("\x89PNG")},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				srv := iproovtest.New(iproovtest.Options{Dialect: dialect})
				client := srv.Client(func(cfg *iproov.Config) { cfg.AcceptTextVerdicts = dialect.VerdictsAsText })
				s, token := scannedJourney(t, srv, client, outcome)
				_, err := s.finish(client, token)
				require.NoError(t, err)
				a := s.load().Attempts[0]
				v, err := a.Validation()
				require.NoError(t, err)
				assert.Equal(t, outcome.Passed, v.Passed)
				assert.Equal(t, outcome.Reason, v.Reason)
				assert.Equal(t, outcome.Reason, a.Reason)
				assert.Equal(t, iproov.Yes, v.Signals.SeveralFaces)
				assert.Equal(t, iproov.GenuinePresence, v.AssuranceType)
				assert.True(t, v.FrameQuality.Blur.Is(iproov.QualityGood))
				assert.NotContains(t, string(s.row), base64.StdEncoding.EncodeToString(outcome.Frame), "no frame is stored")
			})
		}
	}
}

func TestWhatAnAttemptKeepsIsReadByExactNames(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{})
	client := srv.Client()
	s, token := scannedJourney(t, srv, client, iproovtest.Pass())
	srv.Fault(identkittest.On(validate).Body(200, "application/json", []byte(`{"passed":false,"Passed":true,"PASSED":true,"token":"`+string(token)+`","Token":"x","frame":"AAAA","Frame_PNG":"AAAA","new":1}`)))
	v, err := s.finish(client, token)
	require.NoError(t, err)
	assert.False(t, v.Passed)
	a := s.load().Attempts[0]
	assert.Equal(t, iproov.OutcomeFailed, a.Outcome)
	assert.JSONEq(t, `{"passed":false,"token":"`+string(token)+`"}`, string(a.Result))
}

func TestAStoredResultThatIsNotTheAttemptsIsNoVerdict(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{})
	for _, c := range []struct {
		outcome iproov.JourneyOutcome
		result  string
		ok      bool
	}{
		{iproov.OutcomePassed, `{"passed":true,"token":"t"}`, true},
		{iproov.OutcomePassed, `{"Passed":true,"token":"t"}`, false},
		{iproov.OutcomePassed, `{"passed":false,"passed":true,"token":"t"}`, false},
		{iproov.OutcomePassed, `{"passed":"true","token":"t"}`, false},
		{iproov.OutcomePassed, `{"passed":true,"token":"other"}`, false},
		{iproov.OutcomePassed, `{"passed":false,"token":"t"}`, false},
		{iproov.OutcomePassed, ``, false},
		{iproov.OutcomePassed, `null`, false},
		{iproov.OutcomeFailed, `{"passed":true,"token":"t"}`, false},
		{iproov.OutcomeFailed, `{"passed":false,"token":"t"}`, true},
	} {
		j := journey(iproov.JourneyVerify)
		j.Attempts = []iproov.JourneyAttempt{{Token: "t", Type: iproov.TypeVerify, Outcome: c.outcome, Result: json.RawMessage(c.result)}}
		v, err := finish(t.Context(), srv.Client(), j, "t")
		if c.ok {
			require.NoError(t, err, c.result)
			assert.Equal(t, c.outcome == iproov.OutcomePassed, v.Passed)
			continue
		}
		require.ErrorIs(t, err, identkit.ErrBadResponse, c.result)
		assert.Nil(t, v)
	}
	for _, outcome := range []iproov.JourneyOutcome{"", "PASSED", "new", iproov.OutcomeRefused, iproov.OutcomeLost, iproov.OutcomeAbandoned} {
		a := iproov.JourneyAttempt{Token: "t", Outcome: outcome, Result: json.RawMessage(`{"passed":true,"token":"t"}`)}
		_, err := a.Validation()
		require.ErrorIs(t, err, iproov.ErrNoVerdict, outcome)
	}
	assert.Zero(t, srv.Journal().Len())
}

func TestOneOfManyTakesAMarkOver(t *testing.T) {
	t.Parallel()
	bubble(t, iproovtest.Options{}, func(t *testing.T, srv *iproovtest.Server) {
		client := srv.Client()
		s, token := scannedJourney(t, srv, client, iproovtest.Pass())
		s.before = fail(2, errDatabase)
		_, err := s.finish(client, token)
		require.ErrorIs(t, err, iproov.ErrNotSaved)
		time.Sleep(time.Minute)
		s.before = func(int) error { time.Sleep(time.Second); return nil }
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				_, err := s.finish(client, token)
				assert.ErrorIs(t, err, identkit.ErrConflict)
			})
		}
		all.Wait()
		j := s.load()
		assert.Equal(t, iproov.OutcomeLost, j.Attempts[0].Outcome)
		assert.Equal(t, 3, j.Revision)
		assert.Equal(t, 1, verdicts(srv))
	})
}
