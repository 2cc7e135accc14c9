package transport

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"net/url"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/wire"
)

// Body is what a request carries. It is opened once for each attempt; only JSON and forms are held in memory.
type Body struct {
	contentType string
	length      int64
	memory      []byte                                       // the body itself, if it is in memory
	open        func(context.Context) (io.ReadCloser, error) // else; nil: no body
	local       bool                                         // what open gives never blocks
	kind        bodyKind
	parts       *multipartBody // of a multipart body
	spent       func() bool    // reports that a one-shot body was begun; nil: it can be opened again
	err         error
	field       string // what errors call it
}

// Named is the body with the name of the caller's field that it comes from, for errors: such as "image". Without one it is "Body".
func (b Body) Named(field string) Body {
	b.field = field
	return b
}

func (b Body) name() string {
	if b.field == "" {
		return "Body"
	}
	return b.field
}

type bodyKind uint8

const (
	opaqueBody bodyKind = iota
	objectBody
	formBody
	partsBody
)

// Field is a member of a JSON body, a value of a form, or a text part of a multipart body.
type Field struct{ Name, Value string }

// IsZero reports whether there is no body.
func (b Body) IsZero() bool { return b.memory == nil && b.open == nil && b.err == nil }

// Bytes is a body in memory.
func Bytes(contentType string, b []byte) Body {
	return Body{contentType: contentType, length: int64(len(b)), memory: b}
}

// jsonBody is v as a JSON body.
func jsonBody(codec *wire.Codec, v any) Body {
	b, err := codec.Marshal(v)
	if err != nil {
		return Body{err: err}
	}
	body := Bytes("application/json", b)
	if wire.Kind(b) == '{' {
		body.kind = objectBody
	}
	return body
}

// Form is an URL-encoded body.
func Form(v url.Values) Body {
	b := Bytes("application/x-www-form-urlencoded", []byte(v.Encode()))
	b.kind = formBody
	return b
}

var (
	errNoFields  = errors.New("transport: this body cannot take fields")
	errFieldUsed = errors.New("transport: the body holds that field already")
)

// WithFields is the body with fields added: members of a JSON object, values of a form, text parts of a multipart body. Authentication
// uses it for keys that travel in bodies.
func (b Body) WithFields(fields ...Field) Body {
	if b.err != nil {
		return b
	}
	switch b.kind {
	case objectBody:
		return b.withMembers(fields)
	case formBody:
		form, err := url.ParseQuery(string(b.memory))
		for _, f := range fields {
			if form.Has(f.Name) {
				err = errFieldUsed
			}
			form.Set(f.Name, f.Value)
		}
		if err != nil {
			return Body{err: err}
		}
		return Form(form)
	case partsBody:
		p := *b.parts
		p.fields = slices.Concat(fields, p.fields)
		return p.body().Named(b.field)
	}
	return Body{err: errNoFields}
}

// withMembers puts members in front of those that are there.
func (b Body) withMembers(fields []Field) Body {
	out := append(make([]byte, 0, len(b.memory)+64*len(fields)), '{')
	for _, f := range fields {
		if wire.Member(b.memory, f.Name) != nil {
			return Body{err: errFieldUsed}
		}
		var err error
		if out, err = jsontext.AppendQuote(out, f.Name); err != nil {
			return Body{err: err}
		}
		if out, err = jsontext.AppendQuote(append(out, ':'), f.Value); err != nil {
			return Body{err: err}
		}
		out = append(out, ',')
	}
	rest := bytes.TrimLeft(b.memory, " \t\r\n")[1:]
	if bytes.HasPrefix(bytes.TrimLeft(rest, " \t\r\n"), []byte("}")) {
		out = out[:len(out)-1]
	}
	with := Bytes(b.contentType, append(out, rest...))
	with.kind = objectBody
	return with
}

// with is the body with more members, as the caller of a call gave them.
func (b Body) with(codec *wire.Codec, more map[string]any, check *Check) Body {
	if b.kind != objectBody {
		check.Refuse("WithBodyField", "needs a call with a JSON object as its body")
		return b
	}
	object := map[string]jsontext.Value{}
	if err := wire.Unmarshal(b.memory, &object); err != nil {
		return Body{err: err}
	}
	for name, value := range more {
		if _, taken := object[name]; taken {
			check.Refuse("WithBodyField["+name+"]", "is sent by the call already")
			continue
		}
		v, err := codec.Marshal(value)
		switch {
		case errors.Is(err, identkit.ErrMasked):
			check.Refuse("WithBodyField["+name+"]", "is a masked secret: it was stored without Reveal")
			continue
		case err != nil:
			check.Refuse("WithBodyField["+name+"]", "cannot be encoded")
			continue
		}
		object[name] = v
	}
	return jsonBody(codec, object)
}

// reader opens the body for one attempt.
func (b Body) reader(ctx context.Context) (io.ReadCloser, error) {
	if b.memory != nil {
		return io.NopCloser(bytes.NewReader(b.memory)), nil // of exactly this type: net/http then knows that it is in memory
	}
	r, err := b.open(ctx)
	if err != nil || b.kind == partsBody {
		return r, err // the parts have sizes of their own
	}
	return &sized{ReadCloser: r, left: b.length}, nil
}

// ReaderAt streams r, which has size bytes. Attempts read independently.
func ReaderAt(contentType string, r io.ReaderAt, size int64) Body {
	if size < 0 {
		return Body{err: errNegative}
	}
	return Body{contentType: contentType, length: size, local: isLocal(r), open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(io.NewSectionReader(r, 0, math.MaxInt64)), nil
	}}
}

// Seeker streams r from its present position to its end, and rewinds to there for another attempt.
func Seeker(contentType string, r io.ReadSeeker) Body {
	start, err := r.Seek(0, io.SeekCurrent)
	if err != nil {
		return Body{err: err}
	}
	end, err := r.Seek(0, io.SeekEnd)
	if err != nil {
		return Body{err: err}
	}
	if _, err = r.Seek(start, io.SeekStart); err != nil {
		return Body{err: err}
	}
	g := &gate{r: r, start: start, free: make(chan struct{}, 1)}
	return Body{contentType: contentType, length: end - start, local: isLocal(r), open: g.open}
}

// gate gives a shared seeker to one attempt at a time: a Read of an attempt that is over may still be at work
// when the next one begins, and must then get an error, not the next one's bytes.
type gate struct {
	r       io.ReadSeeker
	start   int64
	free    chan struct{} // holds a value while the reader is used
	current *pass         // belongs to who uses it
}

type pass struct{ g *gate }

var errStaleBody = errors.New("transport: body belongs to a later attempt")

func (g *gate) open(ctx context.Context) (io.ReadCloser, error) {
	select {
	case g.free <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer g.release()
	if _, err := g.r.Seek(g.start, io.SeekStart); err != nil {
		return nil, err
	}
	g.current = &pass{g}
	return g.current, nil
}

func (g *gate) release() { <-g.free }

func (p *pass) Read(b []byte) (int, error) {
	p.g.free <- struct{}{}
	defer p.g.release()
	if p.g.current != p {
		return 0, errStaleBody
	}
	return p.g.r.Read(b)
}

func (p *pass) Close() error {
	p.g.free <- struct{}{}
	defer p.g.release()
	if p.g.current == p {
		p.g.current = nil
	}
	return nil
}
