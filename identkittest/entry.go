package identkittest

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Entry is one request. Its maps and body are shared: read them, do not change them.
//
// Its fields hold everything that was sent. Printing or logging an entry shows neither bodies, path and query values
// nor the values of any header but a few that are not sensitive; see also [Entry.MarshalJSON].
type Entry struct {
	// Number counts all requests of the journal, from 1.
	Number int `json:"number"`
	// Nth counts the requests of the same operation, from 1.
	Nth int `json:"nth"`
	// Operation is the operation's name; "" when the request belongs to none.
	Operation string `json:"operation"`
	// Method is the HTTP method that was sent.
	Method string `json:"method"`
	// Host is the host that was addressed.
	Host string `json:"host"`
	// Path is the path that was sent, still escaped, base path included.
	Path string `json:"path"`
	// Template is the operation's path template.
	Template string `json:"template,omitempty"`
	// PathValues are the values of the template's parts, unescaped.
	PathValues map[string]string `json:"pathValues,omitempty"`
	// Query holds the query.
	Query url.Values `json:"query,omitempty"`
	// Header holds the headers.
	Header http.Header `json:"header"`
	// Body is the body as it was sent; only its beginning, at most 16 KiB, when Truncated reports that it exceeds the journal's limit,
	// by default 1 MiB, or streams through the fake. It is nil when the connection was refused. Size and SHA256 (in hex) are those of
	// the body as far as it was read.
	Body      []byte `json:"-"`
	Truncated bool   `json:"truncated,omitempty"`
	Size      int    `json:"size"`
	SHA256    string `json:"sha256"`
	// Time is when it came in, by the fake's clock.
	Time time.Time `json:"time"`
	// Status is that of the response; 0 before it, and when the connection failed before it.
	Status int `json:"status"`
	// Processed reports that the fake processed the request.
	Processed bool `json:"processed"`
	// Fault is the text of the fault rule that hit the request; "" for none.
	Fault string `json:"fault,omitempty"`
	// Problem is a failure of the fake itself, such as a panic; "" for none.
	Problem string `json:"problem,omitempty"`

	secrets secrets
}

// JSON decodes the body into v.
func (e Entry) JSON(v any) error {
	if e.Truncated {
		return fmt.Errorf("identkittest: body of request %d (%s): the journal holds only its beginning", e.Number, e.Operation)
	}
	if err := json.Unmarshal(e.Body, v); err != nil {
		return fmt.Errorf("identkittest: body of request %d (%s): %w", e.Number, e.Operation, err)
	}
	return nil
}

// PathValue returns the value of one of the template's parts, unescaped.
func (e Entry) PathValue(name string) string { return e.PathValues[name] }

// String returns one line without anything secret.
func (e Entry) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "#%d ", e.Number)
	if e.Operation == "" {
		fmt.Fprintf(&b, "(no operation) %s %s", e.Method, e.Path)
	} else {
		fmt.Fprintf(&b, "%s[%d] %s %s", e.Operation, e.Nth, e.Method, e.Template)
	}
	if len(e.Query) > 0 {
		fmt.Fprintf(&b, " query %s", strings.Join(escaped(slices.Sorted(maps.Keys(e.Query))), ","))
	}
	fmt.Fprintf(&b, " header %s body %d bytes", maskedHeader(e.Header), e.Size)
	if e.Status != 0 {
		fmt.Fprintf(&b, " status %d", e.Status)
	}
	if e.Fault != "" {
		fmt.Fprintf(&b, " fault %s", e.Fault)
	}
	if e.Problem != "" {
		fmt.Fprintf(&b, " problem %s", e.Problem)
	}
	return b.String()
}

// Format prints the same line for every verb.
func (e Entry) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.String()) }

// LogValue returns the same line.
func (e Entry) LogValue() slog.Value { return slog.StringValue(e.String()) }

// MarshalJSON writes the entry for people and programs that watch a fake. The body is there if it is whole, and JSON or a form. Masked are
// headers that carry credentials (Authorization of any scheme, API keys, tokens, cookies, signatures), and the path values, query values
// and members of bodies that the fake declares secret.
func (e Entry) MarshalJSON() ([]byte, error) {
	type fields Entry
	shown := fields(e)
	shown.Query, shown.Header = values(e.Query, e.secrets.hide), values(e.Header, e.secrets.hideHeader)
	shown.PathValues = maps.Clone(e.PathValues)
	if e.Truncated {
		e.Body = nil
	}
	for name := range e.PathValues {
		if e.secrets.hide(name) {
			shown.Path, shown.PathValues[name] = e.Template, mask
		}
	}
	return json.Marshal(struct {
		fields
		Body json.RawMessage `json:"body,omitempty"`
	}{shown, e.secrets.body(e.Header, e.Body)})
}

// plainHeaders are the headers whose values are printed.
var plainHeaders = []string{"Accept", "Accept-Encoding", "Content-Length", "Content-Type", "User-Agent"}

func maskedHeader(h http.Header) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, name := range slices.Sorted(maps.Keys(h)) {
		if i > 0 {
			b.WriteString(", ")
		}
		value := "[masked]"
		if slices.Contains(plainHeaders, name) {
			value = strings.Join(h[name], " ")
		}
		fmt.Fprintf(&b, "%s: %s", name, value)
	}
	b.WriteByte('}')
	return b.String()
}

// escaped writes names that a client chose on one line.
func escaped(names []string) []string {
	for i, name := range names {
		names[i] = url.QueryEscape(name)
	}
	return names
}
