package identkit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/identkit/identkit/internal/seal"
)

// Kind is the kind of an [Error]. Kinds are errors themselves:
//
//	if errors.Is(err, identkit.ErrNotFound) {
//		return nil // nothing to do
//	}
type Kind string

// The kinds of failure.
const (
	ErrInvalidRequest   Kind = "invalid request"        // refused locally: nothing was sent, or not all of a body that could not be read
	ErrCredential       Kind = "credential unavailable" // a [SecretSource] failed or gave no usable secret; nothing was sent
	ErrUnauthorized     Kind = "unauthorized"           // credentials missing, invalid or expired
	ErrForbidden        Kind = "forbidden"              // credentials valid, but not allowed
	ErrNotFound         Kind = "not found"              // missing, or no access to it
	ErrConflict         Kind = "conflict"               // the entity's state does not allow this
	ErrRejected         Kind = "rejected"               // any other refusal by the provider (4xx)
	ErrRateLimited      Kind = "rate limited"           // 429, or the pause after one or the limiter would take too long
	ErrUnavailable      Kind = "unavailable"            // the provider failed (5xx)
	ErrNetwork          Kind = "network failure"        // no complete response was received
	ErrTimeout          Kind = "timeout"                // an attempt, the call or the context ran out of time
	ErrCanceled         Kind = "canceled"               // the context was cancelled
	ErrBadResponse      Kind = "bad response"           // a response that cannot be decoded or contradicts itself
	ErrResponseTooLarge Kind = "response too large"     // a response over Options.MaxResponseBytes
	ErrRetryBudget      Kind = "retry budget empty"     // a retry was due, but the client's budget is empty; Unwrap gives the failure
)

// ErrOutcomeUnknown holds in addition to the kind, for every failure after which the request may have taken effect.
const ErrOutcomeUnknown outcome = "outcome unknown"

// ErrNotSent is for RoundTrippers of yours ([Options].HTTPClient): an error that wraps it says that nothing of the request was sent, so
// that any call may be retried and its outcome is not unknown. An open circuit breaker is an example.
const ErrNotSent outcome = "not sent"

type outcome string

// Error returns the outcome's name.
func (o outcome) Error() string { return "identkit: " + string(o) }

// Error returns the kind's name.
func (k Kind) Error() string { return "identkit: " + string(k) }

// Error is every failure of a call, local or remote. Get it with errors.As, or ask for a kind with errors.Is.
//
// Its text is one line made from an allow-list: operation, kind, status, code, request id, field names and
// details of our own. Message, field values and Body are the provider's texts, which may repeat personal data or
// even secrets; this module never prints them.
type Error struct {
	Provider  string // such as "powerauth"
	Operation string // such as "powerauth.Operations.Create"
	Kind      Kind
	// Status is the HTTP status; 0 without a response.
	Status int
	// Code is the provider's own code; constants live in the provider package.
	Code string
	// Message is the provider's text. It is not part of Error's text.
	Message string
	// Fields are the refused fields, by us or the provider.
	Fields []FieldError
	// Detail is a hint of our own, safe to print.
	Detail string
	// RequestID is the id the provider gave the request.
	RequestID string
	// RetryAfter is how long the provider asked to wait; 0 when it did not.
	RetryAfter time.Duration
	// OutcomeUnknown reports that the request may have taken effect, although there is no usable response.
	OutcomeUnknown bool
	// Attempts lists the attempts.
	Attempts []Attempt
	// Err is the cause: a network, context or decoding error, or nil.
	Err error

	body seal.Hidden[[]byte]
}

// FieldError is the refusal of one field.
type FieldError struct {
	Field  string // the field's name on the wire
	Reason string // ours for ErrInvalidRequest, else the provider's
	Value  string // the refused value as JSON, when the provider repeats it; never set by us
}

// Format prints the field's name alone, for every verb.
func (f FieldError) Format(s fmt.State, verb rune) { formatLine(s, verb, printable(f.Field)) }

// LogValue returns the field's name alone.
func (f FieldError) LogValue() slog.Value { return slog.StringValue(printable(f.Field)) }

// Attempt is one attempt of a call.
type Attempt struct {
	Start    time.Time
	Duration time.Duration // from its start to the last byte read
	Queued   time.Duration // of it, waiting after a 429 of another call, for the limiter and for the credential
	Status   int           // HTTP status; 0 without a response
	Phase    Phase         // where a failure without a response happened
	Kind     Kind          // "" for success
	Wait     time.Duration // how long the call waited before it
	Reason   RetryReason   // why; "" for the first attempt
}

