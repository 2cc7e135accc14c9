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
	switch {
	case m.content.err != nil:
		return Body{field: m.content.field, err: m.content.err}
	case m.content.IsZero():
		return Body{err: errNoContent}
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
		field:       m.content.field,
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
				Reader: io.MultiReader(bytes.NewReader(head.Bytes()), file, bytes.NewReader(tail)),
				Closer: file,
			}, nil
		},
	}
}

type parts struct {
	io.Reader
	io.Closer
}

var errNoContent = errors.New("transport: multipart body without a file")

// OneShot streams size bytes of a reader that cannot go back. Once an attempt has read from it there is no other.
func OneShot(contentType string, r io.Reader, size int64) Body {
	if size < 0 {
		return Body{err: errNegative}
	}
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
