package iproov_test

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
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

func TestAccessTokenIsReadInEveryForm(t *testing.T) {
	t.Parallel()
	for name, dialect := range map[string]iproovtest.Dialect{
		"array": {}, "text": {ScopeAs: "text", ExpiresInAsText: true}, "null": {ScopeAs: "null"}, "absent": {ScopeAs: "absent"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := iproovtest.New(iproovtest.Options{Dialect: dialect})
			a, err := srv.Client().AccessToken(t.Context())
			require.NoError(t, err)
			assert.Equal(t, srv.AccessTokens()[0].Token.Reveal(), a.Token.Reveal())
			assert.Equal(t, time.Hour, a.Lifetime)
			if name == "array" || name == "text" {
				assert.Equal(t, []iproov.Scope{iproov.ScopeUserRead, iproov.ScopeUserWrite, iproov.ScopeUserWriteStatus}, a.Scopes)
			}
			entry, _ := srv.Journal().Last("iproov.AccessToken")
			assert.Equal(t, "grant_type=client_credentials", string(entry.Body))
			assert.Equal(t, "application/x-www-form-urlencoded", entry.Header.Get("Content-Type"))
		})
	}
	srv := iproovtest.New(iproovtest.Options{})
	for body, ok := range map[string]bool{
		`{"access_token":"a"}`: true,
		`{"access_token":"a","expires_in":-5,"token_type":"bearer"}`: true,
		`{"access_token":"a","expires_in":1e30}`:                     true,
		`{"access_token":"a","expires_in":[]}`:                       true,
		`{"Access_Token":"a"}`:                                       false,
		`{"access_token":"a","access_token":"b"}`:                    false,
		`{"access_token":"a","expires_in":99999999999}`:              true,
		`{"access_token":"a","expires_in":"soon"}`:                   true,
		`{"access_token":""}`:                                        false,
		`{"access_token":"a\r\nX: y"}`:                               false,
		`{"access_token":"a","token_type":"mac"}`:                    false,
		`{}`: false,
	} {
		srv.ClearFaults()
		srv.Fault(identkittest.Any().Body(200, "application/json", []byte(body)))
		a, err := srv.Client().AccessToken(t.Context())
		if ok {
			require.NoError(t, err, body)
			assert.Equal(t, time.Hour, a.Lifetime, "never believed beyond what is documented")
		} else {
			require.ErrorIs(t, err, identkit.ErrBadResponse, body)
		}
	}
}

func TestScopesAreSentAsConfigured(t *testing.T) {
	t.Parallel()
	for encoding, want := range map[iproov.ScopeEncoding]string{
		"":                    "grant_type=client_credentials&scope=user-read&scope=user-write",
		iproov.ScopesRepeated: "grant_type=client_credentials&scope=user-read&scope=user-write",
		iproov.ScopesBySpace:  "grant_type=client_credentials&scope=user-read+user-write",
		iproov.ScopesByComma:  "grant_type=client_credentials&scope=user-read%2Cuser-write",
	} {
		srv := iproovtest.New(iproovtest.Options{})
		srv.AddUser(alice, iproov.UserActive)
		client := srv.Client(func(cfg *iproov.Config) {
			cfg.Scopes, cfg.ScopeEncoding = []iproov.Scope{iproov.ScopeUserRead, iproov.ScopeUserWrite}, encoding
		})
		_, err := client.Users.Get(t.Context(), alice)
		require.NoError(t, err)
		entry, _ := srv.Journal().Last("iproov.AccessToken")
		assert.Equal(t, want, string(entry.Body))
		_, err = client.Users.Suspend(t.Context(), alice, time.Time{})
		fails(t, err, identkit.ErrForbidden, iproov.CodeInvalidScope)
	}
	srv := iproovtest.New(iproovtest.Options{OAuthScopes: []iproov.Scope{iproov.ScopeUserRead}})
	client := srv.Client(func(cfg *iproov.Config) { cfg.Scopes = []iproov.Scope{iproov.ScopeUserWrite} })
	_, err := client.Users.Get(t.Context(), alice)
	e := fails(t, err, identkit.ErrRejected, iproov.CodeInvalidScope)
	assert.Contains(t, e.Error(), "no access token")
}

