package seal

// Hidden holds a value that package fmt cannot print, whatever the verb, also in an unexported field, where fmt can call no
// methods: fmt follows one pointer, never a pointer to a pointer. It is the one mechanism for everything that must not show.
type Hidden[T any] struct{ at **T }

// Hide returns a Hidden that holds v.
func Hide[T any](v T) Hidden[T] {
	held := &struct {
		at    *T
		value T
	}{value: v}
	held.at = &held.value
	return Hidden[T]{&held.at}
}

// Get returns the value, or the zero value when there is none.
func (h Hidden[T]) Get() (v T) {
	if h.at != nil {
		v = **h.at
	}
	return v
}

// IsZero reports whether nothing is held.
func (h Hidden[T]) IsZero() bool { return h.at == nil }
