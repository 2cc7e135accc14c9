package transport

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// queryMember is a member of a replacement's query: fixed, or the value of a {part}.
type queryMember struct {
	name    string
	part    string // "" for a fixed member
	encoded string // a fixed member as it is sent
}

// replacementMethods are those that an operation with a result can have.
var replacementMethods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// parseReplacement reads what Options.Paths says: [METHOD ]/path[?query].
func parseReplacement(text string) (template, string) {
	method, target, found := strings.Cut(text, " ")
	switch {
	case !found:
		method, target = "", text
	case !slices.Contains(replacementMethods, method):
		return template{}, "must begin with GET, POST, PUT, PATCH or DELETE and one space, or with a slash"
	}
	path, query, hasQuery := strings.Cut(target, "?")
	t, fault := parseTemplate(path)
	if fault != "" {
		return t, fault
	}
	t.method = method
	if hasQuery {
		t.query, fault = parseQuery(query)
	}
	if fault != "" {
		return t, fault
	}
	parts := t.parts()
	slices.Sort(parts)
	if len(slices.Compact(slices.Clone(parts))) != len(parts) {
		return t, "has a part more than once"
	}
	return t, ""
}

func parseQuery(text string) (members []queryMember, fault string) {
	for member := range strings.SplitSeq(text, "&") {
		name, value, _ := strings.Cut(member, "=")
		part, isPart := strings.CutPrefix(value, "{")
		if isPart {
			part, isPart = strings.CutSuffix(part, "}")
		}
		plain, err := url.QueryUnescape(name)
		_, verr := url.QueryUnescape(value)
		switch {
		case isPart && (part == "" || strings.ContainsAny(part, "{}/")), !isPart && strings.ContainsAny(value, "{}"), strings.ContainsAny(name, "{}"):
			return nil, "has braces in its query that are not those of a {part} as a whole value"
		case plain == "":
			return nil, "has a query member without a name"
		case err != nil, verr != nil, strings.ContainsFunc(member, func(r rune) bool { return r <= ' ' || r >= 0x7f }), strings.ContainsAny(member, `#;"<>`):
			return nil, "has a query that is not escaped"
		case slices.ContainsFunc(members, func(o queryMember) bool { return o.name == plain }):
			return nil, "has a query member more than once"
		case isPart:
			members = append(members, queryMember{name: plain, part: part})
		default:
			members = append(members, queryMember{name: plain, encoded: member})
		}
	}
	return members, ""
}

// clash is a member of the replacement's query that the operation, or its authentication, sends itself; or "".
func (t *template) clash(query string) string {
	if len(t.query) == 0 || query == "" {
		return ""
	}
	sent, _ := url.ParseQuery(query)
	for _, m := range t.query {
		if sent.Has(m.name) {
			return m.name
		}
	}
	return ""
}

// parts are the names of all values that a template asks for.
func (t *template) parts() []string {
	all := slices.Clone(t.names)
	for _, m := range t.query {
		if m.part != "" {
			all = append(all, m.part)
		}
	}
	return all
}

func (t *template) fillQuery(value func(string) string) string {
	var query string
	for _, m := range t.query {
		if m.part != "" {
			query = joinQueries(query, url.QueryEscape(m.name)+"="+url.QueryEscape(value(m.part)))
		} else {
			query = joinQueries(query, m.encoded)
		}
	}
	return query
}

func joinQueries(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "&" + b
}
