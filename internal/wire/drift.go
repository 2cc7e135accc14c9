package wire

import (
	"bytes"
	"encoding"
	"encoding/json"
	"reflect"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Drift reports each member of a JSON text that the Go type of v does not have (known is false), and each value of an enumeration, a
// string type with a Known method, that it does not know. Elements of lists are [] in a path, keys of maps, and unknown names that are
// no plain words, are *. The text must have been read
// by [Unmarshal] before.
func Drift(body []byte, v any, report func(path string, member bool)) {
	d := drift{jsontext.NewDecoder(bytes.NewBuffer(TrimBOM(body))), report}
	d.value(reflect.TypeOf(v), "")
}

// memberName is what an unknown name must look like to be reported: words, not what a provider could have put there of a request.
var memberName = regexp.MustCompile(`^[A-Za-z_]{1,40}[0-9]{0,2}$`)

type drift struct {
	*jsontext.Decoder
	report func(path string, member bool)
}

var (
	ownJSON = reflect.TypeFor[json.Unmarshaler]()
	ownText = reflect.TypeFor[encoding.TextUnmarshaler]()
)

func (d drift) value(t reflect.Type, path string) {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t != nil && (reflect.PointerTo(t).Implements(ownJSON) || reflect.PointerTo(t).Implements(ownText)) {
		t = nil // what these take, only they know
	}
	switch kind := d.PeekKind(); {
	case t != nil && kind == '{' && (t.Kind() == reflect.Struct || t.Kind() == reflect.Map):
		d.object(t, path)
	case t != nil && kind == '[' && (t.Kind() == reflect.Slice || t.Kind() == reflect.Array):
		_, _ = d.ReadToken()
		for k := d.PeekKind(); k != ']' && k != 0; k = d.PeekKind() {
			d.value(t.Elem(), path+"[]")
		}
		_, _ = d.ReadToken()
	case t != nil && kind == '"' && t.Kind() == reflect.String:
		text, err := d.ReadToken()
		value := reflect.New(t).Elem()
		value.SetString(text.String())
		if enum, ok := value.Interface().(interface{ Known() bool }); ok && err == nil && value.Len() > 0 && !enum.Known() {
			d.report(path, false)
		}
	default:
		_ = d.SkipValue()
	}
}

func (d drift) object(t reflect.Type, path string) {
	_, _ = d.ReadToken()
	for d.PeekKind() == '"' {
		token, err := d.ReadToken()
		if err != nil {
			return
		}
		name, member := token.String(), reflect.Type(nil)
		if t.Kind() == reflect.Map {
			name, member = "*", t.Elem()
		} else if f, ok := fieldNamed(t, name); ok {
			member = f
		} else {
			if !memberName.MatchString(name) {
				name = "*"
			}
			d.report(strings.TrimPrefix(path+"."+name, "."), true)
		}
		d.value(member, strings.TrimPrefix(path+"."+name, "."))
	}
	_, _ = d.ReadToken()
}
