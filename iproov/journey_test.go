package iproov_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/iproov"
	"github.com/identkit/identkit/iproov/iproovtest"
)

func journey(mode iproov.JourneyMode) *iproov.Journey {
	return &iproov.Journey{UserID: alice, Purpose: "login", Mode: mode}
}

// attempt makes one attempt with a simulated phone.
func attempt(t *testing.T, srv *iproovtest.Server, client *iproov.Client, j *iproov.Journey, outcome iproovtest.Outcome) (*iproov.Validation, error) {
	t.Helper()
	claim, err := client.Journeys.Next(t.Context(), j)
	require.NoError(t, err)
	require.NoError(t, srv.Complete(claim.Token, outcome))
	return client.Journeys.Finish(t.Context(), j, iproov.FinishParams{Token: claim.Token, Client: userAgent})
}

func TestAJourneyEndsAfterThreeAttempts(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{})
	srv.AddUser(alice, iproov.UserActive)
	client, j := srv.Client(), journey(iproov.JourneyVerify)
	for n := range 3 {
		require.False(t, j.IsFinal())
		require.Equal(t, 3-n, j.AttemptsLeft())
		v, err := attempt(t, srv, client, j, iproovtest.Fail("Eyes closed"))
		require.NoError(t, err)
		require.False(t, v.Passed)
	}
	require.True(t, j.IsFinal())
	require.False(t, j.Passed())
	before := srv.Journal().Len()
	_, err := client.Journeys.Next(t.Context(), j)
	require.ErrorIs(t, err, iproov.ErrJourneyOver)
	require.ErrorIs(t, err, identkit.ErrConflict)
	assert.Equal(t, before, srv.Journal().Len())
	for _, a := range j.Attempts {
		assert.Equal(t, iproov.OutcomeFailed, a.Outcome)
		assert.Equal(t, "Eyes closed", a.Reason)
		assert.False(t, a.Ended.Before(a.Started))
	}
	assert.Equal(t, 6, j.Revision)
	assert.Equal(t, string(alice)+"/login", j.Key())
}

func TestAJourneyThatPassedIsOver(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{})
	srv.AddUser(alice, iproov.UserActive)
	client, j := srv.Client(), journey(iproov.JourneyVerify)
	j.MaxAttempts = 5
	_, err := attempt(t, srv, client, j, iproovtest.Fail(""))
	require.NoError(t, err)
	v, err := attempt(t, srv, client, j, iproovtest.Pass())
	require.NoError(t, err)
	assert.True(t, v.Passed)
	assert.True(t, j.Passed())
	assert.True(t, j.IsFinal())
	assert.Zero(t, j.AttemptsLeft())
	_, err = client.Journeys.Next(t.Context(), j)
	require.ErrorIs(t, err, iproov.ErrJourneyOver)
	require.ErrorContains(t, err, "it passed")
	_, err = client.Journeys.Finish(t.Context(), j, iproov.FinishParams{Token: j.Attempts[1].Token, Client: userAgent})
	require.ErrorIs(t, err, identkit.ErrInvalidRequest)
}

func TestEnrolOrVerifyIsDecidedByIProov(t *testing.T) {
	t.Parallel()
	for name, dialect := range map[string]iproovtest.Dialect{"no_user": {}, "invalid_user_id": {UnknownUserCode: iproov.CodeInvalidUserID}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := iproovtest.New(iproovtest.Options{Dialect: dialect})
			client, j := srv.Client(), journey(iproov.JourneyEnrolOrVerify)
			_, err := attempt(t, srv, client, j, iproovtest.Fail("too dark"))
			require.NoError(t, err)
			assert.Equal(t, iproov.TypeEnrol, j.Attempts[0].Type, "not known: enrol")
			verifications := srv.Journal().Count("iproov.Verify.CreateToken")
			v, err := attempt(t, srv, client, j, iproovtest.Pass())
			require.NoError(t, err)
			assert.True(t, v.Passed)
			assert.Equal(t, iproov.UserActive, srv.UserStatus(alice))
			assert.Equal(t, verifications, srv.Journal().Count("iproov.Verify.CreateToken"), "it goes on as it began")

			j = journey(iproov.JourneyEnrolOrVerify)
			enrolments := srv.Journal().Count("iproov.Enrol.CreateToken")
			_, err = attempt(t, srv, client, j, iproovtest.Pass())
			require.NoError(t, err)
			assert.Equal(t, iproov.TypeVerify, j.Attempts[0].Type, "known: verify")
			assert.Equal(t, enrolments, srv.Journal().Count("iproov.Enrol.CreateToken"))
		})
	}
	t.Run("enrolled meanwhile", func(t *testing.T) {
		t.Parallel()
		srv := iproovtest.New(iproovtest.Options{})
		client, j := srv.Client(), journey(iproov.JourneyEnrolOrVerify)
		_, err := attempt(t, srv, client, j, iproovtest.Fail("too dark"))
		require.NoError(t, err)
		srv.AddUser(alice, iproov.UserActive)
		_, err = attempt(t, srv, client, j, iproovtest.Pass())
		require.NoError(t, err)
		assert.Equal(t, iproov.TypeVerify, j.Attempts[1].Type)
		assert.True(t, j.Passed())
	})
	t.Run("suspended users are not enrolled again", func(t *testing.T) {
		t.Parallel()
		srv := iproovtest.New(iproovtest.Options{})
		srv.AddUser(alice, iproov.UserSuspended)
		j := journey(iproov.JourneyEnrolOrVerify)
		_, err := srv.Client().Journeys.Next(t.Context(), j)
		fails(t, err, identkit.ErrConflict, iproov.CodeInactiveUser)
		assert.Empty(t, j.Attempts)
		assert.Zero(t, srv.Journal().Count("iproov.Enrol.CreateToken"))
	})
	t.Run("a bare 404 enrols no user", func(t *testing.T) {
		t.Parallel()
		srv := iproovtest.New(iproovtest.Options{})
		srv.Fault(identkittest.On("iproov.Verify.CreateToken").HTML(404))
		_, err := srv.Client().Journeys.Next(t.Context(), journey(iproov.JourneyEnrolOrVerify))
		require.ErrorIs(t, err, identkit.ErrNotFound)
		assert.Zero(t, srv.Journal().Count("iproov.Enrol.CreateToken"))
	})
	t.Run("the other modes do not change", func(t *testing.T) {
		t.Parallel()
		srv := iproovtest.New(iproovtest.Options{})
		_, err := srv.Client().Journeys.Next(t.Context(), journey(iproov.JourneyVerify))
		fails(t, err, identkit.ErrNotFound, iproov.CodeNoUser)
		srv.AddUser(alice, iproov.UserActive)
		_, err = srv.Client().Journeys.Next(t.Context(), journey(iproov.JourneyEnrol))
		fails(t, err, identkit.ErrConflict, iproov.CodeAlreadyEnrolled)
	})
}

