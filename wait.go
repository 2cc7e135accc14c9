package identkit

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// WaitError is the failure of a call that polled for a state. It holds the last state:
//
//	var we *identkit.WaitError[powerauth.Operation]
//	if errors.As(err, &we) && we.Last != nil {
//		fmt.Println(we.Last.Status)
//	}
//
// errors.Is matches the cause: [ErrTimeout], or [ErrConflict] when the state can no longer be reached.
type WaitError[T any] struct {
	Last  *T  // the last state read, or nil
	Polls int // the number of reads
	Err   error
}

// Error returns the cause's text; the state may hold personal data and is not printed.
func (e *WaitError[T]) Error() string {
	if e.Err == nil {
		return "wait failed"
	}
	return e.Err.Error()
}

// Unwrap returns the cause.
func (e *WaitError[T]) Unwrap() error { return e.Err }

// cause is what Explain looks for.
func (e *WaitError[T]) cause() (polls int, err error) {
	if e == nil {
		return 0, nil
	}
	return e.Polls, e.Err
}

// Format prints the same line as Error for every verb.
func (e WaitError[T]) Format(f fmt.State, verb rune) { formatLine(f, verb, e.Error()) }

// LogValue returns what the cause's LogValue does, and the number of reads as polls; never the state.
func (e WaitError[T]) LogValue() slog.Value { return slog.GroupValue(e.attrs()...) }

// MarshalJSON writes what LogValue logs.
func (e WaitError[T]) MarshalJSON() ([]byte, error) { return marshalAttrs(e.attrs()) }

func (e *WaitError[T]) attrs() []slog.Attr {
	attrs := []slog.Attr{slog.String("text", e.Error())}
	if cause, ok := errors.AsType[*Error](e.Err); ok && cause != nil {
		attrs = cause.attrs()
	}
	return append(attrs, slog.Int("polls", e.Polls))
}

// WaitPolicy configures how a call polls for a state. The zero value suits a person with a phone: a second between reads at
// first, growing to five, jittered, until the state expires or the context ends.
type WaitPolicy struct {
	InitialInterval time.Duration // between the first reads; zero means 1 s
	MaxInterval     time.Duration // what the interval grows to; zero means 5 s
	Until           time.Time     // stop then; zero means soon after the state ends by itself
}
