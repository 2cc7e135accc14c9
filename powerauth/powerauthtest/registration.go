package powerauthtest

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/fakeserver"
	"github.com/identkit/identkit/internal/pacrypto"
	"github.com/identkit/identkit/powerauth"
)

// maxOTPFailures is after how many wrong OTPs a registration is removed.
const maxOTPFailures = 5

type registration struct {
	id          powerauth.RegistrationID
	sequence    int
	user        powerauth.UserID
	app         string
	status      powerauth.RegistrationStatus
	code        powerauth.ActivationCode
	phase       powerauth.CommitPhase
	otp         string
	otpFailures int
	flags       []string
	expires     time.Time
	created     time.Time
	used        time.Time
	phone       Activation
	fingerprint string
	blocked     string
}

// tick removes a registration whose code was not used, or not committed, in time.
func (r *registration) tick(now time.Time) {
	if (r.status == powerauth.RegistrationCreated || r.status == powerauth.RegistrationPendingCommit) && !now.Before(r.expires) {
		r.status = powerauth.RegistrationRemoved
	}
}

func (r *registration) inProgress() bool {
	return r.status == powerauth.RegistrationCreated || r.status == powerauth.RegistrationPendingCommit
}

// checkOTP compares an OTP and counts a wrong one.
func (r *registration) checkOTP(otp string) bool {
	if r.otp == "" || r.otp == otp {
		return true
	}
	if r.otpFailures++; r.otpFailures >= maxOTPFailures {
		r.status = powerauth.RegistrationRemoved
	}
	return false
}

func (s *Server) createRegistration(c *fakeserver.Call) {
	var in struct {
		UserID        *string                 `json:"userId"`
		AppID         *string                 `json:"appId"`
		OTP           *string                 `json:"otp"`
		OTPValidation powerauth.OTPValidation `json:"otpValidation"`
		CommitPhase   powerauth.CommitPhase   `json:"commitPhase"`
		Flags         []string                `json:"flags"`
		Expires       *int64                  `json:"timestampRegistrationExpire"`
	}
	if !decode(c, "createRegistration", &in) {
		return
	}
	now := c.Now()
	user, app, otp := value(in.UserID), value(in.AppID), value(in.OTP)
	check := rules{object: "createRegistration"}
	check.that(user != "" && utf8.RuneCountInString(user) <= 255, "userId", in.UserID, "size must be between 1 and 255")
	check.that(app != "", "appId", in.AppID, "must not be blank")
	check.that(in.OTPValidation == "" || in.OTPValidation.Known(), "otpValidation", in.OTPValidation, "unknown value")
	check.that(in.CommitPhase == "" || in.CommitPhase.Known(), "commitPhase", in.CommitPhase, "unknown value")
	check.that(in.CommitPhase == "" || in.OTPValidation == "", "otpValidation", in.OTPValidation, "must not be combined with commitPhase")
	check.that(otp != "" || in.OTPValidation == "" || in.OTPValidation == powerauth.OTPNone, "otp", in.OTP, "must not be blank")
	expires := now.Add(s.opts.CodeValidity)
	if in.Expires != nil {
		expires = time.UnixMilli(*in.Expires)
		check.that(expires.After(now), "timestampRegistrationExpire", in.Expires, "must be in the future")
	}
	incomplete := c.Query().Get("incompleteStatusCheck")
	check.that(incomplete == "" || incomplete == "true" || incomplete == "false", "incompleteStatusCheck", incomplete, "must be a boolean")
	if check.broken(c) {
		return
	}
	if !s.hasApplication(app) {
		refuse(c, http.StatusBadRequest, powerauth.CodeRegistration, "Application not found")
		return
	}
	if incomplete == "true" {
		for _, r := range s.registrations {
			if r.user == powerauth.UserID(user) && r.inProgress() {
				refuse(c, http.StatusBadRequest, powerauth.CodeRegistrationNotAllowed, "Another registration is in progress")
				return
			}
		}
	}
	code, err := powerauth.GenerateActivationCode(rand.Reader)
	if err != nil {
		refuse(c, http.StatusInternalServerError, powerauth.CodeGeneric, "No randomness")
		return
	}
	s.sequence++
	r := &registration{
		id: powerauth.RegistrationID(uuid()), sequence: s.sequence, user: powerauth.UserID(user), app: app,
		status: powerauth.RegistrationCreated, code: code, phase: in.CommitPhase, otp: otp, flags: in.Flags,
		expires: expires, created: now, used: now,
	}
	switch in.OTPValidation { // the older way to say the same
	case powerauth.OTPOnKeyExchange:
		r.phase = powerauth.CommitOnKeyExchange
	case powerauth.OTPNone:
		r.otp = ""
	}
	if in.CommitPhase == "" && in.OTPValidation == "" {
		r.otp = "" // no check applies
	}
	s.registrations[r.id] = r
	text, signature := s.signed(r.code)
	out := map[string]any{"registrationId": r.id, "activationQrCodeData": text}
	if !s.opts.QRDataOnly {
		out["activationCode"], out["activationCodeSignature"] = r.code, signature
	}
	s.ok(c, out)
}

