package iproov

import (
	"encoding/json"
	"strings"

	"github.com/identkit/identkit/internal/wire"
)

// Signals are findings beside the verdict, each enabled by iProov per service provider. The verdict is Validation.Passed alone.
type Signals struct {
	// AntiSpoofing says whether the liveness tests passed.
	AntiSpoofing Finding
	// Matching says whether the face matched the enrolled one; not for enrolments.
	Matching Finding
	// SeveralFaces says whether there were several faces in the picture. They fail a claim only where iProov is told so.
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

func findingOf(raw json.RawMessage) Finding {
	var v wire.Verdict
	switch {
	case len(raw) == 0 || v.UnmarshalJSON(raw) != nil || !v.Given():
		return NotGiven // a finding decides nothing, so an odd one is left out
	case v.Yes():
		return Yes
	}
	return No
}

func (f Finding) inverted() Finding {
	switch f {
	case Yes:
		return No
	case No:
		return Yes
	}
	return f
}

func readSignals(raw json.RawMessage) Signals {
	if len(raw) == 0 || string(raw) == "null" {
		return Signals{}
	}
	s := Signals{
		AntiSpoofing: findingOf(member(member(raw, "anti_spoofing"), "passed")),
		Matching:     findingOf(member(member(raw, "matching"), "passed")),
		SeveralFaces: findingOf(member(raw, "multiple_faces_found")), // Swagger file: true means several
		JSON:         raw,
	}
	if s.SeveralFaces == NotGiven { // signals page: true means exactly one
		s.SeveralFaces = findingOf(member(member(member(raw, "multiple_faces"), "single_face"), "found")).inverted()
	}
	return s
}

// FrameQuality rates the frame in an answer.
type FrameQuality struct {
	Blur, Pose, Lighting Quality
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

func readQuality(raw json.RawMessage) FrameQuality {
	of := func(name string) Quality { return Quality(text(member(raw, name))) }
	return FrameQuality{Blur: of("blur"), Pose: of("pose"), Lighting: of("lighting")}
}
