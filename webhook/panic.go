package webhook

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// PanicError is a contained panic. Its text names the kind of the panic's value and not the value, which may hold
// anything, unless the Go runtime itself raised it.
type PanicError struct {
	// Value is what was passed to panic, for a human.
	Value any
	// Stack is where, in the format of [debug.Stack].
	Stack []byte

	kind string
}

func newPanicError(value any) *PanicError {
	p := &PanicError{Value: value, Stack: debug.Stack(), kind: fmt.Sprintf("%T", value)}
	if err, ok := value.(runtime.Error); ok {
		p.kind = err.Error()
	}
	return p
}

// Error returns one line that is safe to log.
func (p *PanicError) Error() string { return ErrPanic.Error() + " (" + p.kind + ")" }

// GoString returns the same line as Error, so that %#v shows no more.
func (p *PanicError) GoString() string { return p.Error() }

// Is reports whether target is [ErrPanic].
func (p *PanicError) Is(target error) bool { return target == ErrPanic }
