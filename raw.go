package identkit

import (
	"bytes"
	"encoding/json"

	"github.com/identkit/identkit/internal/seal"
)

// Raw keeps the JSON a result was read from. Results embed it, so that a field which the vendor adds
// tomorrow is usable today.
type Raw struct{ json seal.Hidden[json.RawMessage] }

// RawJSON returns a copy of exactly what arrived, or nil for a value that did not come from a response.
func (r Raw) RawJSON() json.RawMessage { return bytes.Clone(r.json.Get()) }

func (r *Raw) raw() *Raw { return r }

func init() {
	seal.RawJSON = func(result any, body []byte) {
		if r, ok := result.(interface{ raw() *Raw }); ok {
			r.raw().json = seal.Hide(json.RawMessage(body))
		}
	}
	seal.PeekRawJSON = func(result any) []byte {
		if r, ok := result.(interface{ raw() *Raw }); ok {
			return r.raw().json.Get()
		}
		return nil
	}
	seal.ErrorBody = func(err error, body []byte) {
		if e, ok := err.(*Error); ok { //nolint:errorlint // the very error, not one around it
			e.body = seal.Hide(bytes.Clone(body[:min(len(body), maxBodyExcerpt)]))
		}
	}
}
