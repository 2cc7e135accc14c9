package iproov

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

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
	if apiKey == "" {
		c.faults = append(c.faults, identkit.FieldError{Field: "Credentials.APIKey", Reason: "is empty"})
	}
	if secret == "" {
		c.faults = append(c.faults, identkit.FieldError{Field: "Credentials.Secret", Reason: "is empty"})
	}
	return c
}

// KeysFrom is [Keys] with sources that are asked for every call, and once more when iProov answers invalid_key: if the pair is
// another one by then, the call, which was refused before it ran, is made once more. iProov keeps two secrets valid while one is
// rotated.
func KeysFrom(apiKey, secret identkit.SecretSource) Credentials {
	c := Credentials{key: apiKey, secret: secret}
	if apiKey == nil {
		c.faults = append(c.faults, identkit.FieldError{Field: "Credentials.APIKey", Reason: "has no source"})
	}
	if secret == nil {
		c.faults = append(c.faults, identkit.FieldError{Field: "Credentials.Secret", Reason: "has no source"})
	}
	return c
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
	if password == "" {
		o.faults = append(o.faults, identkit.FieldError{Field: "OAuth.Password", Reason: "is empty"})
	}
	return o
}

// OAuthUserFrom is [OAuthUser] with a password that can be rotated. The source is asked for every attempt, so it should cache;
// another password than before drops the access token.
func OAuthUserFrom(username string, password identkit.SecretSource) OAuth {
	o := OAuth{username: func() string { return username }, password: password}
	if username == "" {
		o.faults = append(o.faults, identkit.FieldError{Field: "OAuth.Username", Reason: "is empty"})
	}
	if password == nil {
		o.faults = append(o.faults, identkit.FieldError{Field: "OAuth.Password", Reason: "has no source"})
	}
	return o
}

func (o OAuth) given() bool { return o.password != nil }

// keys are the pair that one call carries.
type keys struct{ apiKey, secret identkit.Secret }

// Format masks the pair, whose members fmt could not mask.
func (keys) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[credentials]") }

var errEmpty = errors.New("credential source gave an empty text")

func (c Credentials) now(ctx context.Context) (k keys, err error) {
	if k.apiKey, err = ask(ctx, c.key); err == nil {
		k.secret, err = ask(ctx, c.secret)
	}
	return k, err
}

func ask(ctx context.Context, source identkit.SecretSource) (identkit.Secret, error) {
	s, err := source(ctx)
	if err == nil && s == "" {
		err = errEmpty
	}
	return s, err
}

var noOAuth = transport.Refuse(&identkit.Error{Kind: identkit.ErrUnauthorized, Detail: "needs Config.OAuth"})

// call is one call that carries the keys of the moment.
type call struct {
	op   *transport.OldOperation
	in   transport.Input
	keys func(k keys, in *transport.Input) // puts the keys in
	once bool                              // the body can be read only once
}

// keyPatience bounds a source of keys, which is asked before the call's own time begins.
const keyPatience = 30 * time.Second

// send makes a call that carries the keys.
func send[W, T any](ctx context.Context, s *service, c call, finish func(*W, transport.Path) (*T, error), opts []identkit.CallOption) (*T, error) {
	var check transport.Check
	if c.in.Check != nil {
		c.in.Check(&check)
	}
	if len(check.Faults) > 0 {
		return transport.Do(ctx, s.road, c.op, c.in, finish, opts) // which refuses it, before anybody is asked for keys
	}
	patience, cancel := context.WithTimeout(ctx, keyPatience)
	defer cancel()
	k, err := s.credentials.now(patience)
	if err != nil {
		return transport.Do(ctx, s.road.WithAuth(transport.Refuse(err)), c.op, c.in, finish, opts)
	}
	in := c.in
	c.keys(k, &in)
	out, err := transport.Do(ctx, s.road, c.op, in, finish, opts)
	var e *identkit.Error
	if !errors.As(err, &e) || e.Code != CodeInvalidKey || e.OutcomeUnknown || c.once {
		return out, err
	}
	if c.op.Retry == transport.RetryIfNotProcessed && e.Status >= http.StatusInternalServerError {
		e.OutcomeUnknown = true // a 500 does not say that nothing happened
		return out, err
	}
	again, cancelAgain := context.WithTimeout(ctx, keyPatience)
	defer cancelAgain()
	fresh, rerr := s.credentials.now(again)
	if rerr != nil || fresh == k {
		return out, err
	}
	in = c.in
	c.keys(fresh, &in)
	return transport.Do(ctx, s.road, c.op, in, finish, opts)
}
