package iproov_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/iproov"
	"github.com/identkit/identkit/iproov/iproovtest"
)

func TestTokenSendsEveryField(t *testing.T) {
	t.Parallel()
	srv := iproovtest.NewServer(t, func(o *iproovtest.Options) { o.RiskProfiles = []string{"D_33_1A"} })
	client := srv.Client()
	key, secret := srv.Keys()
	in := iproov.CreateTokenParams{UserID: alice, Resource: "acme", AssuranceType: iproov.Liveness, RiskProfile: "D_33_1A", Client: "android"}
	claim, err := client.Enrol.CreateToken(t.Context(), in)
	require.NoError(t, err)
	entry, _ := srv.Journal().Last("iproov.Enrol.CreateToken")
	assert.JSONEq(t, `{"api_key":"`+key.Reveal()+`","secret":"`+secret.Reveal()+`","resource":"acme","user_id":"`+string(alice)+
		`","assurance_type":"liveness","risk_profile":"D_33_1A","client":"android"}`, string(entry.Body))
	assert.Empty(t, entry.Header.Get("Authorization"), "the keys are in the body")
	assert.Equal(t, "application/json", entry.Header.Get("Content-Type"))
	assert.True(t, strings.HasPrefix(entry.Header.Get("User-Agent"), "identkit/"))
	assert.Len(t, string(claim.Token), 64)
	assert.Equal(t, iproov.TypeEnrol, claim.Type)
	assert.Equal(t, alice, claim.UserID)
	assert.Equal(t, "D_33_1A", claim.RiskProfile)
	assert.Equal(t, []iproov.Fallback{{Type: "made_up", Message: "Use another device"}}, claim.Fallback)
	assert.WithinDuration(t, time.Now().Add(2*time.Minute), claim.StartBefore, time.Minute)
	assert.NotContains(t, string(claim.RawJSON()), secret.Reveal())

	_, err = client.Enrol.CreateToken(t.Context(), tokenIn)
	fails(t, err, identkit.ErrRejected, iproov.CodeInvalidRiskAppetite)
}

func TestTokenWithoutOptionsSendsNoBlanks(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{})
	srv.AddUser(alice, iproov.UserActive)
	claim, err := srv.Client().Verify.CreateToken(t.Context(), tokenIn)
	require.NoError(t, err)
	assert.Equal(t, iproov.TypeVerify, claim.Type)
	entry, _ := srv.Journal().Last("iproov.Verify.CreateToken")
	for _, absent := range []string{"risk_profile", "assurance_type", "client", "ip"} {
		assert.NotContains(t, string(entry.Body), `"`+absent+`"`)
	}
}

func TestTokenResponsesInEveryForm(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{Dialect: iproovtest.Dialect{NullUserID: true, FallbackAsTexts: true}})
	claim, err := srv.Client().Enrol.CreateToken(t.Context(), tokenIn)
	require.NoError(t, err)
	assert.Equal(t, alice, claim.UserID, "the one asked for")
	assert.Equal(t, []iproov.Fallback{{Message: "Use another device"}}, claim.Fallback)

	for body, ok := range map[string]bool{
		`{"token":"t","user_id":"` + string(alice) + `","pod":"p","primary":"x","fallback":null,"new":{"a":1}}`: true,
		`{"token":"t"}`:                        true,
		`{"token":""}`:                         false,
		`{"user_id":"` + string(alice) + `"}`:  false,
		`{"token":null}`:                       false,
		`{"token":17}`:                         false,
		`{"token":"t","user_id":"another-id"}`: false,
		`["t"]`:                                false,
	} {
		srv.ClearFaults()
		srv.Fault(identkittest.Any().Body(200, "application/json", []byte(body)))
		claim, err := srv.Client().Enrol.CreateToken(t.Context(), tokenIn)
		if ok {
			require.NoError(t, err, body)
			assert.JSONEq(t, body, string(claim.RawJSON()))
		} else {
			require.ErrorIs(t, err, identkit.ErrBadResponse, body)
		}
	}
}

