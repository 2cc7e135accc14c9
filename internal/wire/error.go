package wire

import (
	"errors"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/identkit/identkit"
)

// Fault says what is wrong with a JSON text.
type Fault string

// The faults.
const (
	FaultSyntax    Fault = "is not valid JSON"
	FaultEncoding  Fault = "is not valid UTF-8"
	FaultDuplicate Fault = "has a duplicate member"
	FaultType      Fault = "has a value of another type than expected"
	FaultMask      Fault = "has a masked secret: it was stored without Reveal"
)

// Error is the failure of reading JSON. It names members that the Go type has, and nothing else of the text.
type Error struct {
	Fault Fault
	Path  string // such as "parameters.*" or "items[2].id"; "" is the whole
	Err   error  // the [Refusal] of a provider's own reader, or nil
}

// Refusal is the error of a provider's own reader that says what is wrong itself, and repeats nothing of the text.
type Refusal interface {
	error
	RefusesJSON()
}

// Error returns the fault and where it is.
func (e *Error) Error() string {
	if e.Path == "" {
		return string(e.Fault)
	}
	return string(e.Fault) + " at " + e.Path
}

// Unwrap returns the refusal.
func (e *Error) Unwrap() error { return e.Err }

// Is reports a masked secret as [identkit.ErrMasked].
func (e *Error) Is(target error) bool { return e.Fault == FaultMask && target == identkit.ErrMasked }

// Explain turns an error of the JSON library into one of this package, for readers that read parts of a text by themselves.
func Explain(err error, part []byte, v any) *Error { return explain(err, part, v) }

// explain turns an error of the JSON library, which quotes names and values, into one that does not.
func explain(err error, body []byte, v any) *Error {
	var (
		semantic  *json.SemanticError
		syntactic *jsontext.SyntacticError
		pointer   jsontext.Pointer
		refusal   Refusal
		e         = &Error{Fault: FaultSyntax}
	)
	if errors.As(err, &refusal) {
		e.Err = refusal
	}
	switch {
	case errors.As(err, &syntactic):
		pointer = syntactic.JSONPointer
		if errors.Is(err, jsontext.ErrDuplicateName) {
			e.Fault = FaultDuplicate
		}
	case errors.Is(err, identkit.ErrMasked):
		e.Fault = FaultMask
	case errors.As(err, &semantic):
		e.Fault = FaultType
	}
	if errors.As(err, &semantic) {
		pointer = semantic.JSONPointer
	}
	if e.Fault == FaultSyntax && !utf8.Valid(body) {
		e.Fault = FaultEncoding
	}
	e.Path = safePath(reflect.TypeOf(v), pointer)
	return e
}

// safePath is a JSON pointer as far as the Go type knows its members. Keys of maps, which are the text's own, become "*".
func safePath(t reflect.Type, pointer jsontext.Pointer) string {
	var b strings.Builder
	for token := range pointer.Tokens() {
		for t != nil && t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if t == nil {
			break
		}
		switch t.Kind() {
		case reflect.Struct:
			f, ok := fieldNamed(t, token)
			if !ok {
				return b.String()
			}
			t = f
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(token)
		case reflect.Slice, reflect.Array:
			i, err := strconv.Atoi(token)
			if err != nil {
				return b.String()
			}
			b.WriteString("[" + strconv.Itoa(i) + "]")
			t = t.Elem()
		case reflect.Map:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteByte('*')
			t = t.Elem()
		default:
			return b.String()
		}
	}
	return b.String()
}

// fieldNamed is the type of a struct's member with a JSON name, those of embedded structs included.
func fieldNamed(t reflect.Type, name string) (reflect.Type, bool) {
	for i := range t.NumField() {
		f := t.Field(i)
		own, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		switch {
		case f.Tag.Get("json") == "-":
		case own == name, own == "" && f.IsExported() && !f.Anonymous && f.Name == name:
			return f.Type, true
		case own == "" && f.Anonymous && inner.Kind() == reflect.Struct:
			if found, ok := fieldNamed(inner, name); ok {
				return found, true
			}
		}
	}
	return nil, false
}
