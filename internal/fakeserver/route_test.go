package fakeserver

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/identkit/identkit"
)

func TestRouteIsFoundByThePathAsItWasSent(t *testing.T) {
	t.Parallel()
	s := New(Config{BasePath: "/api/v2/"})
	for name, template := range map[string]string{
		"list":     "/users",
		"get":      "/users/{id}",
		"me":       "/users/me",
		"activate": "/users/{id}/activate",
		"token":    "/{key}/access_token",
		"claim":    "/claim/{token}/invalidate",
		"enrol":    "/claim/enrol/token",
		"file":     "/files/{name}.json",
		"raw":      "/files/{name}",
	} {
		s.Handle(identkit.OperationInfo{Name: name, Method: http.MethodGet, Path: template}, func(*Call) {})
	}
	s.Handle(identkit.OperationInfo{Name: "create", Method: http.MethodPost, Path: "/users/me"}, func(*Call) {})

	for path, want := range map[string]struct {
		name   string
		values map[string]string
	}{
		"/api/v2/users":                  {"list", nil},
		"/api/v2/users/42":               {"get", map[string]string{"id": "42"}},
		"/api/v2/users/me":               {"me", nil},
		"/api/v2/users/a%2Fb":            {"get", map[string]string{"id": "a/b"}},
		"/api/v2/users/a%2Fb/activate":   {"activate", map[string]string{"id": "a/b"}},
		"/api/v2/users/a%20b%3F":         {"get", map[string]string{"id": "a b?"}},
		"/api/v2/users/%2E%2E":           {"get", map[string]string{"id": ".."}},
		"/api/v2/users/%252F":            {"get", map[string]string{"id": "%2F"}},
		"/api/v2/users/":                 {"", nil},
		"/api/v2/users//activate":        {"", nil},
		"/api/v2/users/a/b":              {"", nil},
		"/api/v2/USERS":                  {"", nil},
		"/api/v2/claim/access_token":     {"token", map[string]string{"key": "claim"}},
		"/api/v2/claim/enrol/invalidate": {"claim", map[string]string{"token": "enrol"}},
		"/api/v2/claim/enrol/token":      {"enrol", nil},
		"/api/v2/files/a.json":           {"file", map[string]string{"name": "a"}},
		"/api/v2/files/a.xml":            {"raw", map[string]string{"name": "a.xml"}},
		"/api/v2/files/.json":            {"raw", map[string]string{"name": ".json"}},
		"/api/v2":                        {"", nil},
		"/users":                         {"", nil},
		"users":                          {"", nil},
		"":                               {"", nil},
		"/api/v2/users/%zz":              {"", nil},
	} {
		found, values, allowed := s.find(http.MethodGet, path)
		assert.Equal(t, want.name, found.op.Name, path)
		for part, value := range want.values {
			assert.Equal(t, value, values[part], path)
		}
		assert.Len(t, values, len(want.values), path)
		assert.Empty(t, allowed, path)
	}

	_, _, allowed := s.find(http.MethodDelete, "/api/v2/users/me")
	assert.Equal(t, []string{"GET", "POST"}, allowed)
	found, _, _ := s.find(http.MethodPost, "/api/v2/users/me")
	assert.Equal(t, "create", found.op.Name)
}
