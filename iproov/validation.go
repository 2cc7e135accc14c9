package iproov

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
	"github.com/identkit/identkit/internal/wire"
)

// ValidateParams asks for the verdict of a claim.
type ValidateParams struct {
	// Token is the claim's. Required. Take it from where the backend kept it, not from the app.
	Token ClaimToken
	// UserID is the claim's user. Required.
	UserID UserID
	// Client describes the user's device, such as its User-Agent. Required.
	Client string
	// RiskProfile is the claim's, if it has one.
	RiskProfile string
}

// ValidateEnrolmentParams asks for the verdict of an enrolment.
type ValidateEnrolmentParams struct {
	ValidateParams
	// LeaveSuspended enrols the user suspended instead of active; Users.Activate makes the user active later.
	LeaveSuspended bool
}

func (in *ValidateParams) check(c *transport.Check) {
	c.Text("token", string(in.Token), 0)
	in.UserID.check(c, "user_id")
	c.Text("client", in.Client, 0)
	checkRiskProfile(in.RiskProfile, c)
}

type validateBody struct {
	APIKey      string     `json:"api_key"`
	Secret      string     `json:"secret"`
	UserID      UserID     `json:"user_id"`
	Token       ClaimToken `json:"token"`
	Client      string     `json:"client"`
	RiskProfile string     `json:"risk_profile,omitempty"`
	Activate    *bool      `json:"activate,omitempty"`
}

// Validation is the verdict of a claim. It is given once: store it.
type Validation struct {
	identkit.Raw `json:"-"`

	// Passed is the verdict, whatever the signals say.
	Passed bool
	Token  ClaimToken
	Type   ClaimType // may be empty
	// Reason says why it did not pass, in English, for service providers with reasons enabled. There is no list of reasons.
	Reason        string
	RiskProfile   string
	AssuranceType AssuranceType // what was used; may be empty
	Signals       Signals
	// FrameQuality rates the frame in the answer.
	FrameQuality FrameQuality
	// FrameAvailable says that [Validation.Frame] has a frame; only for service providers with frames enabled.
	FrameAvailable bool
}

type validationAnswer struct {
	Passed         verdict         `json:"passed"`
	Token          wire.Sole       `json:"token"`
	Type           wire.Sole       `json:"type"`
	Reason         wire.Text       `json:"reason"`
	Result         json.RawMessage `json:"result"`
	RiskProfile    wire.Text       `json:"risk_profile"`
	AssuranceType  AssuranceType   `json:"assurance_type"`
	Signals        json.RawMessage `json:"signals"`
	FrameQuality   json.RawMessage `json:"return_frame_quality"`
	FrameAvailable flag            `json:"frame_available"`
}

// verdict also knows whether it came as a text.
type verdict struct {
	wire.Verdict
	isText bool
}

func (v *verdict) UnmarshalJSON(b []byte) error {
	if b = bytes.TrimSpace(b); string(b) == `"true"` || string(b) == `"false"` {
		v.isText, b = true, b[1:len(b)-1]
	}
	return v.Verdict.UnmarshalJSON(b)
}

// flag is a boolean that decides nothing: true, "true", "True"; anything else is false.
type flag bool

func (f *flag) UnmarshalJSON(b []byte) error {
	*f = flag(strings.EqualFold(text(b), "true"))
	return nil
}

func (s *service) validate(ctx context.Context, op *transport.OldOperation, in ValidateParams, suspended bool, opts []identkit.CallOption) (*Validation, error) {
	finish := func(w *validationAnswer, _ transport.Path) (*Validation, error) {
		switch {
		case !w.Passed.Given():
			return nil, transport.Missing("passed")
		case w.Passed.isText && !s.textVerdicts:
			return nil, transport.Contradiction("passed is a text; Config.AcceptTextVerdicts would read it")
		case w.Token.String() == "":
			return nil, transport.Missing("token")
		case w.Token.String() != string(in.Token):
			return nil, transport.Contradiction("answer is about another token")
		}
		kind := ClaimType(w.Type.String())
		if lower := ClaimType(strings.ToLower(string(kind))); lower.Known() && lower != typeOf(op) {
			return nil, transport.Contradiction("answer is about a claim of another type")
		}
		v := &Validation{
			Passed: w.Passed.Yes(), Token: in.Token, Type: kind, Reason: string(w.Reason), RiskProfile: string(w.RiskProfile),
			AssuranceType: w.AssuranceType, FrameAvailable: bool(w.FrameAvailable), Signals: readSignals(w.Signals),
		}
		if v.Reason == "" {
			v.Reason = text(member(w.Result, "reason"))
		}
		quality := w.FrameQuality
		if len(quality) == 0 || text(quality) != "" {
			quality = member(w.Signals, "return_frame_quality")
		}
		v.FrameQuality = readQuality(quality)
		return v, nil
	}
	v, err := send(ctx, s, call{op: op, in: transport.Input{Check: in.check}, keys: func(k keys, input *transport.Input) {
		b := validateBody{APIKey: k.apiKey.Reveal(), Secret: k.secret.Reveal(), UserID: in.UserID, Token: in.Token, Client: in.Client, RiskProfile: in.RiskProfile}
		if suspended {
			b.Activate = new(bool)
		}
		input.Body = transport.JSON(b)
	}}, finish, opts)
	return v, advise(err, "the verdict may be lost, start a new claim")
}

// advise says in an error of unknown outcome what is to be done.
func advise(err error, advice string) error {
	var e *identkit.Error
	if errors.As(err, &e) && e.OutcomeUnknown {
		if e.Detail != "" {
			e.Detail += "; "
		}
		e.Detail += advice
	}
	return err
}

func typeOf(op *transport.OldOperation) ClaimType {
	if op == enrolValidate {
		return TypeEnrol
	}
	return TypeVerify
}

// ErrNoFrame says that an answer holds no such frame: frames are enabled per service provider.
var ErrNoFrame = errors.New("iproov: the answer holds no such frame")

// Frame decodes a frame of the scan as PNG: the last one for liveness, the fourth for genuine presence. It is decoded at each call
// and is personal data.
func (v *Validation) Frame() ([]byte, error) { return v.frame("frame") }

// FrameJPEG decodes the frame as JPEG, for service providers that have it enabled.
func (v *Validation) FrameJPEG() ([]byte, error) { return v.frame("frame_jpeg") }

// FrameISO19794 decodes the frame as an ISO/IEC 19794-5 image, which was dropped from the documentation after version 2.11.
func (v *Validation) FrameISO19794() ([]byte, error) { return v.frame("iso_19794_5") }

func (v *Validation) frame(name string) ([]byte, error) {
	encoded := text(member(v.RawJSON(), name))
	if encoded == "" {
		return nil, ErrNoFrame
	}
	encoded = strings.TrimRight(encoded, "=\r\n")
	encoding := base64.RawStdEncoding
	if strings.ContainsAny(encoded, "-_") {
		encoding = base64.RawURLEncoding
	}
	b, err := encoding.DecodeString(encoded)
	if err != nil {
		return nil, &identkit.Error{Provider: provider, Operation: "iproov.Validation.Frame", Kind: identkit.ErrBadResponse, Detail: name + " is not Base64"}
	}
	return b, nil
}

// member is one member of a JSON object, or nil.
func member(object []byte, name string) json.RawMessage {
	var members map[string]json.RawMessage
	if len(object) == 0 || json.Unmarshal(object, &members) != nil {
		return nil
	}
	return members[name]
}
