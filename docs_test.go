package identkit_test

import (
	"go/ast"
	"go/doc"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"iter"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/entrupy"
	"github.com/identkit/identkit/entrupy/entrupytest"
	"github.com/identkit/identkit/internal/assumption"
	"github.com/identkit/identkit/iproov"
	"github.com/identkit/identkit/iproov/iproovtest"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
)

// source is a package of the module with its syntax, tests apart.
type source struct {
	listedPackage
	fset  *token.FileSet
	files []*ast.File
}

var (
	sourcesOnce sync.Once
	sourcesRead []source
	otherDirs   map[string]listedPackage // what the module imports, by import path
)

// sources reads every package of the module.
func sources(t *testing.T) []source {
	t.Helper()
	sourcesOnce.Do(func() {
		otherDirs = map[string]listedPackage{}
		for _, p := range list(t, "-deps", "./...") {
			if p.Standard || p.Module == nil || p.Module.Path != module {
				otherDirs[p.ImportPath] = p
				continue
			}
			sourcesRead = append(sourcesRead, parsed(t, p, parser.ParseComments))
		}
	})
	require.NotEmpty(t, sourcesRead)
	return sourcesRead
}

func parsed(t *testing.T, p listedPackage, mode parser.Mode) source {
	t.Helper()
	s := source{listedPackage: p, fset: token.NewFileSet()}
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(s.fset, filepath.Join(p.Dir, name), nil, mode|parser.SkipObjectResolution)
		require.NoError(t, err)
		s.files = append(s.files, f)
	}
	return s
}

// docs yields every doc comment, parsed as go doc does, with the comment group that it comes from.
func (s source) docs(t *testing.T) iter.Seq2[*ast.CommentGroup, *comment.Doc] {
	t.Helper()
	reader, err := doc.NewFromFiles(s.fset, s.files, s.ImportPath, doc.AllDecls|doc.PreserveAST)
	require.NoError(t, err)
	return func(yield func(*ast.CommentGroup, *comment.Doc) bool) {
		for n := range s.declared() {
			if group := docOf(n); group != nil && !yield(group, reader.Parser().Parse(group.Text())) {
				return
			}
		}
	}
}

// declared yields the nodes outside of functions' bodies.
func (s source) declared() iter.Seq[ast.Node] {
	return func(yield func(ast.Node) bool) {
		for _, f := range s.files {
			more := true
			ast.Inspect(f, func(n ast.Node) bool {
				if _, body := n.(*ast.BlockStmt); body || n == nil || !more {
					return false
				}
				more = yield(n)
				return more
			})
		}
	}
}

func docOf(n ast.Node) *ast.CommentGroup {
	switch n := n.(type) {
	case *ast.File:
		return n.Doc
	case *ast.GenDecl:
		return n.Doc
	case *ast.FuncDecl:
		return n.Doc
	case *ast.TypeSpec:
		return n.Doc
	case *ast.ValueSpec:
		return n.Doc
	case *ast.Field:
		return n.Doc
	}
	return nil
}

// symbols are the names that a package declares: functions, types, values, and members as Type.Member.
func (s source) symbols() map[string]bool {
	names := map[string]bool{}
	for _, f := range s.files {
		for _, decl := range f.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				name := d.Name.Name
				if d.Recv != nil {
					name = receiver(d.Recv.List[0].Type) + "." + name
				}
				names[name] = true
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					addSpec(names, spec)
				}
			}
		}
	}
	return names
}

func addSpec(names map[string]bool, spec ast.Spec) {
	switch s := spec.(type) {
	case *ast.ValueSpec:
		for _, n := range s.Names {
			names[n.Name] = true
		}
	case *ast.TypeSpec:
		names[s.Name.Name] = true
		var members *ast.FieldList
		switch typ := s.Type.(type) {
		case *ast.StructType:
			members = typ.Fields
		case *ast.InterfaceType:
			members = typ.Methods
		default:
			return
		}
		for _, field := range members.List {
			for _, n := range field.Names {
				names[s.Name.Name+"."+n.Name] = true
			}
		}
	}
}

func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.IndexListExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

// bracketed finds in plain text intended doc links: [Name], [Type.Method], [pkg.Name].
var bracketed = regexp.MustCompile(`\[\*?(?:[A-Z]\w*|[a-z]\w*\.[A-Z]\w*)(?:\.[A-Z]\w*)*\]`)

