package transport

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
)

const (
	maxErrorBody = 64 << 10 // of a failed answer, enough for every documented envelope
	exactUpTo    = 1 << 20  // a Content-Length is believed this far; beyond, memory follows what really arrives
)

var errTooLarge = errors.New("answer is over the limit")

// readCapped reads all of r, at most limit bytes, into one right-sized buffer. An answer that says its length, as nearly all do,
// is read straight into it; others are gathered in pieces first, so that growing leaves no garbage behind.
func readCapped(r io.Reader, announced, limit int64) ([]byte, error) {
	if announced > limit {
		return nil, errTooLarge
	}
	size := int64(1 << 10)
	if announced >= 0 {
		// One more byte than announced, so that the end is seen without growing.
		size = min(announced+1, exactUpTo)
	}
	var (
		full  [][]byte
		total int64
		buf   = make([]byte, 0, size)
	)
	for {
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if total += int64(n); total > limit {
			return nil, errTooLarge
		}
		if err != nil {
			if err == io.EOF {
				err = nil
			}
			return join(full, buf, total), err
		}
		if len(buf) == cap(buf) {
			full = append(full, buf)
			buf = make([]byte, 0, min(max(total, 1<<10), 1<<20))
		}
	}
}

func join(full [][]byte, last []byte, total int64) []byte {
	if full == nil {
		return last
	}
	whole := make([]byte, 0, total)
	for _, piece := range full {
		whole = append(whole, piece...)
	}
	return append(whole, last...)
}

// readAnswer reads the body of an answer. That of a failed one never fails: what could be read is enough, the status decides.
func readAnswer(method string, resp *http.Response, limit int64) ([]byte, error) {
	if method == http.MethodHead || resp.StatusCode < http.StatusOK {
		return nil, nil // after 101 the body would be the connection itself
	}
	if resp.StatusCode/100 == 2 {
		return readCapped(resp.Body, resp.ContentLength, limit)
	}
	b, _ := readCapped(io.LimitReader(resp.Body, maxErrorBody), min(resp.ContentLength, maxErrorBody), maxErrorBody)
	return b, nil
}

var (
	errNotObject = errors.New("answer is not a JSON object")
	errNoObject  = errors.New("answer is empty")
)

// isObject reports why body cannot be a JSON object, before it is decoded.
func isObject(body []byte) error {
	b := bytes.TrimLeft(body, " \t\r\n")
	switch {
	case len(b) == 0:
		return errNoObject
	case b[0] != '{':
		return errNotObject
	}
	return nil
}

func decodeObject(body []byte, v any) error {
	if err := isObject(body); err != nil {
		return err
	}
	return json.Unmarshal(body, v)
}

// missingError says that an answer lacks a field the caller depends on.
type missingError string

func (e missingError) Error() string { return "answer lacks " + string(e) }

// Missing is the error of a finish function for an answer without the field. The call fails with ErrBadResponse.
func Missing(field string) error { return missingError(field) }

// Contradiction is the error of a finish function for an answer that cannot be true. The text must not repeat the answer.
func Contradiction(text string) error { return contradiction(text) }

// Same is the error of a finish function for an answer about another entity than the one asked for, or nil.
func Same(field, asked, got string) error {
	if asked == "" || asked == got {
		return nil
	}
	return Contradiction("answer has another " + field + " than asked for")
}

// SameUUID is Same for ids whose letter case means nothing.
func SameUUID(field, asked, got string) error {
	return Same(field, strings.ToLower(asked), strings.ToLower(got))
}

type contradiction string

func (e contradiction) Error() string { return string(e) }
