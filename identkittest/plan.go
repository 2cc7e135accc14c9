package identkittest

import (
	"net/http"
	"time"
)

// Plan is what a fault does to one request. Test writers have no need of it: it is how rules speak to the fakes that play them,
// and how somebody who writes a fake of their own reads them. The zero Plan does nothing. A Plan must not be changed.
type Plan struct {
	// Rule is the text of the rule the plan comes from; "" when no rule hit.
	Rule string

	// Refuse refuses the connection: nothing of the request arrives.
	Refuse bool
	// Reset resets the connection when the request has arrived and before the fake acts.
	Reset bool
	// LoseResponse lets the fake act and resets the connection in place of its answer.
	LoseResponse bool

	// Reply is sent in place of the fake's own answer; nil means the fake's own.
	Reply *Reply
	// Processed lets the fake act although Reply is sent.
	Processed bool
	// Header is set on the answer, whoever gave it.
	Header http.Header

	// Rewrite changes the body of the answer.
	Rewrite Rewrite
	// Padding is how many spaces are put in front of the body. It need not fit into memory.
	Padding int64
	// Encoding compresses the body.
	Encoding Encoding

	// HeaderDelay passes before the answer begins.
	HeaderDelay time.Duration
	// ChunkBytes and ChunkEvery pace the body: that many bytes, then that long a pause. Zero means at once.
	ChunkBytes int
	ChunkEvery time.Duration
	// Endless adds spaces to the body for ever.
	Endless bool
	// Ending says how the body ends, and EndAfter after how many of its bytes, when it does not end as
	// it should; [Half] means half of them.
	Ending   Ending
	EndAfter int64

	// ExpireToken ends the validity of the access token the request came with.
	ExpireToken bool
	// DuplicateDelivery sends a callback twice.
	DuplicateDelivery bool
	// Reorder sends a callback after the one that follows it.
	Reorder bool
}

// Acts reports whether the fake acts on the request, whatever it answers.
func (p Plan) Acts() bool { return !p.Refuse && !p.Reset && (p.Reply == nil || p.Processed) }

// IsZero reports whether no rule hit.
func (p Plan) IsZero() bool { return p.Rule == "" }

// Reply is an answer.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
}

// Rewrite says how a body is changed.
type Rewrite uint8

// The ways to change a body.
const (
	RewriteNone      Rewrite = iota
	RewriteBadJSON           // cut in the middle, with honest framing
	RewriteEmpty             // no bytes
	RewriteDuplicate         // the same bytes twice
)

// Encoding says how a body is compressed.
type Encoding uint8

// The ways to compress a body.
const (
	EncodingNone          Encoding = iota
	EncodingGzip                   // as it should be
	EncodingGzipTruncated          // the compressed bytes stop in the middle, with honest framing
)

// Ending says how a body ends.
type Ending uint8

// The ways a body ends.
const (
	EndWhole     Ending = iota // as it should
	EndTruncated               // the connection closes before all announced bytes were sent
	EndReset                   // the connection is reset before all announced bytes were sent
)

// Half means half of the body, as [Plan].EndAfter.
const Half int64 = -1
