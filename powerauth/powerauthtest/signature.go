package powerauthtest

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/identkit/identkit/internal/fakeserver"
	"github.com/identkit/identkit/internal/pacrypto"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/protocol"
)

// claim is a code to verify, with the factors it claims.
type claim struct {
	factors protocol.Factors
	code    string
	compute func([]pacrypto.Key, pacrypto.Counter) (string, error)
}

// headerClaim is the code of an authorization header over a request.
func headerClaim(h *protocol.AuthorizationHeader, secret, method, uriID string, data []byte) (claim, error) {
	nonce, err := pacrypto.DecodeBase64(h.Nonce)
	if err != nil {
		return claim{}, err
	}
	signed := pacrypto.CodeData(protocol.SignatureBaseString(method, uriID, nonce, data), secret)
	out := claim{factors: h.Factors, code: h.Code.Reveal(), compute: func(keys []pacrypto.Key, ctr pacrypto.Counter) (string, error) {
		return requestCode(h.Version, signed, keys, ctr)
	}}
	if h.Version != "3.0" { // unused bits of Base64 do not change the code
		b, err := pacrypto.DecodeBase64(out.code)
		if err != nil {
			return claim{}, err
		}
		out.code = pacrypto.EncodeBase64(b)
	}
	return out, nil
}

// requestCode computes the code of a request by its protocol version.
func requestCode(version string, signed []byte, keys []pacrypto.Key, ctr pacrypto.Counter) (string, error) {
	if version == "3.0" {
		return pacrypto.DecimalCode(signed, keys, ctr, codeDigits)
	}
	return pacrypto.OnlineCode(signed, keys, ctr)
}

const codeDigits = 8

// verify tries claims; there are several only if the request does not name the factors. A valid one advances the counter and
// resets the attempts; otherwise an attempt is counted if more than possession was claimed, and the last one blocks the device. The registration
// must be active.
func (s *Server) verify(r *registration, now time.Time, claims ...claim) (protocol.Factors, bool) {
	for _, c := range claims {
		if r.pairing == nil {
			break
		}
		keys, err := r.pairing.keys.For(string(c.factors))
		if err != nil {
			continue
		}
		next, ok, err := pacrypto.VerifyCode(c.code, r.pairing.counter, pacrypto.LookAhead, func(ctr pacrypto.Counter) (string, error) {
			return c.compute(keys, ctr)
		})
		if err == nil && ok {
			r.pairing.counter, r.failed, r.used = next, 0, now
			return c.factors, true
		}
	}
	if c := claims[0]; c.factors.Has(protocol.Knowledge) || c.factors.Has(protocol.Biometry) {
		s.countFailure(r)
	}
	return claims[0].factors, false
}

// countFailure counts an invalid code and blocks the device at the maximum.
func (s *Server) countFailure(r *registration) {
	if r.failed++; r.failed >= s.opts.MaxAttempts {
		s.block(r, "MAX_FAILED_ATTEMPTS")
	}
}

func (s *Server) verifySignature(c *fakeserver.Call) {
	var in struct {
		Method      *string            `json:"method"`
		URIID       *string            `json:"uriId"`
		AuthHeader  *string            `json:"authHeader"`
		RequestBody *string            `json:"requestBody"`
		QueryParams map[string]*string `json:"queryParams"`
	}
	check := decode(c, "verifySignature", &in)
	method := value(in.Method)
	body, err := pacrypto.DecodeBase64(value(in.RequestBody))
	query, errQuery := canonicalParams(in.QueryParams)
	check.that(method == "GET" || method == "POST" || method == "PUT" || method == "DELETE", "method", in.Method, "must be GET, POST, PUT or DELETE")
	check.filled("uriId", in.URIID)
	check.filled("authHeader", in.AuthHeader)
	check.that(err == nil, "requestBody", nil, "must be standard Base64 with padding")
	check.that(errQuery == nil, "queryParams", nil, "must not be longer than a query")
	if check.refused(c) {
		return
	}
	header, err := protocol.ParseAuthorizationHeader(*in.AuthHeader)
	if err != nil || header.Version == "4.0" {
		refuse(c, http.StatusBadRequest, powerauth.CodeSignatureInvalid, "Signature header is malformed or of an unsupported version")
		return
	}
	data := body
	if method == "GET" {
		data = query
	}
	r := s.registrations[powerauth.RegistrationID(strings.ToLower(string(header.ActivationID)))]
	if r == nil || !s.caller(c).sees(r.app) {
		s.ok(c, s.verdict("signatureValid", false, nil, ""))
		return
	}
	valid := s.checkHeader(r, header, method, *in.URIID, data, c.Now())
	s.ok(c, s.verdict("signatureValid", valid, r, header.Factors))
}

