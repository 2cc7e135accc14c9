package iproovtest

import (
	"cmp"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/identkit/identkit/internal/fakeserver"
	"github.com/identkit/identkit/iproov"
)

type claim struct {
	token     iproov.ClaimToken
	kind      iproov.ClaimType
	user      iproov.UserID
	assurance iproov.AssuranceType
	profile   string
	made      time.Time
	started   bool
	stopped   bool // invalidated, or used up
	outcome   *Outcome
}

// Outcome is how a scan ends.
type Outcome struct {
	Passed bool
	// Reason is why it did not pass.
	Reason string
	// SpoofFound, FaceDiffers and SeveralFaces show in the signals.
	SpoofFound, FaceDiffers, SeveralFaces bool
	// Frame is a PNG of the scan; empty sends none.
	Frame []byte
}

// Pass is a scan of the right, live face.
func Pass() Outcome { return Outcome{Passed: true} }

// Fail is a scan that does not pass. Its signals say that the face is not the enrolled one.
func Fail(reason string) Outcome { return Outcome{Reason: reason, FaceDiffers: true} }

// The errors of the simulated phone.
var (
	ErrNoClaim = errors.New("iproovtest: no such claim")
	ErrExpired = errors.New("iproovtest: the token was not started within two minutes")
	ErrEnded   = errors.New("iproovtest: the claim has ended")
)

// Begin simulates a phone that starts the scan of a claim. Complete starts it too.
func (s *Server) Begin(token iproov.ClaimToken) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.begin(token)
	return err
}

func (s *Server) begin(token iproov.ClaimToken) (*claim, error) {
	c, ok := s.claims[token]
	switch {
	case !ok:
		return nil, ErrNoClaim
	case c.stopped || c.outcome != nil:
		return nil, ErrEnded
	case !c.started && !s.fresh(c, s.engine.Clock().Now()):
		return nil, ErrExpired
	}
	c.started = true
	s.engine.Changed("claim", string(token[:8]))
	return c, nil
}

func (s *Server) fresh(c *claim, now time.Time) bool { return now.Sub(c.made) < iproov.ClaimWindow }

// Complete simulates a phone that scans: it starts the scan of a claim, at most two minutes old, and ends it.
func (s *Server) Complete(token iproov.ClaimToken, outcome Outcome) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.begin(token)
	if err != nil {
		return err
	}
	c.outcome = &outcome
	s.engine.Changed("claim", string(token[:8]))
	if c.kind == iproov.TypeEnrol && (outcome.Passed || s.opts.Dialect.FailedEnrolBlocks) && !s.enrolled(c.user) {
		s.users[c.user] = newUser(c.user, iproov.UserInactive, s.engine.Clock().Now())
	}
	return nil
}

