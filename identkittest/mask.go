package identkittest

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/identkit/identkit"
)

// secrets are the names that a fake declares secret, of members of bodies, path and query values, in any letter case. JSON forms
// mask values with such a name.
type secrets []string

var mask = identkit.Secret("x").String()

func (s secrets) hide(name string) bool {
	return contains(name, "password", "secret") || slices.ContainsFunc(s, func(n string) bool { return strings.EqualFold(n, name) })
}

func (s secrets) hideHeader(name string) bool {
	return s.hide(name) || contains(name, "auth", "key", "token", "cookie", "signature") && !strings.EqualFold(name, "Idempotency-Key")
}

func contains(name string, parts ...string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(name, part) })
}

// values masks what a map holds, such as the values of a header or of a query.
func values[M ~map[string][]string](m M, hide func(string) bool) M {
	shown := make(M, len(m))
	for name, v := range m {
		if hide(name) {
			v = []string{mask}
		}
		shown[name] = v
	}
	return shown
}

// body returns a body as JSON with its secrets masked; nil when it is neither JSON nor a form.
func (s secrets) body(header http.Header, body []byte) json.RawMessage {
	if shown := s.json(body); shown != nil {
		return shown
	}
	media, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	if form, err := url.ParseQuery(string(body)); err == nil && media == "application/x-www-form-urlencoded" {
		shown, _ := json.Marshal(values(form, s.hide)) // a map of texts
		return shown
	}
	return nil
}

// json returns a JSON text with its secrets masked; nil when it is none.
func (s secrets) json(text []byte) json.RawMessage {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if !json.Valid(text) || d.Decode(&v) != nil {
		return nil
	}
	shown, _ := json.Marshal(s.masked(v)) // was JSON
	return shown
}

func (s secrets) masked(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if s.hide(name) && member != nil && member != "" {
				v[name] = mask
			} else {
				v[name] = s.masked(member)
			}
		}
	case []any:
		for i, item := range v {
			v[i] = s.masked(item)
		}
	}
	return v
}
