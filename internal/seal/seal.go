// Package seal sets what users of the root package can only read. The root package assigns the functions when it is
// initialized; internal/transport and webhook call them.
package seal

import (
	"net/http"
	"time"
)

// CallSettings is what the options of one call amount to.
type CallSettings struct {
	Header     http.Header       // nil: nothing to add
	Timeout    time.Duration     // zero: the client's
	Attempts   int               // zero: the client's
	Response   any               // nil: not wanted; else an *identkit.Response
	BodyFields map[string]any    // members added to a JSON body
	Received   func(http.Header) // gets the header of the last response, which it must not change; nil: not wanted
}

var (
	// RawJSON keeps the JSON a result was read from, if it embeds identkit.Raw. The bytes must not change afterwards.
	RawJSON func(result any, body []byte)
	// PeekRawJSON returns these bytes themselves, not a copy.
	PeekRawJSON func(result any) []byte
	// ErrorBody keeps a copy of the beginning of a response body in an *identkit.Error.
	ErrorBody func(err error, body []byte)
	// IsStatic reports whether an identkit.SecretSource was made by identkit.Static.
	IsStatic func(source any) bool
)
