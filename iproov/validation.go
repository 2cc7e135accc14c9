package iproov

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
	"github.com/identkit/identkit/internal/wire"
)

// ValidateParams asks for the verdict of a claim.
type ValidateParams struct {
	// Token is the claim's. Required. Take it from where the backend kept it, not from the app.
	Token       ClaimToken `json:"token"`
	UserID      UserID     `json:"user_id"`               // the claim's user; required
	Client      string     `json:"client"`                // describes the user's device, such as its User-Agent; required
	RiskProfile string     `json:"risk_profile,omitzero"` // the claim's, if it has one
}

// ValidateEnrolmentParams asks for the verdict of an enrolment.
type ValidateEnrolmentParams struct {
	ValidateParams
	// LeaveSuspended enrols the user suspended instead of active; Users.Activate makes the user active later.
	LeaveSuspended bool `json:"-"`
}

type validateInput struct {
	ValidateParams
	leaveSuspended bool
	textVerdicts   bool
}

func (in *validateInput) request(r *transport.Request) {
	r.Text("token", string(in.Token), 0)
	in.UserID.check(&r.Check, "user_id")
	r.Text("client", in.Client, 0)
	checkRiskProfile(in.RiskProfile, &r.Check)
	r.TextVerdicts = in.textVerdicts
	body := struct {
		ValidateParams
		Activate *bool `json:"activate,omitzero"`
	}{ValidateParams: in.ValidateParams}
	if in.leaveSuspended {
		body.Activate = new(bool)
	}
	r.JSON(body)
}

// verdictLost is what to do when the outcome of a validation is unknown.
const verdictLost = "the verdict may be lost, start a new claim"

// Validation is the verdict of a claim. It is given once: store it, or its RawJSON for [ParseValidation].
type Validation struct {
	identkit.Raw `json:"-"`

	// Passed is the verdict, whatever the signals say.
	Passed bool       `json:"passed"`
	Token  ClaimToken `json:"token"`
	Type   ClaimType  `json:"type"` // may be empty
	// Reason says why it did not pass, in English, for service providers with reasons enabled. There is no list of reasons.
	Reason        string        `json:"reason"`
	RiskProfile   string        `json:"risk_profile"`
	AssuranceType AssuranceType `json:"assurance_type"` // what was used; may be empty
	Signals       Signals       `json:"signals"`
	FrameQuality  FrameQuality  `json:"return_frame_quality"` // of the frame in the response
	// FrameAvailable says that [Validation.Frame] has a frame; only for service providers with frames enabled.
	FrameAvailable bool `json:"frame_available"`
}

// check also looks where else some deployments put reason and quality.
func (v *Validation) check() error {
	if v.Token == "" {
		return transport.Missing("token")
	}
	if v.Reason == "" && !v.Passed {
		v.Reason = textOf(wire.Member(wire.Member(v.RawJSON(), "result"), "reason"))
	}
	if quality := wire.Member(v.Signals.JSON, "return_frame_quality"); v.FrameQuality == (FrameQuality{}) && quality != nil {
		_ = codec.Unmarshal(quality, &v.FrameQuality) // it decides nothing
	}
	return nil
}

// sameClaim compares a verdict with the claim that was asked for, of a type.
func sameClaim(t ClaimType) func(*validateInput, *Validation) error {
	return func(in *validateInput, v *Validation) error {
		if lower := ClaimType(strings.ToLower(string(v.Type))); lower.Known() && lower != t {
			return transport.Contradiction("response is about a claim of another type")
		}
		return transport.Same("token", in.Token, v.Token)
	}
}

// ParseValidation reads a stored verdict, as its RawJSON gave it, by the rules of Validate. A verdict that is a text, which
// Config.AcceptTextVerdicts reads, is an error here.
func ParseValidation(raw []byte) (*Validation, error) { return verifyValidate.Parse(codec, raw) }

// ErrNoFrame says that a response holds no such frame: frames are enabled per service provider.
var ErrNoFrame = errors.New("iproov: the response holds no such frame")

// Frame decodes a frame of the scan as PNG: the last one for liveness, the fourth for genuine presence. It is decoded at each call
// and is personal data.
func (v *Validation) Frame() ([]byte, error) { return v.frame("frame") }

// FrameJPEG decodes the frame as JPEG, for service providers that have it enabled.
func (v *Validation) FrameJPEG() ([]byte, error) { return v.frame("frame_jpeg") }

// FrameISO19794 decodes the frame as an ISO/IEC 19794-5 image, which was dropped from the documentation after version 2.11.
func (v *Validation) FrameISO19794() ([]byte, error) { return v.frame("iso_19794_5") }

func (v *Validation) frame(name string) ([]byte, error) {
	encoded := textOf(wire.Member(v.RawJSON(), name))
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

// Signals are findings beside the verdict, each enabled by iProov per service provider. The verdict is Validation.Passed alone.
type Signals struct {
	AntiSpoofing Finding // whether the liveness tests passed
	Matching     Finding // whether the face matched the enrolled one; not for enrolments
	// SeveralFaces says whether there were several faces in the picture. They fail a claim only where iProov enables that.
	SeveralFaces Finding
	// JSON is the object as it came, nil when there was none: it may hold signals that this package does not know.
	JSON json.RawMessage
}

// Finding is yes, no, or not given; the zero value is not given.
type Finding string

// The findings.
const (
	NotGiven Finding = ""
	Yes      Finding = "yes"
	No       Finding = "no"
)

// IsYes reports whether the finding is given and yes.
func (f Finding) IsYes() bool { return f == Yes }

// finding follows members to a boolean; anything else is not given, because it decides nothing.
func finding(object jsontext.Value, path ...string) Finding {
	for _, name := range path {
		object = wire.Member(object, name)
	}
	switch object.Kind() {
	case 't':
		return Yes
	case 'f':
		return No
	}
	return NotGiven
}

func readSignals(dec *jsontext.Decoder, s *Signals) error {
	*s = Signals{}
	object, err := dec.ReadValue()
	if err != nil || object.Kind() == 'n' {
		return err
	}
	*s = Signals{
		AntiSpoofing: finding(object, "anti_spoofing", "passed"),
		Matching:     finding(object, "matching", "passed"),
		SeveralFaces: finding(object, "multiple_faces_found"), // Swagger file: true means several
		JSON:         json.RawMessage(object.Clone()),
	}
	if s.SeveralFaces == NotGiven { // signals page: true means exactly one
		s.SeveralFaces = map[Finding]Finding{Yes: No, No: Yes}[finding(object, "multiple_faces", "single_face", "found")]
	}
	return nil
}

// FrameQuality rates the frame in a response.
type FrameQuality struct {
	Blur     Quality `json:"blur"`
	Pose     Quality `json:"pose"`
	Lighting Quality `json:"lighting"`
}

// Quality is a rating. Values this package does not know pass through; compare with [Quality.Is].
type Quality string

// The ratings.
const (
	QualityNotAvailable Quality = "not_available"
	QualityGood         Quality = "Good"
	QualityAcceptable   Quality = "Acceptable"
	QualityPoor         Quality = "Poor"
)

// Known reports whether this version of the package knows the rating.
func (q Quality) Known() bool {
	return q.Is(QualityNotAvailable) || q.Is(QualityGood) || q.Is(QualityAcceptable) || q.Is(QualityPoor)
}

// Is compares without regard to case.
func (q Quality) Is(other Quality) bool { return strings.EqualFold(string(q), string(other)) }
