package fakeserver

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
)

// ProblemKind says what is wrong with a piece of JSON.
type ProblemKind string

// The kinds of problems.
const (
	BadSyntax    ProblemKind = "syntax"    // not JSON, or something behind it
	WrongType    ProblemKind = "type"      // JSON of another type than the contract's
	UnknownField ProblemKind = "unknown"   // a name the contract does not have
	Duplicate    ProblemKind = "duplicate" // a name that came twice
)

// Problem is one thing that is wrong with a request's body.
type Problem struct {
	Kind ProblemKind
	// Path leads to it, such as "parameters.amount" or "flags[1]"; "" is the body as a whole.
	Path string
	// Value is what stands there; nil for BadSyntax.
	Value json.RawMessage
	// Want names the JSON type that should stand there, for WrongType, or the Go type that reads it in its own way.
	Want string
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

// decode checks a body against the type v points to before it unmarshals it, because encoding/json stops at the first
// mismatch, does not say where in a list it is, and takes names in any case.
func decode(body []byte, v any, known bool) []Problem {
	target := reflect.TypeOf(v)
	if target == nil || target.Kind() != reflect.Pointer {
		panic(fmt.Sprintf("fakeserver: Decode needs a pointer, not %T", v))
	}
	root, err := parseNode(body)
	if err != nil {
		return []Problem{{Kind: BadSyntax}}
	}
	c := checker{known: known}
	c.check("", root, target.Elem())
	if len(c.problems) > 0 {
		return c.problems
	}
	if err := json.Unmarshal(body, v); err != nil {
		// Something this check does not know; at least it is not overlooked.
		return []Problem{{Kind: WrongType, Value: body, Want: target.Elem().String()}}
	}
	return nil
}

// maxDepth bounds the nesting of a body.
const maxDepth = 200

// node is a piece of JSON that keeps the order and the doubles of its members.
type node struct {
	raw     json.RawMessage
	members []member // of an object
	items   []node   // of an array
}

type member struct {
	name  string
	value node
}

func (n node) isNull() bool { return string(n.raw) == "null" }

func parseNode(body []byte) (node, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	root, err := readNode(dec, body, 0)
	if err != nil {
		return node{}, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return node{}, errors.New("something follows the JSON")
	}
	return root, nil
}

func readNode(dec *json.Decoder, body []byte, depth int) (n node, err error) {
	if depth > maxDepth {
		return node{}, errors.New("nested too deeply")
	}
	from := dec.InputOffset()
	token, err := dec.Token()
	if err != nil {
		return node{}, err
	}
	switch token {
	case json.Delim('{'):
		for dec.More() {
			name, err := dec.Token()
			if err != nil {
				return node{}, err
			}
			value, err := readNode(dec, body, depth+1)
			if err != nil {
				return node{}, err
			}
			text, _ := name.(string)
			n.members = append(n.members, member{text, value})
		}
	case json.Delim('['):
		for dec.More() {
			item, err := readNode(dec, body, depth+1)
			if err != nil {
				return node{}, err
			}
			n.items = append(n.items, item)
		}
	}
	if _, opened := token.(json.Delim); opened {
		if _, err := dec.Token(); err != nil {
			return node{}, err
		}
	}
	// The offset before a value may stand in front of a separator.
	n.raw = bytes.TrimLeft(body[from:dec.InputOffset()], " \t\r\n:,")
	return n, nil
}

// checker walks a body and a Go type side by side.
type checker struct {
	known    bool
	problems []Problem
}

func (c *checker) report(kind ProblemKind, path string, n node, want string) {
	c.problems = append(c.problems, Problem{Kind: kind, Path: path, Value: n.raw, Want: want})
}

var (
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

func (c *checker) check(path string, n node, t reflect.Type) {
	if n.isNull() {
		return
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	first := n.raw[0]
	switch {
	case reflect.PointerTo(t).Implements(jsonUnmarshaler), reflect.PointerTo(t).Implements(textUnmarshaler):
		// What these take, only they know.
		c.expect(json.Unmarshal(n.raw, reflect.New(t).Interface()) == nil, path, n, t.String())
		return
	}
	switch t.Kind() {
	case reflect.String:
		c.expect(first == '"', path, n, "string")
	case reflect.Bool:
		c.expect(first == 't' || first == 'f', path, n, "boolean")
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		_, err := strconv.ParseInt(string(n.raw), 10, t.Bits())
		c.expect(err == nil, path, n, "integer")
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		_, err := strconv.ParseUint(string(n.raw), 10, t.Bits())
		c.expect(err == nil, path, n, "integer")
	case reflect.Float32, reflect.Float64:
		_, err := strconv.ParseFloat(string(n.raw), t.Bits())
		c.expect(err == nil && first != '"', path, n, "number")
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			c.expect(first == '"', path, n, "string")
		} else if c.expect(first == '[', path, n, "array") {
			for i, item := range n.items {
				c.check(path+"["+strconv.Itoa(i)+"]", item, t.Elem())
			}
		}
	case reflect.Map:
		if c.expect(first == '{', path, n, "object") {
			c.members(path, n, func(string) (reflect.Type, bool) { return t.Elem(), true })
		}
	case reflect.Struct:
		if c.expect(first == '{', path, n, "object") {
			fields := make(map[string]reflect.Type)
			jsonFields(t, fields)
			c.members(path, n, func(name string) (reflect.Type, bool) { t, ok := fields[name]; return t, ok })
		}
	}
}

func (c *checker) expect(ok bool, path string, n node, want string) bool {
	if !ok {
		c.report(WrongType, path, n, want)
	}
	return ok
}

func (c *checker) members(path string, n node, typeOf func(name string) (reflect.Type, bool)) {
	seen := make(map[string]bool)
	for _, m := range n.members {
		at := m.name
		if path != "" {
			at = path + "." + m.name
		}
		if seen[m.name] {
			c.report(Duplicate, at, m.value, "")
			continue
		}
		seen[m.name] = true
		if t, ok := typeOf(m.name); ok {
			c.check(at, m.value, t)
		} else if c.known {
			c.report(UnknownField, at, m.value, "")
		}
	}
}

// jsonFields collects the JSON names of a struct, embedded structs included.
func jsonFields(t reflect.Type, into map[string]reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		name, _, _ := strings.Cut(tag, ",")
		embedded := f.Type
		for embedded.Kind() == reflect.Pointer {
			embedded = embedded.Elem()
		}
		switch {
		case tag == "-":
		case f.Anonymous && name == "" && embedded.Kind() == reflect.Struct:
			jsonFields(embedded, into)
		case !f.IsExported():
		case name != "":
			into[name] = f.Type
		default:
			into[f.Name] = f.Type
		}
	}
}
