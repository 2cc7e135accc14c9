package powerauthtest

import (
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/fakeserver"
	"github.com/identkit/identkit/internal/pacrypto"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/protocol"
)

type operation struct {
	id           powerauth.OperationID
	sequence     int
	user         powerauth.UserID
	status       powerauth.OperationStatus
	statusReason string
	template     string
	kind         string
	externalID   string
	flag         string
	registration powerauth.RegistrationID // empty: any device of the user
	parameters   map[string]string
	additional   map[string]any
	failures     int
	maxFailures  int
	created      time.Time
	expires      time.Time
	finalized    time.Time
	seed         []byte           // nil: no proximity check
	data         string           // what is signed
	factors      protocol.Factors // those that approved
}

// expire ends an operation that has expired, and reports whether it did.
func (o *operation) expire(now time.Time) bool {
	if o.status != powerauth.OperationPending || now.Before(o.expires) {
		return false
	}
	o.status, o.finalized = powerauth.OperationExpired, now
	return true
}

func (s *Server) createOperation(c *fakeserver.Call) {
	var in struct {
		UserID         *string            `json:"userId"`
		Template       *string            `json:"template"`
		Language       *string            `json:"language"`
		ExternalID     *string            `json:"externalId"`
		Flag           *string            `json:"flag"`
		Expires        *int64             `json:"timestampExpires"`
		Parameters     map[string]*string `json:"parameters"`
		Proximity      *bool              `json:"proximityCheckEnabled"`
		Silent         *bool              `json:"silent"`
		RegistrationID *string            `json:"registrationId"`
	}
	check := decode(c, "createOperation", &in)
	now := c.Now()
	name, language := value(in.Template), value(in.Language)
	template, exists := s.template(name)
	check.that(name != "", "template", in.Template, "must not be blank")
	check.that(name == "" || exists, "template", in.Template, "unknown template")
	check.that(in.UserID == nil || *in.UserID != "" && utf8.RuneCountInString(*in.UserID) <= 255, "userId", in.UserID, "size must be between 1 and 255")
	check.that(language == "" || len(language) == 2, "language", in.Language, "size must be 2")
	expires := now.Add(template.Validity)
	if in.Expires != nil {
		expires = time.UnixMilli(*in.Expires)
		check.that(expires.After(now), "timestampExpires", in.Expires, "must be in the future")
	}
	parameters := values(in.Parameters)
	for key, p := range parameters {
		check.that(!strings.ContainsFunc(p, func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f }), "parameters."+key, p, "must not contain control characters")
	}
	if check.refused(c) {
		return
	}
	o := s.newOperation(name, template, parameters, now)
	o.user, o.expires, o.externalID, o.flag = powerauth.UserID(value(in.UserID)), expires, value(in.ExternalID), value(in.Flag)
	o.registration = powerauth.RegistrationID(value(in.RegistrationID))
	if in.Proximity != nil && *in.Proximity || in.Proximity == nil && template.ProximityCheck {
		o.seed = randomBytes(seedSize)
	}
	s.operationChanged(o)
	s.ok(c, s.operationBody(o, now))
}

// newOperation adds a pending operation; the caller notifies when it is complete.
func (s *Server) newOperation(name string, t Template, parameters map[string]string, now time.Time) *operation {
	s.sequence++
	o := &operation{
		id: powerauth.OperationID(uuid()), sequence: s.sequence, status: powerauth.OperationPending,
		template: name, kind: t.OperationType, parameters: parameters, data: t.fill(parameters), additional: map[string]any{},
		maxFailures: t.MaxFailures, created: now, expires: now.Add(t.Validity),
	}
	s.operations[o.id] = o
	return o
}

func (s *Server) operationBody(o *operation, now time.Time) map[string]any {
	out := map[string]any{
		"operationId": o.id, "status": o.status, "template": o.template, "operationType": o.kind,
		"parameters": o.parameters, "additionalData": o.additional,
		"failureCount": o.failures, "maxFailureCount": o.maxFailures,
		"timestampCreated": s.millis(o.created), "timestampExpires": s.millis(o.expires),
	}
	if o.user != "" {
		out["userId"] = o.user
	}
	if o.statusReason != "" {
		out["statusReason"] = o.statusReason
	}
	if o.externalID != "" {
		out["externalId"] = o.externalID
	}
	if o.seed != nil && o.status == powerauth.OperationPending {
		out["proximityOtp"] = must(pacrypto.TOTP(o.seed, now))
	}
	return out
}

func (s *Server) findOperation(c *fakeserver.Call) *operation {
	o := s.operations[powerauth.OperationID(c.PathValue("operationId"))]
	if o == nil {
		refuse(c, http.StatusBadRequest, powerauth.CodeOperationNotFound, "Operation not found")
	}
	return o
}

