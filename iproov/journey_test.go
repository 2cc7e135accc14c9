package iproov_test

import (
	"context"
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
	return &iproov.Journey{ID: "session-1", UserID: alice, Purpose: "login", Mode: mode}
}

// alone is the Save of a journey that nobody else moves.
func alone(context.Context, *iproov.Journey) error { return nil }

func begin(ctx context.Context, client *iproov.Client, j *iproov.Journey) (*iproov.Claim, error) {
	return client.Journeys.Begin(ctx, j, iproov.BeginParams{Save: alone})
}

func finish(ctx context.Context, client *iproov.Client, j *iproov.Journey, token iproov.ClaimToken) (*iproov.Validation, error) {
	return client.Journeys.Finish(ctx, j, iproov.FinishParams{Token: token, Client: userAgent, Save: alone})
}

// attempt makes one attempt with a simulated phone.
func attempt(t *testing.T, srv *iproovtest.Server, client *iproov.Client, j *iproov.Journey, outcome iproovtest.Outcome) (*iproov.Validation, error) {
	t.Helper()
	claim, err := begin(t.Context(), client, j)
	require.NoError(t, err)
	require.NoError(t, srv.Complete(claim.Token, outcome))
	return finish(t.Context(), client, j, claim.Token)
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
	_, err := begin(t.Context(), client, j)
	require.ErrorIs(t, err, iproov.ErrJourneyOver)
	require.ErrorIs(t, err, identkit.ErrConflict)
	assert.Equal(t, before, srv.Journal().Len())
	for _, a := range j.Attempts {
		assert.Equal(t, iproov.OutcomeFailed, a.Outcome)
		assert.Equal(t, "Eyes closed", a.Reason)
		assert.False(t, a.Ended.Before(a.Started))
	}
	assert.Equal(t, 9, j.Revision)
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
	_, err = begin(t.Context(), client, j)
	require.ErrorIs(t, err, iproov.ErrJourneyOver)
	require.ErrorContains(t, err, "it passed")
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
		_, err := begin(t.Context(), srv.Client(), j)
		fails(t, err, identkit.ErrConflict, iproov.CodeInactiveUser)
		assert.Empty(t, j.Attempts)
		assert.Zero(t, srv.Journal().Count("iproov.Enrol.CreateToken"))
	})
	t.Run("a bare 404 enrols no user", func(t *testing.T) {
		t.Parallel()
		srv := iproovtest.New(iproovtest.Options{})
		srv.Fault(identkittest.On("iproov.Verify.CreateToken").HTML(404))
		_, err := begin(t.Context(), srv.Client(), journey(iproov.JourneyEnrolOrVerify))
		require.ErrorIs(t, err, identkit.ErrNotFound)
		assert.Zero(t, srv.Journal().Count("iproov.Enrol.CreateToken"))
	})
	t.Run("the other modes do not change", func(t *testing.T) {
		t.Parallel()
		srv := iproovtest.New(iproovtest.Options{})
		_, err := begin(t.Context(), srv.Client(), journey(iproov.JourneyVerify))
		fails(t, err, identkit.ErrNotFound, iproov.CodeNoUser)
		srv.AddUser(alice, iproov.UserActive)
		_, err = begin(t.Context(), srv.Client(), journey(iproov.JourneyEnrol))
		fails(t, err, identkit.ErrConflict, iproov.CodeAlreadyEnrolled)
	})
}

func TestAJourneyIsStoredAsJSON(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{RiskProfiles: []string{"P_1"}})
	srv.AddUser(alice, iproov.UserActive)
	client, j := srv.Client(), journey(iproov.JourneyVerify)
	j.RiskProfile, j.Resource, j.AssuranceType = "P_1", "acme-login", iproov.Liveness
	claim, err := begin(t.Context(), client, j)
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
	v, err := finish(t.Context(), client, &back, claim.Token)
	require.NoError(t, err)
	assert.True(t, v.Passed)
	assert.Equal(t, 3, back.Revision)

	stored := back
	row, err = json.Marshal(stored)
	require.NoError(t, err)
	back = iproov.Journey{}
	require.NoError(t, json.Unmarshal(row, &back))
	assert.Equal(t, stored, back, "with a verdict")
}