func TestBadInputIsNotSent(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{})
	client, ctx := srv.Client(), t.Context()
	token := func(change func(*iproov.CreateTokenParams)) error {
		in := tokenIn
		change(&in)
		_, err := client.Enrol.CreateToken(ctx, in)
		_, err2 := client.Verify.CreateToken(ctx, in)
		require.ErrorIs(t, err2, identkit.ErrInvalidRequest)
		return err
	}
	validate := func(change func(*iproov.ValidateParams)) error {
		in := iproov.ValidateParams{Token: "t", UserID: alice, Client: "c"}
		change(&in)
		_, err := client.Verify.Validate(ctx, in)
		_, err2 := client.Enrol.Validate(ctx, iproov.ValidateEnrolmentParams{ValidateParams: in})
		require.ErrorIs(t, err2, identkit.ErrInvalidRequest)
		return err
	}
	invalidate := func(token iproov.ClaimToken, reason string) error {
		_, err := client.Claims.Invalidate(ctx, token, reason)
		return err
	}
	long := strings.Repeat("a", 257)
	rows := map[string]struct {
		err   error
		field string
	}{
		"resource missing":      {token(func(in *iproov.CreateTokenParams) { in.Resource = "" }), "resource"},
		"resource not UTF-8":    {token(func(in *iproov.CreateTokenParams) { in.Resource = "\xff" }), "resource"},
		"assurance unknown":     {token(func(in *iproov.CreateTokenParams) { in.AssuranceType = "some" }), "assurance_type"},
		"risk profile alphabet": {token(func(in *iproov.CreateTokenParams) { in.RiskProfile = "a b" }), "risk_profile"},
		"risk profile too long": {token(func(in *iproov.CreateTokenParams) { in.RiskProfile = long }), "risk_profile"},
		"client not UTF-8":      {token(func(in *iproov.CreateTokenParams) { in.Client = "\xff" }), "client"},
		"token missing":         {validate(func(in *iproov.ValidateParams) { in.Token = "" }), "token"},
		"client missing":        {validate(func(in *iproov.ValidateParams) { in.Client = "" }), "client"},
		"validate risk profile": {validate(func(in *iproov.ValidateParams) { in.RiskProfile = "ü" }), "risk_profile"},
		"no claim":              {invalidate("", "why"), "token"},
		"claim of dots":         {invalidate("..", "why"), "token"},
		"no reason":             {invalidate("t", ""), "reason"},
		"reason with a comma":   {invalidate("t", "stop, now"), "reason"},
		"reason with a hyphen":  {invalidate("t", "stop-now"), "reason"},
		"reason with a !":       {invalidate("t", "stop!"), "reason"},
		"reason too long":       {invalidate("t", strings.Repeat("a", 801)), "reason"},
		"reason not UTF-8":      {invalidate("t", "\xff"), "reason"},
	}
	for _, id := range []iproov.UserID{"", ".", "..", "a/b", iproov.UserID(long), "ü", "a b", "a\n"} {
		rows["token for "+string(id)] = struct {
			err   error
			field string
		}{token(func(in *iproov.CreateTokenParams) { in.UserID = id }), "user_id"}
		rows["validate for "+string(id)] = struct {
			err   error
			field string
		}{validate(func(in *iproov.ValidateParams) { in.UserID = id }), "user_id"}
	}
	for name, row := range rows {
		e := fails(t, row.err, identkit.ErrInvalidRequest, "")
		assert.Equal(t, row.field, e.Fields[0].Field, name)
	}
	assert.Zero(t, srv.Journal().Len(), "nothing was sent")
}

func TestInvalidate(t *testing.T) {
	t.Parallel()
	srv := iproovtest.NewServer(t)
	client, ctx := srv.Client(), t.Context()
	claim, err := client.Enrol.CreateToken(ctx, tokenIn)
	require.NoError(t, err)
	const reason = "Session over (code 7: it’s \"done\" / stop)\nsee acme.example"
	done, err := client.Claims.Invalidate(ctx, claim.Token, reason)
	require.NoError(t, err)
	assert.True(t, done.Aborted)
	assert.False(t, done.UserInformed)
	entry, _ := srv.Journal().Last("iproov.Claims.Invalidate")
	var body map[string]string
	require.NoError(t, entry.JSON(&body))
	assert.Equal(t, map[string]string{"reason": reason}, body)
	require.ErrorIs(t, srv.Complete(claim.Token, iproovtest.Pass()), iproovtest.ErrEnded)
	done, err = client.Claims.Invalidate(ctx, claim.Token, "again")
	require.NoError(t, err)
	assert.False(t, done.Aborted)
	_, err = client.Claims.Invalidate(ctx, "no-such", "why")
	fails(t, err, identkit.ErrConflict, iproov.CodeInvalidToken)

	for _, body := range []string{`{}`, `{"claim_aborted":true}`, `{"claim_aborted":"yes","user_informed":true}`} {
		srv.ClearFaults()
		srv.Fault(identkittest.On("iproov.Claims.Invalidate").Body(200, "application/json", []byte(body)))
		_, err = client.Claims.Invalidate(ctx, "t", "why")
		require.ErrorIs(t, err, identkit.ErrBadResponse)
	}
}

