package iproovtest

import (
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/fakeserver"
	"github.com/identkit/identkit/iproov"
)

type access struct {
	token    string
	password identkit.Secret
	made     time.Time
	uses     int
	ended    bool
	scopes   []iproov.Scope
}

// AccessToken is what the fake knows of an access token.
type AccessToken struct {
	Token identkit.Secret `json:"token"`
	Made  time.Time       `json:"made"`
	// Uses are the requests with it, refused ones included.
	Uses int `json:"uses"`
}

// AccessTokens lists the access tokens issued so far, oldest first.
func (s *Server) AccessTokens() []AccessToken {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accessTokens()
}

func (s *Server) accessTokens() []AccessToken {
	list := make([]AccessToken, len(s.access))
	for i, a := range s.access {
		list[i] = AccessToken{Token: identkit.Secret(a.token), Made: a.made, Uses: a.uses}
	}
	return list
}

// EndAccessTokens makes all access tokens issued so far invalid.
func (s *Server) EndAccessTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.access {
		a.ended = true
	}
}

// authorized counts a use of the access token and checks it, for a call with a scope; "" means any.
func (s *Server) authorized(c *fakeserver.Call, scope iproov.Scope) bool {
	token, _ := strings.CutPrefix(c.Header().Get("Authorization"), "Bearer ")
	i := slices.IndexFunc(s.access, func(a *access) bool { return a.token == token })
	if i < 0 || token == "" {
		refuse(c, s.opts.Dialect.OAuthStatus, iproov.CodeInvalidOAuth)
		return false
	}
	a := s.access[i]
	a.uses++
	a.ended = a.ended || c.ExpireToken()
	switch {
	case a.ended || c.Now().Sub(a.made) >= s.opts.TokenLifetime:
		refuse(c, s.opts.Dialect.OAuthStatus, iproov.CodeInvalidOAuth)
	case a.uses > s.opts.TokenUses:
		describe(c, s.opts.Dialect.QuotaStatus, iproov.CodeTokenQuotaExceeded, fmt.Sprintf("%[1]d/%[1]d", s.opts.TokenUses))
	case scope != "" && !slices.Contains(a.scopes, scope):
		refuse(c, http.StatusForbidden, iproov.CodeInvalidScope)
	default:
		return true
	}
	return false
}

func (s *Server) accessToken(c *fakeserver.Call) {
	if identkit.Secret(c.PathValue("api_key")) != s.opts.APIKey {
		describe(c, http.StatusInternalServerError, iproov.CodeInvalidKey, "Invalid API Key")
		return
	}
	user, password, ok := c.Request().BasicAuth()
	media, _, err := mime.ParseMediaType(c.Header().Get("Content-Type"))
	form, ferr := url.ParseQuery(string(c.Body()))
	switch {
	case err != nil || media != "application/x-www-form-urlencoded" || ferr != nil || form.Get("grant_type") == "":
		refuse(c, http.StatusBadRequest, iproov.CodeInvalidRequest)
	case form.Get("grant_type") != "client_credentials":
		refuse(c, http.StatusBadRequest, iproov.CodeUnsupportedGrantType)
	case !ok || user != s.opts.OAuthUsername || !slices.Contains(s.passwords, identkit.Secret(password)):
		refuse(c, http.StatusBadRequest, iproov.CodeInvalidClient)
	default:
		s.issueToken(c, identkit.Secret(password), form["scope"])
	}
}

func (s *Server) issueToken(c *fakeserver.Call, password identkit.Secret, requested []string) {
	scopes := s.opts.OAuthScopes
	if len(requested) > 0 {
		scopes = nil
		for _, name := range strings.FieldsFunc(strings.Join(requested, " "), func(r rune) bool { return r == ' ' || r == ',' }) {
			if !slices.Contains(s.opts.OAuthScopes, iproov.Scope(name)) {
				refuse(c, http.StatusBadRequest, iproov.CodeInvalidScope)
				return
			}
			scopes = append(scopes, iproov.Scope(name))
		}
	}
	for _, old := range s.access {
		old.ended = old.ended || s.opts.Dialect.NewTokenEndsOld
	}
	a := &access{token: random(accessLength), password: password, made: c.Now(), scopes: scopes}
	s.access = append(s.access, a)
	seconds := int(s.opts.TokenLifetime / time.Second)
	out := map[string]any{"access_token": a.token, "token_type": "Bearer", "expires_in": seconds, "scope": scopes}
	if s.opts.Dialect.ExpiresInAsText {
		out["expires_in"] = strconv.Itoa(seconds)
	}
	switch s.opts.Dialect.ScopeAs {
	case "text":
		out["scope"] = strings.Trim(fmt.Sprint(scopes), "[]") // joined by spaces
	case "null":
		out["scope"] = nil
	case "absent":
		delete(out, "scope")
	}
	c.JSON(http.StatusOK, out)
}
