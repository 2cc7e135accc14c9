package identkit

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Request is a call that a client does not wrap, for its Call method. It goes the same road as every other call:
// the client's authentication, retries, limits, errors and observers apply.
type Request struct {
	// Name names the call in errors and observer values; empty means "<provider>.Call".
	Name string
	// Method is the HTTP method; empty means GET.
	Method string
	// Path is relative to the client's base URL and starts with a slash. Parts in braces are replaced, escaped, by PathValues.
	Path string
	// PathValues are the values of the path's {parts}, by name.
	PathValues map[string]string
	// Query is encoded into the URL.
	Query url.Values
	// Header is added to the request. Authorization, Host and the framing headers cannot be set.
	Header http.Header
	// Body is sent as JSON; nil sends none. A json.RawMessage is sent as it is. A [Secret] in it would be sent as its mask and is
	// refused: reveal it first.
	Body any
	// Retry says when the call may be repeated; the zero value is the careful one. A GET may still be repeated by net/http itself, on a
	// connection that the server closed in that moment.
	Retry RetryClass
}

// Response is what came back over HTTP, for callers who need more than the decoded result; see [WithResponse]. Its Body and Header
// may hold personal data and secrets; printing or logging a Response shows its status and request id alone.
type Response struct {
	// Status is the HTTP status.
	Status int
	// Header holds the answer's headers.
	Header http.Header
	// RequestID is the id the provider gave the request, if it gave one.
	RequestID string
	// Body is the body as it arrived, decompressed.
	Body json.RawMessage
	// Attempts lists the attempts that failed before this answer, and the one that brought it.
	Attempts []Attempt
}

// Format prints status and request id, whatever the verb.
func (r Response) Format(f fmt.State, verb rune) {
	formatLine(f, verb, "HTTP "+strconv.Itoa(r.Status)+" "+printable(r.RequestID))
}

// LogValue returns status and request id.
func (r Response) LogValue() slog.Value {
	return slog.GroupValue(slog.Int("status", r.Status), slog.String("request_id", printable(r.RequestID)))
}

// CallOption adjusts one call. Make one with [WithHeader], [WithTimeout], [WithAttempts] or [WithResponse].
type CallOption struct{ set func(*CallSettings) }

// CallSettings is what the options of one call amount to. Clients read it; users have no need to.
type CallSettings struct {
	Header   http.Header   // nil: nothing to add
	Timeout  time.Duration // zero: the client's
	Attempts int           // zero: the client's
	Response *Response     // nil: not wanted
	// BodyFields are added to a JSON body.
	BodyFields map[string]any
}

// NewCallSettings sums up options.
func NewCallSettings(opts ...CallOption) CallSettings {
	if len(opts) == 0 {
		return CallSettings{}
	}
	var s CallSettings
	for _, o := range opts {
		if o.set != nil {
			o.set(&s)
		}
	}
	return s
}

// WithHeader sends a header with the call, replacing what the client would send under that name.
// Authorization, Host and the framing headers (Content-Length, Transfer-Encoding, Connection) are refused with
// [ErrInvalidRequest].
func WithHeader(name, value string) CallOption {
	return CallOption{func(s *CallSettings) {
		if s.Header == nil {
			s.Header = make(http.Header)
		}
		s.Header.Set(name, value)
	}}
}

// WithTimeout bounds this call, waits included, in place of [Options].Timeout.
func WithTimeout(d time.Duration) CallOption {
	return CallOption{func(s *CallSettings) { s.Timeout = d }}
}

// WithAttempts limits the attempts of this call, in place of [RetryPolicy].MaxAttempts. It never widens what
// the operation's retry class allows.
func WithAttempts(n int) CallOption {
	return CallOption{func(s *CallSettings) { s.Attempts = n }}
}

// WithBodyField adds a member to the JSON body of the call, for fields that a vendor has but does not document, or adds
// tomorrow. A [Secret] is sent as its text. A call without a JSON body, and a member that the call sends already, are refused
// with [ErrInvalidRequest].
func WithBodyField(name string, value any) CallOption {
	return CallOption{func(s *CallSettings) {
		if s.BodyFields == nil {
			s.BodyFields = make(map[string]any)
		}
		if secret, ok := value.(Secret); ok {
			value = secret.Reveal()
		}
		s.BodyFields[name] = value
	}}
}

// WithResponse fills r when an answer arrived, also when the call fails because of what it says.
func WithResponse(r *Response) CallOption {
	return CallOption{func(s *CallSettings) { s.Response = r }}
}
