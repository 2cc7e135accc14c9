package iproov_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/iproov"
	"github.com/identkit/identkit/iproov/iproovtest"
)

func TestKeysAreReadForEveryAttempt(t *testing.T) {
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
	t.Run("the same secret is not sent again", func(t *testing.T) {
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
		require.ErrorIs(t, err, identkit.ErrCredential)
		require.ErrorIs(t, err, sealed)
		require.ErrorIs(t, client.Ping(t.Context()), sealed)
		assert.Zero(t, srv.Journal().Len())
		client = srv.Client(func(cfg *iproov.Config) {
			cfg.Credentials = iproov.KeysFrom(func(context.Context) (identkit.Secret, error) { return "", sealed }, identkit.Static("s"))
		})
		_, err = client.Availability(t.Context())
		require.ErrorIs(t, err, sealed)
		_, err = client.AccessToken(t.Context())
		require.ErrorIs(t, err, sealed)
		assert.Zero(t, srv.Journal().Len())
	})
}

func TestA5xxWithInvalidKeyIsNotSentAgain(t *testing.T) {
	t.Parallel()
	for _, status := range []int{500, 502, 503} {
		srv := iproovtest.New(iproovtest.Options{})
		srv.Fault(identkittest.Any().JSON(status, map[string]string{"error": iproov.CodeInvalidKey}))
		n := 0
		client := srv.Client(func(cfg *iproov.Config) {
			key, _ := srv.Keys()
			cfg.Credentials = iproov.KeysFrom(identkit.Static(key), func(context.Context) (identkit.Secret, error) {
				n++
				return identkit.Secret(strings.Repeat("k", n)), nil
			})
		})
		_, err := client.Verify.Validate(t.Context(), iproov.ValidateParams{Token: "T", UserID: alice, Client: "x"})
		require.ErrorIs(t, err, identkit.ErrOutcomeUnknown, status)
		assert.Equal(t, 1, srv.Journal().Len(), status)
	}
}

func TestBadInputIsRefusedBeforeKeysAreAskedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := iproovtest.New(iproovtest.Options{})
		asked := 0
		client := srv.Client(func(cfg *iproov.Config) {
			cfg.Credentials = iproov.KeysFrom(identkit.Static("k"), func(ctx context.Context) (identkit.Secret, error) {
				asked++
				<-ctx.Done()
				return "", ctx.Err()
			})
		})
		_, err := client.Verify.CreateToken(context.Background(), iproov.CreateTokenParams{UserID: ".."})
		require.ErrorIs(t, err, identkit.ErrInvalidRequest)
		assert.Zero(t, asked, "bad input is refused before keys are asked for")
	})
}

// slow is a source that takes 20 seconds and honours its context.
func slow(ctx context.Context) (identkit.Secret, error) {
	select {
	case <-time.After(20 * time.Second):
		return "slow", nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// observed counts calls as an observer sees them.
type observed struct {
	starts int
	ends   []identkit.CallResult
}

func (o *observed) observer() identkit.Observer {
	return identkit.Observer{
		CallStart: func(ctx context.Context, _ identkit.CallInfo) context.Context { o.starts++; return ctx },
		CallEnd:   func(_ context.Context, r identkit.CallResult) { o.ends = append(o.ends, r) },
	}
}

func TestATimeoutHoldsForSourcesToo(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]func(context.Context, *iproov.Client) error{
		"body": func(ctx context.Context, c *iproov.Client) error {
			_, err := c.Verify.CreateToken(ctx, tokenIn)
			return err
		},
		"query": func(ctx context.Context, c *iproov.Client) error { _, err := c.Availability(ctx); return err },
		"path":  func(ctx context.Context, c *iproov.Client) error { _, err := c.AccessToken(ctx); return err },
		"token": func(ctx context.Context, c *iproov.Client) error { _, err := c.Users.Get(ctx, alice); return err },
		"ping":  func(ctx context.Context, c *iproov.Client) error { return c.Ping(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, iproovtest.Options{}, func(t *testing.T, srv *iproovtest.Server) {
				o := new(observed)
				client := srv.Client(func(cfg *iproov.Config) {
					cfg.Credentials = iproov.KeysFrom(slow, slow)
					cfg.Options.Timeout, cfg.Options.Observer = time.Second, o.observer()
				})
				start := time.Now()
				require.ErrorIs(t, call(t.Context(), client), identkit.ErrTimeout)
				assert.Equal(t, time.Second, time.Since(start))
				assert.Equal(t, 1, o.starts)
				require.Len(t, o.ends, 1)
				assert.Equal(t, identkit.ErrTimeout, o.ends[0].Kind)
				assert.Zero(t, srv.Journal().Len())
			})
		})
	}
}

func TestARotationIsOneCallOfTwoAttempts(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{})
	key, secret := srv.Keys()
	o, asked := new(observed), 0
	client := srv.Client(func(cfg *iproov.Config) {
		cfg.Options.Observer = o.observer()
		cfg.Credentials = iproov.KeysFrom(identkit.Static(key), func(context.Context) (identkit.Secret, error) {
			if asked++; asked == 1 {
				return "stale", nil
			}
			return secret, nil
		})
	})
	var response identkit.Response
	_, err := client.Enrol.CreateToken(t.Context(), tokenIn, identkit.WithAttempts(1), identkit.WithResponse(&response))
	require.NoError(t, err)
	assert.Equal(t, 1, o.starts)
	require.Len(t, o.ends, 1)
	assert.Equal(t, 2, o.ends[0].Attempts)
	require.Len(t, response.Attempts, 2)
	assert.Equal(t, identkit.ErrUnauthorized, response.Attempts[0].Kind)
	assert.Equal(t, identkit.ReasonCredential, response.Attempts[1].Reason)
}

func TestKeysAreNotReplacedByTheCaller(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{})
	for _, name := range []string{"api_key", "secret"} {
		_, err := srv.Client().Verify.CreateToken(t.Context(), tokenIn, identkit.WithBodyField(name, "another"))
		require.ErrorIs(t, err, identkit.ErrInvalidRequest)
		require.ErrorContains(t, err, "a field that authentication sends")
	}
	assert.Zero(t, srv.Journal().Len())
}

func TestMaskedSecretsAreRefused(t *testing.T) {
	t.Parallel()
	mask := identkit.Secret(identkit.Secret("x").String())
	_, err := iproov.New(iproov.Config{Region: iproov.RegionEU, Credentials: iproov.Keys(mask, mask), OAuth: iproov.OAuthUser("u", mask)})
	e := fails(t, err, identkit.ErrInvalidRequest, "")
	require.Len(t, e.Fields, 3)
	for _, f := range e.Fields {
		assert.Contains(t, f.Reason, "stored without Reveal")
	}
	srv := iproovtest.New(iproovtest.Options{})
	user, password := srv.OAuthUser()
	client := srv.Client(func(cfg *iproov.Config) {
		cfg.Credentials = iproov.KeysFrom(identkit.Static(mask), identkit.Static(mask))
		cfg.OAuth = iproov.OAuthUser(user, password)
	})
	_, err = client.Verify.CreateToken(t.Context(), tokenIn)
	require.ErrorIs(t, err, identkit.ErrMasked)
	_, err = client.Users.Get(t.Context(), alice)
	require.ErrorIs(t, err, identkit.ErrMasked)
	require.ErrorIs(t, client.Ping(t.Context()), identkit.ErrMasked)
	assert.Zero(t, srv.Journal().Len())
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
