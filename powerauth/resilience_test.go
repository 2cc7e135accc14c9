package powerauth_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/internal/providertest/leaktest"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
)

func TestA401RenewsTheCredentialOnce(t *testing.T) {
	t.Parallel()
	const get = "powerauth.Registrations.List"
	t.Run("same secret: no storm", func(t *testing.T) {
		t.Parallel()
		srv := powerauthtest.New(powerauthtest.Options{})
		client := srv.Client(func(cfg *powerauth.Config) { cfg.Credentials = powerauth.BasicAuth("integration", "old") })
		for range 20 {
			require.ErrorIs(t, read(t.Context(), client), identkit.ErrUnauthorized)
		}
		assert.Equal(t, 20, srv.Journal().Count(get))
	})
	t.Run("rotated secret: one renewal, also for a call that is not safe to retry", func(t *testing.T) {
		t.Parallel()
		srv := powerauthtest.New(powerauthtest.Options{})
		user, password := srv.Credentials()
		var asked atomic.Int32
		client := srv.Client(func(cfg *powerauth.Config) {
			cfg.Credentials = powerauth.BasicAuthFrom(user, func(context.Context) (identkit.Secret, error) {
				if asked.Add(1) == 1 {
					return "old", nil
				}
				return password, nil
			})
		})
		require.NoError(t, create(t.Context(), client, identkit.WithAttempts(1)))
		assert.Equal(t, 2, srv.Journal().Len())
	})
	t.Run("a source that always changes: one renewal", func(t *testing.T) {
		t.Parallel()
		srv := powerauthtest.New(powerauthtest.Options{})
		var n atomic.Int32
		client := srv.Client(func(cfg *powerauth.Config) {
			cfg.Credentials = powerauth.BearerAuth(func(context.Context) (identkit.Secret, error) {
				return identkit.Secret('a' + n.Add(1)), nil
			})
		})
		require.ErrorIs(t, read(t.Context(), client), identkit.ErrUnauthorized)
		assert.Equal(t, 2, srv.Journal().Len())
	})
	t.Run("a source that fails sends nothing", func(t *testing.T) {
		t.Parallel()
		srv := powerauthtest.New(powerauthtest.Options{})
		vault := errors.New("vault is sealed")
		for _, source := range []identkit.SecretSource{
			func(context.Context) (identkit.Secret, error) { return "", vault },
			identkit.Static(""),
		} {
			client := srv.Client(func(cfg *powerauth.Config) { cfg.Credentials = powerauth.BearerAuth(source) })
			err := create(t.Context(), client)
			require.ErrorIs(t, err, identkit.ErrCredential)
			require.NotErrorIs(t, err, identkit.ErrOutcomeUnknown)
		}
		assert.Zero(t, srv.Journal().Len())
	})
	t.Run("bearer", func(t *testing.T) {
		t.Parallel()
		srv := powerauthtest.New(powerauthtest.Options{BearerToken: "token-1"})
		require.NoError(t, read(t.Context(), srv.Client(func(cfg *powerauth.Config) {
			cfg.Credentials = powerauth.BearerAuth(identkit.Static("token-1"))
		})))
	})
}

