package transport

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/textproto"
	"sync/atomic"
)

// Multipart is a multipart/form-data body: the fields in their order, then a file that streams from content, which also gives
// its Content-Type and length. Only the fields are held in memory.
func Multipart(fields []Field, name, filename string, content Body) Body {
	return (&multipartBody{fields: fields, name: name, filename: filename, content: content}).body()
}

type multipartBody struct {
	fields         []Field
	name, filename string
	content        Body
}

func (m *multipartBody) body() Body {
	if m.content.err != nil || m.content.IsZero() {
		return Body{err: errors.Join(m.content.err, errNoContent)}
	}
	var head bytes.Buffer
	w := multipart.NewWriter(&head)
	var err error
	for _, f := range m.fields {
		err = errors.Join(err, w.WriteField(f.Name, f.Value))
	}
	part := textproto.MIMEHeader{"Content-Type": {m.content.contentType}}
	part.Set("Content-Disposition", multipart.FileContentDisposition(m.name, m.filename))
	_, perr := w.CreatePart(part)
	tail := []byte("\r\n--" + w.Boundary() + "--\r\n")
	return Body{
		kind:        partsBody,
		parts:       m,
		spent:       m.content.spent,
		local:       m.content.local || m.content.memory != nil,
		contentType: w.FormDataContentType(),
		length:      int64(head.Len()) + m.content.length + int64(len(tail)),
		err:         errors.Join(err, perr),
		open: func(ctx context.Context) (io.ReadCloser, error) {
			file, err := m.content.reader(ctx)
			if err != nil {
				return nil, err
			}
			return &parts{
				Reader: io.MultiReader(bytes.NewReader(head.Bytes()), &fixedLength{src: file, left: m.content.length}, bytes.NewReader(tail)),
				Closer: file,
			}, nil
		},
	}
}

type parts struct {
	io.Reader
	io.Closer
}

var (
	errNoContent = errors.New("transport: multipart body without a file")
	errShort     = errors.New("transport: file ended before its length")
	errLong      = errors.New("transport: file goes on behind its length")
	errSpent     = errors.New("transport: body can be read only once")
)

// fixedLength reads a file of known length; one of another length is an error, not a body with the boundary in the wrong place.
type fixedLength struct {
	src  io.Reader
	left int64
}

func (e *fixedLength) Read(b []byte) (int, error) {
	if e.left == 0 {
		var one [1]byte
		n, err := e.src.Read(one[:])
		if n > 0 {
			return 0, errLong
		}
		if err == nil {
			return 0, nil // nothing yet; io.MultiReader asks again
		}
		return 0, err
	}
	n, err := e.src.Read(b[:min(int64(len(b)), e.left)])
	e.left -= int64(n)
	if err == io.EOF && e.left > 0 {
		err = errShort
	} else if err == io.EOF {
		err = nil
	}
	return n, err
}

// OneShot streams size bytes of a reader that cannot go back. Once an attempt has read from it there is no other.
func OneShot(contentType string, r io.Reader, size int64) Body {
	o := &oneShot{r: r}
	return Body{contentType: contentType, length: size, local: isLocal(r), open: o.open, spent: o.spent}
}

type oneShot struct {
	r       io.Reader
	current atomic.Pointer[oneShotPass]
	begun   atomic.Bool
}

type oneShotPass struct{ o *oneShot }

func (o *oneShot) open(context.Context) (io.ReadCloser, error) {
	p := &oneShotPass{o}
	o.current.Store(p) // before the look at begun: the pass before it sets that, and then looks at current
	if o.begun.Load() {
		return nil, errSpent
	}
	return p, nil
}

func (o *oneShot) spent() bool { return o.begun.Load() }

func (p *oneShotPass) Read(b []byte) (int, error) {
	if p.o.current.Load() != p {
		return 0, errStaleBody
	}
	p.o.begun.Store(true)
	if p.o.current.Load() != p {
		return 0, errStaleBody
	}
	return p.o.r.Read(b)
}

func (p *oneShotPass) Close() error {
	p.o.current.CompareAndSwap(p, nil)
	return nil
}
