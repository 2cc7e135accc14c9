package powerauthtest

import (
	"net/http"

	"github.com/identkit/identkit/internal/fakeserver"
	"github.com/identkit/identkit/powerauth"
)

// SetHealth sets the state that the health endpoints report. Any state other than UP has status 503.
func (s *Server) SetHealth(state powerauth.HealthState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.health = state
}

// getHealth needs no credentials; only the admin user sees details.
func (s *Server) getHealth(c *fakeserver.Call) {
	status := http.StatusOK
	if s.health != powerauth.HealthUp {
		status = http.StatusServiceUnavailable
	}
	out := map[string]any{"status": s.health}
	if u := s.caller(c); u != nil && u.role == roleAdmin {
		out["components"] = map[string]any{"db": map[string]any{"status": s.health}}
	}
	c.JSON(status, out)
}
