package identkit

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
)

// PageError is the failure that ended the walk through a list, with the place to go on from:
//
//	var pe *identkit.PageError
//	if errors.As(err, &pe) {
//		fmt.Println("pages read:", pe.Pages) // the next walk may begin at pe.Cursor
//	}
//
// errors.Is matches the cause.
type PageError struct {
	// Cursor is where the page that failed begins, as the provider gave it; nil for the first page. It may hold personal data.
	Cursor json.RawMessage
	Pages  int // the number of pages read before
	Err    error
}

// Error returns the cause's text; the cursor may hold personal data and is not printed.
func (e *PageError) Error() string {
	if e.Err == nil {
		return "page failed"
	}
	return e.Err.Error()
}

// Unwrap returns the cause.
func (e *PageError) Unwrap() error { return e.Err }

// Format prints the same line as Error for every verb.
func (e PageError) Format(f fmt.State, verb rune) { formatLine(f, verb, e.Error()) }

// LogValue returns what the cause's LogValue does, and the number of pages; never the cursor.
func (e PageError) LogValue() slog.Value { return slog.GroupValue(e.attrs()...) }

// MarshalJSON writes what LogValue logs.
func (e PageError) MarshalJSON() ([]byte, error) { return marshalAttrs(e.attrs()) }

func (e *PageError) attrs() []slog.Attr {
	attrs := []slog.Attr{slog.String("text", e.Error())}
	if cause, ok := errors.AsType[*Error](e.Err); ok && cause != nil {
		attrs = cause.attrs()
	}
	return append(attrs, slog.Int("pages", e.Pages))
}
