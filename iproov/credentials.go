package iproov

import (
	"context"
	"strings"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// Credentials are the API key and secret of a service provider, which claims are made with. They travel in bodies (and the key in
// some URLs). The zero value is none and is refused by [New].
type Credentials struct {
	key, secret identkit.SecretSource
	faults      []identkit.FieldError
}

// Keys are an API key and its secret, 40 characters each.
func Keys(apiKey, secret identkit.Secret) Credentials {
	c := KeysFrom(identkit.Static(apiKey), identkit.Static(secret))
	var check transport.Check
	check.Secret("Credentials.APIKey", apiKey)
	check.Secret("Credentials.Secret", secret)
	c.faults = check.Faults
	return c
}

// KeysFrom is [Keys] with sources that are asked for every attempt, so they should cache, and once more when iProov returns
// invalid_key: if the pair is another one by then, the call, which was refused before it ran, is sent once more. iProov keeps two
// secrets valid while one is rotated.
func KeysFrom(apiKey, secret identkit.SecretSource) Credentials {
	var check transport.Check
	check.That(apiKey != nil, "Credentials.APIKey", "has no source")
	check.That(secret != nil, "Credentials.Secret", "has no source")
	return Credentials{apiKey, secret, check.Faults}
}

func (c Credentials) check(check *transport.Check) {
	check.Faults = append(check.Faults, c.faults...)
	check.That(c.faults != nil || c.key != nil, "Credentials", "are missing")
}

// OAuth are the OAuth user name and password of a service provider, which the user endpoints need. They differ from its API key and
// secret. The zero value is none: the user endpoints then fail with [identkit.ErrUnauthorized], sending nothing.
type OAuth struct {
	username func() string // fmt cannot print what a function holds
	password identkit.SecretSource
	faults   []identkit.FieldError
}

// OAuthUser is an OAuth user with a password.
func OAuthUser(username string, password identkit.Secret) OAuth {
	o := OAuthUserFrom(username, identkit.Static(password))
	check := transport.Check{Faults: o.faults}
	check.Secret("OAuth.Password", password)
	o.faults = check.Faults
	return o
}

// OAuthUserFrom is [OAuthUser] with a password that can be rotated. The source is asked for every attempt, so it should cache;
// another password than before drops the access token.
func OAuthUserFrom(username string, password identkit.SecretSource) OAuth {
	var check transport.Check
	check.Username("OAuth.Username", username)
	check.That(!strings.Contains(username, ":"), "OAuth.Username", "holds a colon")
	check.That(password != nil, "OAuth.Password", "has no source")
	return OAuth{func() string { return username }, password, check.Faults}
}

func (o OAuth) given() bool { return o.password != nil }

var noOAuth = transport.Refuse(&identkit.Error{Kind: identkit.ErrUnauthorized, Detail: "needs Config.OAuth"})

// keyAuth authenticates by values that an operation carries in its body, query or path.
type keyAuth struct {
	sources []identkit.SecretSource // API key; secret, where the operation has it
	put     func(out *transport.Outgoing, values []string)
}

func (c Credentials) inBody() keyAuth {
	return keyAuth{[]identkit.SecretSource{c.key, c.secret}, func(out *transport.Outgoing, values []string) {
		out.Body = out.Body.WithFields(transport.Field{Name: "api_key", Value: values[0]}, transport.Field{Name: "secret", Value: values[1]})
	}}
}

func keyInQuery(apiKey identkit.SecretSource) keyAuth {
	return keyAuth{[]identkit.SecretSource{apiKey}, func(out *transport.Outgoing, values []string) { out.AddQuery("api_key", values[0]) }}
}

func keyInPath(apiKey identkit.SecretSource) keyAuth {
	return keyAuth{[]identkit.SecretSource{apiKey}, func(out *transport.Outgoing, values []string) { out.Path("api_key", values[0]) }}
}

func (a keyAuth) values(ctx context.Context) ([]string, error) {
	values := make([]string, len(a.sources))
	for i, source := range a.sources {
		var err error
		if values[i], err = transport.Reveal(ctx, source); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// Authorize implements [transport.Authorizer].
func (a keyAuth) Authorize(ctx context.Context, out *transport.Outgoing) error {
	values, err := a.values(ctx)
	if err != nil {
		return err
	}
	a.put(out, values)
	out.Used = strings.Join(values, "\x00")
	return nil
}

// Renew implements [transport.Authorizer].
func (a keyAuth) Renew(ctx context.Context, used string, e *identkit.Error) bool {
	if e.Code != CodeInvalidKey {
		return false
	}
	values, err := a.values(ctx)
	return err == nil && strings.Join(values, "\x00") != used
}
