package powerauthtest

import (
	"net/http"
	"slices"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/fakeserver"
	"github.com/identkit/identkit/powerauth"
)

// handlers are the handlers of the catalogue. They run with the lock held and the clock applied.
func (s *Server) handlers() map[string]func(*fakeserver.Call) {
	type handler struct {
		access access
		handle func(*fakeserver.Call)
	}
	all := make(map[string]func(*fakeserver.Call))
	for name, h := range map[string]handler{
		"powerauth.Registrations.Create": {integration, s.createRegistration},
		"powerauth.Registrations.List":   {integration, s.listRegistrations},
		"powerauth.Registrations.Get":    {integration, s.getRegistration},
		"powerauth.Registrations.Change": {integration, s.changeRegistration},
		"powerauth.Registrations.Commit": {integration, s.commitRegistration},
		"powerauth.Registrations.Delete": {integration, s.deleteRegistration},

		"powerauth.Operations.Create":           {integration, s.createOperation},
		"powerauth.Operations.Get":              {integration, s.getOperation},
		"powerauth.Operations.Cancel":           {integration, s.cancelOperation},
		"powerauth.Operations.OfflineQR":        {integration, s.offlineQR},
		"powerauth.Operations.VerifyOfflineOTP": {integration, s.verifyOfflineOTP},

		"powerauth.Signatures.Verify": {integration, s.verifySignature},
		"powerauth.Tokens.Verify":     {integration, s.verifyToken},

		"powerauth.Passkeys.List":                  {integration, s.listPasskeys},
		"powerauth.Passkeys.RegistrationChallenge": {integration, s.passkeyRegistrationChallenge},
		"powerauth.Passkeys.Register":              {integration, s.registerPasskey},
		"powerauth.Passkeys.AssertionChallenge":    {integration, s.passkeyAssertionChallenge},
		"powerauth.Passkeys.VerifyAssertion":       {integration, s.verifyAssertion},

		"powerauth.Messages.Send": {integration, s.sendMessage},
		"powerauth.Inbox.Create":  {integration, s.createInboxMessage},
		auditOperation:            {integration, s.auditLog},

		"powerauth.Health.Get":       {public, s.getHealth},
		"powerauth.Health.Liveness":  {public, s.getHealth},
		"powerauth.Health.Readiness": {public, s.getHealth},

		"powerauth.Admin.CreateApplication": {administration, s.createApplication},
		"powerauth.Admin.GetApplication":    {applicationReading, s.getApplication},
		"powerauth.Admin.CreateUser":        {administration, s.createUser},
		"powerauth.Admin.BindUser":          {administration, s.bindUser},
		"powerauth.Admin.SetAPNs":           {administration, s.setAPNs},
		"powerauth.Admin.SetFCM":            {administration, s.setFCM},
		"powerauth.Admin.CreateCallback":    {callbackManagement, s.createCallback},
	} {
		all[name] = func(c *fakeserver.Call) {
			if s.allowed(c, h.access) {
				h.handle(c)
			}
		}
	}
	return all
}

const (
	auditOperation = "powerauth.Audit.Log"
	auditPathV2    = "/v2/audit/log"
)

// access says who may make a call.
type access int

const (
	public access = iota
	integration
	administration
	applicationReading
	callbackManagement
)

// role is what a user may do. Role names are the vendor's.
type role string

const (
	roleUser  role = "ROLE_USER"
	roleAdmin role = "ROLE_ADMIN"
)

// user is a caller.
type user struct {
	name         string
	password     identkit.Secret
	role         role
	applications []powerauth.ApplicationID
	everywhere   bool // bound to all applications, as the user of the options is
}

// sees reports whether the user is bound to an application.
func (u *user) sees(app powerauth.ApplicationID) bool {
	return u != nil && (u.everywhere || slices.Contains(u.applications, app))
}

// caller finds the user whose credentials a request has; nil when there is none.
func (s *Server) caller(c *fakeserver.Call) *user {
	if s.opts.BearerToken != "" && c.Header().Get("Authorization") == "Bearer "+s.opts.BearerToken.Reveal() {
		return s.users[s.opts.Username]
	}
	name, password, ok := c.Request().BasicAuth()
	u := s.users[name]
	if !ok || u == nil || u.password.Reveal() != password {
		return nil
	}
	return u
}

// allowed checks the caller's credentials and role, and refuses those who may not.
func (s *Server) allowed(c *fakeserver.Call, kind access) bool {
	if kind == public {
		return true
	}
	u := s.caller(c)
	if u == nil {
		refuse(c, http.StatusUnauthorized, s.opts.Dialect.UnauthorizedCode, "Unauthorized")
		return false
	}
	ok := (u.role == roleAdmin) == (kind != integration) ||
		s.opts.Dialect.BothRoles && kind != administration ||
		s.opts.Dialect.CallbacksByIntegrationUser && kind == callbackManagement
	if !ok {
		code := "HTTP_403"
		if s.opts.Dialect.ForbiddenStatus == http.StatusUnauthorized {
			code = s.opts.Dialect.UnauthorizedCode
		}
		refuse(c, s.opts.Dialect.ForbiddenStatus, code, "Forbidden")
	}
	return ok
}
