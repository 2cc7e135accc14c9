package webhook

import "net/http"

// Reason says why a delivery was not simply handled. Reasons are errors themselves:
//
//	if errors.Is(err, webhook.ErrProofStale) {
//		// the sender's clock or the queue in front is slow
//	}
type Reason string

// Reasons of a [Verifier]. All but ErrUnavailable are answered with 401.
const (
	ErrProofMissing   Reason = "proof missing"           // nothing that could be checked was sent
	ErrProofMalformed Reason = "proof malformed"         // doubled, over-long, wrongly encoded or of another scheme
	ErrProofWrong     Reason = "proof wrong"             // well formed, and not right
	ErrProofStale     Reason = "proof stale"             // its timestamp is outside the tolerance, past or future
	ErrUnavailable    Reason = "proof cannot be checked" // keys or an authority cannot be reached: 503
)

// Reasons of the handler made by [NewHandler].
const (
	ErrMethod          Reason = "method not allowed"       // 405
	ErrContentType     Reason = "content type refused"     // 415
	ErrContentEncoding Reason = "content encoding refused" // 415: a compressed body is not what was signed
	ErrBodyTooLarge    Reason = "body too large"           // 413
	ErrBodyTooSlow     Reason = "body too slow"            // 408
	ErrBodyCut         Reason = "body cut short"           // 400
	ErrUndecodable     Reason = "event undecodable"        // 400; a Handle may return it to say that trying again is useless
	ErrHandlerFailed   Reason = "handler failed"           // 503
	ErrHandlerTimeout  Reason = "handler timed out"        // 503
	ErrPanic           Reason = "panic"                    // 503
	ErrStoreFailed     Reason = "store failed"             // 503
)

// Reasons of a [Store].
const (
	ErrDuplicate  Reason = "duplicate"     // Claim: the key was committed before; answered with 200
	ErrInProgress Reason = "in progress"   // Claim: the key is claimed and not yet settled; answered with 503
	ErrClaimLost  Reason = "claim lost"    // Commit, Release: settled before, or taken over after its lease
	ErrStoreFull  Reason = "store is full" // Claim: no room, everything in the store is an open claim; answered with 503
)

// Error returns the reason's text.
func (r Reason) Error() string { return "webhook: " + string(r) }

// status is the answer a reason gets; "" stands for success.
func (r Reason) status() int {
	switch r {
	case "", ErrDuplicate:
		return http.StatusOK
	case ErrProofMissing, ErrProofMalformed, ErrProofWrong, ErrProofStale:
		return http.StatusUnauthorized
	case ErrMethod:
		return http.StatusMethodNotAllowed
	case ErrContentType, ErrContentEncoding:
		return http.StatusUnsupportedMediaType
	case ErrBodyTooLarge:
		return http.StatusRequestEntityTooLarge
	case ErrBodyTooSlow:
		return http.StatusRequestTimeout
	case ErrBodyCut, ErrUndecodable:
		return http.StatusBadRequest
	default:
		return http.StatusServiceUnavailable
	}
}

// ProofError is the refusal of a proof. Its text is made from an allow-list: reason, scheme and a detail of the
// verifier's own; never a value from the delivery, and nothing computed from a key.
//
// A custom [Verifier] returns one to have its Detail logged; any other error counts as [ErrProofWrong] and is
// logged by its type only, because its text might hold what should have been sent.
type ProofError struct {
	Reason Reason
	Scheme string // such as "hmac-sha256"
	Detail string // such as "header X-Signature is doubled"; safe to log
	Err    error  // cause, for errors.Is and errors.As; never printed
}

// Error returns one line that is safe to log.
func (e *ProofError) Error() string {
	s := e.Reason.Error()
	if e.Scheme != "" {
		s += " (" + e.Scheme + ")"
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

// GoString returns the same line as Error, so that %#v shows no more.
func (e *ProofError) GoString() string { return e.Error() }

// Is reports whether target is this error's reason.
func (e *ProofError) Is(target error) bool {
	r, ok := target.(Reason)
	return ok && r == e.Reason
}

// Unwrap returns the cause.
func (e *ProofError) Unwrap() error { return e.Err }
