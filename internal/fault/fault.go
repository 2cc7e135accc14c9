// Package fault holds what identkittest and the engine of the fakes share and users do not see: the plan of a fault rule, and how the
// engine makes its public part.
package fault

import (
	"net/http"
	"time"
)

// Package identkittest assigns these functions when it is initialized.
var (
	// NewServer makes the *identkittest.Server of an engine, which has the methods that package asks for.
	NewServer func(engine any) (server any)
	// Of returns the content of an identkittest.Rule.
	Of func(rule any) Rule
)

// Rule is the content of an identkittest.Rule. Zero numbers are unset.
type Rule struct {
	Operation string // "" for every request
	Nth       int
	First     int
	After     int
	Times     int
	Chance    *float64
	Plan
	When []func(*http.Request) bool // all must hold
}

// Selects reports whether a rule is about a request.
func (r Rule) Selects(operation string, req *http.Request) bool {
	if r.Operation != "" && r.Operation != operation {
		return false
	}
	for _, f := range r.When {
		if !f(req) {
			return false
		}
	}
	return true
}

// Hits reports whether a rule hits the n-th request that it selects, apart from its Chance and Times.
func (r Rule) Hits(n int) bool {
	if r.Nth > 0 {
		return n == r.Nth
	}
	return n > r.After && (r.First == 0 || n <= r.First)
}

// Plan is what a fault does to one request. The zero Plan does nothing. A Plan must not be changed.
type Plan struct {
	Text string // the rule as it was written; "" when no rule hit

	Connection Connection

	Reply     *Reply      // sent in place of the fake's own response
	Processed bool        // the fake processes the request although Reply is sent
	Header    http.Header // set on the response, the fake's own or Reply

	Body     Body
	Padding  int64 // spaces before the body; they need not fit into memory
	Encoding Encoding

	Delay      time.Duration // before the response begins
	ChunkBytes int           // of the body, with ChunkEvery between them; zero: at once
	ChunkEvery time.Duration
	Endless    bool // followed by spaces without end
	End        End
	EndAfter   int64 // how many bytes of the body are sent before End; Half: half of them

	ExpireToken       bool // the access token of the request is no longer valid
	DuplicateDelivery bool // the delivery is sent again
	Reorder           bool // the delivery is sent after the one that follows it
}

// Processes reports whether the fake processes the request.
func (p Plan) Processes() bool {
	return p.Connection != Refuse && p.Connection != Reset && (p.Reply == nil || p.Processed)
}

// Reply is a response.
type Reply struct {
	Status int
	Type   string // "": no Content-Type
	Body   []byte
}

// Connection is a fault of the connection; "" for none.
type Connection string

// The faults of a connection.
const (
	Refuse       Connection = "refuse"       // nothing of the request arrives
	Reset        Connection = "reset"        // when the request has arrived, before the fake processes it
	LoseResponse Connection = "loseResponse" // in place of the response
)

// Body is a change of a response's body; "" leaves it.
type Body string

// The ways to change it.
const (
	BadJSON   Body = "badJSON"   // cut in the middle, all announced bytes arrive
	Empty     Body = "empty"     // no bytes
	Duplicate Body = "duplicate" // followed by the same bytes
)

// Encoding is the compression of a body; "" means not at all.
type Encoding string

// The encodings.
const (
	Gzip          Encoding = "gzip"
	GzipTruncated Encoding = "gzipTruncated" // the compressed bytes stop in the middle, all announced bytes arrive
)

// End is the end of a body before all announced bytes were sent; "" for none.
type End string

// The ends.
const (
	Truncated End = "truncate" // the connection closes
	Cut       End = "reset"    // the connection is reset
)

// Half means half of the body, as [Plan].EndAfter.
const Half int64 = -1
