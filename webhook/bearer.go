package webhook

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/identkit/identkit"
)

// NewBearer returns a verifier of a fixed bearer token: "Authorization: Bearer …" with one of the keys. It does not authenticate
// the body.
func NewBearer(tokens *Keyring) (Verifier, error) {
	const scheme = "bearer"
	var f faults
	field := f.header("Authorization", scheme, "Authorization", maxHeader)
	c := f.credential(scheme, "header Authorization", tokens, shortestKey, func(token string) (string, error) {
		if !isToken(token, maxHeader) {
			return "", errors.New("is no bearer token: it has a space or is not printable ASCII")
		}
		return token, nil
	})
	c.challenge = "Bearer"
	c.find = func(r *Request, found *foundSecrets) *VerifyError {
		token, refusal := readBearer(&field, r, &c.refusals)
		if refusal == nil {
			found.add(token)
		}
		return refusal
	}
	return f.verifier("NewBearer", c)
}

func readBearer(field *singleHeader, r *Request, refusals *refusals) (string, *VerifyError) {
	text, refusal := field.read(r.Header)
	if refusal != nil {
		return "", refusal
	}
	token, ok := cutFold(text, "Bearer ")
	token = strings.TrimLeft(token, " ")
	if !ok || !isToken(token, maxHeader) {
		return "", refusals.malformed
	}
	return token, nil
}

// NewBearerFunc returns a verifier that hands the bearer token to check, for tokens that have to be looked up or are signed. An
// error refuses the delivery, as described at [VerifyError]. A receipt without a scheme gets "bearer".
func NewBearerFunc(check func(ctx context.Context, token identkit.Secret) (Receipt, error)) (Verifier, error) {
	const scheme = "bearer"
	var f faults
	f.that(check != nil, "check", "is nil")
	field := f.header("Authorization", scheme, "Authorization", maxHeader)
	return f.verifier("NewBearerFunc", &bearerFunc{field: field, check: check, refusals: newRefusals(scheme, "header Authorization")})
}

type bearerFunc struct {
	field    singleHeader
	check    func(ctx context.Context, token identkit.Secret) (Receipt, error)
	refusals refusals
}

func (b *bearerFunc) challenges() []string { return []string{"Bearer"} }

func (b *bearerFunc) Verify(ctx context.Context, r *Request) (Receipt, error) {
	token, refusal := readBearer(&b.field, r, &b.refusals)
	if refusal != nil {
		return Receipt{}, refusal
	}
	receipt, err := b.check(ctx, identkit.Secret(token))
	if err != nil {
		if errors.As(err, &refusal) {
			return Receipt{}, refusal
		}
		return Receipt{}, &VerifyError{Reason: ReasonOf(err), Scheme: "bearer", Detail: "the token was refused", Err: err}
	}
	receipt.Scheme = cmp.Or(receipt.Scheme, "bearer")
	return receipt, nil
}