func (s *Server) token(c *fakeserver.Call, kind iproov.ClaimType) {
	var in struct {
		APIKey        string               `json:"api_key"`
		Secret        string               `json:"secret"`
		Resource      string               `json:"resource"`
		UserID        iproov.UserID        `json:"user_id"`
		AssuranceType iproov.AssuranceType `json:"assurance_type"`
		RiskProfile   *string              `json:"risk_profile"`
	}
	if !body(c, &in) || !s.keyed(c, in.APIKey, in.Secret) {
		return
	}
	now := c.Now()
	in.AssuranceType = cmp.Or(in.AssuranceType, iproov.GenuinePresence)
	u := s.users[in.UserID]
	switch {
	case s.overRate(now):
		if s.opts.RetryAfter != "" {
			c.SetHeader("Retry-After", s.opts.RetryAfter)
		}
		refuse(c, http.StatusTooManyRequests, iproov.CodeTooManyRequests)
	case in.Resource == "":
		refuse(c, http.StatusBadRequest, iproov.CodeMissingData)
	case !isUserID(in.UserID):
		refuse(c, http.StatusBadRequest, iproov.CodeInvalidUserID)
	case !slices.Contains(s.opts.AssuranceTypes, in.AssuranceType):
		describe(c, http.StatusForbidden, iproov.CodeInvalidAssuranceType, "This assurance_type is not enabled for your service provider")
	case !s.profiled(in.RiskProfile):
		refuse(c, http.StatusBadRequest, iproov.CodeInvalidRiskAppetite)
	case kind == iproov.TypeEnrol && (s.enrolled(in.UserID) || u != nil && s.opts.Dialect.DeletedIDsStayTaken):
		refuse(c, http.StatusBadRequest, iproov.CodeAlreadyEnrolled)
	case kind == iproov.TypeVerify && !s.enrolled(in.UserID):
		s.refuseUser(c, iproov.CodeNoUser)
	case kind == iproov.TypeVerify && u.status(now) != iproov.UserActive:
		refuse(c, http.StatusBadRequest, iproov.CodeInactiveUser)
	default:
		made := &claim{token: iproov.ClaimToken(random(claimLength)), kind: kind, user: in.UserID, assurance: in.AssuranceType, made: now}
		if in.RiskProfile != nil {
			made.profile = *in.RiskProfile
		}
		s.claims[made.token] = made
		s.respondClaim(c, made)
	}
}

// overRate counts a token call.
func (s *Server) overRate(now time.Time) bool {
	if s.opts.RatePerSecond == 0 {
		return false
	}
	if second := now.Truncate(time.Second); !second.Equal(s.second) {
		s.second, s.inSecond = second, 0
	}
	s.inSecond++
	return s.inSecond > s.opts.RatePerSecond
}

// profiled reports whether a risk profile is one of the service provider's. A blank one never is.
func (s *Server) profiled(name *string) bool {
	if name == nil {
		return len(s.opts.RiskProfiles) == 0
	}
	return slices.Contains(s.opts.RiskProfiles, *name)
}

func (s *Server) respondClaim(c *fakeserver.Call, made *claim) {
	out := map[string]any{"token": made.token, "user_id": made.user, "pod": "edge01.fake1", "primary": "iproov"}
	if s.opts.Dialect.NullUserID {
		out["user_id"] = nil
	}
	const message = "Use another device"
	out["fallback"] = []map[string]string{{"type": "made_up", "message": message}}
	if s.opts.Dialect.FallbackAsTexts {
		out["fallback"] = []string{message}
	}
	if made.profile != "" {
		out["risk_profile"] = made.profile
	}
	c.JSON(http.StatusOK, out)
}

func (s *Server) validate(c *fakeserver.Call, kind iproov.ClaimType) {
	var in struct {
		APIKey      string            `json:"api_key"`
		Secret      string            `json:"secret"`
		UserID      iproov.UserID     `json:"user_id"`
		Token       iproov.ClaimToken `json:"token"`
		Client      string            `json:"client"`
		RiskProfile string            `json:"risk_profile"`
		Activate    *bool             `json:"activate"`
	}
	if !body(c, &in) || !s.keyed(c, in.APIKey, in.Secret) {
		return
	}
	cl, known := s.claims[in.Token]
	switch {
	case in.Token == "" || in.Client == "":
		refuse(c, http.StatusBadRequest, iproov.CodeMissingData)
	case !isUserID(in.UserID):
		refuse(c, http.StatusBadRequest, iproov.CodeInvalidUserID)
	case !known:
		refuse(c, s.opts.Dialect.UnknownTokenStatus, iproov.CodeInvalidToken)
	case cl.kind != kind || cl.stopped:
		refuse(c, http.StatusBadRequest, iproov.CodeInvalidToken)
	case cl.outcome == nil:
		cl.stopped = s.opts.Dialect.EarlyValidateConsumes
		refuse(c, http.StatusBadRequest, iproov.CodeInvalidToken)
	case cl.user != in.UserID || cl.profile != in.RiskProfile:
		refuse(c, http.StatusBadRequest, iproov.CodeInvalidValidation)
	case s.users[cl.user] != nil && s.users[cl.user].status(c.Now()).Is(iproov.UserDeleted):
		refuse(c, http.StatusBadRequest, iproov.CodeNoUser)
	case kind == iproov.TypeVerify && s.users[cl.user] != nil && !s.users[cl.user].status(c.Now()).Is(iproov.UserActive):
		refuse(c, http.StatusBadRequest, iproov.CodeInactiveUser)
	default:
		cl.stopped = true
		if kind == iproov.TypeEnrol && cl.outcome.Passed {
			status := iproov.UserActive
			if in.Activate != nil && !*in.Activate {
				status = iproov.UserSuspended
			}
			if u := s.users[cl.user]; u != nil && !u.status(c.Now()).Is(iproov.UserSuspended) { // only Activate ends a suspension
				u.change(status, c.Now())
			}
		}
		c.JSON(http.StatusOK, s.verdict(cl))
	}
}

