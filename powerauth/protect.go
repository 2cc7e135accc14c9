package powerauth

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// ProtectConfig says how an endpoint of one's own is protected.
type ProtectConfig struct {
	// URIID is the constant that the app and the backend agreed on for this endpoint, such as "/payment/create". Required.
	URIID string
	// Require says which factors the user must have used. Required: RequireFactors(protocol.Possession, protocol.Knowledge).
	Require FactorPolicy
	// MaxBodyBytes caps the body, which is held in memory while PAC is asked. Zero means 1 MiB. How long reading it may take is up
	// to http.Server.ReadTimeout.
	MaxBodyBytes int64
	// AllowQuery lets methods other than GET have a query. The code does not cover it, so whoever stands between phone and backend
	// may have written it; without AllowQuery such requests are refused.
	AllowQuery bool
	// Observe is told about every decision, for logs and metrics. Nil means nobody.
	Observe func(ctx context.Context, d ProtectDecision)
}

const maxProtectedBody = 1 << 20

// Protect makes middleware that lets a request through only when its X-PowerAuth-Authorization header holds a valid code of an
// active device over exactly this request, made with the factors required.
//
//	payments, err := powerauth.Protect(client, powerauth.ProtectConfig{
//		URIID:   "/payment/create",
//		Require: powerauth.RequireFactors(protocol.Possession, protocol.Knowledge).Or(protocol.Possession, protocol.Biometry),
//	})
//	mux.Handle("POST /payments", payments(handler))
//
// The handler finds the body untouched and the caller by [IdentityFrom]; where there is a session, it must compare the users. A
// refusal never reaches the handler. It has an empty body: 401 when the request is refused, 413 for a body over the limit, 400 for one
// that cannot be read, and 503 when PAC could not be asked or gave no clear answer. After a 503 the phone must sign again: the code
// may have been used up.
//
// A code is verified once: protections inside each other share the answer, and a code that was verified for another uriId, body or
// query, or by another client, is refused without asking again. Headers that no version of the vendor's grammar allows (absent, doubled, over-long, without the
// prefix or a field) are refused without asking PAC, all others are passed on unchanged; PAC is the judge.
//
// Refused, because the code cannot cover them: methods other than GET, POST, PUT and DELETE; a GET with a body, with a parameter
// given twice or one without "=", and one whose query cannot be decoded.
func Protect(client *Client, cfg ProtectConfig) (func(http.Handler) http.Handler, error) {
	var check transport.Check
	check.That(client != nil, "client", "is nil")
	check.Text("URIID", cfg.URIID, 0)
	fault := cfg.Require.fault()
	check.That(fault == "", "Require", fault)
	check.That(cfg.MaxBodyBytes >= 0, "MaxBodyBytes", "is negative")
	if err := check.Err(provider, "powerauth.Protect"); err != nil {
		return nil, err
	}
	if cfg.MaxBodyBytes == 0 {
		cfg.MaxBodyBytes = maxProtectedBody
	}
	return func(next http.Handler) http.Handler {
		return &signatureGuard{next: next, client: client, cfg: cfg}
	}, nil
}

// ProtectReason says why a request was refused.
type ProtectReason string

// The reasons.
const (
	ReasonHeaderMissing  ProtectReason = "header missing"
	ReasonHeaderDoubled  ProtectReason = "header given more than once"
	ReasonHeaderHopeless ProtectReason = "header malformed"
	ReasonNotCovered     ProtectReason = "request holds what the code cannot cover"
	ReasonOtherRequest   ProtectReason = "header was verified for another request"
	ReasonBodyTooLarge   ProtectReason = "body too large"  // 413
	ReasonBodyUnreadable ProtectReason = "body unreadable" // 400
	ReasonRefused        ProtectReason = "header refused by the provider"
	ReasonInvalid        ProtectReason = "code wrong"
	ReasonNotActive      ProtectReason = "device not active"
	ReasonFactors        ProtectReason = "factors not enough"
	ReasonUnavailable    ProtectReason = "could not be verified" // 503
)

