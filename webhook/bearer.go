package webhook

import (
	"context"
	"errors"
	"strings"

	"github.com/identkit/identkit"
)

// NewBearer returns a verifier of a fixed bearer token: "Authorization: Bearer …" with one of the keys. The proof
// does not cover the body.
func NewBearer(tokens *Keyring) (Verifier, error) {
	const scheme = "bearer"
	field, err := newHeaderField(scheme, "Authorization", maxHeader)
	c, keysErr := newCredential(scheme, "header Authorization", tokens, nil)
	if err := errors.Join(err, keysErr); err != nil {
		return nil, err
	}
	c.challenge = "Bearer"
	c.find = func(r *Request, found *foundSecrets) *ProofError {
		token, fault := readBearer(&field, r, &c.refusals)
		if fault == nil {
			found.add(token)
		}
		return fault
	}
	return c, nil
}

func readBearer(field *headerField, r *Request, refusals *refusals) (string, *ProofError) {
	text, fault := field.read(r.Header)
	if fault != nil {
		return "", fault
	}
	token, ok := cutFold(text, "Bearer ")
	token = strings.TrimLeft(token, " ")
	if !ok || !isToken(token, maxHeader) {
		return "", refusals.malformed
	}
	return token, nil
}

// NewBearerFunc returns a verifier that gives the bearer token to check, for tokens that have to be looked up or
// are signed. An error refuses the delivery: [ErrUnavailable] and context errors mean that the token could not be
// checked, all others that it is wrong; the text of others is not logged. A receipt without a scheme gets "bearer".
func NewBearerFunc(check func(ctx context.Context, token identkit.Secret) (Receipt, error)) (Verifier, error) {
	const scheme = "bearer"
	field, err := newHeaderField(scheme, "Authorization", maxHeader)
	if check == nil {
		err = errors.New("webhook: bearer: no function")
	}
	if err != nil {
		return nil, err
	}
	return &bearerFunc{field: field, check: check, refusals: newRefusals(scheme, "header Authorization")}, nil
}

type bearerFunc struct {
	field    headerField
	check    func(ctx context.Context, token identkit.Secret) (Receipt, error)
	refusals refusals
}

func (b *bearerFunc) challenges() []string { return []string{"Bearer"} }

func (b *bearerFunc) Verify(ctx context.Context, r *Request) (Receipt, error) {
	token, fault := readBearer(&b.field, r, &b.refusals)
	if fault != nil {
		return Receipt{}, fault
	}
	receipt, err := b.check(ctx, identkit.Secret(token))
	var proof *ProofError
	switch {
	case errors.As(err, &proof):
		return Receipt{}, proof
	case err != nil:
		return Receipt{}, &ProofError{Reason: reasonOf(err), Scheme: "bearer", Detail: "the token was refused", Err: err}
	}
	if receipt.Scheme == "" {
		receipt.Scheme = "bearer"
	}
	return receipt, nil
}
