package fakeserver

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"sync"

	"github.com/identkit/identkit/identkittest"
)

// journalPrefix is what the journal keeps of bodies that it does not keep whole.
const journalPrefix = 16 << 10

// Receive lets the requests of a registered operation stream. The function reads a body, of at most limit bytes, while it arrives,
// before the handler and without the fake's lock; the text that it returns is [Call.Body], the value and the error are
// [Call.Received]. It is not called for a request that a fault does not let through. It panics when there is no such operation.
func (s *Server) Receive(operation string, limit int64, receive func(body io.Reader) (text []byte, value any, err error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.routes {
		if r.op.Name == operation {
			r.receive, r.limit = receive, limit
			return
		}
	}
	panic("fakeserver: no operation " + operation + " to receive")
}

// requestBody is read once, when it is first needed. A streamed one is not held.
type requestBody struct {
	src      io.Reader // nil for none
	limit    int64
	streamed bool
	receive  func(io.Reader) ([]byte, any, error) // of a streamed body; nil: nobody reads it

	once    sync.Once
	data    []byte // what the handler gets
	kept    []byte // what the journal gets
	size    int64
	sum     hash.Hash // of a streamed body
	tooLong bool
	err     error
	value   any
	invalid error // why receive refused it
}

var errBodyTooLong = errors.New("fakeserver: body is over the limit")

// load reads the body up to the limit.
func (b *requestBody) load() error {
	b.once.Do(func() {
		switch {
		case b.src == nil:
		case b.streamed:
			b.stream()
		default:
			b.data, b.err = io.ReadAll(io.LimitReader(b.src, b.limit+1))
			if int64(len(b.data)) > b.limit {
				b.data, b.tooLong = b.data[:b.limit], true
			}
			b.kept, b.size = b.data, int64(len(b.data))
		}
	})
	return b.err
}

func (b *requestBody) stream() {
	b.sum = sha256.New()
	arriving := arriving{b}
	if b.receive != nil {
		b.data, b.value, b.invalid = b.receive(arriving)
	}
	if b.err == nil && !b.tooLong {
		_, _ = io.Copy(io.Discard, arriving)
	}
}

// arriving is a streamed body on its way in.
type arriving struct{ *requestBody }

func (a arriving) Read(p []byte) (int, error) {
	switch {
	case a.err != nil:
		return 0, a.err
	case a.tooLong:
		return 0, errBodyTooLong
	}
	n, err := a.src.Read(p)
	a.size += int64(n)
	a.kept = append(a.kept, p[:min(n, journalPrefix-len(a.kept))]...)
	_, _ = a.sum.Write(p[:n])
	if err != nil && !errors.Is(err, io.EOF) {
		a.err = err
	}
	if a.size > a.limit {
		a.tooLong = true
		return n, errBodyTooLong
	}
	return n, err
}

// reader returns the body for a fault rule to look at, of a streamed one the beginning. Reading it loads it.
func (b *requestBody) reader() io.ReadCloser { return io.NopCloser(&lazyReader{body: b}) }

type lazyReader struct {
	body *requestBody
	src  io.Reader
}

func (r *lazyReader) Read(p []byte) (int, error) {
	switch {
	case r.src != nil:
	case r.body.streamed:
		start, ok := r.body.src.(*bufio.Reader)
		if !ok {
			start = bufio.NewReaderSize(r.body.src, journalPrefix)
			r.body.src = start
		}
		head, _ := start.Peek(journalPrefix) // an error comes again when the body is read
		r.src = bytes.NewReader(bytes.Clone(head))
	default:
		if err := r.body.load(); err != nil {
			return 0, err
		}
		r.src = bytes.NewReader(r.body.data)
	}
	return r.src.Read(p)
}

// enter puts what is known of the body into an entry of the journal.
func (b *requestBody) enter(e *identkittest.Entry) {
	e.Body, e.Size = b.kept, int(b.size)
	e.Truncated = b.size > int64(len(b.kept))
	if b.sum != nil {
		e.SHA256 = hex.EncodeToString(b.sum.Sum(nil))
	}
}
