package transport

import (
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/identkit/identkit"
)

// retryable reports whether another attempt is allowed after a failure.
func retryable(class identkit.RetryClass, f *failure) bool {
	switch {
	case f.permanent:
		return false
	case f.err.Kind == identkit.ErrRateLimited:
		return true
	case !f.sent:
		return f.err.Kind == identkit.ErrNetwork || f.err.Kind == identkit.ErrTimeout
	case class != RetrySafe:
		return false
	}
	switch f.err.Kind {
	case identkit.ErrUnavailable:
		return f.err.Status != http.StatusNotImplemented && f.err.Status != http.StatusHTTPVersionNotSupported
	case identkit.ErrNetwork, identkit.ErrTimeout:
		return true
	}
	return false
}

// jitter is a random wait before attempt n+1: anything up to least doubled n-1 times, at most most.
func jitter(n int, least, most time.Duration) time.Duration {
	edge := most
	if shift := n - 1; shift < 32 && least < most>>shift {
		edge = least << shift
	}
	return rand.N(min(edge, math.MaxInt64-1) + 1) //nolint:gosec // jitter, not a secret
}

// retryAfter reads how long the provider asks to wait: Retry-After as seconds, decimals or a date, or the
// Retry-After-Ms forms. Values beyond what a duration holds saturate; negative and unreadable ones are not given.
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
	at, err := http.ParseTime(v)
	if err != nil {
		return 0, false
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

// budget is how many retries a client has in hand, counted in tenths.
type budget struct {
	tenths atomic.Int64
	most   int64 // negative: no budget
}

func newBudget(n int) *budget {
	b := &budget{most: int64(n) * 10}
	b.tenths.Store(b.most)
	return b
}

// take takes one retry, or reports that there is none.
func (b *budget) take() bool {
	if b.most < 0 {
		return true
	}
	for {
		have := b.tenths.Load()
		if have < 10 {
			return false
		}
		if b.tenths.CompareAndSwap(have, have-10) {
			return true
		}
	}
}

// refund gives back a tenth for a call that succeeded.
func (b *budget) refund() {
	for {
		have := b.tenths.Load()
		if b.most < 0 || have >= b.most || b.tenths.CompareAndSwap(have, have+1) {
			return
		}
	}
}
