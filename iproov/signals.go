package iproov

import (
	"encoding/json"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/identkit/identkit/internal/wire"
)

// Signals are findings beside the verdict, each enabled by iProov per service provider. The verdict is Validation.Passed alone.
type Signals struct {
	// AntiSpoofing says whether the liveness tests passed.
	AntiSpoofing Finding
	// Matching says whether the face matched the enrolled one; not for enrolments.
	Matching Finding
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
	switch {
	case len(object) == 0:
		return NotGiven
	case object.Kind() == 't':
		return Yes
	case object.Kind() == 'f':
		return No
	}
	return NotGiven
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
		s.SeveralFaces = finding(object, "multiple_faces", "single_face", "found").inverted()
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
