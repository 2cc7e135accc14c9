package identkit

import (
	"bytes"
	"encoding/json"

	"github.com/identkit/identkit/internal/seal"
)

// Raw holds the JSON of a result. Results embed it, so that new fields of a vendor can be read.
type Raw struct{ json seal.Hidden[json.RawMessage] }

// RawJSON returns a copy of the unchanged JSON, or nil for a value that is not from a response.
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