func TestAStoredJourneyIsReadByExactNames(t *testing.T) {
	t.Parallel()
	for row, passed := range map[string]bool{
		`{"attempts":[{"token":"t","outcome":"passed"}]}`:                    true,
		`{"attempts":[{"token":"t","outcome":"passed"}],"added":{"a":1}}`:    true,
		`{"attempts":[{"token":"t","Outcome":"passed"}]}`:                    false,
		`{"attempts":[{"token":"t","outcome":"failed","Outcome":"passed"}]}`: false,
		`{"attempts":[{"token":"t","outcome":"PASSED"}]}`:                    false,
	} {
		var j iproov.Journey
		require.NoError(t, json.Unmarshal([]byte(row), &j), row)
		assert.Equal(t, passed, j.Passed(), row)
	}
	for _, row := range []string{`{"attempts":[{"outcome":"failed","outcome":"passed"}]}`, `{"revision":1,"revision":0}`, `{"revision":"1"}`, `[]`} {
		require.Error(t, json.Unmarshal([]byte(row), new(iproov.Journey)), row)
	}
}

func TestKeysOfDifferentJourneysDiffer(t *testing.T) {
	t.Parallel()
	assert.Equal(t, string(alice)+"/login/session-1", journey(iproov.JourneyVerify).Key())
	seen := map[string]bool{}
	for _, j := range []iproov.Journey{
		{UserID: "u", Purpose: "a", ID: "b/c"}, {UserID: "u", Purpose: "a/b", ID: "c"}, {UserID: "u", Purpose: "a%2Fb", ID: "c"},
		{UserID: "u", Purpose: "a", ID: "b"}, {UserID: "u", Purpose: "b", ID: "a"}, {UserID: "u", Purpose: "a", ID: "B"}, {UserID: "v", Purpose: "a", ID: "b"},
	} {
		assert.False(t, seen[j.Key()], j.Key())
		seen[j.Key()] = true
	}
}

func TestNewUserIDsAreRandomAndTaken(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{})
	seen := map[iproov.UserID]bool{}
	for range 100 {
		id := iproov.NewUserID()
		assert.Regexp(t, `^[A-Z2-7]{26}$`, id)
		assert.False(t, seen[id])
		seen[id] = true
	}
	_, err := srv.Client().Enrol.CreateToken(t.Context(), iproov.CreateTokenParams{UserID: iproov.NewUserID(), Resource: "acme"})
	require.NoError(t, err)
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
	_, err = finish(ctx, client, j, foreign.Token)
	require.ErrorIs(t, err, identkit.ErrInvalidRequest)
	first, err := begin(ctx, client, j)
	require.NoError(t, err)
	second, err := begin(ctx, client, j)
	require.NoError(t, err)
	assert.Equal(t, iproov.OutcomeAbandoned, j.Attempts[0].Outcome)
	require.NoError(t, srv.Complete(first.Token, iproovtest.Pass()))
	for _, token := range []iproov.ClaimToken{foreign.Token, ""} {
		_, err = finish(ctx, client, j, token)
		require.ErrorIs(t, err, identkit.ErrInvalidRequest)
	}
	_, err = finish(ctx, client, j, first.Token)
	require.ErrorIs(t, err, iproov.ErrNoVerdict)
	require.ErrorContains(t, err, "another attempt")
	assert.Zero(t, srv.Journal().Count("iproov.Verify.Validate"))
	assert.Equal(t, 1, j.AttemptsLeft(), "abandoned attempts count: their scans may have run")
	require.NoError(t, srv.Complete(second.Token, iproovtest.Pass()))
	_, err = finish(ctx, client, j, second.Token)
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
				assert.Equal(t, 3, j.Revision)
				before := srv.Journal().Len()
				if c.outcome != "" {
					_, err = finish(t.Context(), client, j, j.Attempts[0].Token)
					e := fails(t, err, identkit.ErrConflict, c.code)
					require.ErrorIs(t, err, iproov.ErrNoVerdict)
					assert.Equal(t, c.outcome == iproov.OutcomeLost, e.OutcomeUnknown)
					assert.Equal(t, before, srv.Journal().Len(), "nothing is sent again")
				} else {
					assert.Zero(t, j.Open().Finishing, "another request need not wait")
					_, err = finish(t.Context(), client, j, j.Open().Token)
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
	claim, err := begin(t.Context(), client, j)
	require.NoError(t, err)
	srv.Fault(identkittest.On("iproov.Verify.CreateToken").JSON(401, map[string]string{"error": iproov.CodeInvalidKey}))
	_, err = begin(t.Context(), client, j)
	require.Error(t, err)
	assert.Len(t, j.Attempts, 1)
	assert.Equal(t, claim.Token, j.Open().Token, "the open attempt stays open")
	assert.Equal(t, 1, j.Revision)
}

