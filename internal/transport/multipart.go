package transport

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"net/textproto"
	"sync"
)

// Field is a text part of a multipart body.
type Field struct{ Name, Value string }

// Multipart is a multipart/form-data body: the fields in their order, then a file that streams from content, which also gives
// its Content-Type and length. Only the fields are held in memory.
func Multipart(fields []Field, name, filename string, content Body) Body {
	if content.err != nil || content.open == nil {
		return Body{err: errors.Join(content.err, errNoContent)}
	}
	var head bytes.Buffer
	w := multipart.NewWriter(&head)
	var err error
	for _, f := range fields {
		err = errors.Join(err, w.WriteField(f.Name, f.Value))
	}
	part := textproto.MIMEHeader{"Content-Type": {content.contentType}}
	part.Set("Content-Disposition", multipart.FileContentDisposition(name, filename))
	_, perr := w.CreatePart(part)
	tail := []byte("\r\n--" + w.Boundary() + "--\r\n")
	return Body{
		contentType: w.FormDataContentType(),
		length:      int64(head.Len()) + content.length + int64(len(tail)),
		err:         errors.Join(err, perr),
		open: func() (io.ReadCloser, error) {
			file, err := content.open()
			if err != nil {
				return nil, err
			}
			return &parts{
				Reader: io.MultiReader(bytes.NewReader(head.Bytes()), &exact{src: file, left: content.length}, bytes.NewReader(tail)),
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
	errReadTwice = errors.New("transport: body can be read only once")
)

// exact reads a file of known length; one of another length is an error, not a body with the boundary in the wrong place.
type exact struct {
	src  io.Reader
	left int64
}

func (e *exact) Read(b []byte) (int, error) {
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

// Once streams size bytes of a reader that cannot go back. It serves one attempt: a call with it should allow no more.
func Once(contentType string, r io.Reader, size int64) Body {
	o := &once{r: r}
	return Body{contentType: contentType, length: size, open: o.open}
}

type once struct {
	mu      sync.Mutex
	r       io.Reader
	current *oncePass
	begun   bool
}

type oncePass struct{ o *once }

func (o *once) open() (io.ReadCloser, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.begun {
		return nil, errReadTwice
	}
	o.current = &oncePass{o}
	return o.current, nil
}

func (p *oncePass) Read(b []byte) (int, error) {
	p.o.mu.Lock()
	defer p.o.mu.Unlock()
	if p.o.current != p {
		return 0, errStaleBody
	}
	p.o.begun = true
	return p.o.r.Read(b)
}

func (p *oncePass) Close() error {
	p.o.mu.Lock()
	defer p.o.mu.Unlock()
	if p.o.current == p {
		p.o.current = nil
	}
	return nil
}
