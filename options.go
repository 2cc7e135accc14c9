package identkit

import (
	"context"
	"log/slog"
	"net/http"
	"time"
)

// Options configures a client. The zero value is the recommended setting, and one value can be shared by the clients of several
// providers.
type Options struct {
	// HTTPClient makes the requests; nil means a pooled client of our own. It is copied, and redirects are not followed. Its
	// transport should keep as many idle connections as there are concurrent calls; see "Connections" in the package documentation.
	//
	// A RoundTripper of yours passes the request's context on. It is followed by the hooks of httptrace, which also keep net/http from
	// repeating a call that is not safe to repeat; a RoundTripper that calls no hooks, or repeats requests by itself, cannot be kept
	// from it. Its errors mean that the request may have been sent, unless they wrap [ErrNotSent]. Those of an *http.Transport mean it
	// only once there was a connection; a protocol registered with one calls the hooks too.
	HTTPClient *http.Client
	// Logger receives one record per call (debug) and per retried attempt (info). Nil disables it.
	// Records hold what an [Observer] gets, never bodies, headers, query values or secrets.
	Logger *slog.Logger
	// Observer gets calls, attempts and waits, for traces and metrics.
	Observer Observer
	// Retry configures how failed attempts are repeated.
	Retry RetryPolicy
	// Limiter is called before every attempt of a metered operation. Nil means the provider's documented
	// rate, if it has one; [NoLimit] switches limiting off. A *rate.Limiter of golang.org/x/time/rate fits.
	Limiter Limiter
	// Timeout bounds a whole call, waits included. Zero means 2 minutes. A context that ends earlier wins.
	Timeout time.Duration
	// UserAgent is put in front of the SDK's own.
	UserAgent string
	// MaxResponseBytes caps the decoded body of a response. Zero means 16 MiB.
	MaxResponseBytes int64
	// Paths replaces path templates, by operation name, for deployments that differ and for
	// unpublished paths. A replacement has the same {parts} as the original.
	Paths map[string]string
	// AllowPlainHTTP lets credentials travel over http:// to hosts other than loopback.
	AllowPlainHTTP bool
}

// RetryPolicy configures how failed attempts are repeated. The zero value is 3 attempts with full jitter
// between 200 ms and 10 s, 30 s for each attempt, and a budget of 100 retries.
type RetryPolicy struct {
	// MaxAttempts is the maximum of a call, the first attempt included. Zero means 3; 1 means no retries.
	MaxAttempts int
	// InitialBackoff is the maximum of the first random wait; it doubles with each attempt. Zero means 200 ms.
	InitialBackoff time.Duration
	// MaxBackoff caps every wait. A response with a longer Retry-After ends the call with its error. Zero means 10 s.
	MaxBackoff time.Duration
	// AttemptTimeout bounds one attempt, from dialling to the last byte of the response. Zero means 30 s.
	AttemptTimeout time.Duration
	// Budget is how many retries a client starts with: each retry takes one, each successful call adds a tenth. An empty budget ends a
	// call after its first attempt with [ErrRetryBudget]. Zero means 100; a negative value means no budget.
	Budget int
}

// Limiter delays a call until its rate allows it. *rate.Limiter of golang.org/x/time/rate satisfies it.
type Limiter interface {
	Wait(ctx context.Context) error
}

// NoLimit is the [Limiter] that never waits.
var NoLimit Limiter = noLimit{}

type noLimit struct{}

func (noLimit) Wait(context.Context) error { return nil }
