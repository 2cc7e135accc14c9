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
	Name         string
	Dir          string
	GoFiles      []string
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

// mayImport holds the import rules of the module. Paths are relative to it; "" is the root package.
func mayImport(importer, imported string) bool {
	provider := func(s string) bool {
		return slices.Contains([]string{"powerauth", "iproov", "signicat", "entrupy", "saakuru"}, s)
	}
	in := func(allowed ...string) bool { return slices.Contains(allowed, imported) }
	powerauth := strings.HasPrefix(importer, "powerauth")
	switch {
	case strings.HasPrefix(importer, "examples/"), strings.HasPrefix(importer, "cmd/"):
		return !strings.HasPrefix(imported, "internal/") || in("internal/assumption") && importer == "cmd/identkit/internal/doctor"
	case importer == "internal/providertest/frames":
		return in("") // the transport's own tests import it
	case strings.HasPrefix(importer, "internal/providertest"):
		return true
	case importer == "":
		return in("internal/seal")
	case importer == "internal/assumption", importer == "internal/seal", importer == "internal/pacrypto", importer == "internal/fault":
		return false
	case importer == "internal/wire", importer == "internal/input":
		return in("")
	case importer == "identkittest":
		return in("", "internal/fault")
	case importer == "internal/oauth":
		return in("", "internal/wire")
	case importer == "internal/transport":
		return in("", "internal/input", "internal/wire", "internal/seal", "internal/assumption")
	case importer == "internal/fakeserver":
		return in("", "internal/wire", "internal/fault", "identkittest", "webhook/webhooktest", "internal/assumption")
	case importer == "webhook":
		return in("", "internal/input", "internal/wire", "internal/seal")
	case importer == "webhook/webhooktest":
		return in("", "webhook", "identkittest")
	case importer == "powerauth/protocol":
		return in("", "internal/wire", "internal/pacrypto")
	case provider(importer):
		return in("", "internal/transport", "internal/oauth", "internal/wire", "internal/assumption", "webhook") || powerauth && in("internal/pacrypto", "powerauth/protocol")
	case provider(path.Dir(importer)) && path.Base(importer) == path.Dir(importer)+"test":
		return in("", path.Dir(importer), "internal/fakeserver", "internal/wire", "internal/assumption", "identkittest", "webhook", "webhook/webhooktest") || powerauth && in("internal/pacrypto", "powerauth/protocol")
	}
	return false
}

// linked is the third-party code that a package may import.
var linked = map[string][]string{
	"internal/transport":      {"github.com/hashicorp/go-retryablehttp", "golang.org/x/time/rate", jsonv2, jsonv2 + "/jsontext"},
	"internal/wire":           {jsonv2, jsonv2 + "/jsontext"},
	"powerauth/powerauthtest": {"github.com/fxamacker/cbor/v2"},
	"internal/providertest":   {"github.com/stretchr/testify/assert", "github.com/stretchr/testify/require"},
}

const jsonv2 = "github.com/go-json-experiment/json"

func TestImportRules(t *testing.T) {
	t.Parallel()
	packages := list(t, "./...")
	require.Greater(t, len(packages), 5)
	for _, p := range packages {
		importer := relative(p.ImportPath)
		for _, imported := range p.Imports {
			isTest := strings.HasPrefix(importer, "internal/providertest")
			assert.False(t, !isTest && strings.HasPrefix(relative(imported), "internal/providertest"), "%q is no test", importer)
			switch {
			case imported == module || strings.HasPrefix(imported, module+"/"):
				assert.True(t, mayImport(importer, relative(imported)), "%q must not import %q", importer, relative(imported))
			case strings.HasPrefix(imported, jsonv2) && importer != "":
			case strings.Contains(strings.Split(imported, "/")[0], "."):
				assert.True(t, slices.Contains(linked[importer], imported), "%q must not import %q", importer, imported)
			}
		}
	}
	assert.False(t, mayImport("powerauth", "iproov"), "a provider never imports another")
	assert.False(t, mayImport("webhook", "internal/transport"))
	assert.False(t, mayImport("powerauth", "internal/seal"), "only the transport and webhook set private fields")
}

func relative(importPath string) string {
	return strings.TrimPrefix(strings.TrimPrefix(importPath, module), "/")
}

func TestAProgramWithOneProviderLinksFourModules(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{"./powerauth", "./iproov", "./entrupy"} {
		modules := map[string]bool{}
		for _, p := range list(t, "-deps", provider) {
			if !p.Standard && p.Module != nil && p.Module.Path != module {
				modules[p.Module.Path] = true
			}
		}
		for m := range modules {
			assert.Contains(t, []string{"github.com/hashicorp/go-retryablehttp", "github.com/hashicorp/go-cleanhttp", "golang.org/x/time", jsonv2}, m, provider)
		}
	}
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
