package webhook

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// intake checks what can be checked before a body is read, and reads it within its limits.
type intake struct {
	methods      []string
	contentTypes []string
	maxBytes     int64
	timeout      time.Duration
	byServer     bool // a shorter timeout of the server holds
}

// firstRead bounds what is allocated because of a Content-Length alone.
const firstRead = 64 << 10

func (in *intake) read(w http.ResponseWriter, r *http.Request) ([]byte, Reason) {
	if r.ContentLength > in.maxBytes {
		return nil, ReasonBodyTooLarge
	}
	if r.Body == nil {
		return nil, ""
	}
	limited := http.MaxBytesReader(w, r.Body, in.maxBytes)
	size := int64(4 << 10)
	if r.ContentLength >= 0 {
		size = min(r.ContentLength+1, firstRead) // one more, to see the end without growing
	}
	deadline := time.Now().Add(in.timeout)
	connection := http.NewResponseController(w)
	var body []byte
	var refused Reason
	if server, _ := r.Context().Value(http.ServerContextKey).(*http.Server); in.byServer && server != nil && server.ReadTimeout > 0 && server.ReadTimeout < in.timeout {
		body, refused = readAll(limited, size, deadline) // the server's deadline is set already
	} else if connection.SetReadDeadline(deadline) != nil {
		body, refused = readAside(limited, size, in.timeout)
	} else if body, refused = readAll(limited, size, deadline); refused == "" {
		// Else the deadline would end while the event is handled, and cancel the request.
		_ = connection.SetReadDeadline(time.Time{})
	}
	if refused == "" && int64(len(body)) < r.ContentLength { // net/http itself reports a body that was cut
		refused = ReasonBodyConsumed
	}
	return body, refused
}

// closeAfter gives up the connection of a request whose body may not have been read: to keep it, the server would first read the rest,
// for as long as the sender likes.
func closeAfter(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor == 1 && r.ContentLength != 0 {
		w.Header().Set("Connection", "close")
		_ = http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0))
	}
}

func (in *intake) checkHead(r *http.Request) (Reason, error) {
	if !slices.Contains(in.methods, r.Method) {
		return ReasonMethod, nil
	}
	for _, line := range r.Header["Content-Encoding"] {
		for encoding := range strings.SplitSeq(line, ",") {
			if err := checkEncoding(strings.ToLower(trimBlank(encoding))); err != nil {
				return ReasonContentEncoding, err
			}
		}
	}
	if !in.acceptsType(r.Header["Content-Type"]) {
		return ReasonContentType, nil
	}
	return "", nil
}

// checkEncoding accepts what leaves a body as it is; some senders name a charset here.
func checkEncoding(encoding string) error {
	switch encoding {
	case "", "identity", "none", "utf-8", "utf8":
		return nil
	case "gzip", "x-gzip", "deflate", "br", "zstd", "compress":
		return errors.New("webhook: the body is compressed with " + encoding)
	}
	return errors.New("webhook: the content encoding is unknown")
}

const anyType = "*/*"

func (f *faults) contentTypes(accepted []string) {
	for i, text := range accepted {
		kind, parameters, err := mime.ParseMediaType(text)
		whole := err == nil && len(parameters) == 0 && strings.EqualFold(kind, text) && strings.Contains(kind, "/")
		if !whole || strings.Contains(kind, "*") && (text != anyType || len(accepted) > 1) {
			f.refuse("ContentTypes["+strconv.Itoa(i)+"]", "is not a media type without parameters and wildcards")
		}
	}
}

func (in *intake) acceptsType(values []string) bool {
	if len(in.contentTypes) == 1 && in.contentTypes[0] == anyType {
		return true
	}
	if len(values) != 1 {
		return false
	}
	kind, _, err := mime.ParseMediaType(values[0])
	if err != nil {
		return false
	}
	if len(in.contentTypes) == 0 {
		return kind == "application/json" || strings.HasSuffix(kind, "+json")
	}
	return slices.ContainsFunc(in.contentTypes, func(accepted string) bool { return strings.EqualFold(accepted, kind) })
}

// readAll reads to the end. It looks at the time itself too, for connections whose deadline does not interrupt.
func readAll(r io.Reader, size int64, deadline time.Time) ([]byte, Reason) {
	body := make([]byte, 0, size)
	for {
		n, err := r.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		var tooLarge *http.MaxBytesError
		switch {
		case err == io.EOF:
			return body, ""
		case errors.As(err, &tooLarge):
			return nil, ReasonBodyTooLarge
		case errors.Is(err, http.ErrBodyReadAfterClose):
			return nil, ReasonBodyConsumed
		case errors.Is(err, os.ErrDeadlineExceeded), !time.Now().Before(deadline):
			return nil, ReasonBodyTimeout
		case err != nil:
			return nil, ReasonBodyIncomplete
		}
		if len(body) == cap(body) {
			body = append(body, 0)[:len(body)]
		}
	}
}

// readAside reads on a goroutine of its own, for a response writer that hides the connection's deadline. When
// time is up, the response need not wait for the reader: it ends with the next byte, or with the connection. Only
// the server's own ReadTimeout can end a connection that stays silent then.
func readAside(r io.Reader, size int64, timeout time.Duration) ([]byte, Reason) {
	type result struct {
		body    []byte
		refused Reason
	}
	done := make(chan result, 1)
	deadline := time.Now().Add(timeout)
	go func() {
		defer func() {
			if recover() != nil {
				done <- result{refused: ReasonBodyIncomplete}
			}
		}()
		body, refused := readAll(r, size, deadline)
		done <- result{body, refused}
	}()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case got := <-done:
		return got.body, got.refused
	case <-timer.C:
		return nil, ReasonBodyTimeout
	}
}
