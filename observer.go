package identkit

import (
	"context"
	"time"
)

// Observer watches the calls of a client. It gets safe values only: names, path templates, statuses, kinds,
// durations and request ids, never a path value, query, header, body or secret. Its methods are called on
// the calling goroutine, so they should be quick, and must be safe for concurrent use.
type Observer interface {
	// CallStart begins a call. The context it returns is the call's, so that a span can be put into it.
	CallStart(ctx context.Context, c CallInfo) context.Context
	// AttemptEnd follows every attempt, successful or not.
	AttemptEnd(ctx context.Context, a AttemptInfo)
	// CallEnd ends the call. It also follows a call that was refused locally.
	CallEnd(ctx context.Context, c CallResult)
}

// CallInfo says which call it is.
type CallInfo struct {
	Provider  string // such as "powerauth"
	Operation string // such as "powerauth.Operations.Create"
	Method    string // HTTP method
	Path      string // path template, such as "/v2/operations/{operationId}"
}

// AttemptInfo says how one attempt ended.
type AttemptInfo struct {
	CallInfo
	Number    int           // 1 for the first attempt
	Wait      time.Duration // how long the call waited before it
	Reason    string        // why it waited: "", "backoff", "retry-after" or "credential"
	Status    int           // HTTP status; 0 when no answer arrived
	Phase     string        // for a network failure: "dns", "dial", "tls", "write", "response" or "body"
	Kind      Kind          // "" when the attempt succeeded
	Duration  time.Duration // from its start to the last byte read
	RequestID string        // given by the provider
}

// CallResult says how a call ended.
type CallResult struct {
	CallInfo
	Attempts       int           // how many attempts were made
	Status         int           // HTTP status of the last answer; 0 when none arrived
	Kind           Kind          // "" when the call succeeded
	OutcomeUnknown bool          // the request may have taken effect
	Duration       time.Duration // the whole call
	RequestID      string        // of the last answer
}