// signed is the QR text of a code and its signature, made anew each time.
func (s *Server) signed(code powerauth.ActivationCode) (text, signature string) {
	der, err := pacrypto.Sign(s.key, []byte(code))
	if err != nil {
		panic("powerauthtest: " + err.Error()) // our own key; the engine contains it
	}
	signature = pacrypto.EncodeBase64(der)
	return string(code) + "#" + signature, signature
}

func (s *Server) registrationBody(r *registration, listed bool) map[string]any {
	out := map[string]any{
		"registrationId":     r.id,
		"registrationStatus": r.status,
		"applicationId":      r.app,
		"flags":              append([]string{}, r.flags...),
		"timestampCreated":   s.millis(r.created),
		"timestampLastUsed":  s.millis(r.used),
	}
	if !listed || s.opts.ListWithUserID {
		out["userId"] = r.user
	}
	if r.fingerprint != "" {
		out["name"], out["platform"], out["deviceInfo"] = r.phone.Name, r.phone.Platform, r.phone.DeviceInfo
	}
	switch r.status {
	case powerauth.RegistrationCreated:
		text, signature := s.signed(r.code)
		out["activationCode"], out["activationCodeSignature"], out["activationQrCodeData"] = r.code, signature, text
	case powerauth.RegistrationPendingCommit:
		out["activationFingerprint"] = r.fingerprint
	case powerauth.RegistrationBlocked:
		out["blockedReason"] = r.blocked
	}
	return out
}

// find finds the registration of the path, or answers that there is none.
func (s *Server) find(c *fakeserver.Call) *registration {
	r := s.registrations[powerauth.RegistrationID(c.PathValue("registrationId"))]
	if r == nil {
		refuse(c, http.StatusBadRequest, powerauth.CodeRegistrationNotFound, "Registration not found")
	}
	return r
}

func (s *Server) getRegistration(c *fakeserver.Call) {
	id := c.PathValue("registrationId")
	if s.registrations[powerauth.RegistrationID(id)] == nil && s.opts.UnknownRegistrationIsRemoved {
		s.ok(c, map[string]any{"registrationId": id, "registrationStatus": powerauth.RegistrationRemoved, "userId": "UNKNOWN", "flags": nil})
		return
	}
	if r := s.find(c); r != nil {
		s.ok(c, s.registrationBody(r, false))
	}
}

func (s *Server) listRegistrations(c *fakeserver.Call) {
	user, removed := c.Query().Get("userId"), c.Query().Get("removed")
	check := rules{object: "listRegistrations"}
	check.that(user != "", "userId", user, "must not be blank")
	check.that(removed == "" || removed == "true" || removed == "false", "removed", removed, "must be a boolean")
	if check.broken(c) {
		return
	}
	var found []*registration
	for _, r := range s.registrations {
		if r.user != powerauth.UserID(user) || r.status == powerauth.RegistrationRemoved && removed != "true" {
			continue
		}
		if s.opts.ListOnlyUsable && r.inProgress() && removed != "true" {
			continue
		}
		found = append(found, r)
	}
	slices.SortFunc(found, func(a, b *registration) int { return b.sequence - a.sequence })
	const firstPage = 500
	items := []any{}
	for _, r := range found[:min(len(found), firstPage)] {
		items = append(items, s.registrationBody(r, true))
	}
	s.ok(c, map[string]any{"registrations": items})
}

