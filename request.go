package identkit

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/identkit/identkit/internal/seal"
)

// Request is a call that a client does not wrap, for its Call method. The client's authentication, retries, limits, errors and observers apply.
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
	// Header is added to the request, by the rules of [WithHeader]. A name may be given under one spelling only.
	Header http.Header
	// Body is sent as JSON; nil sends none. A json.RawMessage is sent as it is. A [Secret] in it is sent as its
	// text.
	Body any
	// Retry is when the call may be repeated; the zero value is [RetryIfNotProcessed]. A RoundTripper of your own that repeats requests by
	// itself cannot be stopped.
	Retry RetryClass
}

// Response is the HTTP response behind a decoded result; see [WithResponse]. Its Body and Header
// may hold personal data and secrets; printing or logging a Response shows its status and request id alone.
type Response struct {
	// Status is the HTTP status.
	Status int
	// Header holds the response's headers.
	Header http.Header
	// RequestID is the id the provider gave the request, if it gave one.
	RequestID string
	// Body is the body, decompressed.
	Body json.RawMessage
	// Attempts lists all attempts up to this response.
	Attempts []Attempt
}

// Format prints status and request id, for every verb.
func (r Response) Format(f fmt.State, verb rune) {
	formatLine(f, verb, "HTTP "+strconv.Itoa(r.Status)+" "+printable(r.RequestID))
}

// LogValue returns status and request id.
func (r Response) LogValue() slog.Value {
	return slog.GroupValue(slog.Int("status", r.Status), slog.String("request_id", printable(r.RequestID)))
}

// Until is how long it was from this response to a time of the same provider, such as an expiry, by the provider's own clock: it compares
// with the Date header. ok is false for a response without one.
func (r Response) Until(at time.Time) (left time.Duration, ok bool) {
	date, err := http.ParseTime(r.Header.Get("Date"))
	if err != nil {
		return 0, false
	}
	return at.Sub(date), true
}

// CallOption adjusts one call. Make one with [WithHeader], [WithTimeout], [WithAttempts], [WithBodyField] or [WithResponse].
type CallOption func(*seal.CallSettings)

// WithHeader sends a header with the call, replacing what the client would send under that name. Refused with [ErrInvalidRequest] are
// Authorization, Host, what frames and encodes a message (Content-Type, Content-Length, Transfer-Encoding, Accept-Encoding, Te, Trailer,
// Expect) or belongs to a connection (Connection, Keep-Alive, Upgrade, the Proxy- headers), and what the client's configuration
// sends with every call.
func WithHeader(name, value string) CallOption {
	return func(s *seal.CallSettings) {
		if s.Header == nil {
			s.Header = make(http.Header)
		}
		s.Header.Set(name, value)
	}
}

// WithTimeout bounds this call, waits included, in place of [Options].Timeout.
func WithTimeout(d time.Duration) CallOption {
	return func(s *seal.CallSettings) { s.Timeout = d }
}

// WithAttempts limits the attempts of this call, in place of [RetryPolicy].MaxAttempts. It never allows more than
// the operation's retry class.
func WithAttempts(n int) CallOption {
	return func(s *seal.CallSettings) { s.Attempts = n }
}

// WithBodyField adds a member to the JSON body of the call, for undocumented or new fields of a vendor. A [Secret] is sent as its
// text. A call without a JSON body, and a member that the call sends itself, are refused with [ErrInvalidRequest].
func WithBodyField(name string, value any) CallOption {
	return func(s *seal.CallSettings) {
		if s.BodyFields == nil {
			s.BodyFields = make(map[string]any)
		}
		s.BodyFields[name] = value
	}
}

// WithResponse fills r from a response, also when that makes the call fail. It empties r first.
func WithResponse(r *Response) CallOption {
	return func(s *seal.CallSettings) { s.Response = r }
}
