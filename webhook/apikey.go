package webhook

import (
	"errors"
	"net/url"
)

// APIKeyConfig says where a sender puts its API key. Exactly one of Header and Query is set.
type APIKeyConfig struct {
	Keys *Keyring
	// Header is the header whose whole value is the key, such as "X-Api-Key". It also fits a sender that
	// repeats a given Authorization value verbatim.
	Header string
	// Query is the name of the query parameter that is the key. URLs end up in access logs: prefer a header.
	Query string
}

// NewAPIKey returns a verifier of an API key in a header or in the query. The proof does not cover the body.
func NewAPIKey(cfg APIKeyConfig) (Verifier, error) {
	const scheme = "api-key"
	if (cfg.Header == "") == (cfg.Query == "") {
		return nil, errors.New("webhook: api-key: exactly one of Header and Query is needed")
	}
	if cfg.Query != "" {
		return newQueryKey(scheme, cfg)
	}
	field, err := newHeaderField(scheme, cfg.Header, maxHeader)
	c, keysErr := newCredential(scheme, "header "+field.name, cfg.Keys, nil)
	if err := errors.Join(err, keysErr); err != nil {
		return nil, err
	}
	c.find = func(r *Request, found *foundSecrets) *ProofError {
		text, fault := field.read(r.Header)
		if fault == nil {
			found.add(text)
		}
		return fault
	}
	return c, nil
}

func newQueryKey(scheme string, cfg APIKeyConfig) (Verifier, error) {
	c, err := newCredential(scheme, "query parameter "+cfg.Query, cfg.Keys, nil)
	if err != nil {
		return nil, err
	}
	absent := &ProofError{Reason: ErrProofMissing, Scheme: scheme, Detail: "query parameter " + cfg.Query + " is absent"}
	c.find = func(r *Request, found *foundSecrets) *ProofError {
		if r.URL == nil || len(r.URL.RawQuery) == 0 {
			return absent
		}
		if len(r.URL.RawQuery) > maxHeader {
			return c.refusals.malformed
		}
		values, err := url.ParseQuery(r.URL.RawQuery)
		given := values[cfg.Query]
		switch {
		case err != nil, len(given) > 1:
			return c.refusals.malformed
		case len(given) == 0, given[0] == "":
			return absent
		}
		found.add(given[0])
		return nil
	}
	return c, nil
}
