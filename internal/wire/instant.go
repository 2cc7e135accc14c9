package wire

import (
	"math"
	"strconv"
	"strings"
	"time"
)

const (
	// secondsBelow tells the two epochs apart: a smaller number counts seconds (until the year 5138), else milliseconds
	// (since March 1973).
	secondsBelow = 1e11
	// lastMillis is the end of the year 9999, the last instant that time.Time can write as JSON.
	lastMillis = 253402300799999
)

// ParseTime reads an epoch, or ISO 8601 as Go, Java and JavaScript write it: without seconds, with 1 to 9 fractional digits, with
// Z, +01, +0100, +01:00 or no zone (UTC), with a zone name in brackets behind it, a date alone. Any other text gives the zero time.
func ParseTime(s string) time.Time {
	s = strings.TrimSpace(s)
	if before, name, found := strings.Cut(s, "["); found && strings.HasSuffix(name, "]") {
		s = before // Java's 2026-03-01T10:00Z[UTC]; the offset says the same
	}
	if !strings.ContainsRune(s, '-') || strings.HasPrefix(s, "-") {
		return parseEpoch(s)
	}
	if len(s) > 10 && s[10] == ' ' {
		s = s[:10] + "T" + s[11:]
	}
	for _, layout := range [...]string{
		"2006-01-02T15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999Z07",
		"2006-01-02T15:04:05.999999999",
		"2006-01-02T15:04Z07:00", "2006-01-02T15:04Z0700", "2006-01-02T15:04Z07", "2006-01-02T15:04",
		time.DateOnly,
	} {
		if at, err := time.Parse(layout, s); err == nil {
			return inRange(at)
		}
	}
	return time.Time{}
}

func parseEpoch(s string) time.Time {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		if n > -secondsBelow && n < secondsBelow {
			return inRange(time.Unix(n, 0).UTC())
		}
		if n > lastMillis || n < -lastMillis {
			return time.Time{}
		}
		return inRange(time.UnixMilli(n).UTC())
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || math.Abs(f) > lastMillis {
		return time.Time{}
	}
	if math.Abs(f) < secondsBelow {
		if at, ok := parseSeconds(s); ok {
			return inRange(at)
		}
		f *= 1000
	}
	return inRange(time.UnixMilli(int64(f)).UTC())
}

// parseSeconds reads a decimal number of seconds by its digits: as a float64, 1772439330.1 is less than that, and the millisecond before.
// ok is false for a number with an exponent.
func parseSeconds(s string) (at time.Time, ok bool) {
	const digits = 9
	whole, fraction, _ := strings.Cut(s, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || strings.Trim(fraction, "0123456789") != "" {
		return time.Time{}, false
	}
	nanos, err := strconv.ParseInt((fraction + "000000000")[:digits], 10, 64)
	if strings.HasPrefix(s, "-") {
		nanos = -nanos
	}
	return time.Unix(seconds, nanos).UTC(), err == nil
}

func inRange(at time.Time) time.Time {
	if y := at.Year(); y < 1 || y > 9999 {
		return time.Time{}
	}
	return at
}

// Date is a civil date, written YYYY-MM-DD.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// ParseDate reads YYYY-MM-DD, alone or in front of a time; ok is false for any other text and for days that do not exist.
func ParseDate(s string) (d Date, ok bool) {
	if len(s) > 10 && s[10] == 'T' {
		s = s[:10]
	}
	at, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Date{}, false
	}
	d.Year, d.Month, d.Day = at.Date()
	return d, true
}

// String returns YYYY-MM-DD; the zero Date gives "".
func (d Date) String() string {
	if d == (Date{}) {
		return ""
	}
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
}

// Seconds is a duration that only bounds a cache, such as expires_in: an integer, a fraction or either in a string is rounded
// down; anything else, and what is negative, is 0.
func Seconds(f float64) time.Duration {
	if f = math.Floor(f); !(f > 0) {
		return 0
	}
	return time.Duration(min(f, math.MaxInt64/float64(time.Second)-1)) * time.Second
}
