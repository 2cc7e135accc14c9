package transport

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"

	"github.com/identkit/identkit"
)

// Authorizer puts credentials into attempts.
type Authorizer interface {
	// Authorize adds the credential to an attempt's header, and returns what it used, for Rejected.
	Authorize(ctx context.Context, h http.Header) (used string, err error)
	// Rejected is told that an attempt with the credential failed. It reports whether a newer one is there, so that
	// the call is worth sending once more. The call was refused before it ran.
	Rejected(ctx context.Context, used string, e *identkit.Error) bool
}

var errOddSecret = &identkit.Error{Kind: identkit.ErrUnauthorized, Detail: "the credential holds characters that a header cannot, such as a line break"}

var errEmptySecret = errors.New("credential source gave an empty secret")

// headerAuth sends an Authorization header made from a secret. The last header made is kept: secrets change rarely.
type headerAuth struct {
	source identkit.SecretSource
	header func(secret string) string
	last   atomic.Pointer[madeHeader]
}

type madeHeader struct {
	secret string
	values []string
}

// Basic sends HTTP Basic credentials.
func Basic(username string, password identkit.SecretSource) Authorizer {
	return &headerAuth{source: password, header: func(secret string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(username+":"+secret))
	}}
}

// Bearer sends a bearer token.
func Bearer(token identkit.SecretSource) Authorizer {
	return &headerAuth{source: token, header: func(secret string) string { return "Bearer " + secret }}
}

func reveal(ctx context.Context, source identkit.SecretSource) (string, error) {
	s, err := source(ctx)
	if err == nil && s == "" {
		err = errEmptySecret
	}
	return s.Reveal(), err
}

func (a *headerAuth) values(ctx context.Context) ([]string, error) {
	secret, err := reveal(ctx, a.source)
	if err != nil {
		return nil, err
	}
	if made := a.last.Load(); made != nil && made.secret == secret {
		return made.values, nil
	}
	made := &madeHeader{secret, []string{a.header(secret)}}
	if !validHeaderValue(made.values[0]) {
		return nil, errOddSecret
	}
	a.last.Store(made)
	return made.values, nil
}

func (a *headerAuth) Authorize(ctx context.Context, h http.Header) (string, error) {
	v, err := a.values(ctx)
	if err != nil {
		return "", err
	}
	h["Authorization"] = v
	return v[0], nil
}

func (a *headerAuth) Rejected(ctx context.Context, used string, e *identkit.Error) bool {
	if e.Kind != identkit.ErrUnauthorized {
		return false
	}
	v, err := a.values(ctx)
	return err == nil && v[0] != used
}

// Format keeps the header from being printed with a client or its configuration.
func (*headerAuth) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[credentials]") }
