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

// Entry is one request that came in. Its maps and body are shared: read them, do not change them.
//
// Its fields hold everything that was sent. Printing or logging an entry shows neither bodies, path and query values
// nor the values of any header but a few harmless ones; see also [Entry.MarshalJSON].
type Entry struct {
	// Number counts all requests of the journal, from 1.
	Number int
	// Nth counts the requests of the same operation, from 1.
	Nth int
	// Operation is the operation's name; "" when the request belongs to none.
	Operation string
	// Method is the HTTP method that was sent.
	Method string
	// Host is the host that was addressed.
	Host string
	// Path is the path that was sent, still escaped, base path included.
	Path string
	// Template is the operation's path template.
	Template string
	// PathValues are the values of the template's parts, unescaped.
	PathValues map[string]string
	// Query holds the query.
	Query url.Values
	// Header holds the headers.
	Header http.Header
	// Body is the body as it was sent. It is nil when it is larger than the journal holds, by default 1 MiB, or when the connection
	// was refused. Size and SHA256 (in hex) are those of the body as far as it was read.
	Body   []byte
	Size   int
	SHA256 string
	// Time is when it came in, by the fake's clock.
	Time time.Time
	// Status is that of the response; 0 while there is none, and for ever when the connection was lost before it.
	Status int
	// Processed says that the fake processed the request.
	Processed bool
	// Fault is the text of the fault rule that hit the request; "" for none.
	Fault string
	// Problem is what went wrong inside the fake itself, such as a panic; "" for nothing.
	Problem string

	secrets secrets
}

// JSON decodes the body into v.
func (e Entry) JSON(v any) error {
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

// MarshalJSON writes the entry for people and programs that watch a fake. The body is there if it is JSON or a form. Masked are
// headers that carry credentials (Authorization of any scheme, API keys, tokens, cookies, signatures), and the path values, query values
// and members of bodies that the fake declares secret.
func (e Entry) MarshalJSON() ([]byte, error) {
	path, parts := e.Path, make(map[string]string, len(e.PathValues))
	for name, value := range e.PathValues {
		if e.secrets.hide(name) {
			path, value = e.Template, mask
		}
		parts[name] = value
	}
	return json.Marshal(struct {
		Number     int               `json:"number"`
		Nth        int               `json:"nth"`
		Operation  string            `json:"operation"`
		Method     string            `json:"method"`
		Host       string            `json:"host"`
		Path       string            `json:"path"`
		Template   string            `json:"template,omitempty"`
		PathValues map[string]string `json:"pathValues,omitempty"`
		Query      url.Values        `json:"query,omitempty"`
		Header     http.Header       `json:"header"`
		Body       json.RawMessage   `json:"body,omitempty"`
		Size       int               `json:"size"`
		SHA256     string            `json:"sha256"`
		Time       time.Time         `json:"time"`
		Status     int               `json:"status"`
		Processed  bool              `json:"processed"`
		Fault      string            `json:"fault,omitempty"`
		Problem    string            `json:"problem,omitempty"`
	}{
		e.Number, e.Nth, e.Operation, e.Method, e.Host, path, e.Template, parts, values(e.Query, e.secrets.hide),
		values(e.Header, e.secrets.hideHeader), e.secrets.body(e.Header, e.Body), e.Size, e.SHA256, e.Time, e.Status, e.Processed,
		e.Fault, e.Problem,
	})
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

// escaped keeps names that a client chose on one line.
func escaped(names []string) []string {
	for i, name := range names {
		names[i] = url.QueryEscape(name)
	}
	return names
}