func TestBadJourneysAreNotSent(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{})
	for field, change := range map[string]func(*iproov.Journey){
		"Journey.ID":          func(j *iproov.Journey) { j.ID = "" },
		"Journey.UserID":      func(j *iproov.Journey) { j.UserID = "a/b" },
		"Journey.Purpose":     func(j *iproov.Journey) { j.Purpose = "" },
		"Journey.Mode":        func(j *iproov.Journey) { j.Mode = "" },
		"Journey.MaxAttempts": func(j *iproov.Journey) { j.MaxAttempts = -1 },
		"risk_profile":        func(j *iproov.Journey) { j.RiskProfile = "a b" },
	} {
		j := journey(iproov.JourneyVerify)
		change(j)
		_, err := begin(t.Context(), srv.Client(), j)
		e := fails(t, err, identkit.ErrInvalidRequest, "")
		assert.Equal(t, field, e.Fields[0].Field)
		j.Attempts = []iproov.JourneyAttempt{{Token: "t", Type: iproov.TypeVerify}}
		_, err = finish(t.Context(), srv.Client(), j, "t")
		e = fails(t, err, identkit.ErrInvalidRequest, "")
		assert.Equal(t, field, e.Fields[0].Field)
	}
	good := iproov.FinishParams{Token: "t", Client: userAgent, Save: alone}
	for field, change := range map[string]func(*iproov.FinishParams){
		"token":  func(in *iproov.FinishParams) { in.Token = "other" },
		"client": func(in *iproov.FinishParams) { in.Client = "" },
		"Save":   func(in *iproov.FinishParams) { in.Save = nil },
		"By":     func(in *iproov.FinishParams) { in.By = "\xff" },
	} {
		j, in, saves := journey(iproov.JourneyVerify), good, 0
		j.Attempts = []iproov.JourneyAttempt{{Token: "t", Type: iproov.TypeVerify}}
		in.Save = func(context.Context, *iproov.Journey) error { saves++; return nil }
		change(&in)
		_, err := srv.Client().Journeys.Finish(t.Context(), j, in)
		e := fails(t, err, identkit.ErrInvalidRequest, "")
		assert.Equal(t, field, e.Fields[0].Field)
		assert.Zero(t, saves, field)
	}
	_, err := srv.Client().Journeys.Begin(t.Context(), journey(iproov.JourneyVerify), iproov.BeginParams{})
	assert.Equal(t, "Save", fails(t, err, identkit.ErrInvalidRequest, "").Fields[0].Field)
	_, err = begin(t.Context(), srv.Client(), nil)
	require.ErrorIs(t, err, identkit.ErrInvalidRequest)
	_, err = srv.Client().Journeys.Finish(t.Context(), nil, good)
	require.ErrorIs(t, err, identkit.ErrInvalidRequest)
	var none context.Context
	_, err = finish(none, srv.Client(), journey(iproov.JourneyVerify), "t")
	require.ErrorIs(t, err, identkit.ErrInvalidRequest)
	assert.Zero(t, srv.Journal().Len())
}

func TestAnExpiredAttemptIsRefused(t *testing.T) {
	t.Parallel()
	bubble(t, iproovtest.Options{}, func(t *testing.T, srv *iproovtest.Server) {
		srv.AddUser(alice, iproov.UserActive)
		client, j := srv.Client(), journey(iproov.JourneyVerify)
		claim, err := begin(t.Context(), client, j)
		require.NoError(t, err)
		assert.Equal(t, claim.StartBefore.UTC(), j.Open().StartBefore)
		time.Sleep(iproov.ClaimWindow)
		require.False(t, time.Now().Before(claim.StartBefore))
		require.ErrorIs(t, srv.Begin(claim.Token), iproovtest.ErrExpired)
		_, err = finish(t.Context(), client, j, claim.Token)
		fails(t, err, identkit.ErrConflict, iproov.CodeInvalidToken)
		assert.Equal(t, iproov.OutcomeRefused, j.Attempts[0].Outcome)
	})
}
