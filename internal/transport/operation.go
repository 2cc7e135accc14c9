package transport

import (
	"net/url"
	"slices"
	"strings"

	"github.com/identkit/identkit"
)

// The retry classes, under the names operations use.
const (
	RetryIfNotProcessed = identkit.RetryIfNotProcessed
	RetrySafe           = identkit.RetrySafe
)

// Operation is one call of a provider's API, as data.
type Operation struct {
	Name   string              // "powerauth.Operations.Create"
	Method string              // HTTP method
	Path   string              // template; {parts} are filled, escaped, from Input.Path
	Retry  identkit.RetryClass // when it may be repeated
	// Unmetered operations do not wait for the limiter.
	Unmetered bool
	// EmptyAnswer lets Exec take an empty 2xx for a success, for calls whose answer nobody has documented.
	EmptyAnswer bool

	adhoc *template // of a call that is not in the catalogue
}

// Info is the operation's public description.
func (o *Operation) Info() identkit.OperationInfo {
	return identkit.OperationInfo{Name: o.Name, Method: o.Method, Path: o.Path, Retry: o.Retry}
}

// Catalog describes operations, in the order given.
func Catalog(ops []*Operation) []identkit.OperationInfo {
	infos := make([]identkit.OperationInfo, len(ops))
	for i, o := range ops {
		infos[i] = o.Info()
	}
	return infos
}

// template is a path cut at its {parts}: literals[0] names[0] literals[1] … names[n-1] literals[n].
type template struct {
	text     string
	literals []string
	names    []string
	order    []string // in which values are given: that of the operation's own template, also when it was replaced
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
		t.names = append(t.names, name)
		rest = tail
	}
	t.order = t.names
	for _, segment := range strings.Split(path, "/") {
		if segment == "." || segment == ".." {
			return t, "must not contain . or .. as a part"
		}
	}
	return t, ""
}

// sameParts reports whether two templates ask for the same values.
func (t template) sameParts(o template) bool {
	a, b := slices.Clone(t.names), slices.Clone(o.names)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// fill puts the values, in the order of the operation's own template, under base. A value that is empty, "." or ".." is refused.
func (t template) fill(base *url.URL, names, values []string) (*url.URL, []identkit.FieldError) {
	var refused []identkit.FieldError
	for i, v := range values {
		switch v {
		case "":
			refused = append(refused, identkit.FieldError{Field: names[i], Reason: "is empty"})
		case ".", "..":
			refused = append(refused, identkit.FieldError{Field: names[i], Reason: "must not be . or .."})
		}
	}
	if refused != nil {
		return nil, refused
	}
	u := *base
	var plain, escaped strings.Builder
	odd := base.RawPath != ""
	plain.Grow(len(base.Path) + len(t.text) + 32)
	plain.WriteString(base.Path)
	if len(t.names) == 0 && !odd {
		plain.WriteString(t.text)
		u.Path = plain.String()
		return &u, nil
	}
	for i, literal := range t.literals {
		plain.WriteString(literal)
		if i < len(t.names) {
			v := values[slices.Index(names, t.names[i])]
			odd = odd || url.PathEscape(v) != v
			plain.WriteString(v)
		}
	}
	u.Path = plain.String()
	if odd {
		escaped.WriteString(base.EscapedPath())
		for i, literal := range t.literals {
			escaped.WriteString(literal)
			if i < len(t.names) {
				escaped.WriteString(url.PathEscape(values[slices.Index(names, t.names[i])]))
			}
		}
		if u.RawPath = escaped.String(); u.EscapedPath() != u.RawPath {
			// net/url would ignore the escaped form, and a slash in a value would count.
			return nil, []identkit.FieldError{{Field: "BaseURL", Reason: "has a path that cannot be joined safely"}}
		}
	}
	return &u, nil
}