func TestSecretsAreMasked(t *testing.T) {
	t.Parallel()
	lc := identkittest.NewLeakCheck(t)
	password, otp, user := lc.Secret("password"), lc.Secret("otp"), lc.Personal("user")
	srv := powerauthtest.NewServer(t, func(o *powerauthtest.Options) { o.Password = password })
	// A provider that repeats what it was sent, credentials included.
	echo := []byte(`{"status":"ERROR","responseObject":{"code":"ERROR_REQUEST","message":"` + password.Reveal() + ` ` + otp.Reveal() + ` ` + user + `",
		"violations":[{"fieldName":"otp","invalidValue":"` + otp.Reveal() + `","hint":"` + user + `"}]}}`)
	client := srv.Client(func(cfg *powerauth.Config) {
		lc.Value(*cfg)
		cfg.Options.Logger, cfg.Options.Observer = lc.Logger(), lc.Observer()
		cfg.Options.Retry.MaxBackoff = time.Millisecond
	})
	lc.Value(client)
	lc.Value(*client)
	in := powerauth.CreateRegistrationParams{UserID: powerauth.UserID(user), AppID: "a", OTP: otp, CommitPhase: powerauth.CommitOnCommit}
	for _, fault := range []identkittest.Rule{
		identkittest.Any().Times(1).Body(400, "application/json", echo),
		identkittest.Any().Times(3).Body(503, "application/json", echo),
		identkittest.Any().Times(1).Body(200, "application/json", echo),
		identkittest.Any().Times(1).Reset(),
		identkittest.Any().Times(1).TruncateHalf(),
		identkittest.Any().Times(1).Redirect("https://evil.example/?p=" + password.Reveal()),
	} {
		srv.ClearFaults()
		srv.Fault(fault)
		_, err := client.Registrations.Create(t.Context(), in)
		require.Error(t, err)
		lc.Error(err)
		srv.ClearFaults()
		srv.Fault(fault)
		_, err = client.Registrations.List(t.Context(), powerauth.ListRegistrationsParams{UserID: powerauth.UserID(user)})
		lc.Error(err)
	}
	srv.ClearFaults()
	created, err := client.Registrations.Create(t.Context(), in)
	require.NoError(t, err)
	lc.Seed("activation code", created.ActivationCode.Reveal())
	lc.Value(created)
	lc.Value(*created)
	in.UserID = "u"
	lc.Value(in)
}

func TestNoGoroutineIsLeftBehind(t *testing.T) {
	leaktest.Check(t)
	srv := powerauthtest.NewServer(t)
	client := srv.Client(func(cfg *powerauth.Config) { cfg.Options.Retry.AttemptTimeout = 50 * time.Millisecond })
	srv.Fault(
		identkittest.Any().Nth(1).SlowHeader(time.Minute), identkittest.Any().Nth(2).Stream(1, time.Second), identkittest.Any().Nth(3).Reset(),
		identkittest.Any().Nth(4).GzipBomb(1<<26), identkittest.Any().Nth(5).Status(503), identkittest.Any().Nth(6).ResetInBody(),
	)
	for range 8 {
		_ = create(t.Context(), client)
	}
	require.NoError(t, create(t.Context(), client))
}

func TestTheFakeBehindHTTPMock(t *testing.T) {
	t.Parallel()
	srv := powerauthtest.New(powerauthtest.Options{})
	mock := httpmock.NewMockTransport()
	mock.RegisterNoResponder(srv.Responder())
	mock.RegisterResponder(http.MethodPost, "=~/v2/operations$", httpmock.NewStringResponder(502, "<html>Bad Gateway</html>"))
	client := srv.Client(func(cfg *powerauth.Config) { cfg.Options.HTTPClient = &http.Client{Transport: mock} })
	require.NoError(t, read(t.Context(), client))
	err := create(t.Context(), client)
	require.ErrorIs(t, err, identkit.ErrUnavailable)
	require.ErrorIs(t, err, identkit.ErrOutcomeUnknown)
}

func TestHandlersAndSynctest(t *testing.T) {
	t.Parallel()
	srv := powerauthtest.New(powerauthtest.Options{BasePath: "/pac"})
	rec := httptest.NewRecorder()
	req := httptest.NewRequest(http.MethodGet, "/pac/v2/registrations?userId=u", bytes.NewReader(nil))
	user, password := srv.Credentials()
	req.SetBasicAuth(user, password.Reveal())
	srv.ServeHTTP(rec, req)
	assert.Equal(t, 200, rec.Code)
	assert.JSONEq(t, `{"registrations":[]}`, rec.Body.String())
	synctest.Test(t, func(t *testing.T) {
		srv := powerauthtest.New(powerauthtest.Options{})
		srv.Fault(identkittest.Any().SlowHeader(29 * time.Second))
		start := time.Now()
		require.NoError(t, read(t.Context(), srv.Client()))
		assert.Equal(t, 29*time.Second, time.Since(start))
	})
}
