package transport

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"sync/atomic"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/input"
	"github.com/identkit/identkit/internal/seal"
)

// Authorizer puts credentials into attempts.
type Authorizer interface {
	// Authorize adds the credential to an attempt, which may carry it in its header, query, path or body, and says in
	// [Outgoing].Used which one it was.
	Authorize(ctx context.Context, out *Outgoing) error
	// Renew reports whether there is a newer credential than the one that was refused, so that the call is worth sending once
	// more. The call was refused before it was processed.
	Renew(ctx context.Context, used string, e *identkit.Error) bool
}

// HeaderAuth sends a header made from a secret. The last value made is kept: secrets change rarely.
type HeaderAuth struct {
	name   string
	source identkit.SecretSource
	value  func(secret string) string
	last   atomic.Pointer[madeHeader] // fmt follows no unsafe.Pointer
}

type madeHeader struct {
	secret string
	values []string
}

// Header sends a header of any name; prefix, such as "Token ", stands before the secret.
func Header(name, prefix string, secret identkit.SecretSource) *HeaderAuth {
	return &HeaderAuth{name: name, source: secret, value: func(secret string) string { return prefix + secret }}
}

// Basic sends HTTP Basic credentials.
func Basic(username string, password identkit.SecretSource) *HeaderAuth {
	return &HeaderAuth{name: "Authorization", source: password, value: func(secret string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(username+":"+secret))
	}}
}

// Bearer sends a bearer token.
func Bearer(token identkit.SecretSource) *HeaderAuth {
	return Header("Authorization", "Bearer ", token)
}

var errSecretSyntax = &identkit.Error{Kind: identkit.ErrCredential, Detail: "the credential holds characters that a header cannot, such as a line break"}

// Reveal asks a source for its secret, for no longer than ctx. Its failure, and a text that cannot be a secret, see [Check.Secret], are
// ErrCredential: also a source that makes calls of its own does not fail as the provider does.
func Reveal(ctx context.Context, source identkit.SecretSource) (string, error) {
	ask := source
	if !seal.IsStatic(source) {
		ask = func(ctx context.Context) (identkit.Secret, error) { return foreign(ctx, source) }
	}
	s, err := ask(ctx)
	if err != nil {
		return "", &identkit.Error{Kind: identkit.ErrCredential, Detail: "the source of the credential failed", Err: sourceFailure{err}}
	}
	if fault := input.SecretFault(s); fault != "" {
		e := &identkit.Error{Kind: identkit.ErrCredential, Detail: "the credential from its source " + fault}
		if s.IsMask() {
			e.Err = identkit.ErrMasked
		}
		return "", e
	}
	return s.Reveal(), nil
}

// sourceFailure is the failure of a secret source, which may make calls itself: that its provider was unavailable says nothing of ours.
type sourceFailure struct{ err error }

func (s sourceFailure) Error() string { return s.err.Error() }

// Is finds everything but kinds.
func (s sourceFailure) Is(target error) bool {
	_, kind := target.(identkit.Kind)
	return !kind && target != identkit.ErrOutcomeUnknown && errors.Is(s.err, target)
}

// As finds all that a source may wrap.
func (s sourceFailure) As(target any) bool { return errors.As(s.err, target) }

func (a *HeaderAuth) values(ctx context.Context) ([]string, error) {
	secret, err := Reveal(ctx, a.source)
	if err != nil {
		return nil, err
	}
	if made := a.last.Load(); made != nil && made.secret == secret {
		return made.values, nil
	}
	made := &madeHeader{secret, []string{a.value(secret)}}
	if !validHeaderValue(made.values[0]) {
		return nil, errSecretSyntax
	}
	a.last.Store(made)
	return made.values, nil
}

// Authorize implements [Authorizer].
func (a *HeaderAuth) Authorize(ctx context.Context, out *Outgoing) error {
	v, err := a.values(ctx)
	if err != nil {
		return err
	}
	out.Header[a.name] = v
	out.Used = v[0]
	return nil
}

// Renew implements [Authorizer].
func (a *HeaderAuth) Renew(ctx context.Context, used string, e *identkit.Error) bool {
	if e.Kind != identkit.ErrUnauthorized {
		return false
	}
	v, err := a.values(ctx)
	return err == nil && v[0] != used
}

// TokenSource gives access tokens, as values of the Authorization header. Package oauth has one that keeps the tokens of one client.
type TokenSource interface {
	Header(ctx context.Context) ([]string, error)
	// Report says how an attempt with a token ended that brought a response. Nil means that the token was accepted.
	Report(used string, e *identkit.Error)
	// Renew reports whether there may be a newer token than the one that was refused; see [Authorizer].
	Renew(ctx context.Context, used string, e *identkit.Error) bool
}

// reporter is an [Authorizer] that learns how its credentials fared.
type reporter interface {
	Report(used string, e *identkit.Error)
}

// reportCredential reports the attempt that just ended, also if the call is not going to make another one.
func (c *call) reportCredential() {
	r, ok := c.authorizer().(reporter)
	if !ok || c.status == 0 {
		return
	}
	var e *identkit.Error
	if c.failure != nil {
		e = c.failure.err
	}
	r.Report(c.used, e)
}

// Tokens sends access tokens.
func Tokens(source TokenSource) Authorizer { return tokens{source} }

type tokens struct{ TokenSource }

func (t tokens) Authorize(ctx context.Context, out *Outgoing) error {
	v, err := t.Header(ctx)
	if err == nil {
		out.Header["Authorization"], out.Used = v, v[0]
	}
	return err
}

// Join sends several credentials at once, such as two header keys.
func Join(all ...Authorizer) Authorizer { return joined(all) }

type joined []Authorizer

func (j joined) Authorize(ctx context.Context, out *Outgoing) error {
	used := make([]string, len(j))
	for i, a := range j {
		if err := a.Authorize(ctx, out); err != nil {
			return err
		}
		used[i] = out.Used
	}
	out.Used = strings.Join(used, "\x00")
	return nil
}

func (j joined) Renew(ctx context.Context, used string, e *identkit.Error) bool {
	renewed := false
	for i, one := range strings.SplitN(used, "\x00", len(j)) {
		renewed = j[i].Renew(ctx, one, e) || renewed
	}
	return renewed
}

// Report implements reporter.
func (j joined) Report(used string, e *identkit.Error) {
	for i, one := range strings.SplitN(used, "\x00", len(j)) {
		if r, ok := j[i].(reporter); ok {
			r.Report(one, e)
		}
	}
}

// Refuse is the authentication of calls that have none to send: they fail with err, sending nothing.
func Refuse(err error) Authorizer { return refuser{err} }

type refuser struct{ err error }

func (r refuser) Authorize(context.Context, *Outgoing) error        { return r.err }
func (refuser) Renew(context.Context, string, *identkit.Error) bool { return false }
