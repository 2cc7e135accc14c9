package transport

import (
	"bytes"
	"errors"
	"io"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/identkit/identkit/internal/seal"
	"github.com/identkit/identkit/internal/wire"
)

const (
	maxErrorBody = 64 << 10 // of a failed response, enough for every documented envelope
	maxDrained   = 1 << 20  // of a failed response beyond that
	drainTime    = time.Second
	trustedUpTo  = 1 << 20 // a Content-Length is believed this far; beyond, memory follows what really arrives
)

var errTooLarge = errors.New("response is over the limit")

// readCapped reads all of r, at most limit bytes.
func readCapped(r io.Reader, announced, limit int64) ([]byte, error) {
	if announced > limit {
		return nil, errTooLarge
	}
	var (
		b       []byte
		err     error
		limited = io.LimitReader(r, min(limit, math.MaxInt64-1)+1)
	)
	if announced >= 0 && announced < trustedUpTo {
		buf := bytes.NewBuffer(make([]byte, 0, announced+bytes.MinRead)) // the end is seen without growing
		_, err = buf.ReadFrom(limited)
		b = buf.Bytes()
	} else {
		b, err = io.ReadAll(limited)
	}
	if int64(len(b)) > limit {
		return nil, errTooLarge
	}
	return b, err
}

// readResponse reads the body of a response; of a failed one as much as any documented envelope needs.
func readResponse(method string, resp *http.Response, body io.Reader, limit int64) ([]byte, error) {
	if method == http.MethodHead || resp.StatusCode < http.StatusOK {
		return nil, nil // after 101 the body would be the connection itself
	}
	if resp.StatusCode/100 == 2 {
		return readCapped(body, resp.ContentLength, limit)
	}
	return readCapped(io.LimitReader(body, maxErrorBody), min(resp.ContentLength, maxErrorBody), maxErrorBody)
}

// drain reads the rest of a failed response, within bounds: HTTP/1 would otherwise close the connection.
func (a *attempt) drain(resp *http.Response, body io.Reader) {
	if resp.StatusCode/100 == 2 || resp.ProtoMajor != 1 || resp.ContentLength > maxDrained {
		return
	}
	a.watch.hurry(drainTime)
	_, _ = io.CopyN(io.Discard, body, maxDrained)
}

// isCut reports whether a success whose length was not announced ends within its JSON: over HTTP/1.0, or with Connection: close, the
// end of such a body cannot be distinguished from a connection that was lost.
func (s *spec) isCut(resp *http.Response, body []byte) bool {
	switch {
	case resp.StatusCode/100 != 2, resp.ProtoMajor != 1, resp.ContentLength >= 0, len(resp.TransferEncoding) > 0, resp.Uncompressed:
		return false
	case len(body) == 0:
		return !s.bodyless
	}
	return wire.IsCut(body)
}

var (
	errNotObject = errors.New("response is not a JSON object")
	errNotArray  = errors.New("response is not a JSON array")
	errEmpty     = errors.New("response is empty")
	errHTML      = errors.New("response is an HTML page, as a gateway writes it")
	errNull      = errors.New("response is null")
)

func isHTML(body []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(wire.TrimBOM(body), " \t\r\n"), []byte("<"))
}

type rawValue = jsontext.Value

// describeResponse says what is wrong with a response without repeating it.
func describeResponse(err error) string {
	var (
		missing missingError
		against contradiction
		fault   *wire.Error
	)
	switch {
	case errors.As(err, &missing):
		return missing.Error()
	case errors.As(err, &against):
		return against.Error()
	case errors.Is(err, errNotObject), errors.Is(err, errNotArray), errors.Is(err, errEmpty), errors.Is(err, errHTML), errors.Is(err, errNull):
		return err.Error()
	case errors.As(err, &fault):
		return "response " + fault.Error()
	}
	return "response cannot be decoded"
}

// missingError says that a response lacks a member the caller depends on.
type missingError string

func (e missingError) Error() string { return "response lacks " + string(e) }

// RefusesJSON implements [wire.Refusal].
func (missingError) RefusesJSON() {}

// Missing is the error of a Check for a response without the member. The call fails with ErrBadResponse.
func Missing(member string) error { return missingError(member) }

// Contradiction is the error of a Check for a response that cannot be true. The text must not repeat the response.
func Contradiction(text string) error { return contradiction(text) }

type contradiction string

func (e contradiction) Error() string { return string(e) }

// RefusesJSON implements [wire.Refusal].
func (contradiction) RefusesJSON() {}

// Same is the error of a response about another entity than the one asked for, or nil.
func Same[T ~string](member string, asked, got T) error {
	if asked == "" || asked == got {
		return nil
	}
	return Contradiction("response has another " + member + " than asked for")
}

// SameUUID is Same for ids whose letter case means nothing.
func SameUUID[T ~string](member string, asked, got T) error {
	return Same(member, strings.ToLower(string(asked)), strings.ToLower(string(got)))
}

// Elements lets the elements of every []T keep the JSON they were read from, for types that embed identkit.Raw.
func Elements[T any]() *json.Unmarshalers {
	return json.UnmarshalFromFunc(func(dec *jsontext.Decoder, list *[]T) error {
		if dec.PeekKind() != '[' {
			return errors.ErrUnsupported
		}
		if _, err := dec.ReadToken(); err != nil {
			return err
		}
		*list = []T{}
		for dec.PeekKind() != ']' {
			value, err := dec.ReadValue()
			if err != nil {
				return err
			}
			value = value.Clone()
			var element T
			if err := json.Unmarshal(value, &element, dec.Options()); err != nil {
				return err
			}
			seal.RawJSON(&element, value)
			*list = append(*list, element)
		}
		_, err := dec.ReadToken()
		return err
	})
}

// KeepRaw keeps the JSON that a result was read from, for results that no operation decoded.
func KeepRaw(result any, b []byte) { seal.RawJSON(result, b) }
