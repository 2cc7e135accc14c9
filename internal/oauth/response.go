package oauth

import (
	"strings"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/wire"
)

// Response is a token response by RFC 6749, section 5.1. Operations decode into it, or into a type that embeds it.
type Response struct {
	AccessToken identkit.Secret `json:"access_token"`
	TokenType   string          `json:"token_type"`
	// ExpiresIn is in seconds. It only bounds how long a token is kept, so a fraction, a text and a missing one are read, too.
	ExpiresIn float64 `json:"expires_in"`
}

// Check says why the response brings no bearer token: it has none, one that a header cannot carry, or one of another type. A
// missing type is Bearer.
func (r *Response) Check() error {
	switch {
	case r.AccessToken == "":
		return unusable("response lacks access_token")
	case strings.ContainsFunc(r.AccessToken.Reveal(), func(c rune) bool { return c <= ' ' || c >= 0x7f }):
		return unusable("access_token cannot be sent in a header")
	case r.TokenType != "" && !strings.EqualFold(r.TokenType, "Bearer"):
		return unusable("token_type is not Bearer")
	}
	return nil
}

func unusable(detail string) error {
	return &identkit.Error{Kind: identkit.ErrBadResponse, Detail: detail}
}

// Token returns the token of the response.
func (r *Response) Token() Token {
	return Token{Access: r.AccessToken, Lifetime: wire.Seconds(r.ExpiresIn)}
}
