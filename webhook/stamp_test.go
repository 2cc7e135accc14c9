package webhook

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func TestParseTimestampIsStrict(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rule   string
		text   string
		format TimestampFormat
		want   time.Time // zero: refused
	}{
		{"seconds", "1777896000", UnixSeconds, noon},
		{"milliseconds", "1777896000000", UnixMillis, noon},
		{"RFC 3339", "2026-05-04T12:00:00Z", RFC3339, noon},
		{"RFC 3339 with a zone and fraction", "2026-05-04T14:00:00.000+02:00", RFC3339, noon},
		{"empty", "", UnixSeconds, time.Time{}},
		{"negative", "-1777896000", UnixSeconds, time.Time{}},
		{"signed", "+1777896000", UnixSeconds, time.Time{}},
		{"decimal", "1777896000.5", UnixSeconds, time.Time{}},
		{"hexadecimal", "0x69f8", UnixSeconds, time.Time{}},
		{"underscores", "1_777_896_000", UnixSeconds, time.Time{}},
		{"space", "1777896000 ", UnixSeconds, time.Time{}},
		{"other digits", "１７７７８９６０００", UnixSeconds, time.Time{}},
		{"too long", "1777896000000", UnixSeconds, time.Time{}},
		{"overflow", "99999999999999999999", UnixMillis, time.Time{}},
		{"a date where seconds are due", "2026-05-04T12:00:00Z", UnixSeconds, time.Time{}},
		{"seconds where a date is due", "1777896000", RFC3339, time.Time{}},
		{"a date with a long tail", "2026-05-04T12:00:00." + strings.Repeat("0", 100) + "Z", RFC3339, time.Time{}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			got, ok := parseTimestamp(c.text, c.format)
			require.Equal(t, !c.want.IsZero(), ok)
			if ok {
				assert.True(t, got.Equal(c.want), got)
			}
		})
	}
}

func TestToleranceIsTwoSided(t *testing.T) {
	t.Parallel()
	rules := new(faults).stamp("test", UnixSeconds, 0)
	for _, c := range []struct {
		rule string
		now  time.Duration // after the timestamp
		ok   bool
	}{
		{"now", 0, true},
		{"5 minutes old", 5 * time.Minute, true},
		{"5 minutes and a nanosecond old", 5*time.Minute + 1, false},
		{"10 minutes old", 10 * time.Minute, false},
		{"5 minutes ahead", -5 * time.Minute, true},
		{"5 minutes and a nanosecond ahead", -5*time.Minute - 1, false},
		{"10 years ahead", -10 * 365 * 24 * time.Hour, false},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			_, refusal := rules.judge("1777896000", noon.Add(c.now))
			assert.Equal(t, c.ok, refusal == nil)
			if refusal != nil {
				assert.Equal(t, ReasonExpired, refusal.Reason)
			}
		})
	}
	for _, extreme := range []string{"0", "999999999999"} {
		_, refusal := rules.judge(extreme, noon)
		assert.Equal(t, ReasonExpired, refusal.Reason, "a difference too long for a time.Duration")
	}
}

func FuzzParseTimestamp(f *testing.F) {
	for _, s := range []string{"1777896000", "1777896000000", "2026-05-04T12:00:00Z", "-1", "1e9", "９", "0000000000", strings.Repeat("9", 20)} {
		f.Add(s)
	}
	rules := make(map[TimestampFormat]stampRules)
	for _, format := range []TimestampFormat{UnixSeconds, UnixMillis, RFC3339} {
		rules[format] = new(faults).stamp("test", format, 0)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for format, r := range rules {
			at, fault := r.judge(s, noon)
			if fault == nil && (at.Before(noon.Add(-DefaultTolerance)) || at.After(noon.Add(DefaultTolerance))) {
				t.Fatalf("%q as %q is %v, which is not near %v", s, format, at, noon)
			}
			if fault != nil && !at.IsZero() {
				t.Fatalf("%q as %q is refused, and %v", s, format, at)
			}
		}
	})
}
