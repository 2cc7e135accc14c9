package fakeserver

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// ProblemKind is the kind of a [Problem].
type ProblemKind string

// The kinds of problems.
const (
	BadSyntax    ProblemKind = "syntax"    // not JSON, not UTF-8, or more than one value
	WrongType    ProblemKind = "type"      // JSON of another type than the contract's
	UnknownField ProblemKind = "unknown"   // a member that the contract does not have
	Duplicate    ProblemKind = "duplicate" // a duplicate member
)

// Problem is the first fault of a request's body.
type Problem struct {
	Kind  ProblemKind
	Path  string         // such as "parameters.amount" or "flags[1]"; "" is the body as a whole
	Value jsontext.Value // the invalid value, of a WrongType
	Want  string         // the JSON type of the contract, of a WrongType
}

// String returns one line about the problem, without the value.
func (p Problem) String() string {
	where := p.Path
	if where == "" {
		where = "body"
	}
	if p.Kind == WrongType {
		return where + ": must be " + p.Want
	}
	return where + ": " + string(p.Kind)
}

// decode reads a body by JSON v2 rules: exact names, no duplicate members, one value, UTF-8. Syntax is checked before types.
func decode(body []byte, v any, options ...json.Options) *Problem {
	err := json.Unmarshal(body, new(jsontext.Value))
	if err == nil {
		err = json.Unmarshal(body, v, options...)
	}
	var (
		semantic  *json.SemanticError
		syntactic *jsontext.SyntacticError
		p         = &Problem{Kind: BadSyntax}
	)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jsontext.ErrDuplicateName) && errors.As(err, &syntactic):
		p.Kind = Duplicate
		p.Path, _ = locate(body, syntactic.JSONPointer)
	case errors.Is(err, json.ErrUnknownName) && errors.As(err, &semantic):
		p.Kind = UnknownField
		p.Path, _ = locate(body, semantic.JSONPointer)
	case errors.As(err, &semantic):
		p.Kind, p.Want = WrongType, jsonType(semantic.GoType)
		p.Path, p.Value = locate(body, semantic.JSONPointer)
	}
	return p
}

// locate follows a pointer and returns its path in the form of a Problem and the value there.
func locate(body jsontext.Value, pointer jsontext.Pointer) (string, jsontext.Value) {
	var path strings.Builder
	for token := range pointer.Tokens() {
		var (
			members map[string]jsontext.Value
			items   []jsontext.Value
		)
		i, _ := strconv.Atoi(token)
		switch {
		case json.Unmarshal(body, &items) == nil && i < len(items):
			body = items[i]
			fmt.Fprintf(&path, "[%d]", i)
			continue
		case json.Unmarshal(body, &members, jsontext.AllowDuplicateNames(true)) == nil:
			body = members[token]
		}
		if path.Len() > 0 {
			path.WriteByte('.')
		}
		path.WriteString(token)
	}
	return path.String(), body
}

func jsonType(t reflect.Type) string {
	kind := t.Kind().String()
	switch {
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()), t == reflect.TypeFor[[]byte]():
		return "string"
	case kind == "struct", kind == "map":
		return "object"
	case kind == "slice":
		return "array"
	case kind == "bool":
		return "boolean"
	case strings.HasPrefix(kind, "float"):
		return "number"
	case strings.Contains(kind, "int"):
		return "integer"
	}
	return kind
}
