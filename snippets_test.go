package identkit_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// snippet is Go code out of a document or a doc comment.
type snippet struct {
	file string // of the document, absolute
	line int    // of its first line
	code string
}

// given are the names that snippets may use undeclared. A name may depend on the folder that the snippet is about.
var given = map[string]string{
	"ctx": "context.Context", "err": "error", "t": "*testing.T",
	"mux": "*http.ServeMux", "handler": "http.Handler", "request": "*http.Request",
	"apiKey": "identkit.Secret", "secret": "identkit.Secret", "password": "identkit.Secret", "userAgent": "string",
	"verifier": "webhook.Verifier", "created": "*powerauth.CreatedRegistration",

	"client": "*powerauth.Client", "iproov/client": "*iproov.Client", "entrupy/client": "*entrupy.Client",
	"token": "identkit.Secret", "fromApp": "identkit.Secret", "email": "string", "began": "time.Time",
	"srv": "*powerauthtest.Server", "iproov/srv": "*iproovtest.Server", "entrupy/srv": "*entrupytest.Server",
	"admin": "*powerauth.AdminClient", "op": "*powerauth.Operation", "typed": "string",
	"params": "*ListParams",
}

// theReaders stands for the reader's own code.
const theReaders = `package snippets

import (
	"context"
	"encoding/json"

	"github.com/identkit/identkit/powerauth"
)

type ListParams struct{ Cursor json.RawMessage }

type Event struct{ ID string }

func apply(context.Context, Event) error { return nil }

type Payments struct{ client *powerauth.Client }

func NewPayments(client *powerauth.Client) *Payments { return &Payments{client} }
`

// goCode distinguishes Go from commands, variables and texts in the same style.
var goCode = regexp.MustCompile(`:=|\.[A-Z]\w*[({]|(?m:^\s*(if|for|switch|func)\b.*\{)`)

var fenced = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")

// snippets collects the Go code of every Markdown file and doc comment of the repository.
func snippets(t *testing.T) []snippet {
	t.Helper()
	var all []snippet
	root, err := os.Getwd()
	require.NoError(t, err)
	require.NoError(t, filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), "."):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(file) != ".md":
			return nil
		}
		content, err := os.ReadFile(file)
		for _, m := range fenced.FindAllSubmatchIndex(content, -1) {
			all = append(all, snippet{file, 1 + strings.Count(string(content[:m[2]]), "\n"), string(content[m[2]:m[3]])})
		}
		return err
	}))
	require.NotEmpty(t, all, "README.md has Go code")
	for _, s := range sources(t) {
		for group, d := range s.docs(t) {
			for _, block := range d.Content {
				code, ok := block.(*comment.Code)
				if !ok || !goCode.MatchString(code.Text) {
					continue
				}
				at := s.fset.Position(group.Pos())
				first, _, _ := strings.Cut(code.Text, "\n")
				for _, c := range group.List {
					if strings.TrimSpace(strings.TrimPrefix(c.Text, "//")) == strings.TrimSpace(first) {
						at = s.fset.Position(c.Pos())
						break
					}
				}
				all = append(all, snippet{at.Filename, at.Line, code.Text})
			}
		}
	}
	return all
}

// function wraps a snippet into a file with a function, imports and the names that it is given.
func (s snippet) function(t *testing.T, name string, packages map[string]string) string {
	t.Helper()
	const begin = "package snippets\nfunc _() {\n"
	f, err := parser.ParseFile(token.NewFileSet(), "", begin+s.code+"\n}", parser.SkipObjectResolution)
	if !assert.NoError(t, err, "%s:%d: not Go", s.file, s.line) {
		return "package snippets\n"
	}
	var preamble, unused strings.Builder
	imports := map[string]bool{}
	for _, ident := range slices.Sorted(maps.Keys(free(f))) {
		typ, ok := given[ident]
		for folder, other := range given {
			if in, of, _ := strings.Cut(folder, "/"); of == ident && strings.Contains(s.file, "/"+in+"/") {
				typ, ok = other, true
			}
		}
		if ok {
			fmt.Fprintf(&preamble, "var %s %s; _ = %s\n", ident, typ, ident)
			if pkg, _, qualified := strings.Cut(strings.TrimLeft(typ, "*"), "."); qualified {
				imports[pkg] = true
			}
		}
		imports[ident] = imports[ident] || packages[ident] != ""
	}
	for _, ident := range declared(f) {
		fmt.Fprintf(&unused, "_ = %s\n", ident)
	}
	var b strings.Builder
	b.WriteString("package snippets\n\n")
	for pkg, used := range imports {
		if used {
			fmt.Fprintf(&b, "import %q\n", packages[pkg])
		}
	}
	fmt.Fprintf(&b, "\nfunc %s() error {\n%s{\n//line %s:%d\n%s\n//line generated.go:1\n%s}\nreturn nil\n}\n",
		name, preamble.String(), s.file, s.line, s.code, unused.String())
	return b.String()
}

// free collects the identifiers of a snippet that no selector qualifies.
func free(f *ast.File) map[string]bool {
	idents, members := map[string]bool{}, map[*ast.Ident]bool{}
	for n := range ast.Preorder(f.Decls[0].(*ast.FuncDecl).Body) {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			members[n.Sel] = true
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok {
				members[key] = true
			}
		case *ast.Ident:
			if !members[n] {
				idents[n.Name] = true
			}
		}
	}
	return idents
}

// declared lists the variables that a snippet declares and a reader would go on with.
func declared(f *ast.File) []string {
	var names []string
	for _, stmt := range f.Decls[0].(*ast.FuncDecl).Body.List {
		switch s := stmt.(type) {
		case *ast.AssignStmt:
			for _, left := range s.Lhs {
				if ident, ok := left.(*ast.Ident); ok && s.Tok == token.DEFINE && ident.Name != "_" {
					names = append(names, ident.Name)
				}
			}
		case *ast.DeclStmt:
			if d, ok := s.Decl.(*ast.GenDecl); ok && d.Tok == token.VAR {
				for _, spec := range d.Specs {
					for _, ident := range spec.(*ast.ValueSpec).Names {
						names = append(names, ident.Name)
					}
				}
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// One package with all snippets is laid over the module, so that one call of the compiler checks them all.
func TestSnippetsInDocumentsCompile(t *testing.T) {
	t.Parallel()
	all := snippets(t)
	packages := map[string]string{"context": "context", "errors": "errors", "fmt": "fmt", "http": "net/http", "slog": "log/slog", "testing": "testing", "time": "time"}
	for _, s := range sources(t) {
		if s.Name != "main" && !strings.HasPrefix(s.ImportPath, module+"/examples/") { // what one copies is not imported
			packages[s.Name] = s.ImportPath
		}
	}
	const folder = "snippetsofdocuments" // exists in the overlay only
	dir, overlay := t.TempDir(), map[string]string{}
	add := func(name, content string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
		target, err := filepath.Abs(filepath.Join(folder, name))
		require.NoError(t, err)
		overlay[target] = filepath.Join(dir, name)
	}
	add("reader.go", theReaders)
	for i, s := range all {
		add(fmt.Sprintf("snippet%d.go", i), s.function(t, fmt.Sprintf("snippet%d", i), packages))
	}
	file := filepath.Join(dir, "overlay.json")
	content, err := json.Marshal(map[string]any{"Replace": overlay})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, content, 0o600))
	out, err := exec.CommandContext(t.Context(), "go", "build", "-overlay", file, "./"+folder).CombinedOutput()
	require.NoError(t, err, "what snippets may use without declaring it stands in given:\n%s", out)
}
