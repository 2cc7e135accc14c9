package powerauth

import (
	"encoding/json"
	"strings"
)

// names reads ids of applications in every form that was seen or is plausible: a text, an array, a bracketed list inside a text,
// objects with a name. Whatever else it may be is no names, never an error: nothing depends on them.
type names []ApplicationID

// UnmarshalJSON implements json.Unmarshaler.
func (n *names) UnmarshalJSON(b []byte) error {
	*n = namesIn(b)
	return nil
}

func namesIn(b []byte) names {
	var (
		list   []json.RawMessage
		object struct {
			ApplicationID json.RawMessage `json:"applicationId"`
			ID            json.RawMessage `json:"id"`
			Name          json.RawMessage `json:"name"`
		}
		text string
	)
	switch {
	case json.Unmarshal(b, &text) == nil:
		return namesInText(text)
	case json.Unmarshal(b, &list) == nil:
		var all names
		for _, item := range list {
			all = append(all, namesIn(item)...)
		}
		return all
	case json.Unmarshal(b, &object) == nil:
		for _, name := range []json.RawMessage{object.ApplicationID, object.ID, object.Name} {
			if found := namesIn(name); len(found) > 0 {
				return found
			}
		}
		return nil
	}
	var number json.Number
	if json.Unmarshal(b, &number) == nil && number != "" {
		return names{ApplicationID(number.String())}
	}
	return nil
}

// namesInText reads a name, or a list that was put into a text: ["a","b"] or [a, b].
func namesInText(text string) names {
	text = strings.TrimSpace(text)
	inside, open := strings.CutPrefix(text, "[")
	inside, closed := strings.CutSuffix(inside, "]")
	if !open || !closed {
		if text == "" {
			return nil
		}
		return names{ApplicationID(text)}
	}
	var all names
	if json.Unmarshal([]byte(text), (*[]ApplicationID)(&all)) == nil {
		return all
	}
	for part := range strings.SplitSeq(inside, ",") {
		if part = strings.Trim(strings.TrimSpace(part), `"'`); part != "" {
			all = append(all, ApplicationID(part))
		}
	}
	return all
}
