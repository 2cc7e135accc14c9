package webhook

import (
	"cmp"
	"strconv"
	"strings"
	"time"
)

// TimestampFormat says how a sender writes the time of a delivery.
type TimestampFormat string

// The formats of timestamps.
const (
	UnixSeconds TimestampFormat = ""        // decimal seconds since 1970, at most 12 digits
	UnixMillis  TimestampFormat = "millis"  // decimal milliseconds since 1970, at most 15 digits
	RFC3339     TimestampFormat = "rfc3339" // such as 2026-05-04T10:11:12.345Z, at most 40 characters
)

func (f TimestampFormat) known() bool { return f == UnixSeconds || f == UnixMillis || f == RFC3339 }

// DefaultTolerance is how far a signed timestamp may be from the time at which the delivery came in, in either direction.
const DefaultTolerance = 5 * time.Minute

// parseTimestamp reads s strictly: no sign, no space, nothing left over.
func parseTimestamp(s string, f TimestampFormat) (time.Time, bool) {
	switch f {
	case RFC3339:
		if len(s) > 40 {
			return time.Time{}, false
		}
		t, err := time.Parse(time.RFC3339Nano, s)
		return t, err == nil
	case UnixMillis:
		n, ok := parseDigits(s, 15)
		return time.UnixMilli(n), ok
	default:
		n, ok := parseDigits(s, 12)
		return time.Unix(n, 0), ok
	}
}

func parseDigits(s string, longest int) (int64, bool) {
	// A number has one form: with leading zeros, bytes could move between it and what stands beside it under a signature.
	if s == "" || len(s) > longest || len(s) > 1 && s[0] == '0' || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// stampRules judge a timestamp.
type stampRules struct {
	format    TimestampFormat
	tolerance time.Duration

	malformed, expired *VerifyError
}

func (f *faults) stamp(scheme string, format TimestampFormat, tolerance time.Duration) stampRules {
	f.that(tolerance >= 0, "Tolerance", "is negative")
	f.that(format.known(), "TimestampFormat", "is unknown")
	tolerance = cmp.Or(tolerance, DefaultTolerance)
	return stampRules{
		format: format, tolerance: tolerance,
		malformed: &VerifyError{Reason: ReasonMalformed, Scheme: scheme, Detail: "timestamp is not in the expected form"},
		expired:   &VerifyError{Reason: ReasonExpired, Scheme: scheme, Detail: "timestamp is further than " + tolerance.String() + " from now"},
	}
}

// judge compares points in time, not durations: a difference of centuries would not fit one.
func (s *stampRules) judge(text string, now time.Time) (time.Time, *VerifyError) {
	t, ok := parseTimestamp(text, s.format)
	switch {
	case !ok:
		return time.Time{}, s.malformed
	case t.Before(now.Add(-s.tolerance)), t.After(now.Add(s.tolerance)):
		return time.Time{}, s.expired
	}
	return t, nil
}
