package webhook

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/input"
)

// The shortest texts that count as a secret, in bytes.
const (
	shortestKey    = 16
	shortestIssued = 8 // passwords of Basic and what a sender issues, which cannot always be chosen
)

// secretDigest stands for a secret text. Texts are compared by it, so that neither content nor length shows in
// the time it takes.
type secretDigest [sha256.Size]byte

// credential verifies that a delivery carries one of the secrets of a keyring, wherever its scheme puts it.
type credential struct {
	challenge string
	keys      *derived[secretDigest]
	refusals  refusals
	// find returns the digests of the texts to compare; a refusal ends the check.
	find func(r *Request, found *foundSecrets) *VerifyError
}

// foundSecrets are the texts of a delivery that may be the secret, as digests.
type foundSecrets struct {
	n      int
	digest [maxSegments]secretDigest
}

func (f *foundSecrets) add(text string) {
	f.digest[f.n] = sha256.Sum256([]byte(text))
	f.n++
}

// credential checks the keys; text makes what is sent of a secret, and nil leaves it as it is.
func (f *faults) credential(scheme, place string, keys *Keyring, shortest int, text func(string) (string, error)) *credential {
	value := func(_ *Key, s identkit.Secret) (_ secretDigest, err error) {
		sent := s.Reveal()
		if text != nil {
			sent, err = text(sent)
		}
		return sha256.Sum256([]byte(sent)), err
	}
	return &credential{keys: deriveKeys(f, keys, shortest, value), refusals: newRefusals(scheme, place)}
}

func (c *credential) Verify(ctx context.Context, r *Request) (Receipt, error) {
	var found foundSecrets
	if refusal := c.find(r, &found); refusal != nil {
		return Receipt{}, refusal
	}
	id, refusal := c.keys.match(ctx, r.Time, &c.refusals, func(want secretDigest) bool {
		equal := 0
		for i := range found.n {
			equal |= subtle.ConstantTimeCompare(found.digest[i][:], want[:])
		}
		return equal == 1
	})
	if refusal != nil {
		return Receipt{}, refusal
	}
	return Receipt{Scheme: c.refusals.scheme, KeyID: id}, nil
}

func (c *credential) challenges() []string {
	if c.challenge == "" {
		return nil
	}
	return []string{c.challenge}
}

// NewBasicAuth returns a verifier of HTTP Basic: this user name, and one of the keys as the password. It does not authenticate the
// body.
func NewBasicAuth(user string, passwords *Keyring) (Verifier, error) {
	const scheme = "basic"
	var f faults
	fault := input.TextFault(user)
	f.that(fault == "", "user", fault)
	f.that(!strings.Contains(user, ":"), "user", "has a colon")
	field := f.header("Authorization", scheme, "Authorization", maxHeader)
	c := f.credential(scheme, "header Authorization", passwords, shortestIssued, func(password string) (string, error) {
		return user + ":" + password, nil
	})
	c.challenge = `Basic realm="webhook", charset="UTF-8"`
	c.find = func(r *Request, found *foundSecrets) *VerifyError {
		text, refusal := field.read(r.Header)
		if refusal != nil {
			return refusal
		}
		text, ok := cutFold(text, "Basic ")
		pair, err := base64.StdEncoding.Strict().DecodeString(strings.TrimLeft(text, " "))
		if !ok || err != nil {
			return c.refusals.malformed
		}
		found.add(string(pair))
		return nil
	}
	return f.verifier("NewBasicAuth", c)
}
