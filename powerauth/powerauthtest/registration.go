package powerauthtest

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/identkit/identkit/internal/fakeserver"
	"github.com/identkit/identkit/internal/pacrypto"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/protocol"
)

// maxOTPFailures is the number of wrong OTPs that remove a registration.
const maxOTPFailures = 5

type registration struct {
	id          powerauth.RegistrationID
	sequence    int
	user        powerauth.UserID
	app         powerauth.ApplicationID
	status      powerauth.RegistrationStatus
	code        protocol.ActivationCode
	phase       powerauth.CommitPhase
	otp         string
	otpFailures int
	flags       []string
	expires     time.Time
	created     time.Time
	used        time.Time
	phone       Activation
	fingerprint string // empty until a device has registered
	blocked     string
	failed      int // wrong codes in a row

	pairing *pairing // nil without a key exchange
	passkey *passkey // nil for phones
}

// expire removes a registration whose code expired before use or commit, and reports whether it did.
func (r *registration) expire(now time.Time) bool {
	if !r.inProgress() || now.Before(r.expires) {
		return false
	}
	r.status = powerauth.RegistrationRemoved
	return true
}

func (r *registration) inProgress() bool {
	return r.status == powerauth.RegistrationCreated || r.status == powerauth.RegistrationPendingCommit
}

