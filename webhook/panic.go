package webhook

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/identkit/identkit/internal/seal"
)

// PanicError is a contained panic. Its text names the kind of the panic's value and not the value, which may hold
// anything, unless the Go runtime itself raised it.
type PanicError struct {
	// Stack is where, in the format of [debug.Stack].
	Stack []byte

	kind  string
	value seal.Hidden[any]
}

func newPanicError(value any) *PanicError {
	p := &PanicError{Stack: debug.Stack(), kind: fmt.Sprintf("%T", value), value: seal.Hide(value)}
	if err, ok := value.(runtime.Error); ok {
		p.kind = err.Error()
	}
	return p
}

// Value returns what was passed to panic, for a human.
func (p *PanicError) Value() any { return p.value.Get() }

// Error returns one line that is safe to log.
func (p *PanicError) Error() string { return "webhook: panic (" + p.kind + ")" }

// Format prints the same line as Error for every verb.
func (p PanicError) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, p.Error()) }
