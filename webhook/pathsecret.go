package webhook

import (
	"crypto/sha256"
	"errors"
	"strings"

	"github.com/identkit/identkit"
)

// maxSegments is how many segments of a path are looked at.
const maxSegments = 32

// NewPathSecret returns a verifier of an unguessable path: one of its segments, wherever the handler is mounted, must
// be one of the keys, each with at least 16 bytes, [Key].AllowShort or not. It is the last resort for senders that cannot authenticate:
// URLs end up in access logs and proxies, and it does not authenticate the body.
func NewPathSecret(keys *Keyring) (Verifier, error) {
	const scheme = "path-secret"
	var f faults
	digests := deriveKeys(&f, keys, shortestKey, func(_ *Key, s identkit.Secret) (secretDigest, error) {
		if len(s) < shortestKey || strings.Contains(s.Reveal(), "/") {
			return secretDigest{}, errors.New("is shorter than 16 bytes or has a slash")
		}
		return sha256.Sum256([]byte(s.Reveal())), nil
	})
	c := &credential{keys: digests, refusals: newRefusals(scheme, "path")}
	absent := &VerifyError{Reason: ReasonMissing, Scheme: scheme, Detail: "the path has no segment long enough"}
	c.find = func(r *Request, found *foundSecrets) *VerifyError {
		if r.URL == nil {
			return absent
		}
		if len(r.URL.Path) > maxHeader {
			return c.refusals.malformed
		}
		for segment := range strings.SplitSeq(r.URL.Path, "/") {
			if len(segment) < shortestKey {
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
	return c.orError(&f, "NewPathSecret")
}
