package transport

import (
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/input"
)

// Check collects the faults of an input. The zero value is ready.
type Check struct{ Faults []identkit.FieldError }

// Refuse adds a fault. The reason must not repeat the value.
func (c *Check) Refuse(field, reason string) {
	c.Faults = append(c.Faults, identkit.FieldError{Field: field, Reason: reason})
}

// That refuses the field unless ok.
func (c *Check) That(ok bool, field, reason string) {
	if !ok {
		c.Refuse(field, reason)
	}
}

// Text refuses an empty text, one over limit characters, and one that is not UTF-8. A limit of 0 means none.
func (c *Check) Text(field, value string, limit int) {
	if value == "" {
		c.Refuse(field, "is empty")
		return
	}
	c.Optional(field, value, limit)
}

// Optional is Text for a field that may be empty.
func (c *Check) Optional(field, value string, limit int) {
	switch {
	case !utf8.ValidString(value):
		c.Refuse(field, "is not valid UTF-8")
	case limit > 0 && len(value) > limit && utf8.RuneCountInString(value) > limit:
		c.Refuse(field, "is longer than "+strconv.Itoa(limit)+" characters")
	}
}

// Username refuses a user name or client id that cannot be one: empty, blank, not UTF-8, or with white space or a control
// character at an end.
func (c *Check) Username(field, value string) {
	fault := input.TextFault(value)
	if fault == "" && !utf8.ValidString(value) {
		fault = "is not valid UTF-8"
	}
	c.That(fault == "", field, fault)
}

// Secret refuses a secret that cannot be one: empty, blank, a mask, or with white space or a control character at an end, as a file
// or an environment variable may have it.
func (c *Check) Secret(field string, s identkit.Secret) {
	fault := input.SecretFault(s)
	c.That(fault == "", field, fault)
}

// IsNil reports whether v is nil, or an interface that holds a nil pointer or function.
func IsNil(v any) bool { return input.IsNil(v) }

// NotNil refuses nil, and an interface that holds a nil pointer or function.
func (c *Check) NotNil(field string, v any) {
	c.That(!IsNil(v), field, "is nil")
}

// Usable refuses an interface that holds a nil pointer or function; nil itself, where it means a default, passes.
func (c *Check) Usable(field string, v any) {
	c.That(v == nil || !IsNil(v), field, "holds a nil pointer or function, which is not the same as nil")
}

// Future refuses a time that is given and not after now.
func (c *Check) Future(field string, at time.Time) {
	if !at.IsZero() && !at.After(time.Now()) {
		c.Refuse(field, "is in the past")
	}
}

// Err returns the faults as the error of a constructor or a check outside a call, or nil.
func (c *Check) Err(provider, operation string) error {
	if len(c.Faults) == 0 {
		return nil
	}
	return &identkit.Error{Provider: provider, Operation: operation, Kind: identkit.ErrInvalidRequest, Fields: c.Faults}
}