// status is the HTTP status of a refusal.
func (r ProtectReason) status() int {
	switch r {
	case ReasonBodyTooLarge:
		return http.StatusRequestEntityTooLarge
	case ReasonBodyUnreadable:
		return http.StatusBadRequest
	case ReasonUnavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusUnauthorized
}

// ProtectDecision is what became of a request. It holds nothing of the request itself.
type ProtectDecision struct {
	// Reason is "" for a request that was let through.
	Reason ProtectReason
	// Status is the HTTP status of the refusal; 0 for a request that was let through.
	Status int
	// Err is why PAC could not be asked, or what it refused; safe to print. Else nil.
	Err error
}

// signatureGuard is Protect at work.
type signatureGuard struct {
	next   http.Handler
	client *Client
	cfg    ProtectConfig
}

// ServeHTTP lets a request through or refuses it.
func (g *signatureGuard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v, body, reason, err := g.admit(w, r)
	if decide(w, r, g.cfg.Observe, reason, err) {
		r = r.WithContext(context.WithValue(r.Context(), verifiedKey{}, v))
		r.Body = body
		g.next.ServeHTTP(w, r)
	}
}

func (g *signatureGuard) admit(w http.ResponseWriter, r *http.Request) (*verified, io.ReadCloser, ProtectReason, error) {
	header, reason := soleHeader(r.Header, authorizationKey, hopelessAuthorization)
	if reason != "" {
		return nil, nil, reason, nil
	}
	in := VerifySignatureParams{Method: r.Method, URIID: g.cfg.URIID, AuthHeader: identkit.Secret(header)}
	if !canSign(r.Method) {
		return nil, nil, ReasonNotCovered, nil
	}
	if r.URL.RawQuery != "" || r.URL.ForceQuery {
		var ok bool
		if in.QueryParams, ok = g.query(r); !ok {
			return nil, nil, ReasonNotCovered, nil
		}
	}
	body, reason, err := readBody(w, r, g.cfg.MaxBodyBytes)
	switch {
	case reason != "":
		return nil, nil, reason, err
	case r.Method != http.MethodGet:
		in.Body = body
	case len(body) > 0:
		return nil, nil, ReasonNotCovered, nil
	}
	v := &verified{header: header, covered: covered{g.client, g.cfg.URIID, r.Method, r.URL.RawQuery, body}, outer: verifiedFrom(r.Context())}
	if known := v.outer.find(header); known != nil {
		if !known.covered.equal(v.covered) {
			return nil, nil, ReasonOtherRequest, nil
		}
		v.result = known.result
	} else {
		result, err := g.client.Signatures.Verify(r.Context(), in)
		if err != nil {
			return nil, nil, reasonOf(err), err
		}
		v.result = &result.Verification
	}
	reason, err = v.authorize(g.cfg.Require)
	return v, &givenBack{reader: bytes.NewReader(body)}, reason, err
}

// query returns the query parameters of a GET, if the code can cover them all.
func (g *signatureGuard) query(r *http.Request) (map[string]string, bool) {
	if r.Method != http.MethodGet {
		return nil, g.cfg.AllowQuery || r.URL.RawQuery == ""
	}
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		if pair != "" && !strings.Contains(pair, "=") {
			return nil, false // phones leave it out of what they sign
		}
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, false
	}
	params := make(map[string]string, len(values))
	for name, v := range values {
		if len(v) != 1 || name == "" {
			return nil, false
		}
		params[name] = v[0]
	}
	return params, true
}

func (c covered) equal(o covered) bool {
	return c.client == o.client && c.uriID == o.uriID && c.method == o.method && c.query == o.query && bytes.Equal(c.body, o.body)
}

var errNoIdentity = errors.New("powerauth: the answer calls the code valid and does not say whose it is, or whether the device is active")

// authorize applies a policy to what PAC said, and fills in the identity.
func (v *verified) authorize(policy FactorPolicy) (ProtectReason, error) {
	r := v.result
	switch {
	case !r.Valid:
		return ReasonInvalid, nil
	case r.RegistrationStatus == "" || r.UserID == "" || r.RegistrationID == "":
		return ReasonUnavailable, errNoIdentity
	case r.RegistrationStatus != RegistrationActive:
		return ReasonNotActive, nil
	case !r.Authorizes(policy):
		return ReasonFactors, nil
	}
	v.identity = Identity{
		Proof: ProofSignature, UserID: r.UserID, RegistrationID: r.RegistrationID, Factors: r.Factors, URIID: v.covered.uriID,
		Flags: r.Flags, Applications: r.Applications,
	}
	return "", nil
}

// reasonOf tells a header that PAC refused from a PAC that could not be asked.
func reasonOf(err error) ProtectReason {
	var e *identkit.Error
	switch {
	case !errors.As(err, &e):
		return ReasonUnavailable
	case e.Kind == identkit.ErrInvalidRequest && e.Status == 0:
		return ReasonRefused // not a text that could be sent
	case e.Status == http.StatusBadRequest && e.Code != "" && e.Code != CodeHTTPRequest:
		return ReasonRefused // PAC itself says so; a 400 without its code is a proxy's
	}
	return ReasonUnavailable
}

// decide answers a refusal, and reports whether the request is let through.
func decide(w http.ResponseWriter, r *http.Request, observe func(context.Context, ProtectDecision), reason ProtectReason, err error) bool {
	d := ProtectDecision{Reason: reason, Err: err}
	if reason != "" {
		if d.Status = reason.status(); d.Status == http.StatusUnauthorized {
			w.Header().Set("Www-Authenticate", "PowerAuth")
		}
		w.WriteHeader(d.Status)
	}
	if observe != nil {
		tell(r.Context(), observe, d)
	}
	return reason == ""
}

// tell contains the panics of an observer: the code has been used up, and the decision stands.
func tell(ctx context.Context, observe func(context.Context, ProtectDecision), d ProtectDecision) {
	defer func() { _ = recover() }()
	observe(ctx, d)
}