func (s *Server) getOperation(c *fakeserver.Call) {
	if o := s.findOperation(c); o != nil {
		s.ok(c, s.operationBody(o, c.Now()))
	}
}

func (s *Server) cancelOperation(c *fakeserver.Call) {
	reason := c.Query().Get("statusReason")
	check := rules{object: "cancelOperation"}
	check.that(utf8.RuneCountInString(reason) <= 32, "statusReason", reason, "size must be at most 32")
	if check.refused(c) {
		return
	}
	o := s.findOperation(c)
	if o == nil {
		return
	}
	if o.status != powerauth.OperationPending {
		refuse(c, http.StatusBadRequest, powerauth.CodeOperationStateChange, "Operation is not pending")
		return
	}
	o.statusReason = reason
	s.finish(o, powerauth.OperationCanceled, c.Now())
	s.done(c)
}

// finish ends an operation.
func (s *Server) finish(o *operation, status powerauth.OperationStatus, now time.Time) {
	o.status, o.finalized = status, now
	s.operationChanged(o)
}

// Approve simulates a phone whose user approves an operation. The registration must be active, and be one that may decide it: the
// user's, with the operation's flag, and the operation's device. proximityOTP is the scanned code, for operations that check
// it. No code is computed or verified: [Device.Approve] does that.
func (s *Server) Approve(id powerauth.OperationID, by powerauth.RegistrationID, proximityOTP identkit.Secret) error {
	return s.decide(id, by, func(o *operation, r *registration, now time.Time) error {
		return s.approve(o, r, possessionKnowledge, proximityOTP.Reveal(), now)
	})
}

// Reject simulates a phone whose user rejects an operation, with a reason such as UNEXPECTED_OPERATION.
func (s *Server) Reject(id powerauth.OperationID, by powerauth.RegistrationID, reason string) error {
	return s.decide(id, by, func(o *operation, r *registration, now time.Time) error {
		s.reject(o, r, reason, now)
		return nil
	})
}

// FailApproval simulates a failed attempt, such as a wrong PIN. At the template's limit the operation has FAILED.
func (s *Server) FailApproval(id powerauth.OperationID, by powerauth.RegistrationID) error {
	return s.decide(id, by, func(o *operation, _ *registration, now time.Time) error {
		s.failApproval(o, now)
		return nil
	})
}

func (s *Server) approve(o *operation, r *registration, factors protocol.Factors, proximityOTP string, now time.Time) error {
	if o.seed != nil && !pacrypto.VerifyTOTP(o.seed, proximityOTP, now) {
		s.failApproval(o, now)
		return ErrInvalidOTP
	}
	o.additional["mobileTokenData"] = map[string]any{"deviceInfo": r.phone.DeviceInfo}
	s.approved(o, r, factors, now)
	return nil
}

func (s *Server) approved(o *operation, r *registration, factors protocol.Factors, now time.Time) {
	o.user, o.factors = r.user, factors
	o.additional["activationId"] = r.id
	s.finish(o, powerauth.OperationApproved, now)
}

func (s *Server) reject(o *operation, r *registration, reason string, now time.Time) {
	o.statusReason, o.user = reason, r.user
	s.finish(o, powerauth.OperationRejected, now)
}

// failApproval counts a failed attempt, which fires a callback even while the operation stays pending.
func (s *Server) failApproval(o *operation, now time.Time) {
	if o.failures++; o.failures >= o.maxFailures {
		s.finish(o, powerauth.OperationFailed, now)
		return
	}
	s.operationChanged(o)
}

func (s *Server) decide(id powerauth.OperationID, by powerauth.RegistrationID, decision func(*operation, *registration, time.Time) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	o, r := s.operations[id], s.registrations[by]
	switch {
	case o == nil:
		return ErrNoOperation
	case r == nil:
		return ErrNoRegistration
	case o.status != powerauth.OperationPending || r.status != powerauth.RegistrationActive:
		return ErrState
	case !o.mayBeDecidedBy(r):
		return ErrNotAllowed
	}
	r.used = now
	return decision(o, r, now)
}

// mayBeDecidedBy reports whether an operation is one of a registration's.
func (o *operation) mayBeDecidedBy(r *registration) bool {
	return (o.user == "" || o.user == r.user) &&
		(o.registration == "" || o.registration == r.id) &&
		(o.flag == "" || slices.Contains(r.flags, o.flag))
}

func (o *operation) isPendingFor(r *registration) bool {
	return o.status == powerauth.OperationPending && o.mayBeDecidedBy(r)
}
