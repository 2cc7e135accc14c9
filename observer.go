package identkit

import (
	"context"
	"time"
)

// Observer observes the clients and handlers of this module. Its functions get safe values only: names, path templates,
// hosts, statuses, kinds, durations and request ids, never a path value, query, header, body or secret. A nil function is not
// called. They run on the goroutine of the call, so they should be quick, and must be safe for concurrent use.
// [Observers] joins several.
type Observer struct {
	// CallStart begins a call. The context it returns is the call's, so that a span can be put into it.
	CallStart func(ctx context.Context, c CallInfo) context.Context
	// AttemptStart begins an attempt. The context it returns reaches the RoundTripper of [Options].HTTPClient.
	AttemptStart func(ctx context.Context, a AttemptInfo) context.Context
	// AttemptEnd follows every attempt, successful or not, with the context that AttemptStart returned.
	AttemptEnd func(ctx context.Context, a AttemptInfo)
	// CallEnd ends the call. It also follows a call that was refused locally.
	CallEnd func(ctx context.Context, c CallResult)
	// Wait follows a call that polled for a state.
	Wait func(ctx context.Context, w WaitInfo)
	// Delivery follows a webhook or callback delivery, once the response to the sender is written.
	Delivery func(ctx context.Context, d DeliveryInfo)
	// Decision follows each decision of a middleware about a user's request.
	Decision func(ctx context.Context, d DecisionInfo)
	// Drift follows a response that has a member, or a value of an enumeration, that this version does not know; each at most once a
	// minute for a client. The call succeeds all the same.
	Drift func(ctx context.Context, d DriftInfo)
}

// CallInfo describes a call.
type CallInfo struct {
	Provider  string // such as "powerauth"
	Operation string // such as "powerauth.Operations.Create"
	Method    string // HTTP method
	Path      string // path template, such as "/v2/operations/{operationId}"
	Host      string // host and port that the call goes to
}

// Phase is the phase of an attempt in which it failed.
type Phase string

// The phases of an attempt.
const (
	PhaseLimiter    Phase = "limiter"    // waiting for the limiter, or after a 429
	PhaseCredential Phase = "credential" // fetching the credential
	PhaseDNS        Phase = "dns"
	PhaseDial       Phase = "dial"
	PhaseTLS        Phase = "tls"
	PhaseWrite      Phase = "write"    // writing the request
	PhaseResponse   Phase = "response" // waiting for the response
	PhaseBody       Phase = "body"     // reading the response
)

// RetryReason is why a call waited before an attempt.
type RetryReason string

// The reasons for another attempt.
const (
	ReasonBackoff     RetryReason = "backoff"
	ReasonRetryAfter  RetryReason = "retry-after"  // as the provider asked
	ReasonRateLimited RetryReason = "rate limited" // all calls of the client wait after a 429
	ReasonCredential  RetryReason = "credential"   // with a renewed credential, at once
)

// AttemptInfo describes one attempt. Values known at its end are zero at its start.
type AttemptInfo struct {
	CallInfo
	Attempt
	Number    int    // 1 for the first attempt
	RequestID string // given by the provider
}

// CallResult is the end of a call.
type CallResult struct {
	CallInfo
	Start          time.Time
	Duration       time.Duration // the whole call
	Attempts       int           // the number of attempts
	Status         int           // HTTP status of the last response; 0 without one
	Kind           Kind          // "" when the call succeeded
	OutcomeUnknown bool          // the request may have taken effect
	RequestID      string        // of the last response
}

// WaitInfo is the end of a wait for a state.
type WaitInfo struct {
	Provider  string
	Operation string // such as "powerauth.Operations.Wait"
	Start     time.Time
	Duration  time.Duration
	Polls     int    // the number of reads
	Failed    int    // how many of them failed
	Notified  int    // how many of them a Notifier caused
	State     string // the last state, if this version knows it
	Failure   Kind   // of the last read; "" when it succeeded
	Kind      Kind   // "" when the state came
	// NotifierErr is why the wait only polled although it has a Notifier, which may be of the team's own, or nil.
	NotifierErr error
}

// DeliveryInfo is the end of a delivery to a webhook handler.
type DeliveryInfo struct {
	Name       string // the handler's
	Start      time.Time
	Duration   time.Duration
	Status     int    // HTTP status of the response
	Reason     string // "" when everything was handled; package webhook lists the others
	Scheme     string // how it was verified; empty when it was refused
	KeyID      string // which key signed it
	DeliveryID string // the sender's signed id, if it has one
	Sender     string // set where the handler serves several senders
	Key        string // the key in the store of the only event, or of the one that Err is about
	Late       bool   // no delivery: the end of an event that exceeded its time; Status and the counts are 0
	// Events is the number of events; Handled, Duplicates, Gone and Failed are their results.
	Events, Handled, Duplicates, Gone, Failed int
	// Err is the first failure. Its text may be that of a Decode, Handle, Store or Verifier of the team's own.
	Err error
}

// DecisionInfo is a middleware's decision about a request. It holds nothing of the request itself.
type DecisionInfo struct {
	Provider  string
	Operation string // such as "powerauth.Protect"
	Resource  string // the protected resource, as configured: for PowerAuth the uriId
	Start     time.Time
	Duration  time.Duration
	Reason    string // why it was refused; "" for an accepted request
	Status    int    // HTTP status of the refusal; 0 for an accepted request
	// Err is the failure of the provider's call, or nil; it is safe to print.
	Err error
}

// DriftKind says what is unknown in a response.
type DriftKind string

// The kinds of drift.
const (
	DriftMember DriftKind = "unknown member"
	DriftValue  DriftKind = "unknown value"
)

// DriftInfo says where a response has something that this version does not know, never the value.
type DriftInfo struct {
	Provider, Operation string
	Path                string // such as "registrations[].platform"; keys of maps, and names that are no plain words, are *
	Kind                DriftKind
}

// Observers joins observers: each function calls theirs in order. Contexts pass from one to the next.
func Observers(all ...Observer) Observer {
	var joined Observer
	for _, o := range all {
		joined = Observer{
			CallStart:    chain(joined.CallStart, o.CallStart),
			AttemptStart: chain(joined.AttemptStart, o.AttemptStart),
			AttemptEnd:   both(joined.AttemptEnd, o.AttemptEnd),
			CallEnd:      both(joined.CallEnd, o.CallEnd),
			Wait:         both(joined.Wait, o.Wait),
			Delivery:     both(joined.Delivery, o.Delivery),
			Decision:     both(joined.Decision, o.Decision),
			Drift:        both(joined.Drift, o.Drift),
		}
	}
	return joined
}

func chain[T any](a, b func(context.Context, T) context.Context) func(context.Context, T) context.Context {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return func(ctx context.Context, v T) context.Context { return b(a(ctx, v), v) }
}

func both[T any](a, b func(context.Context, T)) func(context.Context, T) {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return func(ctx context.Context, v T) { a(ctx, v); b(ctx, v) }
}
