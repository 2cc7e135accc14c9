package transport

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/identkit/identkit/internal/wire"
)

// Request is what one call sends, filled by the Request function of an operation from the call's input. Faults of the input
// are noted with the methods of Check.
type Request struct {
	Check
	Query  url.Values
	Header http.Header
	Body   Body
	// Auth replaces the client's authentication.
	Auth Authorizer
	// IfNotProcessed narrows the operation's retry class to identkit.RetryIfNotProcessed for this input.
	IfNotProcessed bool
	// WhenRejected is what of this input may be the reason of an identkit.ErrRejected; it stands in the error.
	WhenRejected string
	// Sent, if not nil, is set to when the attempt that brought the response was sent, its waits being over.
	Sent *time.Time
	// TextVerdicts also takes the texts "true" and "false" for verdicts.
	TextVerdicts bool

	codec  *wire.Codec
	values []pathValue
	inline [3]pathValue
	later  []string // path parts that authentication fills
}

// Path gives the value of a {part} of the path.
func (r *Request) Path(name, value string) {
	if r.values == nil {
		r.values = r.inline[:0]
	}
	r.values = append(r.values, pathValue{name, value})
}

// PathFromAuth leaves a {part} of the path to the authentication.
func (r *Request) PathFromAuth(name string) { r.later = append(r.later, name) }

// JSON sends v as the body.
func (r *Request) JSON(v any) { r.Body = jsonBody(r.codec, v) }

// AddQuery adds a query parameter.
func (r *Request) AddQuery(name, value string) {
	if r.Query == nil {
		r.Query = make(url.Values)
	}
	r.Query.Add(name, value)
}

// Outgoing is one attempt on its way, as authentication sees it. Each attempt starts from the call's own request.
type Outgoing struct {
	// Header may be changed; the values of a name are replaced, never changed in place.
	Header http.Header
	// Body may be replaced, see [Body.WithFields].
	Body Body
	// Used names the credential, for Renew. It never shows.
	Used string

	query  string
	values []pathValue
	moved  bool // the URL has to be built again
}

// Path sets the value of a {part} of the path.
func (o *Outgoing) Path(name, value string) {
	o.values = append(o.values[:len(o.values):len(o.values)], pathValue{name, value})
	o.moved = true
}

// AddQuery adds a query parameter.
func (o *Outgoing) AddQuery(name, value string) {
	if o.query != "" {
		o.query += "&"
	}
	o.query += url.QueryEscape(name) + "=" + url.QueryEscape(value)
	o.moved = true
}

func validToken(s string) bool {
	for _, r := range s {
		if r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r) {
			return false
		}
	}
	return s != ""
}

func validHeaderValue(s string) bool {
	for i := range len(s) {
		if b := s[i]; b < ' ' && b != '\t' || b >= 0x7f {
			return false
		}
	}
	return true
}
