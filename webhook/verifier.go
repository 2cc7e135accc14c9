package webhook

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/url"
	"time"

	"github.com/identkit/identkit/internal/input"
)

// Verifier decides whether a delivery comes from whom it should. It must be safe for concurrent use, must not
// keep or change the request, and must accept only by returning a nil error.
type Verifier interface {
	// Verify returns a receipt for an authentic delivery, and otherwise an error, best a [*VerifyError]. One that does I/O
	// must end with the context: nothing else ends it.
	Verify(ctx context.Context, r *Request) (Receipt, error)
}

// VerifierFunc makes a [Verifier] of a function.
type VerifierFunc func(ctx context.Context, r *Request) (Receipt, error)

// Verify calls f.
func (f VerifierFunc) Verify(ctx context.Context, r *Request) (Receipt, error) { return f(ctx, r) }

// Request is a delivery as it came in. A verifier reads from it what its scheme needs.
type Request struct {
	// Method is the HTTP method.
	Method string
	// URL is what was requested. Nil where a framework does not say; schemes that look at it then refuse.
	URL *url.URL
	// Header must have canonical keys, as net/http makes them; [http.Header.Add] makes them too.
	Header http.Header
	// Body is the raw body, byte for byte as it was sent: not decompressed, not parsed and printed again.
	Body []byte
	// RemoteAddr is the address of the peer, with or without a port.
	RemoteAddr string
	// TLS is the state of the connection; nil for plain HTTP.
	TLS *tls.ConnectionState
	// Time is when the delivery came in. Timestamps and key validity are judged by it.
	Time time.Time
}

// NewRequest describes r, whose body was read into body, as coming in now.
func NewRequest(r *http.Request, body []byte) *Request {
	return &Request{
		Method: r.Method, URL: r.URL, Header: r.Header, Body: body,
		RemoteAddr: r.RemoteAddr, TLS: r.TLS, Time: time.Now(),
	}
}

// Receipt says what a verifier found.
type Receipt struct {
	// Sender names who sent the delivery, where a handler serves several senders: see [Named] and [Any]. It is part of the key of an
	// event, so it should not change when a key is rotated. Empty for the only sender.
	Sender string
	// Scheme names how the delivery was authenticated, such as "hmac-sha256" or "basic+addresses".
	Scheme string
	// KeyID is the id of the key that matched, for watching a rotation; empty for schemes without keys.
	KeyID string
	// ID is the delivery's id, only if it is signed.
	ID string
	// Time is the delivery's timestamp, only if it is signed; else zero.
	Time time.Time
	// BodySigned says that every byte of the body is signed. Without it, the transport alone vouches for
	// the content, and what matters should be read again from the provider.
	BodySigned bool
}

// VerifyRequest checks a delivery outside of a [Handler], for programs with another framework. A zero r.Time means now. A panic of
// the verifier is a [*PanicError]. [ReasonOf] says why it was refused, and [Reason.Status] what to respond; the error is safe to
// log when it is a [*VerifyError].
func VerifyRequest(ctx context.Context, v Verifier, r *Request) (_ Receipt, err error) {
	if ctx == nil || input.IsNil(v) || r == nil {
		return Receipt{}, &VerifyError{Reason: ReasonUnavailable, Detail: "no context, no verifier or no request"}
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
