package iproovtest_test

import (
	"errors"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/iproov"
	"github.com/identkit/identkit/iproov/iproovtest"
)

const user iproov.UserID = "u-1"

var in = iproov.CreateTokenParams{UserID: user, Resource: "acme"}

func verdictOf(t *testing.T, c *iproov.Client, claim *iproov.Claim) (*iproov.Validation, error) {
	t.Helper()
	return c.Verify.Validate(t.Context(), iproov.ValidateParams{Token: claim.Token, UserID: user, Client: "c"})
}

func code(err error) string {
	var e *identkit.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func TestEveryTransportReachesIt(t *testing.T) {
	t.Parallel()
	check := func(t *testing.T, client *iproov.Client) {
		health, err := client.Availability(t.Context())
		require.NoError(t, err)
		assert.True(t, health.Up)
	}
	t.Run("socket", func(t *testing.T) { t.Parallel(); check(t, iproovtest.NewServer(t).Client()) })
	t.Run("transport", func(t *testing.T) { t.Parallel(); check(t, iproovtest.New(iproovtest.Options{}).Client()) })
	t.Run("handler", func(t *testing.T) {
		t.Parallel()
		srv := iproovtest.New(iproovtest.Options{})
		front := httptest.NewServer(srv)
		t.Cleanup(front.Close)
		check(t, srv.Client(func(cfg *iproov.Config) {
			cfg.BaseURL, cfg.Options.HTTPClient = front.URL, nil
		}))
	})
	t.Run("httpmock", func(t *testing.T) {
		t.Parallel()
		srv := iproovtest.New(iproovtest.Options{})
		mock := httpmock.NewMockTransport()
		mock.RegisterNoResponder(srv.Responder())
		check(t, srv.Client(func(cfg *iproov.Config) {
			cfg.BaseURL, cfg.Region = "", iproov.RegionEU
			cfg.Options.HTTPClient = &http.Client{Transport: mock}
		}))
	})
	t.Run("behind a proxy's path", func(t *testing.T) {
		t.Parallel()
		srv := iproovtest.NewServer(t, func(o *iproovtest.Options) { o.BasePath = "/face/api/v2" })
		assert.True(t, strings.HasSuffix(srv.URL(), "/face/api/v2"))
		check(t, srv.Client())
	})
}

func TestClaimsExpireAndAreValidatedOnce(t *testing.T) {
	t.Parallel()
	clock := identkittest.NewClock(time.Now())
	srv := iproovtest.New(iproovtest.Options{Clock: clock})
	srv.AddUser(user, iproov.UserActive)
	client := srv.Client()
	next := func() *iproov.Claim {
		claim, err := client.Verify.CreateToken(t.Context(), in)
		require.NoError(t, err)
		return claim
	}
	require.ErrorIs(t, srv.Complete("no-such", iproovtest.Pass()), iproovtest.ErrNoClaim)
	claim := next()
	clock.Advance(2*time.Minute - time.Second)
	require.NoError(t, srv.Begin(claim.Token))
	clock.Advance(time.Hour)
	require.NoError(t, srv.Complete(claim.Token, iproovtest.Pass()), "once begun, it may end")
	require.ErrorIs(t, srv.Complete(claim.Token, iproovtest.Pass()), iproovtest.ErrEnded)
	_, err := verdictOf(t, client, claim)
	require.NoError(t, err)
	_, err = verdictOf(t, client, claim)
	assert.Equal(t, iproov.CodeInvalidToken, code(err))

	claim = next()
	clock.Advance(2 * time.Minute)
	require.ErrorIs(t, srv.Begin(claim.Token), iproovtest.ErrExpired)
}

func TestDialect(t *testing.T) {
	t.Parallel()
	with := func(o iproovtest.Options) (*iproovtest.Server, *iproov.Client) {
		srv := iproovtest.New(o)
		return srv, srv.Client()
	}
	t.Run("status of invalid_key", func(t *testing.T) {
		t.Parallel()
		srv, _ := with(iproovtest.Options{Dialect: iproovtest.Dialect{KeyStatus: 403}})
		srv.SetSecrets("other")
		_, err := srv.Client().Enrol.CreateToken(t.Context(), in)
		require.ErrorIs(t, err, identkit.ErrUnauthorized)
		assert.Contains(t, err.Error(), "HTTP 403")
	})
	t.Run("status of an unknown claim", func(t *testing.T) {
		t.Parallel()
		_, client := with(iproovtest.Options{Dialect: iproovtest.Dialect{UnknownTokenStatus: 404}})
		_, err := verdictOf(t, client, &iproov.Claim{Token: "no-such"})
		assert.Equal(t, iproov.CodeInvalidToken, code(err))
		assert.Contains(t, err.Error(), "HTTP 404")
	})
	t.Run("an early validation consumes", func(t *testing.T) {
		t.Parallel()
		for _, consumes := range []bool{false, true} {
			srv, client := with(iproovtest.Options{Dialect: iproovtest.Dialect{EarlyValidateConsumes: consumes}})
			srv.AddUser(user, iproov.UserActive)
			claim, err := client.Verify.CreateToken(t.Context(), in)
			require.NoError(t, err)
			_, err = verdictOf(t, client, claim)
			require.Error(t, err)
			assert.Equal(t, consumes, srv.Complete(claim.Token, iproovtest.Pass()) != nil)
		}
	})
	t.Run("a failed enrolment blocks the id", func(t *testing.T) {
		t.Parallel()
		for _, blocks := range []bool{false, true} {
			srv, client := with(iproovtest.Options{Dialect: iproovtest.Dialect{FailedEnrolBlocks: blocks}})
			claim, err := client.Enrol.CreateToken(t.Context(), in)
			require.NoError(t, err)
			require.NoError(t, srv.Complete(claim.Token, iproovtest.Fail("x")))
			_, err = client.Enrol.CreateToken(t.Context(), in)
			if blocks {
				assert.Equal(t, iproov.CodeAlreadyEnrolled, code(err))
				assert.Equal(t, iproov.UserInactive, srv.UserStatus(user))
				require.NoError(t, client.Users.DeleteIfExists(t.Context(), user))
				_, err = client.Enrol.CreateToken(t.Context(), in)
			}
			require.NoError(t, err)
		}
	})
	t.Run("deleted users", func(t *testing.T) {
		t.Parallel()
		srv, client := with(iproovtest.Options{Dialect: iproovtest.Dialect{DeletedUsersShow: true, DeletedIDsStayTaken: true}})
		srv.AddUser(user, iproov.UserActive)
		_, err := client.Users.Delete(t.Context(), user)
		require.NoError(t, err)
		u, err := client.Users.Get(t.Context(), user)
		require.NoError(t, err)
		assert.True(t, u.Status.Is(iproov.UserDeleted))
		_, err = client.Enrol.CreateToken(t.Context(), in)
		assert.Equal(t, iproov.CodeAlreadyEnrolled, code(err))
		_, err = client.Verify.CreateToken(t.Context(), in)
		assert.Equal(t, iproov.CodeNoUser, code(err))

		srv, client = with(iproovtest.Options{})
		srv.AddUser(user, iproov.UserActive)
		_, err = client.Users.Delete(t.Context(), user)
		require.NoError(t, err)
		_, err = client.Users.Get(t.Context(), user)
		assert.Equal(t, iproov.CodeInvalidUserID, code(err))
		_, err = client.Enrol.CreateToken(t.Context(), in)
		require.NoError(t, err, "free at once")
	})
	t.Run("source is optional", func(t *testing.T) {
		t.Parallel()
		for _, optional := range []bool{false, true} {
			srv, client := with(iproovtest.Options{Dialect: iproovtest.Dialect{SourceOptional: optional}})
			claim, err := client.Enrol.CreateToken(t.Context(), in)
			require.NoError(t, err)
			status, body := upload(t, srv, func(w *multipart.Writer) {
				fields(t, srv, w, claim.Token, "source")
				file(t, w, "image", "image/png", "\x89PNG....")
			})
			assert.Equal(t, optional, status == 200, body)
		}
	})
}

func TestUsersChangeStatusAtTheirTime(t *testing.T) {
	t.Parallel()
	clock := identkittest.NewClock(time.Now())
	srv := iproovtest.New(iproovtest.Options{Clock: clock})
	client := srv.Client()
	assert.Empty(t, srv.UserStatus(user))
	srv.AddUser(user, iproov.UserActive)
	_, err := client.Users.Suspend(t.Context(), user, clock.Now().Add(10*time.Minute))
	require.NoError(t, err)
	assert.Equal(t, iproov.UserActive, srv.UserStatus(user))
	clock.Advance(10*time.Minute + time.Second)
	assert.Equal(t, iproov.UserSuspended, srv.UserStatus(user))
	_, err = client.Verify.CreateToken(t.Context(), in)
	assert.Equal(t, iproov.CodeInactiveUser, code(err))
}

func TestTheRateIsLimitedBySecond(t *testing.T) {
	t.Parallel()
	clock := identkittest.NewClock(time.Now().Truncate(time.Second))
	srv := iproovtest.New(iproovtest.Options{Clock: clock, RatePerSecond: 2})
	client := srv.Client()
	ask := func() error {
		_, err := client.Enrol.CreateToken(t.Context(), in, identkit.WithAttempts(1))
		return err
	}
	require.NoError(t, ask())
	require.NoError(t, ask())
	require.ErrorIs(t, ask(), identkit.ErrRateLimited)
	clock.Advance(time.Second)
	require.NoError(t, ask())
}

func TestUnknownPathsAndMethods(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{})
	for _, c := range []struct {
		method, path string
		status       int
	}{{"GET", "/api/v2/nothing", 404}, {"GET", "/api/v2/claim/enrol/token", 405}, {"POST", "/claim/enrol/token", 404}} {
		w := httptest.NewRecorder()
		srv.ServeHTTP(w, httptest.NewRequest(c.method, c.path, nil))
		assert.Equal(t, c.status, w.Code, c.path)
	}
	assert.Panics(t, func() { srv.Fault(identkittest.On("iproov.Nothing").Status(500)) })
}
