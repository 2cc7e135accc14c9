package webhook

import (
	"errors"
	"net/url"
	"strings"
)

// APIKeyConfig says where a sender puts its API key. Exactly one of Header and Query is set.
type APIKeyConfig struct {
	Keys *Keyring
	// Header is the header whose whole value is the key, such as "X-Api-Key", or "Authorization" for a sender that repeats a
	// given value verbatim.
	Header string
	// Query is the name of the query parameter that is the key. URLs end up in access logs: prefer a header.
	Query string
}

// NewAPIKey returns a verifier of an API key in a header or in the query. It does not authenticate the body.
func NewAPIKey(cfg APIKeyConfig) (Verifier, error) {
	const scheme = "api-key"
	var f faults
	f.that((cfg.Header == "") != (cfg.Query == ""), "Header", "and Query: exactly one of them is needed")
	if cfg.Query != "" {
		return newQueryKey(scheme, cfg, &f)
	}
	field := f.header("Header", scheme, cfg.Header, maxHeader)
	c := f.credential(scheme, "header "+field.name, cfg.Keys, shortestIssued, nil)
	c.find = func(r *Request, found *foundSecrets) *VerifyError {
		text, refusal := field.read(r.Header)
		if refusal == nil {
			found.add(text)
		}
		return refusal
	}
	return f.verifier("NewAPIKey", c)
}

func newQueryKey(scheme string, cfg APIKeyConfig, f *faults) (Verifier, error) {
	place := "query parameter " + cfg.Query
	c := f.credential(scheme, place, cfg.Keys, shortestIssued, nil)
	absent := &VerifyError{Reason: ReasonMissing, Scheme: scheme, Detail: place + " is absent"}
	c.find = func(r *Request, found *foundSecrets) *VerifyError {
		if r.URL == nil || r.URL.RawQuery == "" {
			return absent
		}
		if len(r.URL.RawQuery) > maxHeader {
			return c.refusals.malformed
		}
		for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
			name, value, _ := strings.Cut(pair, "=")
			if name, err := url.QueryUnescape(name); err != nil || name != cfg.Query {
				continue // whatever other parameters look like
			}
			plain, err := url.QueryUnescape(value)
			if found.n > 0 || err != nil {
				return c.refusals.malformed
			}
			if plain == "" {
				return absent
			}
			found.add(plain)
			if verbatim, err := url.PathUnescape(value); err == nil && verbatim != plain {
				found.add(verbatim) // a sender that leaves "+" as it is
			}
		}
		if found.n == 0 {
			return absent
		}
		return nil
	}
	return f.verifier("NewAPIKey", c)
}

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