// checkHeader verifies an authorization header for its registration and writes the audit log.
func (s *Server) checkHeader(r *registration, h *protocol.AuthorizationHeader, method, uriID string, data []byte, now time.Time) bool {
	app := s.applications[r.app]
	event, valid := "signature_does_not_match", false
	switch {
	case r.status != powerauth.RegistrationActive:
		event = "activation_invalid_state"
	case !sameKey(h.ApplicationKey, app.key):
		event = "activation_invalid_application"
	default:
		claimed, err := headerClaim(h, app.secret, method, uriID, data)
		if err != nil {
			break
		}
		if _, valid = s.verify(r, now, claimed); valid {
			event = "signature_ok"
		}
	}
	s.record(auditItem{registration: r.id, user: r.user, event: event, data: method + "\n" + uriID + "\n" + string(data), at: now})
	return valid
}

// canonicalParams is the query that a phone signs, of the decoded parameters. Bytes that are not UTF-8 become U+FFFD.
func canonicalParams(params map[string]*string) ([]byte, error) {
	values := make(url.Values, len(params))
	for name, text := range params {
		values.Set(strings.ToValidUTF8(name, "\uFFFD"), strings.ToValidUTF8(value(text), "\uFFFD"))
	}
	query, err := protocol.CanonicalQuery(values.Encode())
	return []byte(query), err
}

func sameKey(a, b protocol.ApplicationKey) bool {
	x, errX := pacrypto.DecodeBase64(string(a))
	y, errY := pacrypto.DecodeBase64(string(b))
	return errX == nil && errY == nil && string(x) == string(y)
}

// verdict is the response to a verification. A missing registration is reported as removed, without other members.
func (s *Server) verdict(name string, valid bool, r *registration, factors protocol.Factors) map[string]any {
	out := s.nulls("userId", "registrationId", "blockedReason", "signatureType", "remainingAttempts", "flags", "application")
	out[name], out["registrationStatus"] = valid, powerauth.RegistrationRemoved
	if r == nil {
		return out
	}
	out["userId"], out["registrationId"], out["registrationStatus"] = r.user, r.id, r.status
	out["signatureType"] = s.factorText(factors)
	out["remainingAttempts"] = s.opts.MaxAttempts - r.failed
	if r.blocked != "" {
		out["blockedReason"] = r.blocked
	}
	if s.opts.Dialect.BareVerdicts {
		delete(out, "flags")
		delete(out, "application")
		return out
	}
	out["flags"] = append([]string{}, r.flags...)
	switch s.opts.Dialect.ApplicationForm {
	case ApplicationList:
		out["application"] = []powerauth.ApplicationID{r.app}
	case ApplicationObject:
		out["application"] = map[string]powerauth.ApplicationID{"id": r.app}
	default:
		out["application"] = r.app
	}
	return out
}

// nulls is an object without values, for the dialect that writes them.
func (s *Server) nulls(members ...string) map[string]any {
	out := make(map[string]any)
	for _, member := range members {
		if s.opts.Dialect.ExplicitNulls {
			out[member] = nil
		}
	}
	return out
}

func (s *Server) factorText(factors protocol.Factors) string {
	if s.opts.Dialect.UpperCaseFactors {
		return strings.ToUpper(string(factors))
	}
	return strings.ToLower(string(factors))
}
