package iproovtest

import (
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
	token      string
	boughtWith identkit.Secret
	made       time.Time
	uses       int
	ended      bool
	scopes     []iproov.Scope
}

// AccessToken is what the fake knows of an access token.
type AccessToken struct {
	Token identkit.Secret `json:"token"`
	Made  time.Time       `json:"made"`
	// Uses are the requests that came with it, refused ones included.
	Uses int `json:"uses"`
}

// AccessTokens lists the access tokens given out so far, the oldest first.
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

// EndAccessTokens makes all access tokens given out so far invalid.
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
	case a.ended || c.Now().Sub(a.made) >= s.opts.TokenLife:
		refuse(c, s.opts.Dialect.OAuthStatus, iproov.CodeInvalidOAuth)
	case a.uses > s.opts.TokenUses:
		c.JSON(s.opts.Dialect.QuotaStatus, map[string]string{
			"error":             iproov.CodeTokenQuotaExceeded,
			"error_description": strconv.Itoa(s.opts.TokenUses) + "/" + strconv.Itoa(s.opts.TokenUses),
		})
	case scope != "" && !slices.Contains(a.scopes, scope):
		refuse(c, http.StatusForbidden, iproov.CodeInvalidScope)
	default:
		return true
	}
	return false
}

func (s *Server) accessToken(c *fakeserver.Call) {
	if identkit.Secret(c.PathValue("api_key")) != s.opts.APIKey {
		c.JSON(http.StatusInternalServerError, map[string]string{"error": iproov.CodeInvalidKey, "error_description": "Invalid API Key"})
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
		s.giveToken(c, identkit.Secret(password), form["scope"])
	}
}

func (s *Server) giveToken(c *fakeserver.Call, password identkit.Secret, asked []string) {
	scopes := s.opts.OAuthScopes
	if len(asked) > 0 {
		scopes = nil
		for _, name := range strings.FieldsFunc(strings.Join(asked, " "), func(r rune) bool { return r == ' ' || r == ',' }) {
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
	a := &access{token: random(accessLength), boughtWith: password, made: c.Now(), scopes: scopes}
	s.access = append(s.access, a)
	seconds := int(s.opts.TokenLife / time.Second)
	answer := map[string]any{"access_token": a.token, "token_type": "Bearer", "expires_in": seconds, "scope": scopes}
	if s.opts.Dialect.LifeAsText {
		answer["expires_in"] = strconv.Itoa(seconds)
	}
	switch s.opts.Dialect.ScopeAs {
	case "text":
		names := make([]string, len(scopes))
		for i, n := range scopes {
			names[i] = string(n)
		}
		answer["scope"] = strings.Join(names, " ")
	case "null":
		answer["scope"] = nil
	case "absent":
		delete(answer, "scope")
	}
	c.JSON(http.StatusOK, answer)
}
