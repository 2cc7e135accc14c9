package webhook

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/identkit/identkit"
)

// secretDigest stands for a secret text. Texts are compared by it, so that neither content nor length shows in
// the time it takes.
type secretDigest [sha256.Size]byte

// credential verifies that a delivery carries one of the secrets of a keyring, wherever its scheme puts it.
type credential struct {
	scheme    string
	challenge string
	keys      *derived[*secretDigest]
	refusals  refusals
	// find returns the digests of the texts to compare; a fault ends the check.
	find func(r *Request, found *foundSecrets) *ProofError
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

func newCredential(scheme, place string, keys *Keyring, digest func(identkit.Secret) (*secretDigest, error)) (*credential, error) {
	if digest == nil {
		digest = func(s identkit.Secret) (*secretDigest, error) {
			sum := secretDigest(sha256.Sum256([]byte(s.Reveal())))
			return &sum, nil
		}
	}
	derived, err := newDerived(keys, digest)
	return &credential{scheme: scheme, keys: derived, refusals: newRefusals(scheme, place)}, err
}

func (c *credential) Verify(ctx context.Context, r *Request) (Receipt, error) {
	var found foundSecrets
	if fault := c.find(r, &found); fault != nil {
		return Receipt{}, fault
	}
	id, reason := c.keys.match(ctx, r.Time, func(want *secretDigest) bool {
		equal := 0
		for i := range found.n {
			equal |= subtle.ConstantTimeCompare(found.digest[i][:], want[:])
		}
		return equal == 1
	})
	if reason != "" {
		return Receipt{}, c.refusals.of(reason)
	}
	return Receipt{Scheme: c.scheme, KeyID: id}, nil
}

func (c *credential) challenges() []string {
	if c.challenge == "" {
		return nil
	}
	return []string{c.challenge}
}

// NewBasicAuth returns a verifier of HTTP Basic: this user name, and one of the keys as the password. The proof
// does not cover the body.
func NewBasicAuth(user string, passwords *Keyring) (Verifier, error) {
	const scheme = "basic"
	field, err := newHeaderField(scheme, "Authorization", maxHeader)
	if user == "" || strings.ContainsAny(user, ":") {
		err = errors.New("webhook: basic: the user name is empty or has a colon")
	}
	c, keysErr := newCredential(scheme, "header Authorization", passwords, func(s identkit.Secret) (*secretDigest, error) {
		sum := secretDigest(sha256.Sum256([]byte(user + ":" + s.Reveal())))
		return &sum, nil
	})
	if err := errors.Join(err, keysErr); err != nil {
		return nil, err
	}
	c.challenge = `Basic realm="webhook", charset="UTF-8"`
	c.find = func(r *Request, found *foundSecrets) *ProofError {
		text, fault := field.read(r.Header)
		if fault != nil {
			return fault
		}
		text, ok := cutFold(text, "Basic ")
		pair, err := base64.StdEncoding.Strict().DecodeString(strings.TrimLeft(text, " "))
		if !ok || err != nil {
			return c.refusals.malformed
		}
		found.add(string(pair))
		return nil
	}
	return c, nil
}
