package powerauth

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// Health asks for the state of PAC itself: client.Health, which sends no credentials, and admin.Health, which sends the
// administrator's and so may see details.
type Health struct{ client *transport.Client }

// HealthState is the state of a deployment, or of a part of it. Values this package does not know pass through.
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
	return slices.Contains([]HealthState{HealthUp, HealthDown, HealthOutOfService, HealthUnknown}, s)
}

// HealthStatus is the state of PAC.
type HealthStatus struct {
	identkit.Raw `json:"-"`

	Status HealthState `json:"status"`
	// Components are the parts, such as "db", for callers who may see them; nil when they are not an object.
	Components map[string]json.RawMessage `json:"components"`
}

// IsUp reports whether PAC says that it works.
func (h *HealthStatus) IsUp() bool { return h != nil && h.Status == HealthUp }

func (h *HealthStatus) check() error { return required("status", string(h.Status)) }

var (
	getHealth    = healthOperation("powerauth.Health.Get", "/actuator/health")
	getLiveness  = healthOperation("powerauth.Health.Liveness", "/actuator/health/liveness")
	getReadiness = healthOperation("powerauth.Health.Readiness", "/actuator/health/readiness")
)

func healthOperation(name, path string) transport.Op[transport.None, HealthStatus] {
	return transport.Op[transport.None, HealthStatus]{
		Name: name, Method: http.MethodGet, Path: path,
		Retry: identkit.RetrySafe, Unmetered: true,
		Result: isState,
		Check:  (*HealthStatus).check,
	}
}

// isState reports whether PAC itself says in a 503 that it is not up. Proxies and error pages send 503, too, and errors have "ERROR" in
// the place of a state.
func isState(status int, body []byte) bool {
	var h struct {
		Status         HealthState     `json:"status"`
		ResponseObject json.RawMessage `json:"responseObject"` // of an error
	}
	return status == http.StatusServiceUnavailable && codec.Unmarshal(body, &h) == nil &&
		h.Status != "" && h.Status != HealthUp && h.Status != "ERROR" && h.ResponseObject == nil
}

// Get asks for the state of PAC as a whole. A 503 with a state is not an error but a status that is not up; an error means that the
// state is unknown. One attempt is made unless identkit.WithAttempts says otherwise, so that a probe responds at once. Safe to repeat.
//
// Source: Configuration; that the body has Spring Boot's form, and 503 goes with every state but UP, is assumed; checked 2026-11.
func (s Health) Get(ctx context.Context, opts ...identkit.CallOption) (*HealthStatus, error) {
	return getHealth.Do(ctx, s.client, transport.None{}, oneAttempt(opts))
}

// Liveness asks whether the process runs; otherwise like [Health.Get].
func (s Health) Liveness(ctx context.Context, opts ...identkit.CallOption) (*HealthStatus, error) {
	return getLiveness.Do(ctx, s.client, transport.None{}, oneAttempt(opts))
}

// Readiness asks whether PAC takes requests; otherwise like [Health.Get].
func (s Health) Readiness(ctx context.Context, opts ...identkit.CallOption) (*HealthStatus, error) {
	return getReadiness.Do(ctx, s.client, transport.None{}, oneAttempt(opts))
}

// oneAttempt is options that make one attempt, unless they say otherwise.
func oneAttempt(opts []identkit.CallOption) []identkit.CallOption {
	return append([]identkit.CallOption{identkit.WithAttempts(1)}, opts...)
}
