package iproovtest_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/iproov"
	"github.com/identkit/identkit/iproov/iproovtest"
)

func TestAccessTokensAreCountedAndExpire(t *testing.T) {
	t.Parallel()
	clock := identkittest.NewClock(time.Now())
	srv := iproovtest.New(iproovtest.Options{Clock: clock, TokenUses: 2, Dialect: iproovtest.Dialect{QuotaStatus: 403}})
	srv.AddUser(user, iproov.UserActive)
	fresh := func() func() (int, string) {
		a, err := srv.Client().AccessToken(t.Context())
		require.NoError(t, err)
		return func() (int, string) {
			r := httptest.NewRequest(http.MethodGet, "/api/v2/users/u-1", nil)
			r.Header.Set("Authorization", "Bearer "+a.Token.Reveal())
			w := httptest.NewRecorder()
			srv.ServeHTTP(w, r)
			return w.Code, w.Body.String()
		}
	}
	get := fresh()
	for range 2 {
		status, _ := get()
		assert.Equal(t, 200, status)
	}
	status, body := get()
	assert.Equal(t, 403, status)
	assert.Contains(t, body, iproov.CodeTokenQuotaExceeded)
	assert.Equal(t, 3, srv.AccessTokens()[0].Uses)
	get = fresh()
	clock.Advance(time.Hour)
	status, body = get()
	assert.Equal(t, 401, status)
	assert.Contains(t, body, iproov.CodeInvalidOAuth)
	get = fresh()
	srv.EndAccessTokens()
	status, _ = get()
	assert.Equal(t, 401, status)
}

func TestAccessTokenRequestsAreChecked(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{OAuthPassword: "pw"})
	key, _ := srv.Keys()
	for name, c := range map[string]struct{ key, password, media, form, code string }{
		"good":          {key.Reveal(), "pw", "application/x-www-form-urlencoded", "grant_type=client_credentials", ""},
		"api key":       {"x", "pw", "application/x-www-form-urlencoded", "grant_type=client_credentials", iproov.CodeInvalidKey},
		"password":      {key.Reveal(), "x", "application/x-www-form-urlencoded", "grant_type=client_credentials", iproov.CodeInvalidClient},
		"JSON":          {key.Reveal(), "pw", "application/json", `{"grant_type":"client_credentials"}`, iproov.CodeInvalidRequest},
		"no grant":      {key.Reveal(), "pw", "application/x-www-form-urlencoded", "", iproov.CodeInvalidRequest},
		"another grant": {key.Reveal(), "pw", "application/x-www-form-urlencoded", "grant_type=password", iproov.CodeUnsupportedGrantType},
		"scope":         {key.Reveal(), "pw", "application/x-www-form-urlencoded", "grant_type=client_credentials&scope=root", iproov.CodeInvalidScope},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodPost, "/api/v2/"+url.PathEscape(c.key)+"/access_token", strings.NewReader(c.form))
			r.Header.Set("Content-Type", c.media)
			r.SetBasicAuth("oauth-user", c.password)
			w := httptest.NewRecorder()
			srv.ServeHTTP(w, r)
			assert.Equal(t, c.code == "", w.Code == 200)
			assert.Contains(t, w.Body.String(), c.code)
		})
	}
}
