package powerauthtest

import (
	"net/http"
	"strconv"
	"time"

	"github.com/identkit/identkit/internal/fakeserver"
	"github.com/identkit/identkit/powerauth"
)

// auditItem is one verification. The names of the events other than signature_ok are those of the engine's log.
type auditItem struct {
	registration powerauth.RegistrationID
	user         powerauth.UserID
	event, data  string
	at           time.Time
}

// auditDefault is the range of a request without timestampFrom.
const auditDefault = 30 * 24 * time.Hour

// maxAudit bounds the memory of a long-running fake.
const maxAudit = 10_000

func (s *Server) record(item auditItem) {
	s.audit = append(s.audit, item)
	s.audit = s.audit[max(0, len(s.audit)-maxAudit):]
}

func (s *Server) auditLog(c *fakeserver.Call) {
	query := c.Query()
	user := powerauth.UserID(query.Get("userId"))
	check := rules{object: "auditLog"}
	check.that(user != "", "userId", user, "must not be blank")
	if check.refused(c) {
		return
	}
	from, okFrom := auditTime(query.Get("timestampFrom"), c.Now().Add(-auditDefault))
	to, okTo := auditTime(query.Get("timestampTo"), c.Now())
	switch {
	case !okFrom || !okTo || to.Before(from):
		refuse(c, http.StatusBadRequest, powerauth.CodeAudit, "Invalid dates")
		return
	case !s.knowsUser(user):
		refuse(c, http.StatusBadRequest, powerauth.CodeAudit, "Unknown user")
		return
	}
	items := []any{}
	for i := len(s.audit) - 1; i >= 0; i-- { // newest first, as the engine sorts
		item := s.audit[i]
		if item.user != user || item.at.Before(from) || item.at.After(to) {
			continue
		}
		items = append(items, map[string]any{
			"activationId": item.registration, "eventType": item.event, "eventData": item.data, "timestamp": s.millis(item.at),
		})
	}
	s.ok(c, map[string]any{"items": items})
}

func auditTime(text string, fallback time.Time) (time.Time, bool) {
	if text == "" {
		return fallback, true
	}
	ms, err := strconv.ParseInt(text, 10, 64)
	return time.UnixMilli(ms), err == nil && ms >= 0
}

func (s *Server) knowsUser(user powerauth.UserID) bool {
	for _, r := range s.registrations {
		if r.user == user {
			return true
		}
	}
	return false
}
