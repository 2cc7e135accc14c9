package iproov_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/iproov"
	"github.com/identkit/identkit/iproov/iproovtest"
)

func TestKeysAreReadForEveryCall(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{})
	key, secret := srv.Keys()
	now := secret
	client := srv.Client(func(cfg *iproov.Config) {
		cfg.Credentials = iproov.KeysFrom(identkit.Static(key), func(context.Context) (identkit.Secret, error) { return now, nil })
	})
	_, err := client.Enrol.CreateToken(t.Context(), tokenIn)
	require.NoError(t, err)
	now = "the next secret, of another length"
	srv.SetSecrets(secret, now)
	_, err = client.Enrol.CreateToken(t.Context(), tokenIn)
	require.NoError(t, err)
	entry, _ := srv.Journal().Last("iproov.Enrol.CreateToken")
	var body struct{ Secret string }
	require.NoError(t, entry.JSON(&body))
	assert.Equal(t, now.Reveal(), body.Secret)
}

func TestKeysRotatedMidFlightCostNoCall(t *testing.T) {
	t.Parallel()
	// The first reading of the source is stale, as that of a call that was under way during the rotation.
	rotating := func(srv *iproovtest.Server) *iproov.Client {
		key, secret := srv.Keys()
		asked := 0
		return srv.Client(func(cfg *iproov.Config) {
			cfg.Credentials = iproov.KeysFrom(identkit.Static(key), func(context.Context) (identkit.Secret, error) {
				if asked++; asked == 1 {
					return "stale", nil
				}
				return secret, nil
			})
		})
	}
	t.Run("token", func(t *testing.T) {
		t.Parallel()
		srv := iproovtest.New(iproovtest.Options{})
		_, err := rotating(srv).Enrol.CreateToken(t.Context(), tokenIn)
		require.NoError(t, err)
		assert.Equal(t, 2, srv.Journal().Len())
	})
	t.Run("validate, although the verdict is given once", func(t *testing.T) {
		t.Parallel()
		srv := iproovtest.New(iproovtest.Options{})
		claim, err := srv.Client().Enrol.CreateToken(t.Context(), tokenIn)
		in := scanned(t, srv, claim, err, iproovtest.Pass())
		v, err := rotating(srv).Enrol.Validate(t.Context(), iproov.ValidateEnrolmentParams{ValidateParams: in})
		require.NoError(t, err)
		assert.True(t, v.Passed)
	})
	t.Run("the same secret is not tried twice", func(t *testing.T) {
		t.Parallel()
		srv := iproovtest.New(iproovtest.Options{})
		srv.SetSecrets("another")
		_, err := srv.Client().Enrol.CreateToken(t.Context(), tokenIn)
		fails(t, err, identkit.ErrUnauthorized, iproov.CodeInvalidKey)
		assert.Equal(t, 1, srv.Journal().Len())
	})
	t.Run("a source that fails sends nothing", func(t *testing.T) {
		t.Parallel()
		srv := iproovtest.New(iproovtest.Options{})
		sealed := errors.New("vault is sealed")
		client := srv.Client(func(cfg *iproov.Config) {
			cfg.Credentials = iproov.KeysFrom(identkit.Static("k"), func(context.Context) (identkit.Secret, error) { return "", sealed })
		})
		_, err := client.Verify.CreateToken(t.Context(), tokenIn)
		require.ErrorIs(t, err, identkit.ErrUnauthorized)
		require.ErrorIs(t, err, sealed)
		_, err = client.Availability(t.Context())
		require.ErrorIs(t, err, sealed)
		_, err = client.AccessToken(t.Context())
		require.ErrorIs(t, err, identkit.ErrUnauthorized)
		assert.Zero(t, srv.Journal().Count("iproov.Verify.CreateToken"))
	})
}

// Canaries stand for every secret; whatever fails, they show nowhere.
func TestNoSecretLeaks(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]identkittest.Rule{
		"none": identkittest.On("iproov.Availability").Status(404), "401": identkittest.Any().JSON(401, map[string]string{"error": "invalid_key"}),
		"500": identkittest.Any().HTML(500), "reset": identkittest.Any().Reset(), "refuse": identkittest.Any().Refuse(), "bad": identkittest.Any().HTML(200),
		"redirect": identkittest.Any().Redirect("https://evil.example/"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lc := identkittest.NewLeakCheck(t)
			srv := iproovtest.New(iproovtest.Options{APIKey: lc.Secret("api key"), Secret: lc.Secret("secret"), OAuthPassword: lc.Secret("password"), OAuthUsername: lc.Personal("user")})
			srv.Fault(fault)
			cfg := srv.Config()
			cfg.Options.Logger, cfg.Options.Observer = lc.Logger(), lc.Observer()
			cfg.Options.Retry.MaxBackoff = 1
			client, err := iproov.New(cfg)
			require.NoError(t, err)
			lc.Value(cfg.Credentials)
			lc.Value(cfg.OAuth)
			lc.Value(client)
			ctx := t.Context()
			id := iproov.UserID(lc.Personal("user id"))
			_, err = client.Availability(ctx)
			lc.Error(err)
			_, err = client.AccessToken(ctx)
			lc.Error(err)
			_, err = client.Enrol.CreateToken(ctx, iproov.CreateTokenParams{UserID: id, Resource: "r"})
			lc.Error(err)
			_, err = client.Verify.Validate(ctx, iproov.ValidateParams{Token: iproov.ClaimToken(lc.Personal("claim")), UserID: id, Client: "c"})
			lc.Error(err)
			_, err = client.Users.Get(ctx, id)
			lc.Error(err)
			_, err = client.Users.Delete(ctx, id)
			lc.Error(err)
			_, err = client.Enrol.Image(ctx, iproov.EnrolImageParams{Token: "t", Source: iproov.SourceEID, Image: bytes.NewReader(jpeg(100))})
			lc.Error(err)
			for _, a := range srv.AccessTokens() {
				lc.Seed("access token", a.Token.Reveal())
			}
			lc.Value(client)
			_, err = client.Users.Get(ctx, id)
			lc.Error(err)
		})
	}
}
