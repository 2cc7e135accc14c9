package transport

import (
	"compress/flate"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/identkit/identkit"
)

// failure is how an attempt failed, with what decides about another one.
type failure struct {
	err         *identkit.Error
	phase       identkit.Phase
	sent        bool          // the request, or a part of it, may have reached the server
	unknown     bool          // the request may have taken effect
	permanent   bool          // another attempt would fail the same way
	unprocessed bool          // the server said that it did nothing, and another attempt will be another
	paused      bool          // there was no attempt: the context ended in the wait before it
	pause       time.Duration // after a 429: the least wait before another attempt
}

func isTLS(err error) bool {
	return isCertificate(err) || errors.As(err, new(tls.RecordHeaderError)) || errors.As(err, new(tls.AlertError))
}

func isCertificate(err error) bool {
	return errors.As(err, new(*tls.CertificateVerificationError)) || errors.As(err, new(x509.CertificateInvalidError)) ||
		errors.As(err, new(x509.HostnameError)) || errors.As(err, new(x509.UnknownAuthorityError))
}

// lost turns the error of an attempt that brought no whole response into a failure. ctx is the caller's, not the attempt's.
func lost(ctx context.Context, err error, p *progress) *failure {
	f := &failure{phase: p.phase(err), sent: p.sent(), err: &identkit.Error{Kind: identkit.ErrNetwork}}
	// A *url.Error prints the URL with its query.
	var withURL *url.Error
	for errors.As(err, &withURL) {
		err = withURL.Err
	}
	f.err.Detail = describe(err)
	f.err.Err = causeOf(err, f.err.Detail)
	var dns *net.DNSError
	switch {
	case ctx.Err() != nil:
		f.err, f.permanent = canceled(ctx), true
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), isNetTimeout(err):
		f.err.Kind = identkit.ErrTimeout
	case errors.Is(err, errTooLarge):
		f.err.Kind, f.permanent = identkit.ErrResponseTooLarge, true
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.As(err, new(flate.CorruptInputError)):
		f.err.Kind, f.permanent = identkit.ErrBadResponse, true
	case errors.As(err, &dns):
		f.permanent = dns.IsNotFound
	case isTLS(err), refusedByProxy(err) == http.StatusProxyAuthRequired:
		f.permanent = true
	}
	f.unknown = f.sent
	return f
}

func isNetTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

// canceled is the failure of a context that ended.
func canceled(ctx context.Context) *identkit.Error {
	e := &identkit.Error{Kind: identkit.ErrCanceled, Err: ctx.Err(), Detail: "context canceled"}
	if errors.Is(e.Err, context.DeadlineExceeded) {
		e.Kind, e.Detail = identkit.ErrTimeout, "context deadline exceeded"
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(e.Err, cause) {
		e.Err = errors.Join(e.Err, cause)
	}
	return e
}

// describe names a network failure in words that cannot hold a URL, a header or a body: only errors of known types are
// printed, and of them only what is known to be safe.
func describe(err error) string {
	var (
		dns    *net.DNSError
		op     *net.OpError
		errno  syscall.Errno
		header tls.RecordHeaderError
		alert  tls.AlertError
		cert   x509.CertificateInvalidError
		host   x509.HostnameError
		issuer x509.UnknownAuthorityError
		own    timeoutError
	)
	switch {
	case refusedByProxy(err) != 0:
		return refusedByProxy(err).Error()
	case errors.Is(err, errTooLarge):
		return errTooLarge.Error()
	case errors.As(err, &own):
		return own.Error()
	case errors.Is(err, http.ErrSchemeMismatch):
		return "server speaks plain HTTP"
	case errors.As(err, &dns):
		if dns.IsNotFound {
			return "no such host"
		}
		return "host lookup failed"
	case errors.As(err, &cert):
		if cert.Reason == x509.Expired {
			return "certificate has expired or is not yet valid"
		}
		return "certificate is invalid"
	case errors.As(err, &host):
		return "certificate is for another host"
	case errors.As(err, &issuer):
		return "certificate signed by unknown authority"
	case errors.As(err, &header):
		return "response is not TLS"
	case errors.As(err, &alert):
		return alert.Error()
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "attempt timed out"
	case errors.As(err, &errno):
		if errors.As(err, &op) {
			return op.Op + ": " + errno.Error()
		}
		return errno.Error()
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "response was cut off"
	case errors.Is(err, io.EOF):
		return "connection closed"
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.As(err, new(flate.CorruptInputError)):
		return "response is not valid gzip"
	case isMalformed(err):
		return "response is malformed"
	case strings.Contains(err.Error(), "server response headers exceeded"):
		return "response header is over the limit"
	case strings.HasPrefix(err.Error(), "tls: "):
		return "TLS failed"
	}
	return ""
}

// kindOf is what an HTTP status means before the provider's code is read.
func kindOf(status int) identkit.Kind {
	switch {
	case status == http.StatusUnauthorized:
		return identkit.ErrUnauthorized
	case status == http.StatusForbidden:
		return identkit.ErrForbidden
	case status == http.StatusNotFound:
		return identkit.ErrNotFound
	case status == http.StatusConflict:
		return identkit.ErrConflict
	case status == http.StatusTooManyRequests:
		return identkit.ErrRateLimited
	case status == http.StatusRequestTimeout, status >= 500:
		return identkit.ErrUnavailable
	case status >= 400:
		return identkit.ErrRejected
	}
	return identkit.ErrBadResponse
}