// checkOTP compares an OTP and counts a wrong one; too many remove the registration.
func (s *Server) checkOTP(r *registration, otp string) bool {
	if r.otp == "" || r.otp == otp {
		return true
	}
	if r.otpFailures++; r.otpFailures >= maxOTPFailures {
		s.remove(r)
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
	check := decode(c, "createRegistration", &in)
	now := c.Now()
	user, app, otp := value(in.UserID), powerauth.ApplicationID(value(in.AppID)), value(in.OTP)
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
	if check.refused(c) {
		return
	}
	if !s.caller(c).sees(app) || s.application(app) == nil {
		refuse(c, http.StatusBadRequest, powerauth.CodeRegistration, "Application not found")
		return
	}
	if incomplete == "true" && s.registrationBy(func(r *registration) bool { return r.user == powerauth.UserID(user) && r.inProgress() }) != nil {
		refuse(c, http.StatusBadRequest, powerauth.CodeRegistrationNotAllowed, "Another registration is in progress")
		return
	}
	r := s.newRegistration(c, user, app)
	r.phase, r.otp, r.flags, r.expires = in.CommitPhase, otp, in.Flags, expires
	switch in.OTPValidation { // the older form of commitPhase
	case powerauth.OTPOnKeyExchange:
		r.phase = powerauth.CommitOnKeyExchange
	case powerauth.OTPNone:
		r.otp = ""
	}
	if in.CommitPhase == "" && in.OTPValidation == "" {
		r.otp = "" // no check applies
	}
	s.registrationChanged(r)
	text, signature := s.signed(r.code)
	out := map[string]any{"registrationId": r.id, "activationQrCodeData": text}
	if !s.opts.Dialect.QRDataOnly {
		out["activationCode"], out["activationCodeSignature"] = r.code, signature
	}
	s.ok(c, out)
}

// newRegistration adds a registration with a new code; the caller notifies when it is complete.
func (s *Server) newRegistration(c *fakeserver.Call, user string, app powerauth.ApplicationID) *registration {
	s.sequence++
	r := &registration{
		id: powerauth.RegistrationID(uuid()), sequence: s.sequence, user: powerauth.UserID(user), app: app,
		status: powerauth.RegistrationCreated, code: must(GenerateActivationCode(nil)), expires: c.Now().Add(s.opts.CodeValidity), created: c.Now(), used: c.Now(),
	}
	s.registrations[r.id] = r
	return r
}

// signed is the QR text of a code and its signature, new for each call.
func (s *Server) signed(code protocol.ActivationCode) (text, signature string) {
	signature = pacrypto.EncodeBase64(must(pacrypto.Sign(s.key, []byte(code))))
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
	if !listed || s.opts.Dialect.ListWithUserID {
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

// find finds the registration of the path, or responds that there is none.
func (s *Server) find(c *fakeserver.Call) *registration {
	return s.findRegistration(c, c.PathValue("registrationId"))
}

// findRegistration finds a registration of an application that the caller is bound to, or responds that there is none.
func (s *Server) findRegistration(c *fakeserver.Call, id string) *registration {
	r := s.registrations[powerauth.RegistrationID(id)]
	if r == nil || !s.caller(c).sees(r.app) {
		refuse(c, http.StatusBadRequest, powerauth.CodeRegistrationNotFound, "Registration not found")
		return nil
	}
	return r
}

func (s *Server) getRegistration(c *fakeserver.Call) {
	id := c.PathValue("registrationId")
	if s.registrations[powerauth.RegistrationID(id)] == nil && s.opts.Dialect.UnknownRegistrationIsRemoved {
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
	if check.refused(c) {
		return
	}
	caller := s.caller(c)
	found := inOrder(s.registrations, func(r *registration) bool {
		hidden := r.status == powerauth.RegistrationRemoved || s.opts.Dialect.ListOnlyUsable && r.inProgress()
		return r.user == powerauth.UserID(user) && caller.sees(r.app) && (!hidden || removed == "true")
	})
	slices.Reverse(found)
	const firstPage = 500
	items := []any{}
	for _, r := range found[:min(len(found), firstPage)] {
		items = append(items, s.registrationBody(r, true))
	}
	s.ok(c, map[string]any{"registrations": items})
}

func (s *Server) changeRegistration(c *fakeserver.Call) {
	var in map[string]json.RawMessage
	check := decode(c, "changeRegistration", &in)
	var change, reason *string
	check.text(in, "change", &change)
	check.text(in, s.opts.Dialect.BlockReasonField, &reason)
	wanted := value(change)
	check.that(wanted == "BLOCK" || wanted == "UNBLOCK", "change", in["change"], "must be BLOCK or UNBLOCK")
	if check.refused(c) {
		return
	}
	r := s.find(c)
	if r == nil {
		return
	}
	if r.status != powerauth.RegistrationActive && r.status != powerauth.RegistrationBlocked {
		refuse(c, http.StatusBadRequest, powerauth.CodeRegistrationChange, "Registration is in another state")
		return
	}
	switch {
	case wanted == "BLOCK" && r.status == powerauth.RegistrationActive:
		s.block(r, cmp.Or(value(reason), "NOT_SPECIFIED"))
	case wanted == "UNBLOCK" && r.status == powerauth.RegistrationBlocked:
		r.status, r.blocked, r.failed = powerauth.RegistrationActive, "", 0
		s.registrationChanged(r)
	}
	s.done(c)
}

func (s *Server) block(r *registration, reason string) {
	r.status, r.blocked = powerauth.RegistrationBlocked, reason
	s.registrationChanged(r)
}

func (s *Server) commitRegistration(c *fakeserver.Call) {
	var in map[string]json.RawMessage
	check := decode(c, "commitRegistration", &in)
	var external, otp *string
	check.text(in, "externalUserId", &external)
	check.text(in, s.opts.Dialect.CommitOTPField, &otp)
	if check.refused(c) {
		return
	}
	r := s.find(c)
	if r == nil {
		return
	}
	if r.status != powerauth.RegistrationPendingCommit {
		refuse(c, http.StatusBadRequest, powerauth.CodeRegistrationChange, "Registration is in another state")
		return
	}
	if r.phase != powerauth.CommitOnKeyExchange && !s.checkOTP(r, value(otp)) {
		refuse(c, http.StatusBadRequest, powerauth.CodeRegistration, "Invalid OTP")
		return
	}
	r.status = powerauth.RegistrationActive
	s.registrationChanged(r)
	s.done(c)
}

func (s *Server) deleteRegistration(c *fakeserver.Call) {
	if r := s.find(c); r != nil {
		s.remove(r)
		s.done(c)
	}
}

// remove ends a registration for good; ending it again changes nothing.
func (s *Server) remove(r *registration) {
	if r.status != powerauth.RegistrationRemoved {
		r.status = powerauth.RegistrationRemoved
		s.registrationChanged(r)
	}
}
