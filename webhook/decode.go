package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
)

// JSON decodes the body as one event, for [Config].Decode. A syntax error, null, a value of another type, and
// anything nested more than 10,000 deep is [ErrUndecodable]; the error names place and field, never a value.
func JSON[E any](d *Delivery) ([]E, error) {
	if isNull(d.Request.Body) {
		return nil, errNull
	}
	var events [1]E
	if err := json.Unmarshal(d.Request.Body, &events[0]); err != nil {
		return nil, undecodable(err)
	}
	return events[:], nil
}

// JSONList decodes the body as a JSON array of events, for [Config].Decode. One element that does not fit spoils the
// batch; where the others should be handled all the same, take json.RawMessage for E and decode in Handle.
func JSONList[E any](d *Delivery) ([]E, error) {
	if isNull(d.Request.Body) {
		return nil, errNull
	}
	var events []E
	if err := json.Unmarshal(d.Request.Body, &events); err != nil {
		return nil, undecodable(err)
	}
	return events, nil
}

var errNull = &DecodeError{Detail: "null is no event"}

func isNull(body []byte) bool { return string(bytes.TrimSpace(body)) == "null" }

// DecodeError is the failure to read an event. Its text names where, never what.
type DecodeError struct {
	Detail string
	Err    error // cause, for errors.As; never printed, because it may quote the event
}

// Error returns one line that is safe to log.
func (e *DecodeError) Error() string { return ErrUndecodable.Error() + ": " + e.Detail }

// Is reports whether target is [ErrUndecodable].
func (e *DecodeError) Is(target error) bool { return target == ErrUndecodable }

// Unwrap returns the cause.
func (e *DecodeError) Unwrap() error { return e.Err }

func undecodable(err error) error {
	detail := "not the expected JSON"
	var syntax *json.SyntaxError
	var typed *json.UnmarshalTypeError
	switch {
	case errors.As(err, &typed) && typed.Field != "":
		detail = "field " + strconv.QuoteToASCII(typed.Field) + " is of another type"
	case errors.As(err, &syntax):
		detail = "not JSON at byte " + strconv.FormatInt(syntax.Offset, 10)
	}
	return &DecodeError{Detail: detail, Err: err}
}
