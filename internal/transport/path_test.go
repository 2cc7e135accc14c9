package transport

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/internal/fakeserver"
)

func TestPathValuesAreEscaped(t *testing.T) {
	t.Parallel()
	tmpl, fault := parseTemplate("/v2/things/{id}/parts/{part}")
	require.Empty(t, fault)
	for _, c := range []struct{ id, want string }{
		{"3b9edfd2-4d82-477c", "/ctx/v2/things/3b9edfd2-4d82-477c/parts/p"},
		{"a/b", "/ctx/v2/things/a%2Fb/parts/p"},
		{"a b?c#d", "/ctx/v2/things/a%20b%3Fc%23d/parts/p"},
		{"%2e%2e", "/ctx/v2/things/%252e%252e/parts/p"},
		{"a+b", "/ctx/v2/things/a%2Bb/parts/p"},
		{"..;", "/ctx/v2/things/..%3B/parts/p"},
		{"žluť", "/ctx/v2/things/%C5%BElu%C5%A5/parts/p"},
	} {
		base, err := url.Parse("https://host/ctx")
		require.NoError(t, err)
		u, refused := tmpl.fill(base, []pathValue{{"id", c.id}, {"part", "p"}})
		require.Empty(t, refused)
		assert.Equal(t, "https://host"+c.want, u.String())
		assert.Equal(t, "https://host/ctx", base.String(), "the base is not changed")
	}
}

func TestAPlusArrivesAsOne(t *testing.T) {
	t.Parallel()
	started := startedThings(t)
	without, _ := things(t)
	for _, srv := range []*fakeserver.Server{started, without} {
		got, err := readOne(t.Context(), clientFor(t, srv), "o'hara+1@x y")
		require.NoError(t, err)
		assert.Equal(t, "o'hara+1@x y", got.ID)
		entry, _ := srv.Journal().Last("test.Read")
		assert.Equal(t, "/api/things/o%27hara%2B1@x%20y", entry.Path)
	}
}

func TestPathValuesThatMoveAreRefused(t *testing.T) {
	t.Parallel()
	tmpl, _ := parseTemplate("/v2/things/{id}")
	for _, v := range []string{"", ".", ".."} {
		_, refused := tmpl.fill(&url.URL{Scheme: "https", Host: "h"}, []pathValue{{"id", v}})
		require.Len(t, refused, 1, v)
		assert.Equal(t, "id", refused[0].Field)
	}
}

func TestBadTemplatesAreRefused(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"", "v2", "/a?b=c", "/a#b", "/{", "/}", "/{}", "/{a{b}}", "/{a/b}", "/a/../b", "/./a", "/{a}/{a}"} {
		_, fault := parseTemplate(path)
		assert.NotEmpty(t, fault, path)
	}
}

func TestReplacedTemplatesMayReorderParts(t *testing.T) {
	t.Parallel()
	own, _ := parseTemplate("/a/{x}/b/{y}")
	other, _ := parseTemplate("/c/{y}/{x}")
	assert.True(t, other.sameParts(own))
	u, _ := other.fill(&url.URL{}, []pathValue{{"x", "1"}, {"y", "2"}})
	assert.Equal(t, "/c/2/1", u.Path)
	fewer, _ := parseTemplate("/c/{y}")
	assert.False(t, fewer.sameParts(own))
}

func FuzzPath(f *testing.F) {
	for _, s := range []string{"id", "..", "a/b", "%2f", "\x00", "é", "a?b", ";", "..\\"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, v string) {
		tmpl, _ := parseTemplate("/v2/{id}/end")
		u, refused := tmpl.fill(&url.URL{Scheme: "https", Host: "h", Path: "/c"}, []pathValue{{"id", v}})
		if refused != nil {
			return
		}
		back, err := url.Parse(u.String())
		if err != nil || back.Host != "h" || back.RawQuery != "" || back.Fragment != "" {
			t.Fatalf("%q became %q (%v)", v, u, err)
		}
		parts := strings.Split(back.EscapedPath(), "/")
		if len(parts) != 5 || parts[4] != "end" {
			t.Fatalf("%q moved the path: %q", v, back.EscapedPath())
		}
		if got, err := url.PathUnescape(parts[3]); err != nil || got != v {
			t.Fatalf("%q came back as %q (%v)", v, got, err)
		}
	})
}
