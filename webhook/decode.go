package webhook

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

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

// JSONList decodes the body as a JSON array of events, for [Config].Decode, by the rules of [JSON]. Elements that are no valid events,
// null among them, are left out and named by a [*BatchError]; the others are handled.
func JSONList[E any](d *Delivery) ([]E, error) {
	var elements []json.RawMessage
	if err := decodeJSON(d.Request.Body, &elements); err != nil {
		return nil, err
	}
	all := make([]E, 0, len(elements))
	bad := &BatchError{Elements: make(map[int]error)}
	for i, element := range elements {
		var e E
		if err := decodeJSON(element, &e); err != nil {
			bad.Elements[i] = err
			continue
		}
		all = append(all, e)
	}
	if len(bad.Elements) > 0 {
		return all, bad
	}
	return all, nil
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

// BatchError says which elements of a batch are no valid events. A Decode of a [Config] that returns it beside the valid ones, in their
// order, has those handled; the delivery gets 400, or 503 if one of those should come again.
type BatchError struct {
	Elements map[int]error // by position in the batch
}

// Error returns the number of bad elements, and what is wrong with the first.
func (e *BatchError) Error() string {
	if len(e.Elements) == 0 {
		return ErrInvalidEvent.Error()
	}
	first := slices.Min(slices.Collect(maps.Keys(e.Elements)))
	return fmt.Sprintf("%v: %d elements of the batch, the first at %d: %v", ErrInvalidEvent, len(e.Elements), first, e.Elements[first])
}

// Is reports whether target is [ErrInvalidEvent].
func (e *BatchError) Is(target error) bool { return target == ErrInvalidEvent }

// validPositions are those of the n valid events of a batch.
func validPositions(n int, bad map[int]error) []int {
	positions := make([]int, 0, n)
	for i := 0; len(positions) < n; i++ {
		if _, isBad := bad[i]; !isBad {
			positions = append(positions, i)
		}
	}
	return positions
}
