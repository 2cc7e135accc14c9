package webhook

import (
	"net/http"
	"net/textproto"
	"strings"
)

// maxHeader is the longest header value that is looked at, in bytes. Fields that hold one token have smaller limits.
const maxHeader = 4 << 10

// refusals are the errors of one verifier, made once, so that refusing costs no more than accepting.
type refusals struct {
	scheme                          string
	malformed, mismatch, noValidKey *VerifyError
}

func newRefusals(scheme, place string) refusals {
	refuse := func(r Reason, detail string) *VerifyError {
		return &VerifyError{Reason: r, Scheme: scheme, Detail: detail}
	}
	return refusals{
		scheme:     scheme,
		malformed:  refuse(ReasonMalformed, place+" is not in the expected form"),
		mismatch:   refuse(ReasonMismatch, place+" matches none of the keys"),
		noValidKey: refuse(ReasonExpired, "no key is valid at this time"),
	}
}

// singleHeader reads one header that must be there exactly once.
type singleHeader struct {
	name                          string // canonical
	longest                       int
	absent, repeated, empty, long *VerifyError
}

func (f *faults) header(field, scheme, name string, longest int) singleHeader {
	f.that(isHeaderName(name), field, "is not a header name")
	name = textproto.CanonicalMIMEHeaderKey(name)
	refuse := func(r Reason, detail string) *VerifyError {
		return &VerifyError{Reason: r, Scheme: scheme, Detail: "header " + name + " " + detail}
	}
	return singleHeader{
		name: name, longest: longest,
		absent:   refuse(ReasonMissing, "is absent"),
		empty:    refuse(ReasonMissing, "is empty"),
		repeated: refuse(ReasonMalformed, "was sent more than once"),
		long:     refuse(ReasonMalformed, "is too long"),
	}
}

// read returns the value without the blanks around it.
func (f *singleHeader) read(h http.Header) (string, *VerifyError) {
	values := h[f.name]
	switch {
	case len(values) == 0:
		return "", f.missing(h)
	case len(values) > 1:
		return "", f.repeated
	case len(values[0]) > f.longest:
		return "", f.long
	}
	v := trimBlank(values[0])
	if v == "" {
		return "", f.empty
	}
	return v, nil
}

// missing tells an absent header from one that the caller of [VerifyRequest] stored under another key.
func (f *singleHeader) missing(h http.Header) *VerifyError {
	for name := range h {
		if strings.EqualFold(name, f.name) {
			return &VerifyError{
				Reason: ReasonMissing, Scheme: f.absent.Scheme,
				Detail: "header " + f.name + " is stored under a key in another letter case; fill http.Header with Add",
			}
		}
	}
	return f.absent
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
