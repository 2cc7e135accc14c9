package webhook

import (
	"errors"
	"strings"
)

// maxSegments is how many segments of a path are looked at.
const maxSegments = 32

// NewPathSecret returns a verifier of an unguessable path: one of its segments, wherever the handler is mounted, must
// be one of the keys, each with at least 16 bytes, [Key].AllowShort or not. It is the last resort for senders that cannot authenticate:
// URLs end up in access logs and proxies, and it does not authenticate the body.
func NewPathSecret(keys *Keyring) (Verifier, error) {
	const scheme = "path-secret"
	var f faults
	c := f.credential(scheme, "path", keys, shortestKey, func(segment string) (string, error) {
		if len(segment) < shortestKey || strings.Contains(segment, "/") {
			return "", errors.New("is shorter than 16 bytes or has a slash")
		}
		return segment, nil
	})
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
	return f.verifier("NewPathSecret", c)
}
