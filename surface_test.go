package identkit_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/entrupy"
	"github.com/identkit/identkit/entrupy/entrupytest"
	"github.com/identkit/identkit/iproov"
	"github.com/identkit/identkit/iproov/iproovtest"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
)

var update = flag.Bool("update", false, "write the tables of API.md")

// surface is the part of API.md about one provider.
type surface struct {
	catalog []identkit.OperationInfo
	fake    []identkit.OperationInfo
	clients map[string]any // by the name they have in examples
	methods map[string][]string
}

func surfaces() map[string]surface {
	return map[string]surface{
		"powerauth": {
			catalog: powerauth.Catalog(),
			fake:    powerauthtest.New(powerauthtest.Options{}).Operations(),
			clients: map[string]any{"client": &powerauth.Client{}, "admin": &powerauth.AdminClient{}},
			methods: map[string][]string{"powerauth.Registrations.Change": {"Registrations.Block", "Registrations.Unblock"}},
		},
		"iproov": {
			catalog: iproov.Catalog(),
			fake:    iproovtest.New(iproovtest.Options{}).Operations(),
			clients: map[string]any{"client": &iproov.Client{}},
		},
		"entrupy": {
			catalog: entrupy.Catalog(),
			fake:    entrupytest.New(entrupytest.Options{}).Operations(),
			clients: map[string]any{"client": &entrupy.Client{}},
		},
	}
}

// methodsOf names the methods that make an operation, without the client in front.
func (s surface) methodsOf(op identkit.OperationInfo) []string {
	if m, ok := s.methods[op.Name]; ok {
		return m
	}
	_, method, _ := strings.Cut(op.Name, ".")
	return []string{strings.TrimPrefix(method, "Admin.")}
}

// path finds the client and the service that have a method.
func (s surface) path(method string) (string, bool) {
	for _, name := range slices.Sorted(maps.Keys(s.clients)) {
		t := reflect.TypeOf(s.clients[name])
		service, call, nested := strings.Cut(method, ".")
		if !nested {
			if _, ok := t.MethodByName(service); ok {
				return name + "." + method, true
			}
			continue
		}
		if f, ok := t.Elem().FieldByName(service); ok {
			if _, ok := f.Type.MethodByName(call); ok {
				return name + "." + method, true
			}
		}
	}
	return "", false
}

func (s surface) table(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("| operation | request | repeat | method |\n| --- | --- | --- | --- |\n")
	for _, op := range s.catalog {
		var calls []string
		for _, m := range s.methodsOf(op) {
			call, ok := s.path(m)
			assert.True(t, ok, "%s has no method %s", op.Name, m)
			calls = append(calls, "`"+call+"`")
		}
		fmt.Fprintf(&b, "| `%s` | `%s %s` | %s | %s |\n", op.Name, op.Method, op.Path, op.Retry, strings.Join(calls, ", "))
	}
	return b.String()
}

func TestAPIPageMatchesTheCode(t *testing.T) {
	t.Parallel()
	for provider, s := range surfaces() {
		file, err := os.ReadFile("API.md")
		require.NoError(t, err)
		begin, end := "<!-- operations:"+provider+" -->\n", "<!-- /operations:"+provider+" -->"
		before, rest, found := strings.Cut(string(file), begin)
		table, after, closed := strings.Cut(rest, end)
		require.True(t, found && closed, "API.md has no table for %s", provider)
		want := s.table(t)
		if *update && table != want {
			require.NoError(t, os.WriteFile("API.md", []byte(before+begin+want+end+after), 0o644))
			continue
		}
		assert.Equal(t, want, table, "go test -run Surface -update . writes it")
	}
}

func TestEveryOperationHasARouteInTheFakeAndAnExample(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for provider, s := range surfaces() {
		byName := func(a, b identkit.OperationInfo) int { return strings.Compare(a.Name, b.Name) }
		assert.Equal(t, slices.SortedFunc(slices.Values(s.catalog), byName), slices.SortedFunc(slices.Values(s.fake), byName), "%s: catalogue and fake", provider)
		shown := calledInExamples(t, provider, filepath.Join(provider, provider+"test"))
		for _, op := range s.catalog {
			assert.False(t, names[op.Name], "%s is listed twice", op.Name)
			names[op.Name] = true
			assert.True(t, strings.HasPrefix(op.Name, provider+"."), op.Name)
			for _, m := range s.methodsOf(op) {
				call := m[strings.LastIndexByte(m, '.')+1:]
				service, _, nested := strings.Cut(m, ".")
				if !nested {
					service = ""
				}
				assert.True(t, shown[service+"."+call], "%s: no example calls %s", provider, m)
			}
		}
	}
}

func TestEveryProtocolFunctionIsOnTheAPIPageAndInAnExample(t *testing.T) {
	t.Parallel()
	api, err := os.ReadFile("API.md")
	require.NoError(t, err)
	folder := filepath.Join("powerauth", "protocol")
	shown := calledInExamples(t, folder)
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	require.NoError(t, err)
	functions := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, decl := range f.Decls {
			d, ok := decl.(*ast.FuncDecl)
			if !ok || d.Recv != nil || !d.Name.IsExported() {
				continue
			}
			functions++
			assert.Contains(t, string(api), "`"+d.Name.Name+"`", "API.md does not list it")
			assert.True(t, shown["."+d.Name.Name], "no example calls %s", d.Name.Name)
		}
	}
	assert.Greater(t, functions, 10)
}

// calledInExamples lists the calls in the Example functions of some folders, as "Service.Method" or ".Method".
func calledInExamples(t *testing.T, folders ...string) map[string]bool {
	t.Helper()
	calls := map[string]bool{}
	for _, folder := range folders {
		files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
		require.NoError(t, err)
		for _, name := range files {
			f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
			require.NoError(t, err)
			for _, decl := range f.Decls {
				d, ok := decl.(*ast.FuncDecl)
				if !ok || d.Recv != nil || !strings.HasPrefix(d.Name.Name, "Example") {
					continue
				}
				ast.Inspect(d, func(n ast.Node) bool {
					if call, ok := n.(*ast.CallExpr); ok {
						if sel, ok := call.Fun.(*ast.SelectorExpr); ok {
							calls["."+sel.Sel.Name] = true
							if inner, ok := sel.X.(*ast.SelectorExpr); ok {
								calls[inner.Sel.Name+"."+sel.Sel.Name] = true
							}
						}
					}
					return true
				})
			}
		}
	}
	return calls
}
