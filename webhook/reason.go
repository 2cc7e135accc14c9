package webhook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/seal"
)

// Reason says why a delivery was not simply handled. It is what [identkit.DeliveryInfo].Reason holds.
type Reason string

// Reasons of a [Verifier]. All but ReasonUnavailable get 401.
const (
	ReasonMissing     Reason = "authentication missing"     // nothing that could be checked was sent
	ReasonMalformed   Reason = "authentication malformed"   // sent twice, too long, wrongly encoded or of another scheme
	ReasonMismatch    Reason = "authentication mismatch"    // well formed, and not right
	ReasonExpired     Reason = "authentication expired"     // its timestamp is outside the tolerance, past or future
	ReasonUnavailable Reason = "authentication unavailable" // it could not be checked: a key or an authority is unreachable; 503
)

// Reasons of a [Handler].
const (
	ReasonMethod          Reason = "method not allowed"       // 405
	ReasonContentType     Reason = "content type refused"     // 415
	ReasonContentEncoding Reason = "content encoding refused" // 415: a compressed body is not what was signed
	ReasonBodyTooLarge    Reason = "body too large"           // 413
	ReasonBodyTimeout     Reason = "body timed out"           // 408
	ReasonBodyIncomplete  Reason = "body incomplete"          // 400
	ReasonInvalidEvent    Reason = "invalid event"            // 400
	ReasonResolveFailed   Reason = "resolve failed"           // 503
	ReasonGone            Reason = "gone"                     // 200: Resolve found that there is nothing to handle
	ReasonDuplicate       Reason = "duplicate"                // 200: handled before
	ReasonInProgress      Reason = "in progress"              // 503: the same event is being handled
	ReasonHandlerFailed   Reason = "handler failed"           // 503
	ReasonHandlerTimeout  Reason = "handler timed out"        // 503
	ReasonPanic           Reason = "panic"                    // 503
	ReasonStoreFailed     Reason = "store failed"             // 503
	ReasonGivenUp         Reason = "given up"                 // 200: see [GiveUp]
	ReasonBodyConsumed    Reason = "body was read before"     // 503: middleware in front of the handler reads the body
	ReasonOverloaded      Reason = "overloaded"               // 503: too many events ran out of time and have not ended
	ReasonClosed          Reason = "closed"                   // 503: see [Handler.Close]
	ReasonChallenge       Reason = "challenge"                // Config.Challenge has responded
)

// Status is the HTTP status that a delivery gets for the reason; for "", success, it is 200.
func (r Reason) Status() int {
	switch r {
	case "", ReasonDuplicate, ReasonGone, ReasonGivenUp, ReasonChallenge:
		return http.StatusOK
	case ReasonMissing, ReasonMalformed, ReasonMismatch, ReasonExpired:
		return http.StatusUnauthorized
	case ReasonMethod:
		return http.StatusMethodNotAllowed
	case ReasonContentType, ReasonContentEncoding:
		return http.StatusUnsupportedMediaType
	case ReasonBodyTooLarge:
		return http.StatusRequestEntityTooLarge
	case ReasonBodyTimeout:
		return http.StatusRequestTimeout
	case ReasonBodyIncomplete, ReasonInvalidEvent:
		return http.StatusBadRequest
	default:
		return http.StatusServiceUnavailable
	}
}

// sentinel is an error that the functions of a configuration and a [Store] return to say something.
type sentinel string

// Error returns the text.
func (s sentinel) Error() string { return "webhook: " + string(s) }

const (
	// ErrInvalidEvent from Decode, Resolve or Handle says that trying again is useless: 400.
	ErrInvalidEvent sentinel = "invalid event"
	// ErrGone from [Config].Resolve says that what the event is about exists no more: nothing is handled, 200.
	ErrGone sentinel = "gone"

	// ErrDuplicate from [Store].Claim says that the key was committed before, from Handle that the work was done before: 200.
	ErrDuplicate sentinel = "duplicate"
	// ErrInProgress from [Store].Claim says that the key is claimed and not settled yet.
	ErrInProgress sentinel = "in progress"
	// ErrStoreFull from [Store].Claim says that the store holds nothing but open claims.
	ErrStoreFull sentinel = "store is full"
	// ErrClaimLost from Commit and Release of a [Claim] says that it was settled before, or taken over after its lease.
	ErrClaimLost sentinel = "claim lost"
)

// VerifyError is the refusal of a delivery by a [Verifier]. Its text is made from an allow-list: reason, scheme and a detail of
// the verifier's own; never a value from the delivery, and nothing computed from a key.
//
// A custom [Verifier] returns one to have its Detail logged. Any other error counts as [ReasonMismatch], or as [ReasonUnavailable]
// if it is an error of the context or one of identkit's kinds that say that no response came, and is logged by its type alone,
// because its text might hold what should have been sent.
type VerifyError struct {
	Reason Reason
	Scheme string // such as "hmac-sha256"
	Detail string // such as "header X-Signature was sent twice"; safe to log
	Err    error  // cause, for errors.Is and errors.As; never printed
}

// Error returns one line that is safe to log.
func (e *VerifyError) Error() string {
	s := "webhook: " + string(e.Reason)
	if e.Scheme != "" {
		s += " (" + e.Scheme + ")"
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

// Format prints the same line as Error for every verb.
func (e VerifyError) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.Error()) }

// Unwrap returns the cause.
func (e *VerifyError) Unwrap() error { return e.Err }

// undecided are the kinds of an [identkit.Error] with which a verifier says that it could not ask.
var undecided = []error{
	context.Canceled, context.DeadlineExceeded, identkit.ErrUnavailable, identkit.ErrNetwork, identkit.ErrTimeout, identkit.ErrCanceled,
	identkit.ErrRateLimited, identkit.ErrRetryBudget, identkit.ErrCredential, identkit.ErrBadResponse, identkit.ErrResponseTooLarge,
}

// ReasonOf returns why [VerifyRequest] refused a delivery; "" for nil.
func ReasonOf(err error) Reason {
	if err == nil {
		return ""
	}
	var refusal *VerifyError
	var panicked *PanicError
	switch {
	case errors.As(err, &panicked):
		return ReasonPanic
	case errors.As(err, &refusal) && (refusal.Reason == ReasonUnavailable || refusal.Reason.Status() == http.StatusUnauthorized):
		return refusal.Reason
	case slices.ContainsFunc(undecided, func(kind error) bool { return errors.Is(err, kind) }):
		return ReasonUnavailable
	}
	return ReasonMismatch
}

// PanicError is a contained panic. Its text names the kind of the panic's value and not the value, which may hold
// anything, unless the Go runtime itself raised it.
type PanicError struct {
	// Stack is where, in the format of [debug.Stack].
	Stack []byte

	kind  string
	value seal.Hidden[any]
}

func newPanicError(value any) *PanicError {
	p := &PanicError{Stack: debug.Stack(), kind: fmt.Sprintf("%T", value), value: seal.Hide(value)}
	if err, ok := value.(runtime.Error); ok {
		p.kind = err.Error()
	}
	return p
}

// Value returns what was passed to panic, for a human.
func (p *PanicError) Value() any { return p.value.Get() }

// Error returns one line that is safe to log.
func (p *PanicError) Error() string { return "webhook: panic (" + p.kind + ")" }

// Format prints the same line as Error for every verb.
func (p PanicError) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, p.Error()) }
