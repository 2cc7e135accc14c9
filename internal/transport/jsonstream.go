package transport

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"maps"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/identkit/identkit/internal/wire"
)

// Base64 is a file in a JSON body, see [Request.JSONStream]: what its body reads, as standard Base64 text. One that may be missing
// needs omitzero.
type Base64 struct{ Body }

var errNotStreamed = errors.New("transport: only JSONStream writes files")

// MarshalJSON fails, for bodies that were not meant to stream.
func (Base64) MarshalJSON() ([]byte, error) { return nil, errNotStreamed }

// JSONStream sends v as the body. Files of type [Base64], anywhere in it, are encoded while they are sent; the rest is held in memory. The
// body can be sent again if all of its files can.
func (r *Request) JSONStream(v any) { r.Body = streamedJSON(r.codec, v) }

// jsonStream is a JSON text with files in it.
type jsonStream struct {
	text  []byte // in which the files are empty strings
	files []jsonFile
}

type jsonFile struct {
	at      int // where its Base64 goes in the text
	content Body
}

// placeholder is the text of a file while the rest is written: an empty one would be left out by omitempty.
const placeholder = `"="`

func streamedJSON(codec *wire.Codec, v any) Body {
	s := new(jsonStream)
	b, err := codec.MarshalWith(v, json.MarshalToFunc(func(enc *jsontext.Encoder, f Base64) error {
		if f.err != nil || f.IsZero() {
			return errors.Join(f.err, errNoContent)
		}
		err := enc.WriteValue(jsontext.Value(placeholder))
		s.files = append(s.files, jsonFile{int(enc.OutputOffset()) - len(placeholder), f.Body})
		return err
	}))
	switch {
	case err != nil:
		return Body{err: err}
	case len(s.files) == 0:
		return jsonText(b)
	}
	rest := 0
	for i := range s.files {
		f := &s.files[i]
		if f.at < rest || !bytes.HasPrefix(b[min(f.at, len(b)):], []byte(placeholder)) {
			return Body{err: errNotStreamed} // a type above it wrote JSON of its own
		}
		s.text = append(append(s.text, b[rest:f.at]...), '"')
		rest = f.at + len(placeholder) - 1
		f.at = len(s.text)
	}
	s.text = append(s.text, b[rest:]...)
	return s.body()
}

func (s *jsonStream) body() Body {
	b := Body{contentType: "application/json", length: int64(len(s.text)), local: true, open: s.open, stream: s}
	if wire.Kind(s.text) == '{' {
		b.kind = streamBody
	}
	if len(s.files) == 1 {
		b.field = s.files[0].content.field
	}
	for _, f := range s.files {
		b.length += (f.content.length + 2) / 3 * 4
		b.local = b.local && (f.content.local || f.content.memory != nil)
		if f.content.spent != nil {
			b.spent = s.spent
		}
	}
	return b
}

// spent reports whether a file cannot be read again.
func (s *jsonStream) spent() bool {
	return slices.ContainsFunc(s.files, func(f jsonFile) bool { return f.content.spent != nil && f.content.spent() })
}

func (s *jsonStream) open(ctx context.Context) (io.ReadCloser, error) {
	var (
		pieces []io.Reader
		opened closers
		rest   int
	)
	for _, f := range s.files {
		file, err := f.content.reader(ctx)
		if err != nil {
			return nil, errors.Join(err, opened.Close())
		}
		opened = append(opened, file)
		pieces = append(pieces, bytes.NewReader(s.text[rest:f.at]), &encoding{src: file})
		rest = f.at
	}
	pieces = append(pieces, bytes.NewReader(s.text[rest:]))
	return &parts{Reader: io.MultiReader(pieces...), Closer: opened}, nil
}

type closers []io.Closer

func (all closers) Close() error {
	var err error
	for _, c := range all {
		err = errors.Join(err, c.Close())
	}
	return err
}

// with is the body with members in front of its own.
func (s *jsonStream) with(members map[string]jsontext.Value) Body {
	text := []byte{'{'}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		quoted, err := jsontext.AppendQuote(nil, name)
		if err != nil {
			return Body{err: err}
		}
		if wire.Member(s.text, name) != nil {
			return Body{err: errFieldUsed}
		}
		text = append(append(append(append(text, quoted...), ':'), members[name]...), ',')
	}
	shift := len(text) - 1
	with := &jsonStream{append(text, s.text[1:]...), slices.Clone(s.files)}
	for i := range with.files {
		with.files[i].at += shift
	}
	return with.body()
}

func (s *jsonStream) withFields(fields []Field) Body {
	members := make(map[string]jsontext.Value, len(fields))
	for _, f := range fields {
		quoted, err := jsontext.AppendQuote(nil, f.Value)
		if err != nil {
			return Body{err: err}
		}
		members[f.Name] = quoted
	}
	return s.with(members)
}

// encoding encodes a file as Base64.
type encoding struct {
	src  io.Reader
	raw  [6 << 10]byte
	n    int // of raw, not encoded yet
	text [8 << 10]byte
	rest []byte // of text, not read yet
	err  error
}

func (e *encoding) Read(b []byte) (int, error) {
	if len(e.rest) == 0 {
		if e.err != nil {
			return 0, e.err
		}
		var n int
		n, e.err = e.src.Read(e.raw[e.n:])
		e.n += n
		whole := e.n / 3 * 3
		if e.err == io.EOF { //nolint:errorlint // a wrapped one is not the end
			whole = e.n
		}
		base64.StdEncoding.Encode(e.text[:], e.raw[:whole])
		e.rest = e.text[:base64.StdEncoding.EncodedLen(whole)]
		e.n = copy(e.raw[:], e.raw[whole:e.n])
	}
	n := copy(b, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}