func TestDocLinksResolve(t *testing.T) {
	t.Parallel()
	all := sources(t)
	known := map[string]map[string]bool{}
	for _, s := range all {
		known[s.ImportPath] = s.symbols()
	}
	links := 0
	for _, s := range all {
		for group, parsedDoc := range s.docs(t) {
			at := s.fset.Position(group.Pos())
			for text := range texts(parsedDoc.Content) {
				switch x := text.(type) {
				case comment.Plain:
					for _, unresolved := range bracketed.FindAllString(string(x), -1) {
						t.Errorf("%s: %s names nothing that go doc can link to", at, unresolved)
					}
				case *comment.DocLink:
					links++
					if x.ImportPath == "" || x.Name == "" {
						continue // go doc has looked it up
					}
					if known[x.ImportPath] == nil {
						known[x.ImportPath] = parsed(t, otherDirs[x.ImportPath], 0).symbols()
					}
					name := strings.TrimPrefix(x.Recv+"."+x.Name, ".")
					assert.True(t, known[x.ImportPath][name], "%s: %s has no %s", at, x.ImportPath, name)
				}
			}
		}
	}
	assert.Greater(t, links, 100)
}

// texts yields every piece of text in a doc comment.
func texts(blocks []comment.Block) iter.Seq[comment.Text] {
	return func(yield func(comment.Text) bool) {
		var pieces []comment.Text
		for _, b := range blocks {
			switch b := b.(type) {
			case *comment.Paragraph:
				pieces = append(pieces, b.Text...)
			case *comment.Heading:
				pieces = append(pieces, b.Text...)
			case *comment.List:
				for _, item := range b.Items {
					pieces = slices.AppendSeq(pieces, texts(item.Content))
				}
			}
		}
		for _, p := range pieces {
			if !yield(p) {
				return
			}
		}
	}
}

func TestNoLinterCommentIsDocumentation(t *testing.T) {
	t.Parallel()
	shown := func(group *ast.CommentGroup) bool {
		return group != nil && slices.ContainsFunc(group.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//nolint") })
	}
	for _, s := range sources(t) {
		if s.Name == "main" {
			continue
		}
		for n := range s.declared() {
			var trailing *ast.CommentGroup // which go doc prints with the declaration
			switch n := n.(type) {
			case *ast.TypeSpec:
				trailing = n.Comment
			case *ast.ValueSpec:
				trailing = n.Comment
			case *ast.Field:
				trailing = n.Comment
			}
			assert.False(t, shown(docOf(n)) || shown(trailing), "%s: go doc shows a //nolint", s.fset.Position(n.Pos()))
		}
	}
}

var (
	quoted     = regexp.MustCompile("`([^`]+)`")
	identifier = regexp.MustCompile(`^[A-Z]\w*(\.[A-Z]\w*)*`)
)

func TestAssumptionsNameExistingThings(t *testing.T) {
	t.Parallel()
	names := map[string]bool{"all": true, "callbacks": true, "approval on a device": true, "Admin": true, "RawJSON": true}
	for _, s := range sources(t) {
		for name := range s.symbols() {
			names[name] = true
			names[path.Base(s.ImportPath)+"."+name] = true
		}
	}
	for _, op := range slices.Concat(powerauth.Catalog(), iproov.Catalog(), entrupy.Catalog()) {
		_, method, _ := strings.Cut(op.Name, ".")
		names[method] = true
	}
	assert.True(t, names["Client.Call"] && names["Options.Limiter"] && names["Registrations.Change"])
	for _, a := range assumption.All() {
		for name := range strings.SplitSeq(strings.TrimPrefix(a.Operation, "fake: "), ", ") {
			assert.True(t, names[name], "%s: there is no %s", a.ID, name)
		}
		for _, q := range quoted.FindAllStringSubmatch(a.Text+a.Change+a.Why+a.Check, -1) {
			if name := identifier.FindString(q[1]); name != "" && !strings.Contains(q[1], "-") {
				assert.True(t, names[name], "%s: there is no %s", a.ID, name)
			}
		}
	}
}

func TestEachSwitchOfAFakeNamesItsAssumption(t *testing.T) {
	t.Parallel()
	for _, dialect := range []reflect.Type{reflect.TypeFor[powerauthtest.Dialect](), reflect.TypeFor[iproovtest.Dialect](), reflect.TypeFor[entrupytest.Dialect]()} {
		for i := range dialect.NumField() {
			f := dialect.Field(i)
			a, ok := assumption.Get(f.Tag.Get("assumption"))
			assert.True(t, ok, "%s.%s has no assumption", dialect, f.Name)
			assert.Equal(t, strings.TrimSuffix(path.Base(dialect.PkgPath()), "test"), a.Provider, f.Name)
		}
	}
}

func TestOptionsPathsOfAssumptionsAreOperations(t *testing.T) {
	t.Parallel()
	option := regexp.MustCompile(`Options\.Paths\["([\w.]+)"\]`)
	isOperation := func(name string) bool {
		return slices.ContainsFunc(slices.Concat(powerauth.Catalog(), iproov.Catalog(), entrupy.Catalog()), func(op identkit.OperationInfo) bool { return op.Name == name })
	}
	for _, a := range assumption.All() {
		for _, m := range option.FindAllStringSubmatch(a.Change, -1) {
			assert.True(t, isOperation(m[1]), "%s: %s", a.ID, m[1])
		}
	}
}
