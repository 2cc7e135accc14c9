package powerauthtest

import (
	"net/http"
	"strings"
	"time"

	"github.com/identkit/identkit/internal/fakeserver"
	"github.com/identkit/identkit/internal/pacrypto"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/protocol"
)

// token authenticates a phone by possession, without a counter.
type token struct {
	id           protocol.TokenID
	secret       pacrypto.Key
	registration *registration
	factors      protocol.Factors // those of its creation
}

// The windows of PAC 1.9 for the time of a token header, and the retention of nonces.
const (
	tokenAge       = 2 * time.Hour
	tokenAhead     = 30 * time.Minute
	tokenAhead32   = time.Minute // protocol 3.2 and later
	nonceRetention = time.Minute // until 3.1: tokenAge
)

func (s *Server) verifyToken(c *fakeserver.Call) {
	var in struct {
		AuthHeader *string `json:"authHeader"`
	}
	check := decode(c, "verifyToken", &in)
	check.filled("authHeader", in.AuthHeader)
	if check.refused(c) {
		return
	}
	header, err := protocol.ParseTokenHeader(*in.AuthHeader)
	if err != nil || header.Version == "4.0" {
		refuse(c, http.StatusBadRequest, powerauth.CodeTokenInvalid, "Token header is malformed or of an unsupported version")
		return
	}
	t := s.tokens[protocol.TokenID(strings.ToLower(string(header.TokenID)))]
	switch {
	case t == nil || !s.caller(c).sees(t.registration.app):
		s.ok(c, s.tokenVerdict(false, nil))
	case t.registration.status != powerauth.RegistrationActive:
		s.ok(c, s.tokenVerdict(false, t))
	case !s.inWindow(header, c.Now()):
		s.refuseToken(c, "Token timestamp is out of the window")
	case !s.useNonce(header, c.Now()):
		s.refuseToken(c, "Token nonce was used before")
	default:
		s.ok(c, s.tokenVerdict(t.matches(header), t))
	}
}

func (t *token) matches(h *protocol.TokenHeader) bool {
	nonce, errNonce := pacrypto.DecodeBase64(h.Nonce)
	digest, errDigest := pacrypto.DecodeBase64(h.Digest.Reveal())
	return errNonce == nil && errDigest == nil && pacrypto.VerifyTokenDigest(t.secret, nonce, h.TimestampText, h.Version, digest)
}

func isBefore32(version string) bool { return version == "3.0" || version == "3.1" }

// inWindow checks the time of a header.
func (s *Server) inWindow(h *protocol.TokenHeader, now time.Time) bool {
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

// useNonce records the nonce of a token; it is false for a used one.
func (s *Server) useNonce(h *protocol.TokenHeader, now time.Time) bool {
	key := strings.ToLower(string(h.TokenID)) + "&" + h.Nonce
	if _, used := s.usedNonces[key]; used {
		return false
	}
	retention := nonceRetention
	if isBefore32(h.Version) {
		retention = tokenAge
	}
	s.usedNonces[key] = now.Add(retention)
	return true
}

// refuseToken responds to a replay and to a time outside the window: with an error, not with a verdict.
func (s *Server) refuseToken(c *fakeserver.Call, message string) {
	status := http.StatusBadRequest
	if code := s.opts.Dialect.TokenErrorCode; code == powerauth.CodeGeneric || code == powerauth.CodeInternalAPI {
		status = http.StatusInternalServerError
	}
	refuse(c, status, s.opts.Dialect.TokenErrorCode, message)
}

// tokenVerdict is the response to the verification of a token. For an unknown token it has no other members.
func (s *Server) tokenVerdict(valid bool, t *token) map[string]any {
	out := s.nulls("userId", "registrationId", "registrationStatus", "signatureType")
	out["tokenValid"] = valid
	if t != nil {
		r := t.registration
		out["userId"], out["registrationId"], out["registrationStatus"] = r.user, r.id, r.status
		out["signatureType"] = s.factorText(t.factors)
	}
	return out
}
