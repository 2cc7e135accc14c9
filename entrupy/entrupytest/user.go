package entrupytest

import (
	"crypto/rand"
	"errors"
	"net/http"
	"regexp"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/entrupy"
	"github.com/identkit/identkit/internal/fakeserver"
)

// User is a user of the app. What the first call said about the names holds for ever.
type User struct {
	ID                  entrupy.UserID
	Username            entrupy.Username
	Email               string
	FirstName, LastName string
	Named               bool // the first call had a name, be it empty
	Authorizations      int  // calls that got a signed request
}

var userID = regexp.MustCompile(`^[A-Za-z0-9@.+_-]{8,40}$`)

func (s *Server) authorizeUser(c *fakeserver.Call) {
	var in struct {
		Request   identkit.Secret `json:"sdk_authorization_request"`
		UserID    entrupy.UserID  `json:"unique_user_id"`
		Email     string          `json:"email"`
		FirstName *string         `json:"first_name"`
		LastName  *string         `json:"last_name"`
	}
	if !s.body(c, &in) {
		return
	}
	switch {
	case in.Request == "":
		s.refuse(c, http.StatusBadRequest, "sdk_authorization_request is missing", "sdk_authorization_request")
		return
	case !userID.MatchString(string(in.UserID)):
		s.refuse(c, http.StatusBadRequest, "unique_user_id is invalid", "unique_user_id")
		return
	case in.Email == "":
		s.refuse(c, http.StatusBadRequest, "email is missing", "email")
		return
	case s.opts.Dialect.SingleUseRequests && s.requests[in.Request]:
		s.refuse(c, http.StatusForbidden, "request was used before")
		return
	}
	u, known := s.users[in.UserID]
	if !known {
		u = &User{ID: in.UserID, Username: entrupy.Username(s.opts.Organization + "-" + string(in.UserID)), Named: in.FirstName != nil || in.LastName != nil}
		u.FirstName, u.LastName = value(in.FirstName), value(in.LastName)
		s.users[in.UserID] = u
	}
	u.Email = in.Email
	if known && s.opts.Dialect.Conflict == ConflictWithout {
		s.refuse(c, http.StatusConflict, "user exists")
		return
	}
	status := s.opts.Dialect.SuccessStatus
	if known && s.opts.Dialect.Conflict == ConflictWith {
		status = http.StatusConflict
	}
	u.Authorizations++
	s.requests[in.Request] = true
	signed := identkit.Secret("signed." + rand.Text())
	s.signed[signed] = u.ID
	s.engine.Changed("user", string(u.ID))
	c.JSON(status, map[string]any{"signed_authorization_request": signed, "username": u.Username})
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// User is a user that was authorized.
func (s *Server) User(id entrupy.UserID) (User, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.users[id]
	if !ok {
		return User{}, false
	}
	return *u, true
}

var errLogin = errors.New("entrupytest: the signed request is unknown, or was used before")

// Login simulates the login of the SDK with a signed request, which can be used once.
func (s *Server) Login(signed identkit.Secret) (entrupy.UserID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, ok := s.signed[signed]
	if !ok {
		return "", errLogin
	}
	delete(s.signed, signed)
	return id, nil
}