// maxBodyExcerpt is the stored part of an error body.
const maxBodyExcerpt = 4 << 10

// Error returns one line that is safe to log.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Operation != "" {
		b.WriteString(e.Operation)
		b.WriteString(": ")
	}
	b.WriteString(string(e.Kind))
	sep := " ("
	note := func(s string) {
		b.WriteString(sep)
		b.WriteString(s)
		sep = ", "
	}
	if e.Status != 0 {
		note("HTTP " + strconv.Itoa(e.Status))
	}
	if e.Code != "" {
		note(printable(e.Code))
	}
	if e.RequestID != "" {
		note("request id " + printable(e.RequestID))
	}
	if e.RetryAfter > 0 {
		note("retry after " + e.RetryAfter.String())
	}
	if len(e.Attempts) > 1 {
		note(strconv.Itoa(len(e.Attempts)) + " attempts")
	}
	if e.OutcomeUnknown {
		note(string(ErrOutcomeUnknown))
	}
	if sep == ", " {
		b.WriteByte(')')
	}
	sep = ": "
	if e.Detail != "" {
		b.WriteString(sep)
		b.WriteString(e.Detail)
		sep = "; "
	}
	for _, f := range e.Fields {
		b.WriteString(sep)
		b.WriteString(printable(f.Field))
		if e.Kind == ErrInvalidRequest {
			b.WriteString(" " + f.Reason)
		}
		sep = "; "
	}
	return b.String()
}

// Format prints the same line as Error for every verb, also for an Error that is not a pointer.
func (e Error) Format(f fmt.State, verb rune) { formatLine(f, verb, e.Error()) }

// formatLine prints a line that is safe to show, quoted for %q.
func formatLine(f fmt.State, verb rune, line string) {
	if verb == 'q' {
		line = strconv.Quote(line)
	}
	_, _ = io.WriteString(f, line)
}

// MarshalJSON writes what LogValue logs.
func (e Error) MarshalJSON() ([]byte, error) { return marshalAttrs(e.attrs()) }

// LogValue returns the parts of the line, and the line as text: operation, kind, status, code, request_id, outcome_unknown, text. Those
// that are zero are left out, except operation, kind and text.
func (e Error) LogValue() slog.Value { return slog.GroupValue(e.attrs()...) }

func (e *Error) attrs() []slog.Attr {
	attrs := append(make([]slog.Attr, 0, 8), slog.String("operation", e.Operation), slog.String("kind", string(e.Kind)))
	if e.Status != 0 {
		attrs = append(attrs, slog.Int("status", e.Status))
	}
	if e.Code != "" {
		attrs = append(attrs, slog.String("code", printable(e.Code)))
	}
	if e.RequestID != "" {
		attrs = append(attrs, slog.String("request_id", printable(e.RequestID)))
	}
	if e.OutcomeUnknown {
		attrs = append(attrs, slog.Bool("outcome_unknown", true))
	}
	return append(attrs, slog.String("text", e.Error()))
}

// marshalAttrs writes attributes as a JSON object, in their order.
func marshalAttrs(attrs []slog.Attr) ([]byte, error) {
	out := []byte{'{'}
	for i, a := range attrs {
		value, err := json.Marshal(a.Value.Any())
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(strconv.AppendQuote(out, a.Key), ':')
		out = append(out, value...)
	}
	return append(out, '}'), nil
}

// Unwrap returns the cause, so that context errors stay reachable.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is this error's kind, or [ErrOutcomeUnknown] when that holds.
func (e *Error) Is(target error) bool {
	k, ok := target.(Kind)
	return ok && k == e.Kind || target == ErrOutcomeUnknown && e.OutcomeUnknown
}

// Body returns a copy of the beginning of the response's body, at most 4 KiB, for people. It may hold personal data.
func (e *Error) Body() []byte { return bytes.Clone(e.body.Get()) }

// printable writes a provider's token on one line, in printable ASCII and short.
func printable(s string) string {
	const longest = 128
	clean := func(r rune) rune {
		if r < ' ' || r > '~' {
			return '_'
		}
		return r
	}
	if len(s) > longest {
		s = s[:longest]
	}
	return strings.Map(clean, s)
}
