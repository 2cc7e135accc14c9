package webhook

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"
)

// intake checks what can be checked before a body is read, and reads it within its limits.
type intake struct {
	methods      []string
	contentTypes []string
	maxBytes     int64
	timeout      time.Duration
}

// firstRead bounds what is allocated because of a Content-Length alone.
const firstRead = 64 << 10

func (in *intake) read(w http.ResponseWriter, r *http.Request) ([]byte, Reason) {
	if refused := in.checkHead(r); refused != "" {
		return nil, refused
	}
	if r.ContentLength > in.maxBytes {
		closeAfter(w, r)
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
	if connection.SetReadDeadline(deadline) != nil {
		body, refused = readAside(limited, size, in.timeout)
	} else if body, refused = readAll(limited, size, deadline); refused == "" {
		// Else the deadline would end while the event is handled, and cancel the request.
		_ = connection.SetReadDeadline(time.Time{})
	}
	if refused == ReasonBodyTimeout {
		closeAfter(w, r)
	}
	return body, refused
}

// closeAfter gives up the connection, because to keep it the server would first read the rest of the body.
func closeAfter(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
	}
}

func (in *intake) checkHead(r *http.Request) Reason {
	allowed := false
	for _, m := range in.methods {
		allowed = allowed || m == r.Method
	}
	if !allowed {
		return ReasonMethod
	}
	for _, encoding := range r.Header["Content-Encoding"] {
		if encoding != "" && !strings.EqualFold(trimBlank(encoding), "identity") {
			return ReasonContentEncoding
		}
	}
	if !in.acceptsType(r.Header["Content-Type"]) {
		return ReasonContentType
	}
	return ""
}

func (in *intake) acceptsType(values []string) bool {
	if len(in.contentTypes) == 1 && in.contentTypes[0] == "*/*" {
		return true
	}
	if len(values) != 1 {
		return false
	}
	given, _, err := mime.ParseMediaType(values[0])
	if err != nil {
		return false
	}
	if len(in.contentTypes) == 0 {
		return given == "application/json" || strings.HasSuffix(given, "+json")
	}
	for _, accepted := range in.contentTypes {
		if strings.EqualFold(accepted, given) {
			return true
		}
	}
	return false
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
