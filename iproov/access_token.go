package iproov

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/oauth"
	"github.com/identkit/identkit/internal/transport"
)

// iProov documents that an access token serves so long, or for so many requests.
const (
	tokenUses     = 50
	tokenLifetime = time.Hour
)

// Scope is a right of an access token.
type Scope string

// The scopes.
const (
	ScopeUserRead        Scope = "user-read"         // Users.Get
	ScopeUserWrite       Scope = "user-write"        // Users.Update, Users.Delete
	ScopeUserWriteStatus Scope = "user-write-status" // Users.Activate, Users.Suspend
)

// ScopeEncoding says how several scopes are sent. It is not documented: the Swagger file says "array", and its pattern for one scope
// allows neither comma nor space.
type ScopeEncoding string

// The encodings.
const (
	ScopesRepeated ScopeEncoding = "repeated" // scope=a&scope=b
	ScopesBySpace  ScopeEncoding = "space"    // scope=a b, as RFC 6749 has it
	ScopesByComma  ScopeEncoding = "comma"    // scope=a,b, Swagger's default for arrays
)

// scopeSeparators join the scopes of each encoding; with none, each scope has a form field of its own.
var scopeSeparators = map[ScopeEncoding]string{"": "", ScopesRepeated: "", ScopesBySpace: " ", ScopesByComma: ","}

func checkScopes(scopes []Scope, encoding ScopeEncoding, check *transport.Check) {
	const longest = 100
	for _, s := range scopes {
		ok := s != "" && len(s) <= longest && isAlphanumericOr(string(s), "_-.")
		check.That(ok, "Scopes", "must be letters, digits, _ - . and at most 100 characters each")
	}
	_, ok := scopeSeparators[encoding]
	check.That(ok, "ScopeEncoding", "is not repeated, space or comma")
}

// isAlphanumericOr reports whether s has only ASCII letters, ASCII digits and the others.
func isAlphanumericOr(s, others string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && !strings.ContainsRune(others, r)
	})
}

// AccessToken is a token for the user endpoints.
type AccessToken struct {
	Token identkit.Secret
	// Lifetime is how long it is valid from when it was asked for: an hour, or 50 requests if they come first.
	Lifetime time.Duration
	// Scopes are its rights, if the response says them.
	Scopes []Scope
}

type accessTokens struct {
	client   *transport.Client
	apiKey   identkit.SecretSource
	user     OAuth
	scopes   []Scope
	encoding ScopeEncoding
}

type accessTokenInput struct {
	*accessTokens
	authorizer transport.Authorizer
}

func (in *accessTokenInput) request(r *transport.Request) {
	r.Auth = in.authorizer
	r.PathFromAuth("api_key")
	form := url.Values{"grant_type": {"client_credentials"}}
	for _, s := range in.scopes {
		form.Add("scope", string(s))
	}
	if separator := scopeSeparators[in.encoding]; separator != "" && len(in.scopes) > 0 {
		form.Set("scope", strings.Join(form["scope"], separator))
	}
	r.Body = transport.Form(form)
}

type accessTokenResponse struct {
	oauth.Response
	Scopes []Scope `json:"scope"`
}

var accessToken = transport.Op[accessTokenInput, accessTokenResponse]{
	Name: "iproov.AccessToken", Method: http.MethodPost, Path: "/{api_key}/access_token",
	Retry:     identkit.RetrySafe,
	Unmetered: true,
	Request:   (*accessTokenInput).request,
	Check:     (*accessTokenResponse).Check,
}

// AccessToken fetches an access token of its own, for calls that go another way than this client, or to check the OAuth
// credentials. The client's own calls do not need it and do not share it.
//
// Errors: [identkit.ErrUnauthorized] for a wrong API key (invalid_key, with status 500) and for a wrong user or password
// (invalid_client, with status 400), or without Config.OAuth; [identkit.ErrRejected] for a scope that the user may not have.
//
// Safe to repeat. Whether a new token ends older ones is not documented; it is assumed not to.
// Source: api-management page, Swagger file 2.13; checked 2026-11.
func (c *Client) AccessToken(ctx context.Context, opts ...identkit.CallOption) (*AccessToken, error) {
	t := &c.made().tokens
	if !t.user.given() {
		return t.get(ctx, noOAuth, opts)
	}
	return t.get(ctx, t.auth(t.apiKey, t.user.password), opts)
}

func (t *accessTokens) auth(apiKey, password identkit.SecretSource) transport.Authorizer {
	return transport.Join(keyInPath(apiKey), transport.Basic(t.user.username(), password))
}

func (t *accessTokens) get(ctx context.Context, auth transport.Authorizer, opts []identkit.CallOption) (*AccessToken, error) {
	r, err := accessToken.Do(ctx, t.client, accessTokenInput{t, auth}, opts)
	if err != nil {
		return nil, err
	}
	a := &AccessToken{Token: r.AccessToken, Lifetime: r.Token().Lifetime, Scopes: r.Scopes}
	if a.Lifetime <= 0 || a.Lifetime > tokenLifetime {
		a.Lifetime = tokenLifetime
	}
	return a, nil
}

// tokenCredential is what a token is fetched with. Tokens of another one are dropped.
type tokenCredential struct{ apiKey, password identkit.Secret }

func (t *accessTokens) credential(ctx context.Context) (tokenCredential, error) {
	apiKey, err := transport.Reveal(ctx, t.apiKey)
	if err != nil {
		return tokenCredential{}, err
	}
	password, err := transport.Reveal(ctx, t.user.password)
	return tokenCredential{identkit.Secret(apiKey), identkit.Secret(password)}, err
}

// cached is the authentication by access tokens that are kept, counted and renewed.
func (t *accessTokens) cached() transport.Authorizer {
	return transport.Tokens(oauth.New(oauth.Config[tokenCredential]{
		Credential: t.credential,
		Fetch: func(ctx context.Context, c tokenCredential) (oauth.Token, error) {
			a, err := t.get(ctx, t.auth(identkit.Static(c.apiKey), identkit.Static(c.password)), nil)
			if err != nil {
				return oauth.Token{}, err
			}
			return oauth.Token{Access: a.Token, Lifetime: a.Lifetime}, nil
		},
		Blamed:    isTokenRefused,
		MaxUses:   tokenUses,
		RenewUses: tokenUses - 5,
		Margin:    time.Minute,
		Lifetime:  tokenLifetime,
	}))
}
