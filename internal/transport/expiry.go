package transport

import (
	"net/http"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/seal"
)

const (
	// expiryDelay is how long after an expiry a state is read, when it should show how it ended.
	expiryDelay = time.Second
	// expiryGrace is how much longer than its own expiry a state is polled for: the server's Date may be another clock's than its state's, and
	// a job may end what has expired.
	expiryGrace = 30 * time.Second
	// maxWait bounds a wait for a state whose expiry is far away, or no plausible one.
	maxWait = 24 * time.Hour
)

// Dated sets at to the Date of a call's response, which is on the server's clock. It stays zero without one.
func Dated(at *time.Time) identkit.CallOption {
	return func(s *seal.CallSettings) {
		s.Received = func(h http.Header) { *at, _ = serverDate(h) }
	}
}

// ending is when a wait is over, on our monotonic clock.
type ending struct {
	started time.Time
	bound   time.Duration // while no expiry is known
	until   time.Time     // zero: not given
	first   time.Time     // when the first state was read
	expires time.Time     // of the state; zero: not known
}

// note computes the expiry of a state that was read now. Times of the provider are compared with times of the provider alone: the time that is
// left is the expiry minus the Date of the same response. Without a Date it is the whole validity, counted from the first read.
func (n *ending) note(date, created, expires, now time.Time) {
	if n.first.IsZero() {
		n.first = now
	}
	n.expires = time.Time{}
	if expires.IsZero() {
		return
	}
	if !date.IsZero() {
		n.expires = now.Add(expires.Sub(date))
	} else if !created.IsZero() && expires.After(created) {
		n.expires = n.first.Add(expires.Sub(created))
	}
}

// at is when the wait is over, and why.
func (n *ending) at() (end time.Time, why string) {
	longest := n.bound
	if !n.expires.IsZero() {
		longest = max(longest, maxWait)
	}
	end, why = n.started.Add(longest), "it took longer than "+longest.String()
	if !n.until.IsZero() {
		end, why = n.until, "WaitPolicy.Until has passed"
	}
	if n.expires.IsZero() {
		return end, why
	}
	expired := n.first // a state that is read for the first time gets the grace, too
	if n.expires.After(expired) {
		expired = n.expires
	}
	if expired = expired.Add(expiryGrace); expired.Before(end) {
		return expired, "the state has expired by the provider's clock"
	}
	return end, why
}

// left is the time until the next read that must not be late: soon after the expiry, and at the end.
func (n *ending) left(now time.Time) time.Duration {
	end, _ := n.at()
	if soon := n.expires.Add(expiryDelay); !n.expires.IsZero() && soon.After(now) && soon.Before(end) {
		return soon.Sub(now)
	}
	return end.Sub(now)
}
