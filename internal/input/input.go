// Package input says what is wrong with values that callers give: secrets and names that cannot be what they should be, and
// interfaces that hold nothing. Package webhook and the transport refuse the same by it.
package input

import (
	"reflect"
	"strings"
	"unicode"

	"github.com/identkit/identkit"
)

// IsNil reports whether v is nil, or an interface that holds a nil pointer or function: that one is not equal to nil, and panics
// when it is used.
func IsNil(v any) bool {
	if v == nil {
		return true
	}
	r := reflect.ValueOf(v)
	return (r.Kind() == reflect.Pointer || r.Kind() == reflect.Func) && r.IsNil()
}

// IsInvisible reports whether a character is white space, a control or a format character such as a byte order mark.
func IsInvisible(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
}

// TextFault says why a text cannot be a user name, a key or a password; "" when it can. White space and control characters at an end
// are what copying, files and environment variables leave there.
func TextFault(text string) string {
	switch trimmed := strings.TrimFunc(text, IsInvisible); {
	case text == "":
		return "is empty"
	case trimmed == "":
		return "is blank"
	case trimmed != text:
		return "has white space or a control character at an end"
	case strings.ContainsFunc(text, unicode.IsControl):
		return "has a control character"
	}
	return ""
}

// Masked is the fault of a secret that is the mask of one.
const Masked = "is a masked secret: it was stored without Reveal"

// SecretFault is TextFault for a secret, which can also be a mask.
func SecretFault(s identkit.Secret) string {
	if s.IsMask() {
		return Masked
	}
	return TextFault(s.Reveal())
}