func TestWrongOAuthCredentials(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{})
	key, secret := srv.Keys()
	user, password := srv.OAuthUser()
	for name, c := range map[string]struct {
		config func(*iproov.Config)
		code   string
		status int
	}{
		"password": {func(cfg *iproov.Config) { cfg.OAuth = iproov.OAuthUser(user, "wrong") }, iproov.CodeInvalidClient, 400},
		"user":     {func(cfg *iproov.Config) { cfg.OAuth = iproov.OAuthUser("wrong", password) }, iproov.CodeInvalidClient, 400},
		"api key":  {func(cfg *iproov.Config) { cfg.Credentials = iproov.Keys("wrong", secret) }, iproov.CodeInvalidKey, 500},
		"both":     {func(cfg *iproov.Config) { cfg.Credentials = iproov.Keys("wrong", key) }, iproov.CodeInvalidKey, 500},
	} {
		t.Run(name, func(t *testing.T) {
			client := srv.Client(c.config)
			before := srv.Journal().Len()
			for range 20 {
				_, err := client.Users.Get(t.Context(), alice)
				e := fails(t, err, identkit.ErrUnauthorized, c.code)
				assert.Equal(t, c.status, e.Status)
				assert.Equal(t, "iproov.Users.Get", e.Operation)
				assert.False(t, e.OutcomeUnknown)
				var cause *identkit.Error
				require.ErrorAs(t, e.Err, &cause)
				assert.Equal(t, "iproov.AccessToken", cause.Operation)
			}
			assert.Equal(t, 1, srv.Journal().Len()-before, "one fetch, not retried although 500, then a pause")
		})
	}
}

func TestRefusedTokensAreReplacedAndTheCallRepeatedOnce(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden} {
		for _, code := range []string{iproov.CodeInvalidOAuth, iproov.CodeTokenQuotaExceeded} {
			srv := iproovtest.New(iproovtest.Options{})
			srv.AddUser(alice, iproov.UserActive)
			client := srv.Client()
			_, err := client.Users.Get(t.Context(), alice)
			require.NoError(t, err)
			// A rename is not safe to repeat; a refused one did not run.
			srv.Fault(identkittest.On("iproov.Users.Update").Nth(1).JSON(status, map[string]string{"error": code}))
			_, err = client.Users.Update(t.Context(), alice, iproov.UpdateUserParams{UserID: "bob"}, identkit.WithAttempts(1))
			require.NoError(t, err, "%d %s", status, code)
			assert.Equal(t, 2, srv.Journal().Count("iproov.Users.Update"))
			assert.Equal(t, 2, srv.Journal().Count("iproov.AccessToken"))

			srv.ClearFaults()
			srv.Fault(identkittest.On("iproov.Users.Get").JSON(status, map[string]string{"error": code}))
			before := srv.Journal().Count("iproov.Users.Get")
			_, err = client.Users.Get(t.Context(), "bob")
			fails(t, err, identkit.ErrUnauthorized, code)
			assert.Equal(t, 2, srv.Journal().Count("iproov.Users.Get")-before, "sent again once")
		}
	}
	t.Run("other refusals leave the token alone", func(t *testing.T) {
		t.Parallel()
		srv := iproovtest.New(iproovtest.Options{})
		client := srv.Client()
		for _, row := range []struct {
			status int
			code   string
		}{{401, "something"}, {403, "forbidden"}, {400, iproov.CodeInvalidOAuth}, {401, iproov.CodeInvalidKey}, {500, iproov.CodeInvalidOAuth}} {
			srv.ClearFaults()
			srv.Fault(identkittest.On("iproov.Users.Activate").JSON(row.status, map[string]string{"error": row.code}))
			_, err := client.Users.Activate(t.Context(), alice, time.Time{}, identkit.WithAttempts(1))
			require.Error(t, err)
		}
		assert.Equal(t, 5, srv.Journal().Count("iproov.Users.Activate"))
		assert.Equal(t, 1, srv.Journal().Count("iproov.AccessToken"))
	})
	t.Run("expired on the server", func(t *testing.T) {
		t.Parallel()
		srv := iproovtest.New(iproovtest.Options{Dialect: iproovtest.Dialect{OAuthStatus: 403}})
		srv.AddUser(alice, iproov.UserActive)
		client := srv.Client()
		srv.Fault(identkittest.On("iproov.Users.Get").Nth(2).ExpireToken())
		for range 3 {
			_, err := client.Users.Get(t.Context(), alice)
			require.NoError(t, err)
		}
		assert.Len(t, srv.AccessTokens(), 2)
	})
	t.Run("ended by another process's token", func(t *testing.T) {
		t.Parallel()
		srv := iproovtest.New(iproovtest.Options{Dialect: iproovtest.Dialect{NewTokenEndsOld: true}})
		srv.AddUser(alice, iproov.UserActive)
		one, other := srv.Client(), srv.Client()
		for range 4 {
			for _, c := range []*iproov.Client{one, other} {
				_, err := c.Users.Get(t.Context(), alice)
				require.NoError(t, err)
			}
		}
	})
}