// verdict is the response to a validation.
func (s *Server) verdict(cl *claim) map[string]any {
	o := cl.outcome
	out := map[string]any{"passed": o.Passed, "token": cl.token, "type": cl.kind, "assurance_type": cl.assurance}
	if s.opts.Dialect.VerdictsAsText {
		out["passed"] = strconv.FormatBool(o.Passed)
	}
	if cl.profile != "" {
		out["risk_profile"] = cl.profile
	}
	if s.opts.WithoutExtras {
		return out
	}
	if o.Reason != "" {
		out["reason"] = o.Reason
		if s.opts.Dialect.ReasonInResult {
			delete(out, "reason")
			out["result"] = map[string]string{"reason": o.Reason}
		}
	}
	signals := map[string]any{"anti_spoofing": map[string]bool{"passed": !o.SpoofFound}, "multiple_faces_found": o.SeveralFaces}
	if cl.kind == iproov.TypeVerify {
		signals["matching"] = map[string]bool{"passed": !o.FaceDiffers}
	}
	if s.opts.Dialect.SingleFaceSignal {
		delete(signals, "multiple_faces_found")
		signals["multiple_faces"] = map[string]any{"single_face": map[string]bool{"found": !o.SeveralFaces}}
	}
	out["signals"] = signals
	out["frame_available"] = len(o.Frame) > 0
	if s.opts.Dialect.FrameAvailableAsText {
		out["frame_available"] = map[bool]string{true: "True", false: "False"}[len(o.Frame) > 0]
	}
	if len(o.Frame) > 0 {
		out["frame"] = base64.StdEncoding.EncodeToString(o.Frame)
		quality := map[string]string{"blur": "Good", "pose": "Acceptable", "lighting": "not_available"}
		if s.opts.Dialect.QualityInSignals {
			signals["return_frame_quality"] = quality
		} else {
			out["return_frame_quality"] = quality
		}
	}
	return out
}

func (s *Server) invalidate(c *fakeserver.Call) {
	if s.opts.Dialect.InvalidateNeedsToken && !s.authorized(c, "") {
		return
	}
	var in struct {
		Reason *string `json:"reason"`
	}
	if !body(c, &in) {
		return
	}
	cl, known := s.claims[iproov.ClaimToken(c.PathValue("token"))]
	switch {
	case in.Reason == nil:
		refuse(c, http.StatusBadRequest, iproov.CodeMissingData)
	case !isReason(*in.Reason):
		refuse(c, http.StatusBadRequest, iproov.CodeInvalidReason)
	case !known:
		refuse(c, http.StatusBadRequest, iproov.CodeInvalidToken)
	default:
		aborts := !cl.stopped && cl.outcome == nil
		cl.stopped = true
		c.JSON(http.StatusOK, map[string]bool{"claim_aborted": aborts, "user_informed": aborts && cl.started})
	}
}
