package identkit

import (
	"bytes"
	"encoding/json"
)

// Raw keeps the JSON a result was read from. Results embed it, so that a field which the vendor adds
// tomorrow is usable today.
type Raw struct {
	// A pointer, so that printing a result does not print the answer a second time, secrets included.
	json *json.RawMessage
}

// RawJSON returns a copy of exactly what arrived, or nil for a value that did not come from an answer.
func (r Raw) RawJSON() json.RawMessage {
	if r.json == nil {
		return nil
	}
	return bytes.Clone(*r.json)
}

// KeepRawJSON remembers what a result was read from. Clients call it; the bytes must not change afterwards.
func (r *Raw) KeepRawJSON(b json.RawMessage) { r.json = &b }
