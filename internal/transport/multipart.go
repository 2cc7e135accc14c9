package transport

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"net/textproto"
	"sync"
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
		contentType: w.FormDataContentType(),
		length:      int64(head.Len()) + m.content.length + int64(len(tail)),
		err:         errors.Join(err, perr),
		open: func() (io.ReadCloser, error) {
			file, err := m.content.reader()
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
	return Body{contentType: contentType, length: size, open: o.open, spent: o.spent}
}

type oneShot struct {
	mu      sync.Mutex
	r       io.Reader
	current *oneShotPass
	begun   bool
}

type oneShotPass struct{ o *oneShot }

func (o *oneShot) open() (io.ReadCloser, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.begun {
		return nil, errSpent
	}
	o.current = &oneShotPass{o}
	return o.current, nil
}

func (o *oneShot) spent() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.begun
}

func (p *oneShotPass) Read(b []byte) (int, error) {
	p.o.mu.Lock()
	defer p.o.mu.Unlock()
	if p.o.current != p {
		return 0, errStaleBody
	}
	p.o.begun = true
	return p.o.r.Read(b)
}

func (p *oneShotPass) Close() error {
	p.o.mu.Lock()
	defer p.o.mu.Unlock()
	if p.o.current == p {
		p.o.current = nil
	}
	return nil
}