func TestAJourneyIsStoredAsJSON(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{RiskProfiles: []string{"P_1"}})
	srv.AddUser(alice, iproov.UserActive)
	client, j := srv.Client(), journey(iproov.JourneyVerify)
	j.RiskProfile, j.Resource, j.AssuranceType = "P_1", "acme-login", iproov.Liveness
	claim, err := client.Journeys.Next(t.Context(), j)
	require.NoError(t, err)
	entry, _ := srv.Journal().Last("iproov.Verify.CreateToken")
	var sent map[string]string
	require.NoError(t, entry.JSON(&sent))
	assert.Equal(t, []string{"acme-login", "P_1", "liveness"}, []string{sent["resource"], sent["risk_profile"], sent["assurance_type"]})
	require.NoError(t, srv.Complete(claim.Token, iproovtest.Pass()))

	row, err := json.Marshal(j)
	require.NoError(t, err)
	var back iproov.Journey
	require.NoError(t, json.Unmarshal(row, &back))
	assert.Equal(t, *j, back)
	v, err := client.Journeys.Finish(t.Context(), &back, iproov.FinishParams{Token: claim.Token, Client: userAgent})
	require.NoError(t, err)
	assert.True(t, v.Passed)
	assert.Equal(t, 2, back.Revision)
}

func TestOnlyTheOpenAttemptsTokenIsValidated(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{})
	srv.AddUser(alice, iproov.UserActive)
	client, ctx := srv.Client(), t.Context()
	// A claim of the same user that is not the journey's, already passed.
	foreign, err := client.Verify.CreateToken(ctx, tokenIn)
	require.NoError(t, err)
	require.NoError(t, srv.Complete(foreign.Token, iproovtest.Pass()))

	j := journey(iproov.JourneyVerify)
	_, err = client.Journeys.Finish(ctx, j, iproov.FinishParams{Token: foreign.Token, Client: userAgent})
	require.ErrorIs(t, err, identkit.ErrInvalidRequest)
	first, err := client.Journeys.Next(ctx, j)
	require.NoError(t, err)
	second, err := client.Journeys.Next(ctx, j)
	require.NoError(t, err)
	assert.Equal(t, iproov.OutcomeAbandoned, j.Attempts[0].Outcome)
	require.NoError(t, srv.Complete(first.Token, iproovtest.Pass()))
	for _, token := range []iproov.ClaimToken{foreign.Token, first.Token, ""} {
		_, err = client.Journeys.Finish(ctx, j, iproov.FinishParams{Token: token, Client: userAgent})
		require.ErrorIs(t, err, identkit.ErrInvalidRequest)
	}
	assert.Zero(t, srv.Journal().Count("iproov.Verify.Validate"))
	assert.Equal(t, 1, j.AttemptsLeft(), "abandoned attempts count: their scans may have run")
	require.NoError(t, srv.Complete(second.Token, iproovtest.Pass()))
	_, err = client.Journeys.Finish(ctx, j, iproov.FinishParams{Token: second.Token, Client: userAgent})
	require.NoError(t, err)
}

