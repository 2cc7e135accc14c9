package transport

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"sync"

	"github.com/identkit/identkit"
)

// Body is what a request carries. It can be opened once per attempt; nothing is buffered but JSON and forms.
type Body struct {
	contentType string
	length      int64
	open        func() (io.ReadCloser, error) // nil: no body
	object      []byte                        // the bytes of a JSON body, for with
	err         error
}

// JSON is v as a JSON body.
func JSON(v any) Body {
	b, err := json.Marshal(v)
	if err != nil {
		return Body{err: err}
	}
	body := bytesBody("application/json", b)
	body.object = b
	return body
}

var errMask = errors.New("transport: body holds a masked secret")

// unmasked refuses a body in which an identkit.Secret was encoded: what would be sent is its mask.
func (b Body) unmasked() Body {
	if bytes.Contains(b.object, maskedSecret) {
		return Body{err: errMask}
	}
	return b
}

var maskedSecret, _ = []byte(`"` + identkit.Secret("x").String() + `"`), error(nil)

// with is the body with more members.
func (b Body) with(more map[string]any, check *Check) Body {
	var object map[string]json.RawMessage
	if b.object == nil || decodeObject(b.object, &object) != nil {
		check.Refuse("WithBodyField", "needs a call with a JSON object as its body")
		return b
	}
	for name, value := range more {
		if _, taken := object[name]; taken {
			check.Refuse("WithBodyField["+name+"]", "is sent by the call already")
			continue
		}
		if secret, ok := value.(identkit.Secret); ok {
			value = secret.Reveal()
		}
		v, err := json.Marshal(value)
		if bytes.Contains(v, maskedSecret) {
			check.Refuse("WithBodyField["+name+"]", "holds a Secret inside, which encodes as a mask; Reveal it")
			continue
		}
		if err != nil {
			check.Refuse("WithBodyField["+name+"]", "cannot be encoded")
			continue
		}
		object[name] = v
	}
	return JSON(object)
}

// Form is an URL-encoded body.
func Form(v url.Values) Body {
	return bytesBody("application/x-www-form-urlencoded", []byte(v.Encode()))
}

func bytesBody(contentType string, b []byte) Body {
	return Body{contentType: contentType, length: int64(len(b)), open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(b)), nil
	}}
}

// ReaderAt streams size bytes of r. Attempts read independently.
func ReaderAt(contentType string, r io.ReaderAt, size int64) Body {
	return Body{contentType: contentType, length: size, open: func() (io.ReadCloser, error) {
		return io.NopCloser(io.NewSectionReader(r, 0, size)), nil
	}}
}

// Seeker streams r from its present position to its end, and rewinds to there for another attempt. A Read that blocks holds the call
// up beyond its timeouts: net/http waits for it.
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
	g := &gate{r: r, start: start}
	return Body{contentType: contentType, length: end - start, open: g.open}
}

// gate gives a shared seeker to one attempt at a time: net/http may still be reading for an attempt that is over
// when the next one begins, and must then get an error, not the next one's bytes.
type gate struct {
	mu      sync.Mutex
	r       io.ReadSeeker
	start   int64
	current *pass
}

type pass struct{ g *gate }

var errStaleBody = errors.New("transport: body belongs to a later attempt")

func (g *gate) open() (io.ReadCloser, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, err := g.r.Seek(g.start, io.SeekStart); err != nil {
		return nil, err
	}
	g.current = &pass{g}
	return g.current, nil
}

func (p *pass) Read(b []byte) (int, error) {
	p.g.mu.Lock()
	defer p.g.mu.Unlock()
	if p.g.current != p {
		return 0, errStaleBody
	}
	return p.g.r.Read(b)
}

func (p *pass) Close() error {
	p.g.mu.Lock()
	defer p.g.mu.Unlock()
	if p.g.current == p {
		p.g.current = nil
	}
	return nil
}
