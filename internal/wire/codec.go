package wire

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/identkit/identkit"
)

// Codec reads and writes JSON by the rules of this package.
type Codec struct{ read, write json.Options }

// NewCodec returns a Codec with scalars of a provider's own, which come before those of this package. Either may be nil.
func NewCodec(read *json.Unmarshalers, write *json.Marshalers) *Codec {
	return &Codec{
		read: json.WithUnmarshalers(json.JoinUnmarshalers(read, scalars)),
		write: json.JoinOptions(
			json.WithMarshalers(json.JoinMarshalers(write, json.MarshalToFunc(reveal))),
			json.Deterministic(true), json.FormatNilSliceAsNull(true), json.FormatNilMapAsNull(true),
		),
	}
}

var plain = NewCodec(nil, nil)

// Unmarshal reads one JSON value. On failure, which is an *[Error], v may be filled in part.
func Unmarshal(body []byte, v any) error { return plain.Unmarshal(body, v) }

// UnmarshalStrict reads one JSON value without the tolerant scalars, into a type of the caller's own: a value of another type is an error.
func UnmarshalStrict(body []byte, v any) error {
	body = TrimBOM(body)
	if err := json.Unmarshal(body, v); err != nil {
		return explain(err, body, v)
	}
	return nil
}

// Marshal writes a value as JSON, members of maps in order, secrets as their text. A masked secret is [identkit.ErrMasked].
func Marshal(v any) ([]byte, error) { return plain.Marshal(v) }

// Unmarshal reads one JSON value. On failure, which is an *[Error], v may be filled in part.
func (c *Codec) Unmarshal(body []byte, v any) error {
	body = TrimBOM(body)
	if err := json.Unmarshal(body, v, c.read); err != nil {
		return explain(err, body, v)
	}
	return nil
}

// Marshal writes a value as JSON, members of maps in order, secrets as their text. A masked secret is [identkit.ErrMasked].
func (c *Codec) Marshal(v any) ([]byte, error) { return marshal(v, c.write) }

// MarshalWith is Marshal with functions of one call, which come before those of the codec.
func (c *Codec) MarshalWith(v any, write *json.Marshalers) ([]byte, error) {
	own, _ := json.GetOption(c.write, json.WithMarshalers)
	return marshal(v, json.JoinOptions(c.write, json.WithMarshalers(json.JoinMarshalers(write, own))))
}

func marshal(v any, options json.Options) ([]byte, error) {
	b, err := json.Marshal(v, options)
	switch {
	case errors.Is(err, identkit.ErrMasked), bytes.Contains(b, mask):
		return nil, identkit.ErrMasked
	case err != nil:
		return nil, errEncode // the library's own error may quote the value
	}
	return b, nil
}

var (
	errEncode = errors.New("cannot be written as JSON")
	mask      = []byte(`"` + identkit.Secret("x").String() + `"`)
)

func reveal(enc *jsontext.Encoder, s identkit.Secret) error {
	if s.IsMask() {
		return identkit.ErrMasked
	}
	return enc.WriteToken(jsontext.String(s.Reveal()))
}

// TrimBOM returns the text behind a UTF-8 byte order mark.
func TrimBOM(body []byte) []byte { return bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")) }

// Kind is the JSON type that a text begins with: one of jsontext's kinds, or 0 for none. It does not say that the text is valid.
func Kind(body []byte) jsontext.Kind {
	body = bytes.TrimLeft(TrimBOM(body), " \t\r\n")
	if len(body) == 0 {
		return 0
	}
	switch k := body[0]; {
	case k == '-' || k >= '0' && k <= '9':
		return '0'
	case bytes.IndexByte([]byte(`{["tfn`), k) >= 0:
		return jsontext.Kind(k)
	}
	return 0
}

// IsCut reports whether the body is the beginning of a JSON value.
func IsCut(body []byte) bool {
	_, err := jsontext.NewDecoder(bytes.NewReader(TrimBOM(body))).ReadValue()
	return errors.Is(err, io.ErrUnexpectedEOF)
}

// Member returns a member of a JSON object as it stands there, or nil. Duplicates are left to Unmarshal: of several members of one name
// it is the first.
func Member(object []byte, name string) jsontext.Value {
	if Kind(object) != '{' {
		return nil
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(TrimBOM(object)), jsontext.AllowDuplicateNames(true)) // keeps no list of names
	if _, err := dec.ReadToken(); err != nil {
		return nil
	}
	for dec.PeekKind() == '"' {
		key, err := dec.ReadValue()
		if err != nil {
			return nil
		}
		wanted := isName(key, name)
		value, err := dec.ReadValue()
		switch {
		case err != nil:
			return nil
		case wanted:
			return value.Clone()
		}
	}
	return nil
}

// isName reports whether a JSON string is a name. It allocates for escaped ones alone.
func isName(key jsontext.Value, name string) bool {
	if bytes.IndexByte(key, '\\') < 0 {
		return string(key[1:len(key)-1]) == name
	}
	unquoted, err := jsontext.AppendUnquote(nil, key)
	return err == nil && string(unquoted) == name
}
