package webhook

import (
	"context"
	"encoding/json"
	"sync"
)

// DispatcherConfig says how a [Dispatcher] looks at an event. All fields are required.
type DispatcherConfig[E any] struct {
	// Type gives the event's type, exactly as handlers are registered under it.
	Type func(e E) string
	// Data gives the JSON from which the typed payload is decoded; {} for events without one.
	Data func(e E) json.RawMessage
	// Fallback handles events of types without a handler. Vendors add types: returning nil accepts the unknown ones,
	// an error makes the sender try again.
	Fallback func(ctx context.Context, e E) error
}

// Dispatcher hands events to the handler of their type. Its Handle method fits [Config].Handle.
type Dispatcher[E any] struct {
	cfg DispatcherConfig[E]

	mu       sync.RWMutex
	handlers map[string]func(context.Context, E) error
}

// NewDispatcher returns a dispatcher without handlers; see [On]. It is an error to leave a field of the
// configuration out.
func NewDispatcher[E any](cfg DispatcherConfig[E]) (*Dispatcher[E], error) {
	var f faults
	f.that(cfg.Type != nil, "Type", "is nil")
	f.that(cfg.Data != nil, "Data", "is nil")
	f.that(cfg.Fallback != nil, "Fallback", "is nil")
	if err := f.err("NewDispatcher"); err != nil {
		return nil, err
	}
	return &Dispatcher[E]{cfg: cfg, handlers: make(map[string]func(context.Context, E) error)}, nil
}

// On registers the handler for an event type, with the payload decoded into T by the rules of [JSON]. A payload that cannot be
// decoded is [ErrInvalidEvent]. It is an error to give an empty type, a nil handler, or a type that has one.
func On[E, T any](d *Dispatcher[E], eventType string, handle func(ctx context.Context, e E, data T) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var f faults
	f.that(eventType != "", "eventType", "is empty")
	f.that(d.handlers[eventType] == nil, "eventType", "has a handler already")
	f.that(handle != nil, "handle", "is nil")
	if err := f.err("On"); err != nil {
		return err
	}
	d.handlers[eventType] = func(ctx context.Context, e E) error {
		var data T
		if err := decodeJSON(d.cfg.Data(e), &data); err != nil {
			return err
		}
		return handle(ctx, e, data)
	}
	return nil
}

// Handle hands the event to the handler of its type, or to the fallback.
func (d *Dispatcher[E]) Handle(ctx context.Context, e E) error {
	d.mu.RLock()
	handle := d.handlers[d.cfg.Type(e)]
	d.mu.RUnlock()
	if handle == nil {
		handle = d.cfg.Fallback
	}
	return handle(ctx, e)
}
