package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"time"
)

// Time reads epoch milliseconds (integer, fraction, exponent, or the same in a string) and ISO 8601 texts, with or
// without fractions, with Z, ±hh:mm, ±hhmm or no zone (UTC). Null and "" give the zero time. It writes epoch milliseconds.
type Time struct{ time.Time }

var errTime = errors.New("not a time: want epoch milliseconds or ISO 8601")

var isoLayouts = [...]string{
	time.RFC3339Nano,
	"2006-01-02T15:04:05.999999999Z0700",
	"2006-01-02T15:04:05.999999999",
	"2006-01-02 15:04:05.999999999Z07:00",
	"2006-01-02",
}

// UnmarshalJSON implements json.Unmarshaler.
func (t *Time) UnmarshalJSON(b []byte) error {
	b = bytes.TrimSpace(b)
	if ms, ok := integer(b); ok { // what nearly every answer has, read without a copy
		t.Time = time.UnixMilli(ms).UTC()
		return nil
	}
	if string(b) == "null" {
		return nil
	}
	s := string(b)
	if len(b) > 0 && b[0] == '"' {
		if err := json.Unmarshal(b, &s); err != nil {
			return errTime
		}
		if s == "" {
			t.Time = time.Time{}
			return nil
		}
		for _, layout := range isoLayouts {
			if at, err := time.Parse(layout, s); err == nil {
				t.Time = at
				return nil
			}
		}
	}
	ms, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		f, ferr := strconv.ParseFloat(s, 64)
		if ferr != nil || math.IsNaN(f) || math.Abs(f) > lastMillis {
			return errTime
		}
		ms = int64(f)
	}
	if ms > lastMillis || ms < -lastMillis {
		return errTime
	}
	t.Time = time.UnixMilli(ms).UTC()
	return nil
}

// integer reads plain digits, up to the year 9999.
func integer(b []byte) (int64, bool) {
	const longest = 15 // digits of lastMillis
	if len(b) == 0 || len(b) > longest {
		return 0, false
	}
	var n int64
	for _, d := range b {
		if d < '0' || d > '9' {
			return 0, false
		}
		n = n*10 + int64(d-'0')
	}
	return n, n <= lastMillis
}

// MarshalJSON writes epoch milliseconds; the zero time is null.
func (t Time) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return strconv.AppendInt(nil, t.UnixMilli(), 10), nil
}
