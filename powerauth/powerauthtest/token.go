package powerauthtest

import (
	"net/http"
	"strings"
	"time"

	"github.com/identkit/identkit/internal/fakeserver"
	"github.com/identkit/identkit/internal/pacrypto"
	"github.com/identkit/identkit/powerauth"
)

// token lets a phone prove possession without a counter.
type token struct {
	id           string
	secret       pacrypto.Key
	registration *registration
	factors      powerauth.Factors // those it was made with
}

// The windows of PAC 1.9 for the time of a token header, and for how long a nonce is remembered.
const (
	tokenAge        = 2 * time.Hour
	tokenAhead      = 30 * time.Minute
	tokenAhead32    = time.Minute // protocol 3.2 and later
	tokenRemembered = time.Minute // until 3.1: tokenAge
)

func (s *Server) verifyToken(c *fakeserver.Call) {
	var in struct {
		AuthHeader *string `json:"authHeader"`
	}
	if !decode(c, "verifyToken", &in) {
		return
	}
	check := rules{object: "verifyToken"}
	check.filled("authHeader", in.AuthHeader)
	if check.broken(c) {
		return
	}
	header, err := powerauth.ParseTokenHeader(*in.AuthHeader)
	if err != nil || header.Version == "4.0" {
		refuse(c, http.StatusBadRequest, powerauth.CodeTokenInvalid, "Token header is malformed or of an unsupported version")
		return
	}
	t := s.tokens[strings.ToLower(header.TokenID)]
	switch {
	case t == nil || !s.caller(c).sees(t.registration.app):
		s.ok(c, s.tokenVerdict(false, nil))
	case t.registration.status != powerauth.RegistrationActive:
		s.ok(c, s.tokenVerdict(false, t))
	case !s.timely(header, c.Now()):
		s.refuseToken(c, "Token timestamp is out of the window")
	case !s.spend(header, c.Now()):
		s.refuseToken(c, "Token nonce was used before")
	default:
		s.ok(c, s.tokenVerdict(t.matches(header), t))
	}
}

func (t *token) matches(h *powerauth.TokenHeader) bool {
	nonce, errNonce := pacrypto.DecodeBase64(h.Nonce)
	digest, errDigest := pacrypto.DecodeBase64(h.Digest.Reveal())
	return errNonce == nil && errDigest == nil && pacrypto.VerifyTokenDigest(t.secret, nonce, h.TimestampText, h.Version, digest)
}

func isBefore32(version string) bool { return version == "3.0" || version == "3.1" }

// timely checks the time of a header.
func (s *Server) timely(h *powerauth.TokenHeader, now time.Time) bool {
	age, ahead := tokenAge, tokenAhead
	if !isBefore32(h.Version) {
		ahead = tokenAhead32
	}
	if s.opts.Dialect.RequestWindow != 0 {
		age, ahead = s.opts.Dialect.RequestWindow, s.opts.Dialect.RequestWindow
	}
	at := h.Timestamp()
	return !at.Before(now.Add(-age)) && !at.After(now.Add(ahead))
}

// spend remembers a token and nonce; it is false if they were seen before.
func (s *Server) spend(h *powerauth.TokenHeader, now time.Time) bool {
	key := strings.ToLower(h.TokenID) + "&" + h.Nonce
	if _, seen := s.spent[key]; seen {
		return false
	}
	remembered := tokenRemembered
	if isBefore32(h.Version) {
		remembered = tokenAge
	}
	s.spent[key] = now.Add(remembered)
	return true
}

// refuseToken is how a replay and a wrong time are answered: with an error, not with a verdict.
func (s *Server) refuseToken(c *fakeserver.Call, message string) {
	status := http.StatusBadRequest
	if code := s.opts.Dialect.TokenErrorCode; code == powerauth.CodeGeneric || code == powerauth.CodeInternalAPI {
		status = http.StatusInternalServerError
	}
	refuse(c, status, s.opts.Dialect.TokenErrorCode, message)
}

// tokenVerdict is the answer to the verification of a token. For an unknown token there is nothing beside the verdict.
func (s *Server) tokenVerdict(valid bool, t *token) map[string]any {
	out := make(map[string]any)
	if s.opts.Dialect.ExplicitNulls {
		for _, member := range []string{"userId", "registrationId", "registrationStatus", "signatureType"} {
			out[member] = nil
		}
	}
	out["tokenValid"] = valid
	if t != nil {
		r := t.registration
		out["userId"], out["registrationId"], out["registrationStatus"] = r.user, r.id, r.status
		out["signatureType"] = s.factorText(t.factors)
	}
	return out
}
