package identkit

// WaitError is the failure of a call that polled for a state which did not come. It holds the last state seen:
//
//	var we *identkit.WaitError[powerauth.Operation]
//	if errors.As(err, &we) && we.Last != nil { … we.Last.Status … }
//
// errors.Is sees through it: [ErrTimeout] when time ran out, [ErrConflict] when the state can no longer be reached.
type WaitError[T any] struct {
	Last  *T  // the last state read; nil when none was
	Polls int // how many reads were made
	Err   error
}

// Error returns the cause's text; the state may hold personal data and is not printed.
func (e *WaitError[T]) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *WaitError[T]) Unwrap() error { return e.Err }

// GoString returns the same line as Error.
func (e *WaitError[T]) GoString() string { return e.Error() }
