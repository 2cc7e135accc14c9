package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"sync"
)

// DispatcherConfig says how a [Dispatcher] looks at an event. All fields are required.
type DispatcherConfig[E any] struct {
	// Type gives the event's type, to the letter as handlers are registered under it.
	Type func(e E) string
	// Data gives the JSON from which the typed payload is decoded; {} for events without one.
	Data func(e E) json.RawMessage
	// Fallback handles events of types without a handler. Vendors add types: returning nil accepts what is not
	// known, an error makes the sender try again.
	Fallback func(ctx context.Context, e E) error
}

// Dispatcher hands events over by their type. Its Handle method fits [Config].Handle.
type Dispatcher[E any] struct {
	cfg DispatcherConfig[E]

	mu       sync.RWMutex
	handlers map[string]func(context.Context, E) error
}

// NewDispatcher returns a dispatcher without handlers; see [On]. It is an error to leave a field of the
// configuration out.
func NewDispatcher[E any](cfg DispatcherConfig[E]) (*Dispatcher[E], error) {
	if cfg.Type == nil || cfg.Data == nil || cfg.Fallback == nil {
		return nil, errors.New("webhook: a dispatcher needs Type, Data and Fallback")
	}
	return &Dispatcher[E]{cfg: cfg, handlers: make(map[string]func(context.Context, E) error)}, nil
}

// On registers the handler for an event type, with the payload decoded into T. A payload that cannot be decoded is
// [ErrUndecodable]. It is an error to give an empty type, a nil handler, or a type that has one.
func On[E, T any](d *Dispatcher[E], eventType string, handle func(ctx context.Context, e E, data T) error) error {
	if eventType == "" || handle == nil {
		return errors.New("webhook: a registration needs an event type and a handler")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.handlers[eventType] != nil {
		return errors.New("webhook: event type " + strconv.QuoteToASCII(eventType) + " has a handler already")
	}
	d.handlers[eventType] = func(ctx context.Context, e E) error {
		var data T
		if err := json.Unmarshal(d.cfg.Data(e), &data); err != nil {
			return undecodable(err)
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
