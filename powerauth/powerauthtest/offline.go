package powerauthtest

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/identkit/identkit/internal/fakeserver"
	"github.com/identkit/identkit/internal/pacrypto"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/protocol"
)

const (
	seedSize = 16 // of a proximity check, in bytes
	totpStep = 30 * time.Second
)

func (s *Server) offlineQR(c *fakeserver.Call) {
	id := c.Query().Get("registrationId")
	check := rules{object: "offlineQr"}
	check.that(id != "", "registrationId", id, "must not be blank")
	if check.refused(c) {
		return
	}
	o, r := s.offlineParties(c, id)
	if o == nil {
		return
	}
	if r.status != powerauth.RegistrationActive {
		refuse(c, http.StatusBadRequest, powerauth.CodeRegistration, "Registration is not active")
		return
	}
	template, _ := s.template(o.template)
	qr := protocol.OfflineQR{
		OperationID: o.id, Title: template.Title, Message: template.Message, DataText: o.data,
		Flags: template.RiskFlags, Nonce: randomValue(pacrypto.NonceSize), KeyType: protocol.OfflineKeyPersonalized,
	}
	if template.allows(possessionBiometry) {
		qr.Flags = protocol.OfflineFlags(protocol.OfflineFlagBiometry) + qr.Flags
	}
	if o.seed != nil {
		qr.ExtraLines = []string{must(pacrypto.TOTP(o.seed, c.Now()))}
	}
	key := s.key
	if s.opts.Dialect.OfflineMasterKey {
		qr.KeyType = protocol.OfflineKeyMaster
	} else {
		key = r.pairing.server
	}
	text, err := FormatOfflineQR(&qr, func(signed []byte) ([]byte, error) { return pacrypto.Sign(key, signed) })
	if err != nil {
		refuse(c, http.StatusInternalServerError, powerauth.CodeGeneric, "The template's data are invalid for an offline operation")
		return
	}
	s.ok(c, map[string]any{"operationQrCodeData": text, "nonce": qr.Nonce})
}

// offlineParties finds the operation of the path and a registration that may decide it, or refuses.
func (s *Server) offlineParties(c *fakeserver.Call, id string) (*operation, *registration) {
	o := s.findOperation(c)
	if o == nil {
		return nil, nil
	}
	r := s.findRegistration(c, id)
	if r == nil {
		return nil, nil
	}
	switch {
	case o.status != powerauth.OperationPending:
		refuse(c, http.StatusBadRequest, powerauth.CodeOperationStateChange, "Operation is not pending")
	case !o.mayBeDecidedBy(r):
		refuse(c, http.StatusBadRequest, powerauth.CodeRegistration, "Registration may not decide this operation")
	case r.pairing == nil:
		refuse(c, http.StatusBadRequest, powerauth.CodeRegistration, "Registration has no keys")
	default:
		return o, r
	}
	return nil, nil
}

var offlineForm = regexp.MustCompile(`^[0-9]{8}-[0-9]{8}$`)

func (s *Server) verifyOfflineOTP(c *fakeserver.Call) {
	var in struct {
		OTP          *string `json:"otp"`
		Nonce        *string `json:"nonce"`
		Registration *string `json:"registrationId"`
	}
	check := decode(c, "offlineOtp", &in)
	check.filled("otp", in.OTP)
	check.filled("nonce", in.Nonce)
	check.filled("registrationId", in.Registration)
	if check.refused(c) {
		return
	}
	otp := *in.OTP
	if s.opts.Dialect.LenientOTP {
		if normal, err := protocol.NormalizeOfflineOTP(otp, 0); err == nil {
			otp = normal.Reveal()
		}
	}
	nonce, err := pacrypto.DecodeBase64(*in.Nonce)
	if !offlineForm.MatchString(otp) || err != nil || len(nonce) != pacrypto.NonceSize {
		refuse(c, http.StatusBadRequest, powerauth.CodeOTPInvalid, "OTP or nonce has an invalid format")
		return
	}
	o, r := s.offlineParties(c, *in.Registration)
	if o == nil {
		return
	}
	factors, valid := possessionKnowledge, false
	if r.status == powerauth.RegistrationActive {
		factors, valid = s.verify(r, c.Now(), s.offlineClaims(o, otp, *in.Nonce, c.Now())...)
	}
	if !valid {
		s.failApproval(o, c.Now())
		if s.opts.Dialect.WrongOTPIsError {
			refuse(c, http.StatusBadRequest, powerauth.CodeOTPInvalid, "OTP does not match")
			return
		}
	} else {
		s.approved(o, r, factors, c.Now())
	}
	s.ok(c, s.verdict("otpValid", valid, r, factors))
}

// offlineClaims are the interpretations of an offline code: with PIN or biometry, where the template allows them, and with the
// proximity code of this time step or the previous one.
func (s *Server) offlineClaims(o *operation, otp, nonce string, now time.Time) []claim {
	extra := [][]string{nil}
	if o.seed != nil {
		extra = [][]string{{must(pacrypto.TOTP(o.seed, now))}, {must(pacrypto.TOTP(o.seed, now.Add(-totpStep)))}}
	}
	template, _ := s.template(o.template)
	var claims []claim
	for _, factors := range []protocol.Factors{possessionKnowledge, possessionBiometry} {
		if !template.allows(factors) {
			continue
		}
		for _, lines := range extra {
			qr := protocol.OfflineQR{OperationID: o.id, DataText: o.data, ExtraLines: lines, Nonce: nonce}
			base, err := offlineBaseString(&qr)
			if err != nil {
				continue
			}
			claims = append(claims, claim{factors: factors, code: otp, compute: func(keys []pacrypto.Key, ctr pacrypto.Counter) (string, error) {
				return pacrypto.DecimalCode(pacrypto.CodeData(base, pacrypto.OfflineSecret), keys, ctr, codeDigits)
			}})
		}
	}
	if claims == nil { // a template that allows no offline code
		claims = []claim{{factors: possessionKnowledge, code: otp, compute: func([]pacrypto.Key, pacrypto.Counter) (string, error) {
			return strings.Repeat("-", codeDigits), nil
		}}}
	}
	return claims
}

// offlineBaseString is the text that a phone computes its code over, the secret apart: the base string of a POST to
// /operation/authorize/offline with the nonce of the QR code and, as its body, the operation's id, its data and the proximity code,
// if there is one, joined by "&".
//
// That the proximity code is part of it is not documented; the vendor's phone does it so (wultra/mtoken-sdk-ios,
// WMTQROperation, checked 2026-11).
func offlineBaseString(q *protocol.OfflineQR) (string, error) {
	nonce, err := pacrypto.DecodeBase64(q.Nonce)
	if err != nil {
		return "", fmt.Errorf("%w: nonce", protocol.ErrOfflineQR)
	}
	body := string(q.OperationID) + "&" + q.DataText
	if len(q.ExtraLines) > 0 {
		body += "&" + q.ExtraLines[0]
	}
	return protocol.SignatureBaseString("POST", "/operation/authorize/offline", nonce, []byte(body)), nil
}
