package identkit

import (
	"bytes"
	"encoding/json"
)

// Raw keeps the JSON a result was read from. Results embed it, so that a field which the vendor adds
// tomorrow is usable today.
type Raw struct {
	// Two pointers away, so that printing a result, with any verb, does not print the answer a second time, secrets included:
	// package fmt follows one pointer to a slice, never a pointer to a pointer.
	json **json.RawMessage
}

// RawJSON returns a copy of exactly what arrived, or nil for a value that did not come from an answer.
func (r Raw) RawJSON() json.RawMessage {
	if r.json == nil {
		return nil
	}
	return bytes.Clone(**r.json)
}

// KeepRawJSON remembers what a result was read from. Clients call it; the bytes must not change afterwards.
func (r *Raw) KeepRawJSON(b json.RawMessage) {
	kept := &struct {
		at   *json.RawMessage
		text json.RawMessage
	}{text: b}
	kept.at = &kept.text
	r.json = &kept.at
}
