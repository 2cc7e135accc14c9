package wire

import (
	"bytes"
	"encoding/json"
	"errors"
)

// Sole is a text that decides something, such as a status: a second value for the same field, under whatever letter case, is an
// error, because one of the two would be a lie. Null counts as empty.
type Sole struct {
	text string
	seen bool
}

var errTwoTexts = errors.New("deciding field given twice")

// UnmarshalJSON implements json.Unmarshaler.
func (s *Sole) UnmarshalJSON(b []byte) error {
	if s.seen {
		return errTwoTexts
	}
	s.seen = true
	if b = bytes.TrimSpace(b); bytes.Equal(b, nullB) {
		return nil
	}
	if isPlain(b) { // what nearly every answer has
		s.text = string(b[1 : len(b)-1])
		return nil
	}
	return json.Unmarshal(b, &s.text)
}

// isPlain reports whether a JSON string stands for its own bytes.
func isPlain(b []byte) bool {
	if len(b) < 2 || b[0] != '"' || b[len(b)-1] != '"' {
		return false
	}
	for _, c := range b[1 : len(b)-1] {
		if c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// String returns the text.
func (s Sole) String() string { return s.text }
