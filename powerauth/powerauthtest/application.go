package powerauthtest

import (
	"crypto/x509"
	"slices"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/fakeserver"
	"github.com/identkit/identkit/internal/pacrypto"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/protocol"
)

type application struct {
	id     powerauth.ApplicationID
	roles  []string
	key    protocol.ApplicationKey
	secret string // Base64
	push   map[string]bool
}

// Application returns the configuration of an app as the admin API does. Without Options.Applications it creates a missing one;
// otherwise it is false for one that does not exist.
func (s *Server) Application(id powerauth.ApplicationID) (powerauth.Application, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.application(id)
	if a == nil {
		return powerauth.Application{}, false
	}
	return powerauth.Application{
		ID: a.id, ServiceBaseURL: s.URL(), MasterServerPublicKey: s.MasterPublicKey(), AppKey: a.key, AppSecret: identkit.Secret(a.secret),
		MobileSDKConfig: s.sdkConfig(a), Roles: slices.Clone(a.roles),
	}, true
}

// application finds an application. Without a list in the options it creates a missing one.
func (s *Server) application(id powerauth.ApplicationID) *application {
	a := s.applications[id]
	if a == nil && len(s.opts.Applications) == 0 && id != "" {
		a = s.addApplication(id, nil)
	}
	return a
}

func (s *Server) addApplication(id powerauth.ApplicationID, roles []string) *application {
	a := &application{id: id, roles: roles, key: protocol.ApplicationKey(randomValue(pacrypto.KeySize)), secret: randomValue(pacrypto.KeySize), push: map[string]bool{}}
	s.applications[id] = a
	return a
}

func (s *Server) sdkConfig(a *application) identkit.Secret {
	return must(FormatMobileSDKConfig(&protocol.MobileSDKConfig{
		AppKey: a.key, AppSecret: identkit.Secret(a.secret),
		Keys: []protocol.MobileSDKKey{{ID: protocol.MobileSDKKeyP256, Bytes: must(pacrypto.PublicKeyBytes(&s.key.PublicKey))}},
	}))
}

func (s *Server) applicationBody(a *application) map[string]any {
	key := s.MasterPublicKey()
	if s.opts.Dialect.MasterKeyAsSPKI {
		key = pacrypto.EncodeBase64(must(x509.MarshalPKIXPublicKey(&s.key.PublicKey)))
	}
	return map[string]any{
		"id": a.id, "serviceBaseUrl": s.URL(), "masterServerPublicKey": key, "appKey": a.key, "appSecret": a.secret,
		"mobileSdkConfig": s.sdkConfig(a).Reveal(), "roles": append([]string{}, a.roles...),
	}
}

func (s *Server) createApplication(c *fakeserver.Call) {
	var in struct {
		ID    *string  `json:"id"`
		Roles []string `json:"roles"`
	}
	check := decode(c, "createApplication", &in)
	id := powerauth.ApplicationID(value(in.ID))
	check.that(id != "", "id", in.ID, "must not be blank")
	check.that(s.applications[id] == nil, "id", in.ID, "already exists")
	if check.refused(c) {
		return
	}
	s.ok(c, s.applicationBody(s.addApplication(id, in.Roles)))
}

func (s *Server) getApplication(c *fakeserver.Call) {
	if a := s.findApplication(c); a != nil {
		s.ok(c, s.applicationBody(a))
	}
}

// findApplication finds the application of the path, or responds that there is none, with an assumed code: it is undocumented.
func (s *Server) findApplication(c *fakeserver.Call) *application {
	id := powerauth.ApplicationID(c.PathValue("appId"))
	a := s.applications[id]
	check := rules{object: "application"}
	check.that(a != nil, "appId", id, "does not exist")
	check.refused(c)
	return a
}

func (s *Server) createUser(c *fakeserver.Call) {
	var in struct {
		Username *string `json:"username"`
	}
	check := decode(c, "createUser", &in)
	name := value(in.Username)
	check.that(name != "", "username", in.Username, "must not be blank")
	check.that(s.users[name] == nil, "username", in.Username, "already exists")
	if check.refused(c) {
		return
	}
	const passwordLength = 24 // of live systems
	u := &user{name: name, password: randomSecret()[:passwordLength], role: roleUser}
	s.users[name] = u
	out := userBody(u)
	out["password"] = u.password.Reveal()
	s.ok(c, out)
}

func (s *Server) bindUser(c *fakeserver.Call) {
	name := c.PathValue("username")
	u := s.users[name]
	check := rules{object: "bindUser"}
	check.that(u != nil, "username", name, "does not exist")
	if check.refused(c) {
		return
	}
	a := s.findApplication(c)
	if a == nil {
		return
	}
	if !slices.Contains(u.applications, a.id) {
		u.applications = append(u.applications, a.id)
	}
	s.ok(c, userBody(u))
}

func userBody(u *user) map[string]any {
	return map[string]any{
		"username": u.name, "enabled": true, "role": []role{u.role}, "applications": append([]powerauth.ApplicationID{}, u.applications...),
	}
}

func (s *Server) setAPNs(c *fakeserver.Call) {
	var in struct {
		Topic       *string `json:"topic"`
		KeyID       *string `json:"keyId"`
		TeamID      *string `json:"teamId"`
		Environment *string `json:"environment"`
		PrivateKey  *string `json:"privateKeyBase64"`
	}
	check := decode(c, "setAPNs", &in)
	environment := value(in.Environment)
	check.filled("topic", in.Topic)
	check.filled("keyId", in.KeyID)
	check.filled("teamId", in.TeamID)
	check.that(environment == "development" || environment == "production", "environment", in.Environment, "must be development or production")
	check.base64("privateKeyBase64", in.PrivateKey)
	s.setPush(c, check, "apns")
}

func (s *Server) setFCM(c *fakeserver.Call) {
	var in struct {
		ProjectID  *string `json:"projectId"`
		PrivateKey *string `json:"privateKeyBase64"`
	}
	check := decode(c, "setFCM", &in)
	check.filled("projectId", in.ProjectID)
	check.base64("privateKeyBase64", in.PrivateKey)
	s.setPush(c, check, "fcm")
}

func (s *Server) setPush(c *fakeserver.Call, check *rules, service string) {
	if check.refused(c) {
		return
	}
	if a := s.findApplication(c); a != nil {
		a.push[service] = true
		s.done(c)
	}
}

// HasPush reports whether an application has settings for "apns" or "fcm".
func (s *Server) HasPush(app powerauth.ApplicationID, service string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.applications[app]
	return a != nil && a.push[service]
}