// A hundred goroutines over a token with three uses left: no call fails, no token is used 51 times, fetches are as few as can be.
func TestAHundredCallsOverATokenWithThreeUsesLeft(t *testing.T) {
	t.Parallel()
	for name, socket := range map[string]bool{"socket": true, "fake time": false} {
		run := func(t *testing.T, srv *iproovtest.Server) {
			srv.AddUser(alice, iproov.UserActive)
			client := srv.Client()
			for range 44 {
				_, err := client.Users.Get(t.Context(), alice)
				require.NoError(t, err)
			}
			srv.Fault(identkittest.On("iproov.AccessToken").SlowHeader(500 * time.Millisecond))
			for range 3 { // the 45th use begins the renewal, which is slow
				_, err := client.Users.Get(t.Context(), alice)
				require.NoError(t, err)
			}
			require.Equal(t, 47, srv.AccessTokens()[0].Uses)
			var (
				wg     sync.WaitGroup
				failed atomic.Int32
			)
			for range 100 {
				wg.Go(func() {
					if _, err := client.Users.Get(t.Context(), alice); err != nil {
						failed.Add(1)
						t.Log(err)
					}
				})
			}
			wg.Wait()
			assert.Zero(t, failed.Load(), "calls that failed")
			assert.Equal(t, 147, srv.Journal().Count("iproov.Users.Get"), "nothing was sent in vain")
			used := 0
			for _, a := range srv.AccessTokens() {
				assert.LessOrEqual(t, a.Uses, 50)
				if a.Uses > 0 {
					used++
				}
			}
			assert.Equal(t, 3, used, "97 calls need two more tokens")
			// The last token reached 45 uses, so the next one is fetched already, for the calls to come.
			require.NoError(t, srv.Journal().Wait(t.Context(), "iproov.AccessToken", 4))
			assert.Equal(t, 4, srv.Journal().Count("iproov.AccessToken"))
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if socket {
				run(t, iproovtest.NewServer(t))
				return
			}
			bubble(t, iproovtest.Options{}, func(t *testing.T, srv *iproovtest.Server) {
				run(t, srv)
				time.Sleep(time.Second) // a bubble waits for the early fetch's response
			})
		})
	}
}

func TestATokenIsRenewedBeforeItsHourIsOver(t *testing.T) {
	t.Parallel()
	bubble(t, iproovtest.Options{}, func(t *testing.T, srv *iproovtest.Server) {
		srv.AddUser(alice, iproov.UserActive)
		client := srv.Client()
		for n := range 10 {
			_, err := client.Users.Get(t.Context(), alice)
			require.NoError(t, err)
			synctest.Wait()
			if n > 0 {
				assert.Len(t, srv.AccessTokens(), n+1, "half a minute before the end the next one is there")
			}
			time.Sleep(59*time.Minute + 30*time.Second)
		}
		assert.Equal(t, 10, srv.Journal().Count("iproov.Users.Get"), "no call met an expired token")
	})
}

func TestOAuthPasswordRotatedMidFlight(t *testing.T) {
	t.Parallel()
	srv := iproovtest.NewServer(t)
	srv.AddUser(alice, iproov.UserActive)
	user, first := srv.OAuthUser()
	var password atomic.Value
	password.Store(first)
	client := srv.Client(func(cfg *iproov.Config) {
		cfg.OAuth = iproov.OAuthUserFrom(user, func(context.Context) (identkit.Secret, error) { return password.Load().(identkit.Secret), nil })
	})
	var (
		wg   sync.WaitGroup
		stop atomic.Bool
		last = first
	)
	for range 4 {
		wg.Go(func() {
			for !stop.Load() {
				if _, err := client.Users.Get(t.Context(), alice); !assert.NoError(t, err) {
					return
				}
			}
		})
	}
	for _, next := range []identkit.Secret{"second", "third", "fourth"} {
		before := srv.Journal().Count("iproov.Users.Get")
		srv.SetOAuthPasswords(last, next)
		password.Store(next)
		require.NoError(t, srv.Journal().Wait(t.Context(), "iproov.Users.Get", before+60))
		// The old password is no longer used; its tokens end with it.
		srv.SetOAuthPasswords(next)
		last = next
		require.NoError(t, srv.Journal().Wait(t.Context(), "iproov.Users.Get", before+120))
	}
	stop.Store(true)
	wg.Wait()
	for _, a := range srv.AccessTokens() {
		assert.LessOrEqual(t, a.Uses, 50)
	}
}
