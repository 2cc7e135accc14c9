package identkit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"

	"github.com/identkit/identkit/internal/seal"
)

// secretMask stands for every secret that is not empty. It is never a secret itself: nothing sends it or reads it back.
const secretMask = "[secret]"

// Secret is a password, a key, a one-time code. Printing, logging or marshalling one gives a mask, or an empty text for an empty one;
// [Secret.Reveal] gives the text. To store a Secret, store what Reveal returns: reading the mask back is [ErrMasked], and calls and
// configurations refuse it.
//
// The fmt package cannot call methods on unexported struct fields, so keep a Secret in an exported field, a closure, or a
// [SecretSource].
type Secret string

// ErrMasked is the error of reading a [Secret] from text that holds the mask: it was stored without [Secret.Reveal].
var ErrMasked = errors.New("identkit: a masked secret: it was stored without Reveal")

// Reveal returns the text itself.
func (s Secret) Reveal() string { return string(s) }

// IsMask reports whether the text is the mask, and so no secret.
func (s Secret) IsMask() bool { return s == secretMask }

// String returns a mask.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return secretMask
}

// Format prints a mask for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue returns a mask.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText returns a mask. It is also how a Secret is written as JSON.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads any text but the mask.
func (s *Secret) UnmarshalText(b []byte) error {
	if string(b) == secretMask {
		return ErrMasked
	}
	*s = Secret(b)
	return nil
}

// UnmarshalJSON reads a JSON string, or null as empty. The mask is [ErrMasked].
func (s *Secret) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return errors.New("identkit: a secret must be a JSON string")
	}
	return s.UnmarshalText([]byte(text))
}

// SecretSource returns the current secret. Clients ask it for every attempt, so that a secret can be
// rotated without a new client; a source that does I/O should cache. It must be safe for concurrent use.
type SecretSource func(ctx context.Context) (Secret, error)

// Static returns a source that always gives s.
//
//go:noinline
func Static(s Secret) SecretSource { // inlined, the function it returns would be another one in each caller
	return func(context.Context) (Secret, error) { return s, nil }
}

func init() {
	static := reflect.ValueOf(Static("")).Pointer()
	seal.IsStatic = func(source any) bool { return reflect.ValueOf(source).Pointer() == static }
}
