package identkit

import (
	"context"
	"fmt"
	"io"
	"log/slog"
)

const secretMask = "[secret]"

// Secret is a text that must not show: a password, a key, a one-time code. Printing, logging or
// marshalling one gives a mask; [Secret.Reveal] gives the text. Reading one from JSON works as for any
// string.
//
// The mask protects a Secret wherever its methods can be called. The fmt package cannot call methods on
// unexported struct fields, so keep a Secret in an exported field, a closure, or a [SecretSource].
type Secret string

// Reveal returns the text itself.
func (s Secret) Reveal() string { return string(s) }

// String returns a mask.
func (Secret) String() string { return secretMask }

// GoString returns a mask.
func (Secret) GoString() string { return secretMask }

// Format prints a mask for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, secretMask) }

// LogValue returns a mask.
func (Secret) LogValue() slog.Value { return slog.StringValue(secretMask) }

// MarshalJSON returns a mask as a JSON string.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + secretMask + `"`), nil }

// MarshalText returns a mask.
func (Secret) MarshalText() ([]byte, error) { return []byte(secretMask), nil }

// SecretSource gives the secret to use now. Clients ask it for every attempt, so that a secret can be
// rotated without a new client; a source that does I/O should cache. It must be safe for concurrent use.
type SecretSource func(ctx context.Context) (Secret, error)

// Static returns a source that always gives s.
func Static(s Secret) SecretSource {
	return func(context.Context) (Secret, error) { return s, nil }
}
