package webhook

import (
	"fmt"
	"net/http"
	"net/textproto"
	"strings"
)

// maxHeader is the longest header value that is looked at. Fields that hold one token have smaller limits.
const maxHeader = 4 << 10

// refusals are the errors of one verifier, made once, so that refusing is no dearer than accepting.
type refusals struct {
	malformed, wrong, noValidKey, unavailable *ProofError
}

func newRefusals(scheme, place string) refusals {
	refuse := func(r Reason, detail string) *ProofError {
		return &ProofError{Reason: r, Scheme: scheme, Detail: detail}
	}
	return refusals{
		malformed:   refuse(ErrProofMalformed, place+" is not in the expected form"),
		wrong:       refuse(ErrProofWrong, place+" matches none of the keys"),
		noValidKey:  refuse(ErrProofStale, "no key is valid at this time"),
		unavailable: refuse(ErrUnavailable, "a key cannot be had"),
	}
}

// of gives the error for the reason of a failed match.
func (f *refusals) of(r Reason) error {
	switch r {
	case ErrProofStale:
		return f.noValidKey
	case ErrUnavailable:
		return f.unavailable
	default:
		return f.wrong
	}
}

// headerField reads one header that must be there exactly once.
type headerField struct {
	name                   string // canonical
	longest                int
	absent, doubled, empty *ProofError
	long                   *ProofError
}

func newHeaderField(scheme, name string, longest int) (headerField, error) {
	if !isHeaderName(name) {
		return headerField{}, fmt.Errorf("webhook: %s: %q is not a header name", scheme, name)
	}
	name = textproto.CanonicalMIMEHeaderKey(name)
	refuse := func(r Reason, is string) *ProofError {
		return &ProofError{Reason: r, Scheme: scheme, Detail: "header " + name + " is " + is}
	}
	return headerField{
		name: name, longest: longest,
		absent:  refuse(ErrProofMissing, "absent"),
		empty:   refuse(ErrProofMissing, "empty"),
		doubled: refuse(ErrProofMalformed, "doubled"),
		long:    refuse(ErrProofMalformed, "too long"),
	}, nil
}

// read returns the value without the spaces around it.
func (f *headerField) read(h http.Header) (string, *ProofError) {
	values := h[f.name]
	switch {
	case len(values) == 0:
		return "", f.absent
	case len(values) > 1:
		return "", f.doubled
	case len(values[0]) > f.longest:
		return "", f.long
	}
	v := trimBlank(values[0])
	if v == "" {
		return "", f.empty
	}
	return v, nil
}

// trimBlank removes what HTTP allows around a value.
func trimBlank(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

func isHeaderName(s string) bool {
	for i := range len(s) {
		c := s[i]
		alnum := c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !alnum && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// cutFold removes a prefix, whatever the case of its letters.
func cutFold(s, prefix string) (rest string, found bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}
