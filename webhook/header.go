package webhook

import (
	"net/http"
	"net/textproto"
	"strings"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/input"
)

// maxHeader is the longest header value that is looked at, in bytes. Fields that hold one token have smaller limits.
const maxHeader = 4 << 10

// refusals are the errors of one verifier, made once, so that refusing costs no more than accepting.
type refusals struct {
	scheme                          string
	malformed, mismatch, noValidKey *VerifyError
}

func newRefusals(scheme, place string) refusals {
	return refusals{
		scheme:     scheme,
		malformed:  &VerifyError{Reason: ReasonMalformed, Scheme: scheme, Detail: place + " is not in the expected form"},
		mismatch:   &VerifyError{Reason: ReasonMismatch, Scheme: scheme, Detail: place + " matches none of the keys"},
		noValidKey: &VerifyError{Reason: ReasonExpired, Scheme: scheme, Detail: "no key is valid at this time"},
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
func trimBlank(s string) string { return strings.Trim(s, " \t") }

func isHeaderName(s string) bool {
	const chars = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	return s != "" && strings.Trim(s, chars) == ""
}

// cutFold removes a prefix, whatever the case of its letters.
func cutFold(s, prefix string) (rest string, found bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// faults collects what is wrong with a configuration, so that all of it is reported at once.
type faults struct{ fields []identkit.FieldError }

// refuse adds a fault. The reason must not repeat the value.
func (f *faults) refuse(field, reason string) {
	f.fields = append(f.fields, identkit.FieldError{Field: field, Reason: reason})
}

// that refuses the field unless ok.
func (f *faults) that(ok bool, field, reason string) {
	if !ok {
		f.refuse(field, reason)
	}
}

// notNil refuses nil, and an interface that holds a nil pointer or function.
func (f *faults) notNil(field string, v any) {
	f.that(!input.IsNil(v), field, "is nil")
}

// err returns the faults as the error of a constructor, or nil.
func (f *faults) err(operation string) error {
	if len(f.fields) == 0 {
		return nil
	}
	return &identkit.Error{Provider: "webhook", Operation: "webhook." + operation, Kind: identkit.ErrInvalidRequest, Fields: f.fields}
}

// verifier ends the constructor of a verifier.
func (f *faults) verifier(operation string, v Verifier) (Verifier, error) {
	if err := f.err(operation); err != nil {
		return nil, err
	}
	return v, nil
}
