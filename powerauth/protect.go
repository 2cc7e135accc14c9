package powerauth

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

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
	// Observer's Decision function follows every decision, with URIID as the resource and a ProtectReason. Nil means that of the client's
	// Options.
	Observer identkit.Observer
}

const maxProtectedBody = 1 << 20

// Protect makes middleware that lets a request through only when its X-PowerAuth-Authorization header holds a valid code of an
// active device over exactly this request, made with the factors required. The code covers method, URIID, query and body, but not the
// path: a request signed for /accounts/1 also passes at /accounts/2, unless the URIID or the body says which account it is about.
//
//	payments, err := powerauth.Protect(client, powerauth.ProtectConfig{
//		URIID:   "/payment/create",
//		Require: powerauth.RequireFactors(protocol.Possession, protocol.Knowledge).Or(protocol.Possession, protocol.Biometry),
//	})
//	mux.Handle("POST /payments", payments(handler))
//
// The handler finds the body untouched and the caller by [IdentityFrom]; where there is a session, it must compare the users. A refusal
// never reaches it. See "Protected endpoints" in the package documentation.
func Protect(client *Client, cfg ProtectConfig) (func(http.Handler) http.Handler, error) {
	var check transport.Check
	client.check("client", &check)
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
		return &signatureGuard{next, client, cfg, newDecider("powerauth.Protect", client, cfg.URIID, cfg.Observer)}
	}, nil
}

// ProtectReason says why a request was refused.
type ProtectReason string

// The reasons.
const (
	ReasonHeaderMissing   ProtectReason = "header missing"
	ReasonHeaderRepeated  ProtectReason = "header more than once"
	ReasonHeaderMalformed ProtectReason = "header malformed"
	ReasonNotSigned       ProtectReason = "request has what the code does not sign"
	ReasonOtherRequest    ProtectReason = "header was verified for another request"
	ReasonBodyTooLarge    ProtectReason = "body too large"  // 413
	ReasonBodyUnreadable  ProtectReason = "body unreadable" // 400
	ReasonRefused         ProtectReason = "header refused by the provider"
	ReasonInvalid         ProtectReason = "invalid code"
	ReasonNotActive       ProtectReason = "device not active"
	ReasonFactors         ProtectReason = "factors not sufficient"
	ReasonUnavailable     ProtectReason = "could not be verified" // 503
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

// signatureGuard is the handler that Protect makes.
type signatureGuard struct {
	next   http.Handler
	client *Client
	cfg    ProtectConfig
	decide decider
}

// ServeHTTP lets a request through or refuses it.
func (g *signatureGuard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	v, body, reason, err := g.authorize(w, r)
	if g.decide.decide(w, r, start, reason, err) {
		r = r.WithContext(context.WithValue(r.Context(), verifiedKey{}, v))
		r.Body = body
		g.next.ServeHTTP(w, r)
	}
}

func (g *signatureGuard) authorize(w http.ResponseWriter, r *http.Request) (*verified, io.ReadCloser, ProtectReason, error) {
	header, reason := singleHeader(r.Header, authorizationKey, malformedAuthorization)
	if reason != "" {
		return nil, nil, reason, nil
	}
	in := VerifySignatureParams{Method: r.Method, URIID: g.cfg.URIID, AuthHeader: identkit.Secret(header)}
	if !canSign(r.Method) {
		return nil, nil, ReasonNotSigned, nil
	}
	if r.URL.RawQuery != "" || r.URL.ForceQuery {
		var ok bool
		if in.QueryParams, ok = g.query(r); !ok {
			return nil, nil, ReasonNotSigned, nil
		}
	}
	body, reason, err := readBody(w, r, g.cfg.MaxBodyBytes)
	switch {
	case reason != "":
		return nil, nil, reason, err
	case r.Method != http.MethodGet:
		in.Body = body
	case len(body) > 0:
		return nil, nil, ReasonNotSigned, nil
	}
	v := &verified{header: header, signed: signedContent{g.client, g.cfg.URIID, r.Method, r.URL.RawQuery, body}, parent: verifiedFrom(r.Context())}
	if known := v.parent.find(header); known != nil {
		if !known.signed.equal(v.signed) {
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
	reason, err = v.identify(g.cfg.Require)
	return v, &replayableBody{reader: bytes.NewReader(body)}, reason, err
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

func (c signedContent) equal(o signedContent) bool {
	return c.client == o.client && c.uriID == o.uriID && c.method == o.method && c.query == o.query && bytes.Equal(c.body, o.body)
}

var errNoIdentity = errors.New("powerauth: the response calls the code valid and does not say whose it is, or whether the device is active")

// identify applies a policy to PAC's verdict, and fills in the identity.
func (v *verified) identify(policy FactorPolicy) (ProtectReason, error) {
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
		Authentication: BySignature, UserID: r.UserID, RegistrationID: r.RegistrationID, Factors: r.Factors, URIID: v.signed.uriID,
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
		return ReasonRefused // PAC's own refusal; a 400 without its code is a proxy's
	}
	return ReasonUnavailable
}

// decider writes refusals and tells the observer about decisions.
type decider struct {
	info    identkit.DecisionInfo
	observe func(context.Context, identkit.DecisionInfo)
}

func newDecider(operation string, client *Client, resource string, observer identkit.Observer) decider {
	d := decider{identkit.DecisionInfo{Provider: provider, Operation: operation, Resource: resource}, observer.Decision}
	if d.observe == nil {
		d.observe = client.client.Observer().Decision
	}
	return d
}

// decide writes the response to a refused request, and reports whether the request is let through.
func (d decider) decide(w http.ResponseWriter, r *http.Request, start time.Time, reason ProtectReason, err error) bool {
	i := d.info
	i.Start, i.Reason, i.Err = start, string(reason), err
	if reason != "" {
		if i.Status = reason.status(); i.Status == http.StatusUnauthorized {
			w.Header().Set("Www-Authenticate", "PowerAuth")
		}
		w.WriteHeader(i.Status)
	}
	if d.observe != nil {
		i.Duration = time.Since(start)
		func() {
			defer func() { _ = recover() }() // the code has been used up, and the decision stands
			d.observe(r.Context(), i)
		}()
	}
	return reason == ""
}
