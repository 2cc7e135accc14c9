package transport

import (
	"math"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
)

func TestRetryAfterIsReadInEveryForm(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		name, header, value string
		want                time.Duration
		given               bool
	}{
		{"seconds", "Retry-After", "1", time.Second, true},
		{"decimals", "Retry-After", "1.5", 1500 * time.Millisecond, true},
		{"zero", "Retry-After", "0", 0, true},
		{"date", "Retry-After", now.Add(7 * time.Second).Format(http.TimeFormat), 7 * time.Second, true},
		{"date that has passed", "Retry-After", now.Add(-time.Hour).Format(http.TimeFormat), 0, true},
		{"more than a duration holds saturates", "Retry-After", "9999999999999", math.MaxInt64, true},
		{"more than a float holds saturates", "Retry-After", "1e999", math.MaxInt64, true},
		{"negative is not given", "Retry-After", "-5", 0, false},
		{"NaN is not given", "Retry-After", "NaN", 0, false},
		{"words are not given", "Retry-After", "soon", 0, false},
		{"empty is not given", "Retry-After", "", 0, false},
		{"milliseconds", "Retry-After-Ms", "250", 250 * time.Millisecond, true},
		{"milliseconds, vendor form", "X-Ms-Retry-After-Ms", "250", 250 * time.Millisecond, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := http.Header{}
			h.Set(c.header, c.value)
			got, given := retryAfter(h, now)
			assert.Equal(t, c.given, given)
			assert.Equal(t, c.want, got)
		})
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"1", "1.5", "-1", "9999999999999", "Wed, 21 Oct 2015 07:28:00 GMT", "2015-10-21T07:28:00.000Z", "Wed Oct 21 2015 07:28:00 GMT+0000 (UTC)", "Wed, 21-Oct-15 07:28:00 CET", "0x1p-2", "Inf", "1_0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d, ok := retryAfter(http.Header{"Retry-After": {s}}, time.Unix(0, 0)); d < 0 || !ok && d != 0 {
			t.Fatalf("%q gave %v, %v", s, d, ok)
		}
	})
}

func TestDatesAreReadAsGoJavaAndJavaScriptWriteThem(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 5, 7, 8, 9, 0, time.UTC)
	for name, text := range map[string]string{
		"RFC 1123":                           "Thu, 05 Mar 2026 07:08:09 GMT",
		"RFC 1123 in UTC":                    at.Format(time.RFC1123),
		"RFC 1123 with an offset":            at.Format(time.RFC1123Z),
		"RFC 1123 with another offset":       at.In(time.FixedZone("", 2*60*60)).Format(time.RFC1123Z),
		"RFC 1123 with Z":                    "Thu, 05 Mar 2026 07:08:09 Z",
		"Java's RFC_1123_DATE_TIME":          "Thu, 5 Mar 2026 07:08:09 GMT",
		"without a weekday":                  "5 Mar 2026 07:08:09 GMT",
		"RFC 850":                            at.Format(time.RFC850),
		"RFC 850 in GMT":                     "Thursday, 05-Mar-26 07:08:09 GMT",
		"Netscape":                           "Thu, 05-Mar-2026 07:08:09 GMT",
		"asctime":                            at.Format(time.ANSIC),
		"java.util.Date":                     "Thu Mar 05 07:08:09 UTC 2026",
		"Go's UnixDate":                      at.Format(time.UnixDate),
		"Go's RubyDate":                      at.Format(time.RubyDate),
		"Go's String":                        at.In(time.FixedZone("CEST", 2*60*60)).String(),
		"Go's String with a monotonic clock": at.String() + " m=+0.000000001",
		"JavaScript's toISOString":           "2026-03-05T07:08:09.000Z",
		"JavaScript's toString":              "Thu Mar 05 2026 08:08:09 GMT+0100 (Central European Standard Time)",
		"Java's OffsetDateTime":              "2026-03-05T08:08:09+01:00",
		"Java's ZonedDateTime":               "2026-03-05T08:08:09+01:00[Europe/Prague]",
		"ISO 8601 without a zone":            "2026-03-05T07:08:09",
		"RFC 3339":                           at.Format(time.RFC3339),
		"with blanks":                        "  Thu, 05 Mar 2026 07:08:09 GMT ",
	} {
		got, ok := parseDate(text)
		assert.True(t, ok, "%s: %s", name, text)
		assert.True(t, at.Equal(got), "%s: %s gave %v", name, text, got)
	}
	for _, text := range []string{"", "soon", "1772694489", "1772694489000", "Thu, 05 Mar 2026 07:08:09 CET", "Thu, 05 Mar 2026", "-2026-03-05", "Thu, 32 Mar 2026 07:08:09 GMT"} {
		_, ok := parseDate(text)
		assert.False(t, ok, text)
	}
}

func TestARetryAfterDateIsMeasuredAgainstTheDateOfItsResponse(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	theirs := now.Add(-time.Hour)
	for name, c := range map[string]struct {
		date, at string
		want     time.Duration
		given    bool
	}{
		"their clock is behind":    {theirs.Format(http.TimeFormat), theirs.Add(3 * time.Second).Format(http.TimeFormat), 3 * time.Second, true},
		"other spellings":          {theirs.Format(time.RFC850), theirs.Add(3500 * time.Millisecond).Format("2006-01-02T15:04:05.000Z"), 3500 * time.Millisecond, true},
		"a Date that is no date":   {"today", now.Add(3 * time.Second).Format(http.TimeFormat), 3 * time.Second, true},
		"both are no dates":        {"today", "tomorrow", 0, false},
		"seconds need no Date":     {theirs.Format(http.TimeFormat), "3", 3 * time.Second, true},
		"the end of the year 9999": {theirs.Format(http.TimeFormat), "9999-12-31T23:59:59Z", math.MaxInt64, true},
	} {
		got, given := retryAfter(http.Header{"Date": {c.date}, "Retry-After": {c.at}}, now)
		assert.Equal(t, c.given, given, name)
		assert.Equal(t, c.want, got, name)
	}
}

func TestACallWaitsAsLongAsTheProvidersClockSays(t *testing.T) {
	t.Parallel()
	for name, skew := range map[string]time.Duration{"theirs is behind": -time.Hour, "theirs is ahead": time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				client := clientOf(t, "https://h", tripper(func(r *http.Request) (*http.Response, error) {
					if calls++; calls > 1 {
						return stub(200, `{"id":"1"}`)(r)
					}
					theirs := time.Now().Add(skew)
					resp, err := stub(503, `{}`)(r)
					resp.Header.Set("Date", theirs.UTC().Format(http.TimeFormat))
					resp.Header.Set("Retry-After", theirs.Add(3*time.Second).UTC().Format(http.TimeFormat))
					return resp, err
				}))
				start := time.Now()
				require.NoError(t, read(t.Context(), client))
				assert.Equal(t, 2, calls)
				assert.InDelta(t, 3*time.Second, time.Since(start), float64(time.Second))
			})
		})
	}
}

func TestARetryAfterOfAnUnknownZoneIsNotGiven(t *testing.T) {
	t.Parallel()
	client := clientOf(t, "https://h", tripper(func(r *http.Request) (*http.Response, error) {
		resp, err := stub(429, `{}`)(r)
		resp.Header.Set("Retry-After", "Thu, 05 Mar 2099 07:08:09 CET")
		return resp, err
	}))
	var e *identkit.Error
	require.ErrorAs(t, read(t.Context(), client, identkit.WithAttempts(1)), &e)
	assert.Zero(t, e.RetryAfter)
}