func TestHowAttemptsEndWithoutAVerdict(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault   identkittest.Rule
		outcome iproov.JourneyOutcome
		code    string
	}{
		"lost response":   {identkittest.On("iproov.Verify.Validate").LoseResponse(), iproov.OutcomeLost, ""},
		"500":             {identkittest.On("iproov.Verify.Validate").Status(500), iproov.OutcomeLost, ""},
		"invalid verdict": {identkittest.On("iproov.Verify.Validate").JSON(200, map[string]any{"passed": "true"}), iproov.OutcomeLost, ""},
		"used token":      {identkittest.On("iproov.Verify.Validate").JSON(400, map[string]string{"error": iproov.CodeInvalidToken}), iproov.OutcomeRefused, iproov.CodeInvalidToken},
		"other user":      {identkittest.On("iproov.Verify.Validate").JSON(400, map[string]string{"error": iproov.CodeInvalidValidation}), iproov.OutcomeRefused, iproov.CodeInvalidValidation},
		"404":             {identkittest.On("iproov.Verify.Validate").First(1).Status(404), "", ""}, // a proxy's, or a wrong address
		"rate limited":    {identkittest.On("iproov.Verify.Validate").First(3).Status(429), "", ""},
		"wrong key":       {identkittest.On("iproov.Verify.Validate").First(1).JSON(401, map[string]string{"error": iproov.CodeInvalidKey}), "", ""},
		"not sent":        {identkittest.On("iproov.Verify.Validate").First(3).Refuse(), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, iproovtest.Options{}, func(t *testing.T, srv *iproovtest.Server) {
				srv.AddUser(alice, iproov.UserActive)
				client, j := srv.Client(), journey(iproov.JourneyVerify)
				j.MaxAttempts = 1
				srv.Fault(c.fault)
				v, err := attempt(t, srv, client, j, iproovtest.Pass())
				require.Error(t, err)
				require.Nil(t, v)
				assert.False(t, j.Passed())
				assert.Equal(t, c.outcome, j.Attempts[0].Outcome)
				assert.Equal(t, c.code, j.Attempts[0].Code)
				assert.Equal(t, c.outcome != "", j.IsFinal())
				if c.outcome == "" {
					_, err = client.Journeys.Finish(t.Context(), j, iproov.FinishParams{Token: j.Open().Token, Client: userAgent})
					require.NoError(t, err, "the attempt was still open")
					assert.True(t, j.Passed())
				}
			})
		})
	}
}

func TestAFailedTokenCallCostsNoAttempt(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{})
	srv.AddUser(alice, iproov.UserActive)
	client, j := srv.Client(), journey(iproov.JourneyVerify)
	claim, err := client.Journeys.Next(t.Context(), j)
	require.NoError(t, err)
	srv.Fault(identkittest.On("iproov.Verify.CreateToken").JSON(401, map[string]string{"error": iproov.CodeInvalidKey}))
	_, err = client.Journeys.Next(t.Context(), j)
	require.Error(t, err)
	assert.Len(t, j.Attempts, 1)
	assert.Equal(t, claim.Token, j.Open().Token, "the open attempt stays open")
	assert.Equal(t, 1, j.Revision)
}

func TestBadJourneysAreNotSent(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{})
	for field, change := range map[string]func(*iproov.Journey){
		"Journey.UserID":      func(j *iproov.Journey) { j.UserID = "a/b" },
		"Journey.Purpose":     func(j *iproov.Journey) { j.Purpose = "" },
		"Journey.Mode":        func(j *iproov.Journey) { j.Mode = "" },
		"Journey.MaxAttempts": func(j *iproov.Journey) { j.MaxAttempts = -1 },
		"risk_profile":        func(j *iproov.Journey) { j.RiskProfile = "a b" },
	} {
		j := journey(iproov.JourneyVerify)
		change(j)
		_, err := srv.Client().Journeys.Next(t.Context(), j)
		e := fails(t, err, identkit.ErrInvalidRequest, "")
		assert.Equal(t, field, e.Fields[0].Field)
	}
	assert.Zero(t, srv.Journal().Len())
}

func TestAnExpiredAttemptIsRefused(t *testing.T) {
	t.Parallel()
	bubble(t, iproovtest.Options{}, func(t *testing.T, srv *iproovtest.Server) {
		srv.AddUser(alice, iproov.UserActive)
		client, j := srv.Client(), journey(iproov.JourneyVerify)
		claim, err := client.Journeys.Next(t.Context(), j)
		require.NoError(t, err)
		assert.Equal(t, claim.StartBefore.UTC(), j.Open().StartBefore)
		time.Sleep(iproov.ClaimWindow)
		require.False(t, time.Now().Before(claim.StartBefore))
		require.ErrorIs(t, srv.Begin(claim.Token), iproovtest.ErrExpired)
		_, err = client.Journeys.Finish(t.Context(), j, iproov.FinishParams{Token: claim.Token, Client: userAgent})
		fails(t, err, identkit.ErrConflict, iproov.CodeInvalidToken)
		assert.Equal(t, iproov.OutcomeRefused, j.Attempts[0].Outcome)
	})
}
