package wire

import (
	"bytes"
	"errors"
)

// Verdict is a boolean that decides something. Only JSON true and false are read; null counts as missing, a
// string, a number or a second value for the same field is an error. The zero value is "no verdict".
type Verdict struct{ seen, given, yes bool }

var (
	errVerdict     = errors.New("verdict is not a boolean")
	errTwoVerdicts = errors.New("verdict given twice")
	trueB, falseB  = []byte("true"), []byte("false")
	nullB          = []byte("null")
)

// UnmarshalJSON implements json.Unmarshaler.
func (v *Verdict) UnmarshalJSON(b []byte) error {
	b = bytes.TrimSpace(b)
	switch {
	case v.seen:
		return errTwoVerdicts
	case bytes.Equal(b, nullB):
		v.seen = true
		return nil
	case bytes.Equal(b, trueB):
		*v = Verdict{seen: true, given: true, yes: true}
	case bytes.Equal(b, falseB):
		*v = Verdict{seen: true, given: true}
	default:
		return errVerdict
	}
	return nil
}

// Given reports whether there was a verdict at all.
func (v Verdict) Given() bool { return v.given }

// Yes reports whether the verdict is true. It is false when none was given; ask Given first.
func (v Verdict) Yes() bool { return v.given && v.yes }
