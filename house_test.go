package identkit_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/identkit/identkit"

type listedPackage struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
	Deps         []string
	Standard     bool
	Module       *struct{ Path string }
}

func list(t *testing.T, args ...string) []listedPackage {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", append([]string{"list", "-json"}, args...)...).Output()
	require.NoError(t, err)
	var packages []listedPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listedPackage
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages
		}
		require.NoError(t, err)
		packages = append(packages, p)
	}
}

// mayImport says what a room may lean on: the arrows of the house. Paths are relative to the module; "" is the root package.
func mayImport(room, other string) bool {
	provider := func(s string) bool {
		return slices.Contains([]string{"powerauth", "iproov", "signicat", "entrupy", "saakuru"}, s)
	}
	in := func(rooms ...string) bool { return slices.Contains(rooms, other) }
	switch {
	case strings.HasPrefix(room, "examples/"):
		return true
	case room == "":
		return false
	case room == "identkittest", room == "internal/oauth", room == "internal/wire":
		return in("")
	case room == "internal/pacrypto":
		return false
	case room == "internal/transport":
		return in("", "internal/wire")
	case room == "internal/fakeserver":
		return in("", "identkittest")
	case room == "webhook":
		return in("")
	case room == "webhook/webhooktest":
		return in("", "webhook", "identkittest")
	case room == "powerauth/protocol":
		return in("", "internal/pacrypto")
	case provider(room):
		return in("", "internal/transport", "internal/oauth", "internal/wire", "webhook") || room == "powerauth" && in("internal/pacrypto", "powerauth/protocol")
	case provider(path.Dir(room)) && path.Base(room) == path.Dir(room)+"test":
		return in("", path.Dir(room), "internal/fakeserver", "identkittest", "webhook", "webhook/webhooktest") || room == "powerauth/powerauthtest" && in("internal/pacrypto", "powerauth/protocol")
	}
	return false
}

func TestTheArrowsOfTheHouse(t *testing.T) {
	t.Parallel()
	packages := list(t, "./...")
	require.Greater(t, len(packages), 5)
	third := map[string][]string{ // what third-party code each room may link
		"internal/transport": {"github.com/hashicorp/go-retryablehttp", "golang.org/x/time/rate"},
	}
	for _, p := range packages {
		room := relative(p.ImportPath)
		for _, imported := range p.Imports {
			switch {
			case imported == module || strings.HasPrefix(imported, module+"/"):
				assert.True(t, mayImport(room, relative(imported)), "%q must not import %q", room, relative(imported))
			case room == "powerauth/protocol":
				assert.NotContains(t, []string{"net", "net/http", "os"}, imported, "the formats need no network")
			case strings.Contains(strings.Split(imported, "/")[0], "."):
				assert.True(t, slices.Contains(third[room], imported), "%q must not import %q", room, imported)
			}
		}
	}
	assert.False(t, mayImport("powerauth", "iproov"), "a provider never imports another")
	assert.False(t, mayImport("webhook", "internal/transport"))
	assert.False(t, mayImport("powerauth/protocol", "powerauth"), "the formats need no client")
}

func relative(importPath string) string {
	return strings.TrimPrefix(strings.TrimPrefix(importPath, module), "/")
}

func TestAProgramWithPowerAuthLinksThreeModules(t *testing.T) {
	t.Parallel()
	linked := map[string]bool{}
	for _, p := range list(t, "-deps", "./powerauth") {
		if !p.Standard && p.Module != nil && p.Module.Path != module {
			linked[p.Module.Path] = true
		}
	}
	for m := range linked {
		assert.Contains(t, []string{"github.com/hashicorp/go-retryablehttp", "github.com/hashicorp/go-cleanhttp", "golang.org/x/time"}, m)
	}
	assert.LessOrEqual(t, len(linked), 3)
}

func TestEveryExportedNameIsDocumented(t *testing.T) {
	t.Parallel()
	require.NoError(t, filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == "tools" || d.Name() == "bench" || d.Name() == "examples" || strings.HasPrefix(d.Name(), ".") && file != ".") {
			return filepath.SkipDir
		}
		if filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		for _, decl := range f.Decls {
			undocumented(t, file, decl)
		}
		return nil
	}))
}

func undocumented(t *testing.T, file string, decl ast.Decl) {
	t.Helper()
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && receiverIsExported(d) {
			assert.NotNil(t, d.Doc, "%s: %s has no doc comment", file, d.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() {
					assert.True(t, d.Doc != nil || s.Doc != nil, "%s: type %s has no doc comment", file, s.Name.Name)
				}
			case *ast.ValueSpec:
				for _, name := range s.Names {
					if name.IsExported() {
						assert.True(t, d.Doc != nil || s.Doc != nil || s.Comment != nil, "%s: %s has no doc comment", file, name.Name)
					}
				}
			}
		}
	}
}

func receiverIsExported(d *ast.FuncDecl) bool {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return true
	}
	typ := d.Recv.List[0].Type
	for {
		switch e := typ.(type) {
		case *ast.StarExpr:
			typ = e.X
		case *ast.IndexExpr:
			typ = e.X
		case *ast.IndexListExpr:
			typ = e.X
		case *ast.Ident:
			return e.IsExported()
		default:
			return false
		}
	}
}
