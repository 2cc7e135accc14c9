package identkit

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/url"
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
	// TLS configures the connections of our own pool, for a private CA (RootCAs) or a client certificate. It is copied. The minimum is
	// TLS 1.2; a lower one, and InsecureSkipVerify without VerifyConnection, are refused. NextProtos may be one of h2 and http/1.1; empty
	// means both. Certificates are replaced without a new client by GetClientCertificate and [VerifyRoots]; connections that are open
	// keep theirs. Not beside HTTPClient.
	TLS *tls.Config
	// Proxy chooses the proxy of our own pool for each request, as in [http.Transport]: http.ProxyURL(u), or a function that returns
	// nil for none. Nil means the environment's. Not beside HTTPClient.
	Proxy func(*http.Request) (*url.URL, error)
	// Logger receives one record per call (debug), per retried attempt (info), and per wait whose Notifier fails (warn). Nil disables it.
	// Records hold what an [Observer] gets, never bodies, headers, query values or secrets.
	Logger *slog.Logger
	// Observer gets calls, attempts and waits, for traces and metrics.
	Observer Observer
	// Notifier makes the waits of this client read again as soon as a webhook handler has notified it; see [NewNotifier]. A
	// WaitPolicy.Notifier replaces it. Nil means that waits only poll.
	Notifier Notifier
	// Retry configures how failed attempts are repeated.
	Retry RetryPolicy
	// Limiter is called before every attempt of a metered operation. Nil means the provider's documented
	// rate, if it has one; [NoLimit] switches limiting off. A *rate.Limiter of golang.org/x/time/rate fits. A limiter stands for one
	// account with one provider: Options with a limiter are not for clients of another.
	Limiter Limiter
	// Timeout bounds a whole call, waits included. Zero means 2 minutes. A context that ends earlier wins.
	Timeout time.Duration
	// UserAgent is put in front of the SDK's own.
	UserAgent string
	// MaxResponseBytes caps the decoded body of a response. Zero means 16 MiB.
	MaxResponseBytes int64
	// Paths replaces where operations go, by their name, for deployments that differ and for unpublished paths: "[METHOD ]/path[?query]",
	// such as "/v3/operations/{operationId}" or "POST /operation?id={operationId}&tenant=7". A replacement has the same {parts} as the
	// original, in any order, in the path or as whole values of the query. The method is GET, POST, PUT, PATCH or DELETE; without one
	// it stays. When the operation may be retried, and what it sends and expects, stays too.
	Paths map[string]string
	// AllowPlainHTTP lets credentials travel over http:// to hosts other than loopback.
	AllowPlainHTTP bool
}

// RetryPolicy configures how failed attempts are repeated. The zero value is 3 attempts with full jitter
// between 200 ms and 10 s, 30 s and 1 KiB/s for each attempt, and a budget of 100 retries.
//
// After a 429 all calls of the client pause for as long as its Retry-After says: at least a second without one, at most MaxBackoff. Then
// they leave spread over a second. A call that pauses loses no attempt by it; one that ends before the pause fails at once with
// [ErrRateLimited] and RetryAfter, without being sent.
type RetryPolicy struct {
	// MaxAttempts is the maximum of a call, the first attempt included. Zero means 3; 1 means no retries.
	MaxAttempts int
	// InitialBackoff is the maximum of the first random wait; it doubles with each attempt. Zero means 200 ms.
	InitialBackoff time.Duration
	// MaxBackoff caps every backoff and pause. A response with a longer Retry-After ends the call with its error. Zero means 10 s.
	MaxBackoff time.Duration
	// AttemptTimeout bounds one attempt: from dialling to the request's body, and again from its last byte to the last of the
	// response. Zero means 30 s.
	AttemptTimeout time.Duration
	// MinRate ends an attempt whose request or response body moves fewer bytes a second than this, measured over 10 s. Zero means
	// 1 KiB/s; a negative value means no minimum.
	MinRate int64
	// Budget is how many retries a client starts with: each retry takes one, each successful call adds a tenth. An empty budget ends a
	// call after its first attempt with [ErrRetryBudget]. Retries after a pause for a 429 take none. Zero means 100; a negative value
	// means no budget.
	Budget int
}

// Limiter delays a call until its rate allows it. *rate.Limiter of golang.org/x/time/rate satisfies it.
type Limiter interface {
	Wait(ctx context.Context) error
}

// Pauser is an optional interface of a [Limiter]. Pause says how long a client pauses after a 429, so that other processes which share the
// rate can pause, too. It is called when a 429 of a metered operation begins or prolongs a pause, and has a second to return; the client
// itself pauses whatever it returns. The limiter must stand for one account with one provider, or a 429 of one would stop the others.
type Pauser interface {
	Pause(ctx context.Context, d time.Duration) error
}

// NoLimit is the [Limiter] that never waits.
var NoLimit Limiter = noLimit{}

type noLimit struct{}

func (noLimit) Wait(context.Context) error { return nil }
