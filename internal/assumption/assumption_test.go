package assumption_test

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/internal/assumption"
)

var update = flag.Bool("update", false, "write ASSUMPTIONS.md")

const root = "../.."

// providers are the headings of ASSUMPTIONS.md, in its order.
var providers = []struct{ name, prefix, title string }{
	{"powerauth", "PA", "PowerAuth"},
	{"iproov", "IP", "iProov"},
	{"entrupy", "EN", "Entrupy"},
}

func TestIDsAreUniqueWellFormedAndWithoutGaps(t *testing.T) {
	t.Parallel()
	total := 0
	for _, p := range providers {
		rows := assumption.Of(p.name)
		require.NotEmpty(t, rows, p.name)
		for i, a := range rows {
			assert.Equal(t, fmt.Sprintf("%s-%03d", p.prefix, i+1), a.ID)
			assert.Equal(t, p.name, a.Provider, a.ID)
		}
		total += len(rows)
	}
	assert.Len(t, assumption.All(), total, "All has rows of a provider that is missing here")
	assert.Empty(t, assumption.Of("nobody"))
}

func TestEveryFieldIsFilled(t *testing.T) {
	t.Parallel()
	classes := []string{assumption.Probe, assumption.Read, assumption.Mint, assumption.Write, assumption.Person, assumption.Callback}
	for _, a := range assumption.All() {
		for name, text := range map[string]string{
			"Operation": a.Operation, "Text": a.Text, "Change": a.Change, "Why": a.Why, "Check": a.Check,
		} {
			assert.NotEmpty(t, text, "%s: %s", a.ID, name)
			assert.NotContains(t, text, " · ", "%s: %s", a.ID, name)
			assert.NotContains(t, text, "\n", "%s: %s", a.ID, name)
			assert.Equal(t, strings.TrimRight(strings.TrimSpace(text), "."), text, "%s: %s", a.ID, name)
		}
		if a.Check != assumption.VendorOnly {
			class, how, _ := strings.Cut(a.Check, ": ")
			assert.Contains(t, classes, class, a.ID)
			assert.NotEmpty(t, how, a.ID)
		}
	}
}

func TestGetFindsByID(t *testing.T) {
	t.Parallel()
	for _, a := range assumption.All() {
		got, ok := assumption.Get(a.ID)
		assert.True(t, ok)
		assert.Equal(t, a, got)
	}
	_, ok := assumption.Get("PA-000")
	assert.False(t, ok)
}

func TestRowsAreTheCallersOwn(t *testing.T) {
	t.Parallel()
	assumption.All()[0].Text = "changed"
	assumption.Of("iproov")[0].Text = "changed"
	for _, a := range assumption.All() {
		assert.NotEqual(t, "changed", a.Text, a.ID)
	}
}

func TestCitedIDsExist(t *testing.T) {
	t.Parallel()
	id := regexp.MustCompile(`\b(PA|IP|EN)-\d+\b`)
	cited := 0
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != root:
			return filepath.SkipDir
		case d.IsDir() || !slices.Contains([]string{".go", ".md"}, filepath.Ext(path)) || strings.HasSuffix(path, "assumption_test.go"):
			return nil
		}
		content, err := os.ReadFile(path)
		for _, found := range id.FindAllString(string(content), -1) {
			_, ok := assumption.Get(found)
			assert.True(t, ok, "%s cites %s, which does not exist", path, found)
			cited++
		}
		return err
	}))
	assert.GreaterOrEqual(t, cited, 2*len(assumption.All()), "the tables and ASSUMPTIONS.md have every id")
}

const head = `# Assumptions

What the SDK takes for true although no source says so, or although the vendor's documents disagree. One line each:
id: provider · operation · what we assume · how to change it · why · how it can be found out.

An id stays with its assumption. What comes after "fake: " is decided by the fake alone. How it can be found out begins with what that
costs: a *probe* is a request with made-up values that changes nothing; a *read* needs the id of something that exists; *mint* fetches
an access token, which may end others; *write* creates something on a tenant for tests; a *person* takes part with an activated phone,
a passkey or a face; a *callback* has to arrive.

This file is written from internal/assumption by ` + "`go test ./internal/assumption -update`" + `.
`

func TestTheDocumentIsWhatTheTableSays(t *testing.T) {
	t.Parallel()
	var want strings.Builder
	want.WriteString(head)
	for _, p := range providers {
		fmt.Fprintf(&want, "\n## %s\n\n", p.title)
		for _, a := range assumption.Of(p.name) {
			fmt.Fprintf(&want, "- %s: %s\n", a.ID, strings.Join([]string{a.Provider, a.Operation, a.Text, a.Change, a.Why, a.Check}, " · "))
		}
	}
	file := filepath.Join(root, "ASSUMPTIONS.md")
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(want.String()), 0o600))
	}
	got, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, want.String(), string(got), "go test ./internal/assumption -update writes it")
}
