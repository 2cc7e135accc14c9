package powerauthtest

import (
	"bytes"
	"net/http"
	"slices"
	"strings"

	"github.com/identkit/identkit/internal/fakeserver"
	"github.com/identkit/identkit/internal/pacrypto"
	"github.com/identkit/identkit/powerauth"
)

func (s *Server) passkeyAssertionChallenge(c *fakeserver.Call) {
	var in struct {
		TemplateName   *string            `json:"templateName"`
		ExternalID     *string            `json:"externalId"`
		Parameters     map[string]*string `json:"parameters"`
		UserID         *string            `json:"userId"`
		OperationID    *string            `json:"operationId"`
		ApplicationIDs []string           `json:"applicationIds"`
	}
	check := decodePasskey(s, c, "assertionChallenge", &in)
	name := value(in.TemplateName)
	template, exists := s.template(name)
	check.filled("templateName", in.TemplateName)
	check.that(name == "" || exists, "templateName", in.TemplateName, "unknown template")
	if check.refused(c) {
		return
	}
	o := s.operations[powerauth.OperationID(value(in.OperationID))]
	switch {
	case in.OperationID == nil:
		o = s.newOperation(name, template, values(in.Parameters), c.Now())
		o.user, o.externalID = powerauth.UserID(value(in.UserID)), value(in.ExternalID)
		s.operationChanged(o)
	case o == nil:
		refuse(c, http.StatusBadRequest, powerauth.CodeOperationNotFound, "Operation not found")
		return
	case o.status != powerauth.OperationPending:
		refuse(c, http.StatusBadRequest, powerauth.CodeOperationStateChange, "Operation is not pending")
		return
	}
	out := map[string]any{"challenge": string(o.id) + "&" + o.data}
	if o.user != "" {
		var allowed []*registration
		for app := range s.applications {
			if len(in.ApplicationIDs) == 0 || slices.Contains(in.ApplicationIDs, string(app)) {
				allowed = append(allowed, s.passkeysOf(o.user, app)...)
			}
		}
		out["allowCredentials"] = s.credentials(allowed)
	}
	if s.opts.Dialect.AssertionOperationID {
		out["operationId"] = o.id
	}
	s.okPasskey(c, out)
}

func (s *Server) verifyAssertion(c *fakeserver.Call) {
	var in struct {
		relyingParty
		CredentialID  *string `json:"credentialId"`
		Type          *string `json:"type"`
		Attachment    *string `json:"authenticatorAttachment"`
		ApplicationID *string `json:"applicationId"`
		Response      struct {
			ClientData        *string `json:"clientDataJSON"`
			AuthenticatorData *string `json:"authenticatorData"`
			Signature         *string `json:"signature"`
			UserHandle        *string `json:"userHandle"`
		} `json:"response"`
	}
	check := decodePasskey(s, c, "assertion", &in)
	id := s.readBinary(check, "credentialId", in.CredentialID)
	check.that(value(in.Type) == "public-key", "type", in.Type, "must be public-key")
	if s.opts.Dialect.PasskeyAttachmentRequired {
		check.filled("authenticatorAttachment", in.Attachment)
	}
	client := s.readBinary(check, "response.clientDataJSON", in.Response.ClientData)
	data := s.readBinary(check, "response.authenticatorData", in.Response.AuthenticatorData)
	signature := s.readBinary(check, "response.signature", in.Response.Signature)
	if check.refused(c) {
		return
	}
	r := s.passkeyByCredential(id, powerauth.ApplicationID(value(in.ApplicationID)))
	if r == nil || !s.caller(c).sees(r.app) {
		refuse(c, http.StatusBadRequest, powerauth.CodeFIDO2, "Authentication failed")
		return
	}
	parsed, err := parseAuthenticatorData(data)
	var challenge string
	if err == nil {
		challenge, err = in.ceremony(typeGet).check(client, parsed)
	}
	operationID, _, _ := strings.Cut(challenge, "&")
	o := s.operations[powerauth.OperationID(operationID)]
	matches := o != nil && o.isPendingFor(r) && challenge == string(o.id)+"&"+o.data &&
		(in.ExpectedChallenge == nil || *in.ExpectedChallenge == challenge)
	valid := false
	if r.status == powerauth.RegistrationActive {
		// A counter that does not grow indicates a copied passkey; authenticators without one stay at zero.
		grows := parsed.count > r.passkey.count || parsed.count == 0 && r.passkey.count == 0
		valid = err == nil && matches && grows && pacrypto.Verify(r.passkey.key, assertedText(data, client), signature)
		if !valid {
			s.countFailure(r)
		}
	}
	if valid {
		r.passkey.count, r.failed, r.used = parsed.count, 0, c.Now()
		s.approved(o, r, possessionKnowledge, c.Now())
	} else if o != nil && o.status == powerauth.OperationPending {
		s.failApproval(o, c.Now())
	}
	out := s.verdict("assertionValid", valid, r, possessionKnowledge)
	out["applicationId"] = r.app
	s.okPasskey(c, out)
}

func (s *Server) passkeyByCredential(id []byte, app powerauth.ApplicationID) *registration {
	return s.registrationBy(func(r *registration) bool {
		return r.passkey != nil && r.passkey.key != nil && bytes.Equal(r.passkey.credential, id) && (app == "" || app == r.app)
	})
}
