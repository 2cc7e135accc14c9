package webhook

import (
	"crypto/sha256"
	"errors"
	"strings"

	"github.com/identkit/identkit"
)

// maxSegments is how many segments of a path are looked at.
const maxSegments = 32

// minPathSecret is the length below which a path segment could be guessed.
const minPathSecret = 16

// NewPathSecret returns a verifier of an unguessable path: one of its segments, wherever the handler is mounted, must
// be one of the keys, each with at least 16 characters. It is the last resort for senders that can prove nothing:
// URLs end up in access logs and proxies, and the proof does not cover the body.
func NewPathSecret(keys *Keyring) (Verifier, error) {
	const scheme = "path-secret"
	c, err := newCredential(scheme, "path", keys, func(s identkit.Secret) (*secretDigest, error) {
		if len(s) < minPathSecret || strings.Contains(s.Reveal(), "/") {
			return nil, errors.New("is shorter than 16 characters or has a slash")
		}
		sum := secretDigest(sha256.Sum256([]byte(s.Reveal())))
		return &sum, nil
	})
	if err != nil {
		return nil, err
	}
	absent := &ProofError{Reason: ErrProofMissing, Scheme: scheme, Detail: "the path has no segment long enough"}
	c.find = func(r *Request, found *foundSecrets) *ProofError {
		if r.URL == nil {
			return absent
		}
		if len(r.URL.Path) > maxHeader {
			return c.refusals.malformed
		}
		for segment := range strings.SplitSeq(r.URL.Path, "/") {
			if len(segment) < minPathSecret {
				continue
			}
			if found.n == maxSegments {
				return c.refusals.malformed
			}
			found.add(segment)
		}
		if found.n == 0 {
			return absent
		}
		return nil
	}
	return c, nil
}
