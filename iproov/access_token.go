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
	"github.com/identkit/identkit/internal/wire"
)

// What iProov documents for access tokens.
const (
	tokenUses   = 50
	tokenLife   = time.Hour
	tokenMargin = time.Minute
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

func checkScopes(scopes []Scope, encoding ScopeEncoding, check *transport.Check) {
	const longest = 100
	for _, s := range scopes {
		ok := s != "" && len(s) <= longest && !strings.ContainsFunc(string(s), func(r rune) bool { return !isAlphanumeric(r) && !strings.ContainsRune("_-.", r) })
		check.That(ok, "Scopes", "must be letters, digits, _ - . and at most 100 characters each")
	}
	check.That(encoding == "" || encoding == ScopesRepeated || encoding == ScopesBySpace || encoding == ScopesByComma, "ScopeEncoding", "is not repeated, space or comma")
}

func isAlphanumeric(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}

// AccessToken is a token for the user endpoints.
type AccessToken struct {
	Token identkit.Secret
	// Life is how long it is valid from when it was asked for: an hour, or 50 requests if they come first.
	Life time.Duration
	// Scopes are its rights, if the answer says them.
	Scopes []Scope
}

type accessTokens struct {
	road     *transport.Road
	key      identkit.SecretSource
	user     OAuth
	scopes   []Scope
	encoding ScopeEncoding
}

// buyer is what a token is bought with. Tokens of another buyer are dropped.
type buyer struct{ apiKey, password identkit.Secret }

func (t *accessTokens) buyer(ctx context.Context) (b buyer, err error) {
	if b.apiKey, err = ask(ctx, t.key); err == nil {
		b.password, err = ask(ctx, t.user.password)
	}
	return b, err
}

func (t *accessTokens) fetch(ctx context.Context, b buyer) (oauth.Token, error) {
	a, err := t.get(ctx, b, nil)
	if err != nil {
		return oauth.Token{}, err
	}
	return oauth.Token{Access: a.Token, Lifetime: a.Life}, nil
}

type accessTokenAnswer struct {
	Token     identkit.Secret   `json:"access_token"`
	Type      string            `json:"token_type"`
	ExpiresIn wire.Number       `json:"expires_in"`
	Scope     wire.List[string] `json:"scope"`
}

func (w *accessTokenAnswer) finish(transport.Path) (*AccessToken, error) {
	a := &AccessToken{Token: w.Token, Life: time.Duration(max(0, min(w.ExpiresIn, wire.Number(tokenLife/time.Second)))) * time.Second}
	switch {
	case a.Token == "":
		return nil, transport.Missing("access_token")
	case strings.ContainsFunc(a.Token.Reveal(), func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return nil, transport.Contradiction("access_token cannot be sent in a header")
	case w.Type != "" && !strings.EqualFold(w.Type, "Bearer"):
		return nil, transport.Contradiction("token_type is not Bearer")
	case a.Life <= 0:
		a.Life = tokenLife
	}
	for _, s := range w.Scope {
		for _, one := range strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' }) {
			a.Scopes = append(a.Scopes, Scope(one))
		}
	}
	return a, nil
}

var accessToken = &transport.OldOperation{
	Name:   "iproov.AccessToken",
	Method: http.MethodPost, Path: "/{api_key}/access_token",
	Retry:     transport.RetrySafe,
	Unmetered: true,
}

// AccessToken fetches an access token of its own, for calls that go another way than this client, or to check the OAuth
// credentials. The client's own calls do not need it and do not share it.
//
// Errors: [identkit.ErrUnauthorized] for a wrong API key (invalid_key, with status 500) and for a wrong user or password
// (invalid_client, with status 400), or without Config.OAuth; [identkit.ErrRejected] for a scope that the user may not have.
//
// Safe to repeat. Whether a new token ends older ones is not documented; it is assumed not to.
//
// Source: api-management page, Swagger file 2.13; checked 2026-11.
func (c *Client) AccessToken(ctx context.Context, opts ...identkit.CallOption) (*AccessToken, error) {
	if !c.tokens.user.given() {
		return transport.Do(ctx, c.service.road.WithAuth(noOAuth), accessToken, transport.Input{Path: transport.Path{"-"}}, (*accessTokenAnswer).finish, opts)
	}
	b, err := c.tokens.buyer(ctx)
	if err != nil {
		return transport.Do(ctx, c.service.road.WithAuth(transport.Refuse(err)), accessToken, transport.Input{Path: transport.Path{"-"}}, (*accessTokenAnswer).finish, opts)
	}
	return c.tokens.get(ctx, b, opts)
}

func (t *accessTokens) get(ctx context.Context, b buyer, opts []identkit.CallOption) (*AccessToken, error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	names := make([]string, len(t.scopes))
	for i, s := range t.scopes {
		names[i] = string(s)
	}
	switch {
	case len(names) == 0:
	case t.encoding == ScopesBySpace:
		form.Set("scope", strings.Join(names, " "))
	case t.encoding == ScopesByComma:
		form.Set("scope", strings.Join(names, ","))
	default:
		form["scope"] = names
	}
	road := t.road.WithAuth(transport.Basic(t.user.username(), identkit.Static(b.password)))
	in := transport.Input{Path: transport.Path{b.apiKey.Reveal()}, Body: transport.Form(form)}
	return transport.Do(ctx, road, accessToken, in, (*accessTokenAnswer).finish, opts)
}
