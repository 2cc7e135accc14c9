package wire

import (
	"bytes"
	"encoding/json"
	"errors"
)

// Text reads a string, or a number or boolean as its JSON text; null gives "".
type Text string

var errText = errors.New("not a text: want a string, number or boolean")

// UnmarshalJSON implements json.Unmarshaler.
func (t *Text) UnmarshalJSON(b []byte) error {
	b = bytes.TrimSpace(b)
	switch {
	case len(b) == 0:
		return errText
	case bytes.Equal(b, nullB):
		*t = ""
	case b[0] == '"':
		return json.Unmarshal(b, (*string)(t))
	case b[0] == '{' || b[0] == '[':
		return errText
	default:
		*t = Text(b)
	}
	return nil
}

// Number reads an integer, a fraction without a remainder, or either in a string; null gives 0.
type Number int64

var errNumber = errors.New("not an integer")

// UnmarshalJSON implements json.Unmarshaler.
func (n *Number) UnmarshalJSON(b []byte) error {
	var t Text
	if err := t.UnmarshalJSON(b); err != nil {
		return errNumber
	}
	if t == "" {
		*n = 0
		return nil
	}
	var f float64
	if err := json.Unmarshal([]byte(t), &f); err != nil || f != float64(int64(f)) {
		return errNumber
	}
	*n = Number(f)
	return nil
}
