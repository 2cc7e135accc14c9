package identkittest

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Entry is one request that came in. Its maps and body are shared: read them, do not change them.
//
// Its fields hold everything that was sent. Printing or logging an entry shows neither bodies, path and query values
// nor the values of any header but a few harmless ones. Marshalling it as JSON shows everything.
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
	// Body is the body as it was sent, cut at the fake's limit. It is nil when the connection was refused.
	Body []byte
	// Time is when it came in, by the fake's clock.
	Time time.Time
	// Status is what was answered; 0 while there is no answer, and for ever when the connection was lost before it.
	Status int
	// Processed says that the fake acted on the request.
	Processed bool
	// Fault is the text of the fault rule that hit the request; "" for none.
	Fault string
	// Problem is what went wrong inside the fake itself, such as a panic; "" for nothing.
	Problem string
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
		fmt.Fprintf(&b, " query %s", strings.Join(escaped(sortedKeys(e.Query)), ","))
	}
	fmt.Fprintf(&b, " header %s body %d bytes", maskedHeader(e.Header), len(e.Body))
	if e.Status != 0 {
		fmt.Fprintf(&b, " answered %d", e.Status)
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

// plainHeaders are the headers whose values are printed.
var plainHeaders = []string{"Accept", "Accept-Encoding", "Content-Length", "Content-Type", "User-Agent"}

func maskedHeader(h http.Header) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, name := range sortedKeys(h) {
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

// escaped keeps names that came from outside on one line.
func escaped(names []string) []string {
	for i, name := range names {
		names[i] = url.QueryEscape(name)
	}
	return names
}

func sortedKeys(m map[string][]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
