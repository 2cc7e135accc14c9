package webhook

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"
	"time"
)

// Verifier decides whether a delivery comes from whom it should. It must be safe for concurrent use, must not
// keep or change the request, and must accept only by returning a nil error.
type Verifier interface {
	// Verify returns a receipt for a good proof, and otherwise an error, best a [*ProofError].
	// [ErrUnavailable] and errors of the context mean that no decision could be made. One that does I/O must end with
	// the context: nothing else ends it.
	Verify(ctx context.Context, r *Request) (Receipt, error)
}

// VerifierFunc makes a [Verifier] of a function.
type VerifierFunc func(ctx context.Context, r *Request) (Receipt, error)

// Verify calls f.
func (f VerifierFunc) Verify(ctx context.Context, r *Request) (Receipt, error) { return f(ctx, r) }

// Request is a delivery as it arrived. A verifier reads from it what its scheme needs.
type Request struct {
	// Method is the HTTP method.
	Method string
	// URL is what was asked for. Nil where a framework does not tell; schemes that look at it then refuse.
	URL *url.URL
	// Header must have canonical keys, as net/http makes them. Who fills it by hand uses [http.Header.Add].
	Header http.Header
	// Body is the raw body, to the byte as it was sent: not decompressed, not parsed and printed again.
	Body []byte
	// RemoteAddr is the address of the peer, with or without a port.
	RemoteAddr string
	// TLS is the state of the connection; nil for plain HTTP.
	TLS *tls.ConnectionState
	// Time is when the delivery arrived. Timestamps and key validity are judged by it.
	Time time.Time
}

// NewRequest describes r, whose body was read into body, as arrived now.
func NewRequest(r *http.Request, body []byte) *Request {
	return &Request{
		Method: r.Method, URL: r.URL, Header: r.Header, Body: body,
		RemoteAddr: r.RemoteAddr, TLS: r.TLS, Time: time.Now(),
	}
}

// Receipt says what a proof has shown.
type Receipt struct {
	// Scheme names how it was shown, such as "hmac-sha256" or "basic+addresses".
	Scheme string
	// KeyID is the id of the key that matched, for watching a rotation; empty for schemes without keys.
	KeyID string
	// ID is the delivery's id, only if the proof covers it.
	ID string
	// Time is the delivery's timestamp, only if the proof covers it; else zero.
	Time time.Time
	// BodySigned says that the proof covers every byte of the body. Without it, the transport alone vouches for
	// the content, and what matters should be read again from the provider.
	BodySigned bool
}

// VerifyRequest checks a delivery outside of a handler made by [NewHandler]: raw bytes in, receipt out. A zero
// r.Time means now. A panic of the verifier counts as [ErrPanic]. The error is safe to log when it is a
// [*ProofError]; see [Reason] for what to answer.
func VerifyRequest(ctx context.Context, v Verifier, r *Request) (_ Receipt, err error) {
	if v == nil || r == nil {
		return Receipt{}, &ProofError{Reason: ErrUnavailable, Detail: "no verifier or no request"}
	}
	defer func() {
		if p := recover(); p != nil {
			err = newPanicError(p)
		}
	}()
	if r.Time.IsZero() {
		timed := *r
		timed.Time = time.Now()
		r = &timed
	}
	receipt, err := v.Verify(ctx, r)
	if err != nil {
		return Receipt{}, err
	}
	return receipt, nil
}

// reasonOf sorts a verifier's error: who cannot decide is unavailable, every other refusal counts as a wrong proof.
func reasonOf(err error) Reason {
	var proof *ProofError
	var panicked *PanicError
	switch {
	case errors.As(err, &panicked):
		return ErrPanic
	case errors.Is(err, ErrUnavailable), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return ErrUnavailable
	case errors.As(err, &proof) && proof.Reason.status() == http.StatusUnauthorized:
		return proof.Reason
	}
	for _, r := range []Reason{ErrProofMissing, ErrProofMalformed, ErrProofStale} {
		if errors.Is(err, r) {
			return r
		}
	}
	return ErrProofWrong
}
