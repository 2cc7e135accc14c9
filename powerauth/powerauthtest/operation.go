package powerauthtest

import (
	"crypto/rand"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/fakeserver"
	"github.com/identkit/identkit/powerauth"
)

type operation struct {
	id             powerauth.OperationID
	user           powerauth.UserID
	status         powerauth.OperationStatus
	statusReason   string
	template       string
	kind           string
	externalID     string
	flag           string
	registration   powerauth.RegistrationID // empty: any device of the user
	parameters     map[string]string
	additional     map[string]any
	failures, most int
	created        time.Time
	expires        time.Time
	seed           []byte // nil: no proximity check
}

func (o *operation) tick(now time.Time) {
	if o.status == powerauth.OperationPending && !now.Before(o.expires) {
		o.status = powerauth.OperationExpired
	}
}

func (s *Server) template(name string) (Template, bool) {
	t, ok := s.opts.Templates[name]
	if len(s.opts.Templates) == 0 {
		ok = true
	}
	if t.OperationType == "" {
		t.OperationType = name
	}
	if t.Validity == 0 {
		t.Validity = 5 * time.Minute
	}
	if t.MaxFailures == 0 {
		t.MaxFailures = 5
	}
	return t, ok
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
	if !decode(c, "createOperation", &in) {
		return
	}
	now := c.Now()
	name, language := value(in.Template), value(in.Language)
	template, exists := s.template(name)
	check := rules{object: "createOperation"}
	check.that(name != "", "template", in.Template, "must not be blank")
	check.that(name == "" || exists, "template", in.Template, "unknown template")
	check.that(in.UserID == nil || *in.UserID != "" && utf8.RuneCountInString(*in.UserID) <= 255, "userId", in.UserID, "size must be between 1 and 255")
	check.that(language == "" || len(language) == 2, "language", in.Language, "size must be 2")
	expires := now.Add(template.Validity)
	if in.Expires != nil {
		expires = time.UnixMilli(*in.Expires)
		check.that(expires.After(now), "timestampExpires", in.Expires, "must be in the future")
	}
	parameters := make(map[string]string, len(in.Parameters))
	for key, p := range in.Parameters {
		parameters[key] = value(p)
		check.that(!strings.ContainsFunc(value(p), func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f }), "parameters."+key, p, "must not contain control characters")
	}
	if check.broken(c) {
		return
	}
	o := &operation{
		id: powerauth.OperationID(uuid()), user: powerauth.UserID(value(in.UserID)), status: powerauth.OperationPending,
		template: name, kind: template.OperationType, externalID: value(in.ExternalID), flag: value(in.Flag),
		registration: powerauth.RegistrationID(value(in.RegistrationID)), parameters: parameters, additional: map[string]any{},
		most: template.MaxFailures, created: now, expires: expires,
	}
	if in.Proximity != nil && *in.Proximity || in.Proximity == nil && template.ProximityCheck {
		o.seed = make([]byte, 16)
		_, _ = rand.Read(o.seed) // never fails
	}
	s.operations[o.id] = o
	s.ok(c, s.operationBody(o, now))
}

func (s *Server) operationBody(o *operation, now time.Time) map[string]any {
	out := map[string]any{
		"operationId": o.id, "status": o.status, "template": o.template, "operationType": o.kind,
		"parameters": o.parameters, "additionalData": o.additional,
		"failureCount": o.failures, "maxFailureCount": o.most,
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
		if otp, err := powerauth.ProximityOTP(o.seed, now); err == nil {
			out["proximityOtp"] = otp
		}
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
	if check.broken(c) {
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
	o.status, o.statusReason = powerauth.OperationCanceled, reason
	s.done(c)
}

// Approve plays a phone whose user approves an operation. The registration must be active, and be one that may decide it: the
// user's, with the operation's flag, and the device it asks for. proximityOTP is what the phone read, for operations that check it.
func (s *Server) Approve(id powerauth.OperationID, by powerauth.RegistrationID, proximityOTP identkit.Secret) error {
	return s.decide(id, by, func(o *operation, r *registration, now time.Time) error {
		if o.seed != nil && !powerauth.VerifyProximityOTP(o.seed, proximityOTP.Reveal(), now) {
			o.fail()
			return ErrWrongOTP
		}
		o.status, o.user = powerauth.OperationApproved, r.user
		o.additional["activationId"] = r.id
		o.additional["mobileTokenData"] = map[string]any{"deviceInfo": r.phone.DeviceInfo}
		return nil
	})
}

// Reject plays a phone whose user rejects an operation, with a reason such as UNEXPECTED_OPERATION.
func (s *Server) Reject(id powerauth.OperationID, by powerauth.RegistrationID, reason string) error {
	return s.decide(id, by, func(o *operation, r *registration, _ time.Time) error {
		o.status, o.statusReason, o.user = powerauth.OperationRejected, reason, r.user
		return nil
	})
}

// FailApproval plays a failed attempt, such as a wrong PIN. At the template's limit the operation has FAILED.
func (s *Server) FailApproval(id powerauth.OperationID, by powerauth.RegistrationID) error {
	return s.decide(id, by, func(o *operation, _ *registration, _ time.Time) error {
		o.fail()
		return nil
	})
}

func (o *operation) fail() {
	if o.failures++; o.failures >= o.most {
		o.status = powerauth.OperationFailed
	}
}

func (s *Server) decide(id powerauth.OperationID, by powerauth.RegistrationID, decision func(*operation, *registration, time.Time) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.engine.Clock().Now()
	s.tick(now)
	o, r := s.operations[id], s.registrations[by]
	switch {
	case o == nil:
		return ErrNoOperation
	case r == nil:
		return ErrNoRegistration
	case o.status != powerauth.OperationPending || r.status != powerauth.RegistrationActive:
		return ErrState
	case o.user != "" && o.user != r.user,
		o.registration != "" && o.registration != r.id,
		o.flag != "" && !slices.Contains(r.flags, o.flag):
		return ErrNotAllowed
	}
	r.used = now
	return decision(o, r, now)
}
