package transport

import (
	"net/url"
	"slices"
	"strings"

	"github.com/identkit/identkit"
)

// pathValue is the value of one {part} of a path.
type pathValue struct{ name, value string }

// template is a path cut at its {parts}: literals[0] names[0] literals[1] … names[n-1] literals[n].
type template struct {
	method   string // of a replacement that names one
	text     string
	literals []string
	names    []string
	query    []queryMember // of a replacement
}

func parseTemplate(path string) (template, string) {
	t := template{text: path}
	if !strings.HasPrefix(path, "/") {
		return t, "must start with a slash"
	}
	if strings.ContainsAny(path, "?#") {
		return t, "must hold neither a query nor a fragment"
	}
	rest := path
	for {
		before, after, found := strings.Cut(rest, "{")
		if strings.Contains(before, "}") {
			return t, "has an unpaired brace"
		}
		if (&url.URL{Path: before}).EscapedPath() != before {
			return t, "must hold only characters that need no escaping"
		}
		t.literals = append(t.literals, before)
		if !found {
			break
		}
		name, tail, closed := strings.Cut(after, "}")
		if !closed || name == "" || strings.ContainsAny(name, "{/") {
			return t, "has an unpaired brace"
		}
		if slices.Contains(t.names, name) {
			return t, "has the part {" + name + "} more than once"
		}
		t.names = append(t.names, name)
		rest = tail
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return t, "must not contain . or .. as a part"
		}
	}
	return t, ""
}

// sameParts reports whether two templates ask for the same values.
func (t *template) sameParts(o template) bool {
	a, b := t.parts(), o.parts()
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// fill puts the values under base. One that is missing, empty, "." or ".." is refused.
func (t *template) fill(base *url.URL, values []pathValue) (*url.URL, []identkit.FieldError) {
	var refused []identkit.FieldError
	value := func(name string) string {
		for _, v := range values {
			if v.name == name {
				return v.value
			}
		}
		return ""
	}
	escape := base.RawPath != ""
	refuse := func(name, v string) {
		switch v {
		case "":
			refused = append(refused, identkit.FieldError{Field: name, Reason: "is empty"})
		case ".", "..":
			refused = append(refused, identkit.FieldError{Field: name, Reason: "must not be . or .."})
		}
	}
	for _, m := range t.query {
		if m.part != "" {
			refuse(m.part, value(m.part))
		}
	}
	for _, name := range t.names {
		v := value(name)
		refuse(name, v)
		escape = escape || escapePath(v) != v
	}
	if refused != nil {
		return nil, refused
	}
	u := *base
	var path strings.Builder
	path.Grow(len(base.Path) + len(t.text) + 32)
	path.WriteString(base.Path)
	for i, literal := range t.literals {
		path.WriteString(literal)
		if i < len(t.names) {
			path.WriteString(value(t.names[i]))
		}
	}
	u.Path = path.String()
	u.RawQuery = t.fillQuery(value)
	if escape {
		var escaped strings.Builder
		escaped.WriteString(base.EscapedPath())
		for i, literal := range t.literals {
			escaped.WriteString(literal)
			if i < len(t.names) {
				escaped.WriteString(escapePath(value(t.names[i])))
			}
		}
		if u.RawPath = escaped.String(); u.EscapedPath() != u.RawPath {
			// net/url would ignore the escaped form, and a slash in a value would count.
			return nil, []identkit.FieldError{{Field: "BaseURL", Reason: "has a path that cannot be joined safely"}}
		}
	}
	return &u, nil
}

// escapePath escapes a value for a path. A plus, which needs no escaping there, is escaped all the same: many servers read it as a space.
func escapePath(value string) string { return strings.ReplaceAll(url.PathEscape(value), "+", "%2B") }
