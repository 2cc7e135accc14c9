package powerauth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// Health asks how PAC itself is: client.Health, which sends no credentials, and admin.Health, which sends the administrator's and
// so may see details.
type Health struct{ road *transport.Road }

// HealthState is how a deployment or a part of it is. Values this package does not know pass through.
type HealthState string

// The states.
const (
	HealthUp           HealthState = "UP"
	HealthDown         HealthState = "DOWN"
	HealthOutOfService HealthState = "OUT_OF_SERVICE"
	HealthUnknown      HealthState = "UNKNOWN"
)

// Known reports whether this version of the package knows the state.
func (s HealthState) Known() bool {
	switch s {
	case HealthUp, HealthDown, HealthOutOfService, HealthUnknown:
		return true
	}
	return false
}

// HealthStatus is how PAC is.
type HealthStatus struct {
	identkit.Raw `json:"-"`

	Status HealthState `json:"status"`
	// Components are the parts, such as "db", for callers who may see them.
	Components map[string]json.RawMessage `json:"components"`
}

// IsUp reports whether PAC says that it works.
func (h *HealthStatus) IsUp() bool { return h != nil && h.Status == HealthUp }

func (h *HealthStatus) finish(transport.Path) (*HealthStatus, error) {
	if h.Status == "" {
		return nil, transport.Missing("status")
	}
	return h, nil
}

var (
	getHealth = &transport.OldOperation{
		Name:   "powerauth.Health.Get",
		Method: http.MethodGet, Path: "/actuator/health",
		Retry: transport.RetrySafe, Unmetered: true,
	}
	getLiveness = &transport.OldOperation{
		Name:   "powerauth.Health.Liveness",
		Method: http.MethodGet, Path: "/actuator/health/liveness",
		Retry: transport.RetrySafe, Unmetered: true,
	}
	getReadiness = &transport.OldOperation{
		Name:   "powerauth.Health.Readiness",
		Method: http.MethodGet, Path: "/actuator/health/readiness",
		Retry: transport.RetrySafe, Unmetered: true,
	}
)

// Get asks how PAC is as a whole. A PAC that answers 503 with its state is no error but a status that is not up; an error means that
// nobody knows. One attempt is made unless identkit.WithAttempts says otherwise, so that a probe answers at once. Safe to repeat.
//
// Source: Configuration; that the body has Spring Boot's form, and 503 goes with every state but UP, is assumed; checked 2026-11.
func (s *Health) Get(ctx context.Context, opts ...identkit.CallOption) (*HealthStatus, error) {
	return s.ask(ctx, getHealth, opts)
}

// Liveness asks whether the process runs; otherwise like [Health.Get].
func (s *Health) Liveness(ctx context.Context, opts ...identkit.CallOption) (*HealthStatus, error) {
	return s.ask(ctx, getLiveness, opts)
}

// Readiness asks whether PAC takes requests; otherwise like [Health.Get].
func (s *Health) Readiness(ctx context.Context, opts ...identkit.CallOption) (*HealthStatus, error) {
	return s.ask(ctx, getReadiness, opts)
}

func (s *Health) ask(ctx context.Context, op *transport.OldOperation, opts []identkit.CallOption) (*HealthStatus, error) {
	opts = append([]identkit.CallOption{identkit.WithAttempts(1)}, opts...)
	resp := transport.ResponseOf(opts)
	if resp == nil {
		resp = new(identkit.Response)
		opts = append(opts, identkit.WithResponse(resp))
	}
	h, err := transport.Do(ctx, s.road, op, transport.Input{}, (*HealthStatus).finish, opts)
	var e *identkit.Error
	if errors.As(err, &e) && e.Status == http.StatusServiceUnavailable {
		if down := stateOf(resp.Body); down != nil {
			return down, nil
		}
	}
	return h, err
}

// stateOf reads the body of a 503, or returns nil when a proxy or an error page speaks in place of PAC.
func stateOf(body []byte) *HealthStatus {
	var h struct {
		HealthStatus
		ResponseObject json.RawMessage `json:"responseObject"`
	}
	if json.Unmarshal(body, &h) != nil || h.Status == "" || h.Status == HealthUp || h.ResponseObject != nil {
		return nil
	}
	transport.KeepRaw(&h, body)
	return &h.HealthStatus
}
