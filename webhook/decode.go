package webhook

import (
	"github.com/identkit/identkit/internal/wire"
)

// JSON decodes the body as one event, for [Config].Decode, by the rules of encoding/json/v2: member names match exactly, those of
// untagged struct fields too; a duplicate member at any depth, anything after the value, bytes that are not UTF-8, a value of
// another type and null are [ErrInvalidEvent]. A UTF-8 byte order mark is skipped. The error names fault and field, never a value.
func JSON[E any](d *Delivery) ([]E, error) {
	var events [1]E
	if err := decodeJSON(d.Request.Body, &events[0]); err != nil {
		return nil, err
	}
	return events[:], nil
}

// JSONList decodes the body as a JSON array of events, for [Config].Decode, by the rules of [JSON].
func JSONList[E any](d *Delivery) ([]E, error) {
	var events []E
	if err := decodeJSON(d.Request.Body, &events); err != nil {
		return nil, err
	}
	return events, nil
}

func decodeJSON(body []byte, v any) error {
	if err := wire.UnmarshalStrict(body, v); err != nil {
		return &DecodeError{Detail: err.Error()}
	}
	if wire.Kind(body) == 'n' {
		return &DecodeError{Detail: "is null"}
	}
	return nil
}

// DecodeError is the failure to read an event. Its text names where, never what.
type DecodeError struct {
	Detail string // safe to log
}

// Error returns one line that is safe to log.
func (e *DecodeError) Error() string { return ErrInvalidEvent.Error() + ": " + e.Detail }

// Is reports whether target is [ErrInvalidEvent].
func (e *DecodeError) Is(target error) bool { return target == ErrInvalidEvent }
