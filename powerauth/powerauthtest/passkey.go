package powerauthtest

import (
	"bytes"
	"crypto/ecdsa"
	"encoding/base64"
	"net/http"

	"github.com/identkit/identkit/internal/fakeserver"
	"github.com/identkit/identkit/internal/pacrypto"
	"github.com/identkit/identkit/internal/wire"
	"github.com/identkit/identkit/powerauth"
)

// passkey is the part of a registration that belongs to a passkey.
type passkey struct {
	name       string
	credential []byte
	key        *ecdsa.PublicKey
	count      uint32
	transports []string
}

func (s *Server) listPasskeys(c *fakeserver.Call) {
	var in struct {
		UserID *string `json:"userId"`
		AppID  *string `json:"appId"`
	}
	check := &rules{object: "listAuthenticators"}
	if s.opts.Dialect.PasskeyListByQuery || len(c.Body()) == 0 {
		user, app := c.Query().Get("userId"), c.Query().Get("appId")
		in.UserID, in.AppID = &user, &app
	} else {
		check = decodePasskey(s, c, "listAuthenticators", &in)
	}
	check.filled("userId", in.UserID)
	check.filled("appId", in.AppID)
	if check.refused(c) {
		return
	}
	items, app := []any{}, powerauth.ApplicationID(*in.AppID)
	if s.caller(c).sees(app) {
		for _, r := range s.passkeysOf(powerauth.UserID(*in.UserID), app) {
			items = append(items, s.passkeyBody(r))
		}
	}
	s.okPasskey(c, map[string]any{"authenticators": items})
}

// passkeysOf lists a user's registered passkeys in an application, oldest first.
func (s *Server) passkeysOf(user powerauth.UserID, app powerauth.ApplicationID) []*registration {
	return inOrder(s.registrations, func(r *registration) bool {
		return r.passkey != nil && r.user == user && r.app == app && r.passkey.key != nil && r.status != powerauth.RegistrationRemoved
	})
}

func (s *Server) passkeyBody(r *registration) map[string]any {
	point := must(pacrypto.PublicKeyBytes(r.passkey.key))
	return map[string]any{
		"userId": r.user, "registrationId": r.id, "appId": r.app, "applicationId": r.app, "registrationName": r.passkey.name,
		"credentialId": s.binary(r.passkey.credential), "registrationStatus": r.status, "platform": r.phone.Platform,
		"deviceInfo": r.phone.DeviceInfo, "blockedReason": nullIfEmpty(r.blocked), "failedAttempts": r.failed,
		"maxFailedAttempts": s.opts.MaxAttempts, "applicationRoles": append([]string{}, s.applications[r.app].roles...),
		"registrationFlags": append([]string{}, r.flags...), "publicKeyBytes": s.binary(point), "extras": map[string]any{},
	}
}

// credentials lists passkeys for a browser.
func (s *Server) credentials(of []*registration) []any {
	items := []any{}
	for _, r := range of {
		items = append(items, map[string]any{
			"credentialId": s.binary(r.passkey.credential), "type": "public-key", "transports": append([]string{}, r.passkey.transports...),
		})
	}
	return items
}

func (s *Server) passkeyRegistrationChallenge(c *fakeserver.Call) {
	var in struct {
		UserID *string `json:"userId"`
		AppID  *string `json:"appId"`
	}
	check := decodePasskey(s, c, "registrationChallenge", &in)
	check.filled("userId", in.UserID)
	check.filled("appId", in.AppID)
	if check.refused(c) {
		return
	}
	app := powerauth.ApplicationID(*in.AppID)
	if !s.caller(c).sees(app) || s.application(app) == nil {
		refuse(c, http.StatusBadRequest, powerauth.CodeFIDO2, "Application not found")
		return
	}
	r := s.newRegistration(c, *in.UserID, app)
	r.phase, r.passkey = powerauth.CommitOnKeyExchange, &passkey{}
	s.registrationChanged(r)
	s.okPasskey(c, map[string]any{
		"challenge": string(r.code), "excludeCredentials": s.credentials(s.passkeysOf(r.user, r.app)),
	})
}

// relyingParty holds the requirements of both ceremonies.
type relyingParty struct {
	ID                *string  `json:"relyingPartyId"`
	AllowedOrigins    []string `json:"allowedOrigins"`
	AllowedTopOrigins []string `json:"allowedTopOrigins"`
	Verification      *bool    `json:"requiresUserVerification"`
	ExpectedChallenge *string  `json:"expectedChallenge"`
}