func TestInvalidateAuthenticatesAsConfigured(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*iproov.Config)
		bearer bool
	}{
		"OAuth given":             {func(*iproov.Config) {}, true},
		"OAuth given, not wanted": {func(cfg *iproov.Config) { cfg.InvalidateAuth = iproov.InvalidateWithNothing }, false},
		"no OAuth":                {func(cfg *iproov.Config) { cfg.OAuth = iproov.OAuth{} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, needs := range []bool{false, true} {
				srv := iproovtest.New(iproovtest.Options{Dialect: iproovtest.Dialect{InvalidateNeedsToken: needs}})
				client := srv.Client(c.change)
				claim, err := client.Enrol.CreateToken(t.Context(), tokenIn)
				require.NoError(t, err)
				_, err = client.Claims.Invalidate(t.Context(), claim.Token, "why")
				if needs && !c.bearer {
					fails(t, err, identkit.ErrUnauthorized, iproov.CodeInvalidOAuth)
				} else {
					require.NoError(t, err)
				}
				entry, _ := srv.Journal().Last("iproov.Claims.Invalidate")
				assert.Equal(t, c.bearer, entry.Header.Get("Authorization") != "")
			}
		})
	}
}

// counter is a limiter that counts who waits for it.
type counter struct{ waits int }

func (c *counter) Wait(context.Context) error { c.waits++; return nil }

func TestOnlyTokenCallsWaitForTheLimiter(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{})
	limiter := new(counter)
	client, ctx := srv.Client(func(cfg *iproov.Config) { cfg.Options.Limiter = limiter }), t.Context()
	claim, err := client.Enrol.CreateToken(ctx, tokenIn)
	in := scanned(t, srv, claim, err, iproovtest.Pass())
	_, err = client.Enrol.Validate(ctx, iproov.ValidateEnrolmentParams{ValidateParams: in})
	require.NoError(t, err)
	_, err = client.Verify.CreateToken(ctx, tokenIn)
	require.NoError(t, err)
	require.Equal(t, 2, limiter.waits)
	_, _ = client.Verify.Validate(ctx, in)
	_, _ = client.Claims.Invalidate(ctx, claim.Token, "why")
	_, _ = client.Availability(ctx)
	_, _ = client.Users.Get(ctx, alice)
	_, _ = client.AccessToken(ctx)
	_, _ = client.Enrol.Image(ctx, iproov.EnrolImageParams{Token: "t", Source: iproov.SourceEID, Image: strings.NewReader(string(jpeg(100)))})
	assert.Equal(t, 2, limiter.waits, "all others go unmetered")
}

// queue is a limiter that lets a call wait.
type queue time.Duration

func (d queue) Wait(context.Context) error { time.Sleep(time.Duration(d)); return nil }

func TestStartBeforeIsReckonedFromTheAttemptThatBroughtTheClaim(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*iproovtest.Server, *iproov.Config){
		"at once":   func(*iproovtest.Server, *iproov.Config) {},
		"a limiter": func(_ *iproovtest.Server, cfg *iproov.Config) { cfg.Options.Limiter = queue(100 * time.Second) },
		"Retry-After": func(srv *iproovtest.Server, _ *iproov.Config) {
			srv.Fault(identkittest.Any().First(1).RetryAfter(429, "9"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, iproovtest.Options{}, func(t *testing.T, srv *iproovtest.Server) {
				client := srv.Client(func(cfg *iproov.Config) { prepare(srv, cfg) })
				claim, err := client.Enrol.CreateToken(t.Context(), tokenIn)
				require.NoError(t, err)
				assert.Equal(t, time.Now().Add(iproov.ClaimWindow).UTC(), claim.StartBefore.UTC())
				time.Sleep(time.Until(claim.StartBefore) - time.Nanosecond)
				require.NoError(t, srv.Begin(claim.Token))
			})
		})
	}
}

func TestOverTheRateItBacksOff(t *testing.T) {
	t.Parallel()
	bubble(t, iproovtest.Options{RatePerSecond: 1, RetryAfter: "1"}, func(t *testing.T, srv *iproovtest.Server) {
		client := srv.Client()
		for range 3 {
			_, err := client.Enrol.CreateToken(t.Context(), tokenIn)
			require.NoError(t, err)
		}
		srv.Fault(identkittest.Any().JSON(http.StatusTooManyRequests, map[string]string{"error": iproov.CodeTooManyRequests}))
		_, err := client.Enrol.CreateToken(t.Context(), tokenIn)
		e := fails(t, err, identkit.ErrRateLimited, iproov.CodeTooManyRequests)
		assert.Len(t, e.Attempts, 3)
		assert.False(t, e.OutcomeUnknown)
	})
}

func TestAssuranceTypes(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{AssuranceTypes: []iproov.AssuranceType{iproov.Liveness}})
	_, err := srv.Client().Enrol.CreateToken(t.Context(), tokenIn)
	fails(t, err, identkit.ErrForbidden, iproov.CodeInvalidAssuranceType)
	in := tokenIn
	in.AssuranceType = iproov.Liveness
	_, err = srv.Client().Enrol.CreateToken(t.Context(), in)
	require.NoError(t, err)
}
