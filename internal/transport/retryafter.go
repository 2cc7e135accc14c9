package transport

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/identkit/identkit/internal/wire"
)

// retryAfter reads how long the provider asks to wait: Retry-After as seconds, decimals or a date, or the Retry-After-Ms forms. A date
// is measured against the Date of the same response, and only without one against our clock. Values beyond what a duration holds
// saturate; negative and unreadable ones are not given.
func retryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	for _, name := range [...]string{"Retry-After-Ms", "X-Ms-Retry-After-Ms", "X-Retry-After-Ms"} {
		if d, ok := number(h.Get(name), time.Millisecond); ok {
			return d, true
		}
	}
	v := strings.TrimSpace(h.Get("Retry-After"))
	if v == "" {
		return 0, false
	}
	if d, ok := number(v, time.Second); ok {
		return d, true
	}
	at, ok := parseDate(v)
	if !ok {
		return 0, false
	}
	if date, ok := serverDate(h); ok {
		now = date
	}
	return max(at.Sub(now), 0), true
}

func number(s string, unit time.Duration) (time.Duration, bool) {
	f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil && !math.IsInf(f, 1) || math.IsNaN(f) || f < 0 {
		return 0, false
	}
	if f *= float64(unit); f >= math.MaxInt64 {
		return math.MaxInt64, true
	}
	return time.Duration(f), true
}

// serverDate is the time at which the server wrote the response, on its own clock, to the second. Without a Date it is zero.
func serverDate(h http.Header) (time.Time, bool) { return parseDate(h.Get("Date")) }

// The layouts of dates as Go, Java and JavaScript write them, RFC 9110 and its predecessors included. A day of one digit fits all of them.
var (
	datesWithZoneName = [...]string{
		"Mon, _2 Jan 2006 15:04:05 MST", "_2 Jan 2006 15:04:05 MST", // RFC 1123, toUTCString
		"Monday, _2-Jan-06 15:04:05 MST", "Mon, _2-Jan-2006 15:04:05 MST", "Mon, _2-Jan-06 15:04:05 MST", // RFC 850 and Netscape
		"Mon Jan _2 15:04:05 MST 2006",             // java.util.Date
		"Mon, _2 Jan 06 15:04:05 MST", time.RFC822, // RFC 822
	}
	datesWithOffset = [...]string{
		"Mon, _2 Jan 2006 15:04:05 Z0700", "_2 Jan 2006 15:04:05 Z0700", "Mon, _2 Jan 2006 15:04:05 Z07:00",
		"Mon Jan _2 15:04:05 Z0700 2006", "Mon Jan _2 2006 15:04:05 GMT-0700", // RubyDate, Date.prototype.toString
		"2006-01-02 15:04:05 -0700 MST", time.RFC822Z, // time.Time.String
		"Mon Jan _2 15:04:05 2006", // asctime, which is in UTC
	}
)

// parseDate reads a date of a header. The name of a zone other than UTC says nothing about its offset, so it makes the date unreadable.
func parseDate(s string) (time.Time, bool) {
	s = strings.TrimSpace(s)
	for _, layout := range datesWithZoneName {
		at, err := time.ParseInLocation(layout, s, time.UTC)
		if zone, _ := at.Zone(); err == nil && (zone == "UTC" || zone == "GMT") {
			return at, true
		}
	}
	s, _, _ = strings.Cut(s, " (")  // JavaScript's name of the zone
	s, _, _ = strings.Cut(s, " m=") // Go's monotonic clock
	for _, layout := range datesWithOffset {
		if at, err := time.ParseInLocation(layout, s, time.UTC); err == nil {
			return at, true
		}
	}
	if len(s) < 5 || s[4] != '-' {
		return time.Time{}, false // a number is no date here
	}
	at := wire.ParseTime(s) // zero when it is no time
	return at, !at.IsZero()
}