func (s *Server) changeRegistration(c *fakeserver.Call) {
	var in struct {
		Change *string `json:"change"`
		Reason *string `json:"reason"`
	}
	if !decode(c, "changeRegistration", &in) {
		return
	}
	check := rules{object: "changeRegistration"}
	change := value(in.Change)
	check.that(change == "BLOCK" || change == "UNBLOCK", "change", in.Change, "must be BLOCK or UNBLOCK")
	if check.broken(c) {
		return
	}
	r := s.find(c)
	if r == nil {
		return
	}
	if r.status != powerauth.RegistrationActive && r.status != powerauth.RegistrationBlocked {
		refuse(c, http.StatusBadRequest, powerauth.CodeRegistrationChange, "Registration is in a wrong state")
		return
	}
	if change == "UNBLOCK" {
		r.status, r.blocked = powerauth.RegistrationActive, ""
	} else if r.status == powerauth.RegistrationActive {
		r.status, r.blocked = powerauth.RegistrationBlocked, "NOT_SPECIFIED"
		if reason := value(in.Reason); reason != "" {
			r.blocked = reason
		}
	}
	s.done(c)
}

func (s *Server) commitRegistration(c *fakeserver.Call) {
	var in map[string]json.RawMessage
	if !decode(c, "commitRegistration", &in) {
		return
	}
	var external, otp *string
	check := rules{object: "commitRegistration"}
	check.that(in["externalUserId"] == nil || json.Unmarshal(in["externalUserId"], &external) == nil, "externalUserId", in["externalUserId"], "must be a string")
	field := s.opts.CommitOTPField
	check.that(in[field] == nil || json.Unmarshal(in[field], &otp) == nil, field, in[field], "must be a string")
	if check.broken(c) {
		return
	}
	r := s.find(c)
	if r == nil {
		return
	}
	if r.status != powerauth.RegistrationPendingCommit {
		refuse(c, http.StatusBadRequest, powerauth.CodeRegistrationChange, "Registration is in a wrong state")
		return
	}
	if r.phase != powerauth.CommitOnKeyExchange && !r.checkOTP(value(otp)) {
		refuse(c, http.StatusBadRequest, powerauth.CodeRegistration, "Invalid OTP")
		return
	}
	r.status = powerauth.RegistrationActive
	s.done(c)
}

func (s *Server) deleteRegistration(c *fakeserver.Call) {
	if r := s.find(c); r != nil {
		r.status = powerauth.RegistrationRemoved
		s.done(c)
	}
}

// Activation is what a phone says of itself when it uses an activation code.
type Activation struct {
	Name       string // as the user calls it
	Platform   string // ios, android, hw; empty means android
	DeviceInfo string
	OTP        identkit.Secret // for registrations that check one at the key exchange
}

// The reasons why a simulated phone is refused.
var (
	ErrNoRegistration = errors.New("powerauthtest: no registration waits for this code")
	ErrNoOperation    = errors.New("powerauthtest: no such operation")
	ErrWrongOTP       = errors.New("powerauthtest: wrong OTP")
	ErrState          = errors.New("powerauthtest: wrong state")
	ErrNotAllowed     = errors.New("powerauthtest: this registration may not decide this operation")
)

// Activate plays a phone that uses an activation code. The registration becomes PENDING_COMMIT, or ACTIVE if it commits on key
// exchange. A wrong OTP counts; the fifth removes the registration.
func (s *Server) Activate(code identkit.Secret, phone Activation) (powerauth.RegistrationID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tick(s.engine.Clock().Now())
	for _, r := range s.registrations {
		if string(r.code) != code.Reveal() || r.status != powerauth.RegistrationCreated {
			continue
		}
		onExchange := r.phase == powerauth.CommitOnKeyExchange
		if onExchange && !r.checkOTP(phone.OTP.Reveal()) {
			return "", ErrWrongOTP
		}
		if phone.Platform == "" {
			phone.Platform = "android"
		}
		phone.OTP = ""
		r.phone, r.fingerprint = phone, digits(8)
		r.status = powerauth.RegistrationPendingCommit
		if onExchange {
			r.status = powerauth.RegistrationActive
		}
		return r.id, nil
	}
	return "", ErrNoRegistration
}

// value is what a pointer points to, or the zero value: null and absent are alike.
func value[T any](p *T) T {
	var zero T
	if p == nil {
		return zero
	}
	return *p
}

func uuid() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func digits(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	for i := range b {
		b[i] = '0' + b[i]%10
	}
	return string(b)
}