func (p relyingParty) ceremony(kind string) ceremony {
	return ceremony{kind: kind, relyingParty: value(p.ID), origins: p.AllowedOrigins, verifiedUser: value(p.Verification)}
}

func (s *Server) registerPasskey(c *fakeserver.Call) {
	var in struct {
		AppID             *string `json:"appId"`
		Name              *string `json:"registrationName"`
		ExpectedChallenge *string `json:"expectedChallenge"`
		Parameters        struct {
			relyingParty
			CredentialID *string `json:"credentialId"`
			Type         *string `json:"type"`
			Attachment   *string `json:"authenticatorAttachment"`
			Response     struct {
				ClientData        *string  `json:"clientDataJSON"`
				AttestationObject *string  `json:"attestationObject"`
				Transports        []string `json:"transports"`
			} `json:"response"`
		} `json:"authenticatorParameters"`
	}
	check := decodePasskey(s, c, "register", &in)
	p := in.Parameters
	check.filled("appId", in.AppID)
	check.filled("registrationName", in.Name)
	id := s.readBinary(check, "authenticatorParameters.credentialId", p.CredentialID)
	check.that(value(p.Type) == "public-key", "authenticatorParameters.type", p.Type, "must be public-key")
	if s.opts.Dialect.PasskeyAttachmentRequired {
		check.filled("authenticatorParameters.authenticatorAttachment", p.Attachment)
	}
	client := s.readBinary(check, "authenticatorParameters.response.clientDataJSON", p.Response.ClientData)
	object := s.readBinary(check, "authenticatorParameters.response.attestationObject", p.Response.AttestationObject)
	if check.refused(c) {
		return
	}
	data, err := parseAttestation(object)
	if err == nil && (data.key == nil || !bytes.Equal(data.credential, id)) {
		err = errAuthenticator
	}
	var challenge string
	if err == nil {
		challenge, err = p.ceremony(typeCreate).check(client, data)
	}
	r := s.registrationBy(func(r *registration) bool {
		return r.passkey != nil && r.status == powerauth.RegistrationCreated && string(r.code) == challenge && string(r.app) == *in.AppID
	})
	if err != nil || r == nil || in.ExpectedChallenge != nil && *in.ExpectedChallenge != challenge {
		refuse(c, http.StatusBadRequest, powerauth.CodeFIDO2, "Registration failed")
		return
	}
	*r.passkey = passkey{name: *in.Name, credential: id, key: data.key, count: data.count, transports: p.Response.Transports}
	r.phone = Activation{Name: *in.Name, Platform: value(p.Attachment)}
	r.fingerprint = digits(codeDigits)
	s.registered(r)
	s.okPasskey(c, s.passkeyBody(r))
}

// decodePasskey reads a body, bare or inside requestObject.
func decodePasskey[In any](s *Server, c *fakeserver.Call, object string, in *In) *rules {
	if request := wire.Member(c.Body(), "requestObject"); request != nil && wire.Kind(request) != 'n' {
		return decode(c, object, &struct {
			Request *In `json:"requestObject"`
		}{in})
	}
	if s.opts.Dialect.PasskeyRequestObject {
		return &rules{wrongType: []violation{{object + ".requestObject", []byte("null"), "must not be null"}}}
	}
	return decode(c, object, in)
}

// okPasskey responds with an object, in an envelope if the deployment uses them.
func (s *Server) okPasskey(c *fakeserver.Call, v any) {
	if s.opts.Dialect.EnvelopePasskeys && !s.opts.Dialect.EnvelopeSuccess {
		v = envelope{"OK", v}
	}
	s.ok(c, v)
}

func (s *Server) encoding() *base64.Encoding {
	if s.opts.Dialect.PasskeyBase64URL {
		return base64.RawURLEncoding
	}
	return base64.StdEncoding
}

// binary writes a binary member.
func (s *Server) binary(b []byte) string { return s.encoding().EncodeToString(b) }

// readBinary reads a binary member, which must be in the deployment's encoding.
func (s *Server) readBinary(check *rules, field string, p *string) []byte {
	b, err := s.encoding().Strict().DecodeString(value(p))
	check.that(err == nil && len(b) > 0, field, p, "must be Base64 in the deployment's variant")
	return b
}
