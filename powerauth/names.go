package powerauth

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/identkit/identkit/internal/wire"
)

// readApplications reads ids of applications in every form that was seen or is plausible: a text, an array, a bracketed list inside
// a text, objects with a name. Anything else gives none, never an error: nothing depends on them.
func readApplications(dec *jsontext.Decoder, ids *[]ApplicationID) error {
	value, err := dec.ReadValue()
	*ids = applicationsIn(value)
	return err
}

func applicationsIn(value jsontext.Value) (ids []ApplicationID) {
	switch value.Kind() {
	case '0':
		return []ApplicationID{ApplicationID(value)}
	case '"':
		var text string
		_ = wire.Unmarshal(value, &text)
		return applicationsInText(text)
	case '[':
		var list []jsontext.Value
		_ = wire.Unmarshal(value, &list)
		for _, item := range list {
			ids = append(ids, applicationsIn(item)...)
		}
	case '{':
		for _, name := range [...]string{"applicationId", "id", "name"} {
			if ids = applicationsIn(wire.Member(value, name)); len(ids) > 0 {
				return ids
			}
		}
	}
	return ids
}

// applicationsInText reads an id, or a list that was put into a text: ["a","b"] or [a, b].
func applicationsInText(text string) (ids []ApplicationID) {
	text = strings.TrimSpace(text)
	inside, open := strings.CutPrefix(text, "[")
	inside, closed := strings.CutSuffix(inside, "]")
	if !open || !closed {
		if text == "" {
			return nil
		}
		return []ApplicationID{ApplicationID(text)}
	}
	if wire.Unmarshal([]byte(text), &ids) == nil {
		return ids
	}
	ids = nil // filled in part
	for part := range strings.SplitSeq(inside, ",") {
		if part = strings.Trim(strings.TrimSpace(part), `"'`); part != "" {
			ids = append(ids, ApplicationID(part))
		}
	}
	return ids
}
