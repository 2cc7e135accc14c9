package iproovtest

import (
	"net/http"
	"strings"
	"time"

	"github.com/identkit/identkit/internal/fakeserver"
	"github.com/identkit/identkit/iproov"
)

type user struct {
	id      iproov.UserID
	name    string
	changes []change
}

type change struct {
	to   iproov.UserStatus
	from time.Time
}

func newUser(id iproov.UserID, status iproov.UserStatus, now time.Time) *user {
	u := &user{id: id, name: string(id)}
	u.change(status, now)
	return u
}

func (u *user) change(to iproov.UserStatus, from time.Time) {
	u.changes = append(u.changes, change{to, from})
}

// status is that of the latest change that counts by now; a deletion is final.
func (u *user) status(now time.Time) iproov.UserStatus {
	status, since := iproov.UserInactive, time.Time{}
	for _, c := range u.changes {
		switch {
		case c.to == iproov.UserDeleted:
			return c.to
		case !c.from.After(now) && !c.from.Before(since):
			status, since = c.to, c.from
		}
	}
	return status
}

// dated is when a status last began, or will.
func (u *user) dated(status iproov.UserStatus) any {
	for i := len(u.changes) - 1; i >= 0; i-- {
		if u.changes[i].to == status {
			return u.changes[i].from.UTC().Format(time.RFC3339)
		}
	}
	return nil
}

// enrolled reports whether there is a user with the id, deleted ones not counted.
func (s *Server) enrolled(id iproov.UserID) bool {
	u, ok := s.users[id]
	return ok && u.status(s.engine.Clock().Now()) != iproov.UserDeleted
}

// AddUser puts a user into the fake, or replaces one.
func (s *Server) AddUser(id iproov.UserID, status iproov.UserStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[id] = newUser(id, status, s.engine.Clock().Now())
	s.engine.Changed("user", string(id))
}

// UserStatus is the status of a user; "" for an unknown one.
func (s *Server) UserStatus(id iproov.UserID) iproov.UserStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.users[id]
	if !ok {
		return ""
	}
	return u.status(s.engine.Clock().Now())
}

func (s *Server) refuseUser(c *fakeserver.Call, code string) {
	if s.opts.Dialect.UnknownUserCode != "" {
		code = s.opts.Dialect.UnknownUserCode
	}
	refuse(c, http.StatusBadRequest, code)
}

// managed finds the user of a path for a call with a scope, or refuses the call.
func (s *Server) managed(c *fakeserver.Call, scope iproov.Scope) *user {
	if !s.authorized(c, scope) {
		return nil
	}
	id := iproov.UserID(c.PathValue("user_id"))
	if u, ok := s.users[id]; ok && (s.enrolled(id) || s.opts.Dialect.DeletedUsersShow && scope == iproov.ScopeUserRead) {
		return u
	}
	s.refuseUser(c, iproov.CodeInvalidUserID)
	return nil
}

func (s *Server) respondUser(c *fakeserver.Call, u *user) {
	status := string(u.status(c.Now()))
	if s.opts.Dialect.TitleCaseStatus {
		status = strings.ToUpper(status[:1]) + status[1:]
	}
	c.JSON(http.StatusOK, map[string]any{
		"user_id": u.id, "name": u.name, "status": status,
		"activation_date": u.dated(iproov.UserActive), "suspension_date": u.dated(iproov.UserSuspended),
	})
}

func (s *Server) getUser(c *fakeserver.Call) {
	if u := s.managed(c, iproov.ScopeUserRead); u != nil {
		s.respondUser(c, u)
	}
}

func (s *Server) updateUser(c *fakeserver.Call) {
	u := s.managed(c, iproov.ScopeUserWrite)
	if u == nil {
		return
	}
	var in struct {
		UserID iproov.UserID `json:"user_id"`
		Name   string        `json:"name"`
	}
	if !body(c, &in) {
		return
	}
	switch {
	case in.UserID == "" && in.Name == "":
		refuse(c, http.StatusBadRequest, iproov.CodeMissingData)
		return
	case in.UserID != "" && !isUserID(in.UserID):
		refuse(c, http.StatusBadRequest, iproov.CodeInvalidUserID)
		return
	case in.UserID != u.id && s.enrolled(in.UserID):
		refuse(c, http.StatusBadRequest, iproov.CodeAlreadyEnrolled)
		return
	}
	if in.Name != "" {
		u.name = in.Name
	}
	if in.UserID != "" {
		delete(s.users, u.id)
		u.id = in.UserID
		s.users[u.id] = u
	}
	s.respondUser(c, u)
}

func (s *Server) deleteUser(c *fakeserver.Call) {
	if u := s.managed(c, iproov.ScopeUserWrite); u != nil {
		u.change(iproov.UserDeleted, c.Now())
		s.respondUser(c, u)
	}
}

func (s *Server) changeStatus(c *fakeserver.Call, to iproov.UserStatus) {
	u := s.managed(c, iproov.ScopeUserWriteStatus)
	if u == nil {
		return
	}
	var in struct {
		From *string `json:"date_time"`
	}
	if !body(c, &in) {
		return
	}
	from := c.Now()
	if in.From != nil {
		at, err := time.Parse("2006-01-02T15:04:05.000Z", *in.From)
		if err != nil {
			refuse(c, http.StatusBadRequest, iproov.CodeMissingData)
			return
		}
		from = at
	}
	u.change(to, from)
	s.respondUser(c, u)
}
