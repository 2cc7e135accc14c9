package identkit

import (
	"cmp"
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
// errors.Is matches the cause: [ErrTimeout] or [ErrCanceled] when it was over first, [ErrConflict] when the state can no longer be
// reached, else the kind of the read that ended it; see [WaitPolicy]. When the last read failed, errors.Is and errors.As find its failure too.
//
// The text names the cause, the number of reads, the last state and the last failure.
type WaitError[T any] struct {
	Last    *T    // the last state read, or nil
	Polls   int   // the number of reads
	Failed  int   // how many of them failed
	Failure error // of the last read, or nil when it succeeded
	Err     error // the cause, an *[Error]
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

// WaitPolicy configures how a call polls for a state. The zero value suits a person with a phone: each wait has its own defaults, which
// its documentation names. The pauses between reads grow by half each time and are jittered.
//
// A wait reads at least once. It ends with the context, at Until, and soon after the state ends by itself; without Until also at the
// bound that its documentation names. It reads no earlier than the provider asked for with Retry-After: when that is after the end, it
// goes on until its end and says so.
//
// A read that fails with [ErrNetwork], [ErrTimeout], [ErrUnavailable], [ErrRateLimited] or [ErrRetryBudget], or gets the HTML page of a
// gateway with a status of success, does not end the wait. Every other failure does, and so does what cannot get better: HTTP 501 and
// 505, and an unknown host name or an invalid certificate as long as no read has succeeded.
type WaitPolicy struct {
	InitialInterval time.Duration // the longest pause before the second read
	MaxInterval     time.Duration // what the pauses grow to
	Until           time.Time     // stop then
	// Notifier makes the wait read again when the state may have changed, at least 200 ms after the read before. Nil means that of [Options].
	// The defaults for MaxInterval are then longer.
	Notifier Notifier
}

// Next is the arithmetic of the policy, for workflow engines and job queues that own the clock: after so many reads, how long to wait, and
// whether to read once more after that. left is the time until the wait is over, such as what is left until the state ends by itself and
// some seconds; see [Response.Until]. The last wait is as long as left, and after the read that follows it there is none. Until is not looked at.
//
// It is deterministic. Whoever runs many waits at once should wait a random time between half of the result and all of it, as the waits
// of this module do. Zero intervals mean 1 and 5 seconds, and 15 seconds with a Notifier.
func (p WaitPolicy) Next(polls int, left time.Duration) (wait time.Duration, more bool) {
	const initial, longest, longestNotified = time.Second, 5 * time.Second, 15 * time.Second
	switch {
	case polls <= 0:
		return 0, true
	case left <= 0:
		return 0, false
	}
	wait = max(cmp.Or(p.InitialInterval, initial), time.Millisecond)
	top := p.MaxInterval
	switch {
	case top > 0:
	case p.Notifier != nil:
		top = max(longestNotified, wait)
	default:
		top = max(longest, wait)
	}
	for range polls - 1 {
		if wait >= top-wait/2 {
			wait = top
			break
		}
		wait += wait / 2
	}
	return min(wait, max(top, time.Millisecond), left), true
}
