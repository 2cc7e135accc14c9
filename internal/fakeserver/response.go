package fakeserver

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/identkit/identkit/internal/fault"
)

// response is a reply with its fault applied.
type response struct {
	status int
	header http.Header
	length int64     // announced; -1 for none
	body   io.Reader // the part that is sent; nil for a response that never has a body
	end    fault.End
}

// shape applies a fault to a reply.
func shape(reply *reply, plan fault.Plan, method string) response {
	d := response{status: reply.status, header: reply.header.Clone()}
	d.header.Del("Content-Length")
	body, length := content(reply, plan, d.header)
	if d.end = plan.End; d.end != "" {
		body, length = cut(body, length, plan.EndAfter)
	}
	if plan.Endless {
		body, length = io.MultiReader(body, spaces{}), -1
	}
	d.body, d.length = body, length
	if d.status == http.StatusNoContent || d.status == http.StatusNotModified {
		d.body, d.length = nil, -1
	}
	if method == http.MethodHead {
		d.body = nil
	}
	if d.length >= 0 {
		d.header.Set("Content-Length", strconv.FormatInt(d.length, 10))
	}
	return d
}

// cut returns the part of a body that is sent before its end, and the length to announce. Half of a stream of unknown length is half of its
// beginning.
func cut(body io.Reader, length, after int64) (io.Reader, int64) {
	switch {
	case after == fault.Half && length < 0:
		start, _ := io.ReadAll(io.LimitReader(body, 64<<10)) // a stream that fails is cut there
		return bytes.NewReader(start[:len(start)/2]), length
	case after == fault.Half:
		after = length / 2
	}
	if length >= 0 {
		length = max(length, after+1) // else the body would be whole
	}
	return io.LimitReader(body, after), length
}

// content returns the body, rewritten, padded and encoded, and its length.
func content(reply *reply, plan fault.Plan, header http.Header) (io.Reader, int64) {
	body, length := reply.stream, reply.size
	if body == nil || plan.Body == fault.Empty {
		text := rewritten(reply.body, plan.Body)
		body, length = bytes.NewReader(text), int64(len(text))
	}
	switch {
	case plan.Encoding != "":
		header.Set("Content-Encoding", "gzip")
	case plan.Padding == 0:
		return body, length
	}
	padded := io.MultiReader(io.LimitReader(spaces{}, plan.Padding), body)
	switch {
	case plan.Encoding == "" && length < 0:
		return padded, length
	case plan.Encoding == "":
		return padded, length + plan.Padding
	case reply.stream != nil:
		return newZipping(padded), -1
	}
	compressed, length := gzipped(rewritten(reply.body, plan.Body), plan.Padding)
	if plan.Encoding == fault.GzipTruncated {
		length /= 2
		compressed = io.LimitReader(compressed, length)
	}
	return compressed, length
}

func rewritten(body []byte, how fault.Body) []byte {
	switch how {
	case fault.BadJSON:
		return invalidJSON(body)
	case fault.Empty:
		return nil
	case fault.Duplicate:
		return append(bytes.Clone(body), body...)
	}
	return body
}

// zipping compresses a stream while it is read.
type zipping struct {
	src io.Reader
	zip *gzip.Writer
	out bytes.Buffer
	buf [4 << 10]byte
	err error
}

func newZipping(src io.Reader) *zipping {
	z := &zipping{src: src}
	z.zip = gzip.NewWriter(&z.out)
	return z
}

func (z *zipping) Read(p []byte) (int, error) {
	for z.out.Len() == 0 && z.err == nil {
		var n int
		n, z.err = z.src.Read(z.buf[:])
		_, _ = z.zip.Write(z.buf[:n]) // a bytes.Buffer does not fail
		if z.err == io.EOF {          //nolint:errorlint // a wrapped one is not the end
			_ = z.zip.Close()
		}
	}
	if z.out.Len() > 0 {
		return z.out.Read(p)
	}
	return 0, z.err
}

// invalidJSON cuts a body so that the rest is no JSON.
func invalidJSON(body []byte) []byte {
	cut := body[:len(body)/2]
	if len(cut) == 0 || json.Valid(cut) {
		return []byte("{")
	}
	return cut
}

// gzipped compresses a body after padding, and returns the length. Gzip files may be concatenated, so the padding is one small file
// repeated: a bomb costs neither time nor memory.
func gzipped(body []byte, padding int64) (io.Reader, int64) {
	const block = 1 << 20
	whole, rest := padding/block, padding%block
	var bomb []byte
	if whole > 0 {
		bomb = compress(bytes.Repeat([]byte{' '}, block))
	}
	tail := compress(append(bytes.Repeat([]byte{' '}, int(rest)), body...))
	length := whole * int64(len(bomb))
	return io.MultiReader(io.LimitReader(&repeated{text: bomb}, length), bytes.NewReader(tail)), length + int64(len(tail))
}

func compress(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(b) // a bytes.Buffer does not fail
	_ = w.Close()
	return out.Bytes()
}

// spaces is an endless reader of spaces.
type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// repeated is a reader of one text, repeated.
type repeated struct {
	text   []byte
	offset int
}

func (r *repeated) Read(p []byte) (int, error) {
	n := copy(p, r.text[r.offset:])
	r.offset = (r.offset + n) % len(r.text)
	return n, nil
}

// paced reads a body in chunks, with a pause before each but the first. Its reads end with the context, or when stopped.
type paced struct {
	ctx   context.Context
	src   *bufio.Reader
	chunk int
	every time.Duration

	stopOnce sync.Once
	stopped  chan struct{}
	begun    bool
	left     int // of the current chunk
}

func newPaced(ctx context.Context, src io.Reader, plan fault.Plan) *paced {
	return &paced{ctx: ctx, src: bufio.NewReader(src), chunk: plan.ChunkBytes, every: plan.ChunkEvery, stopped: make(chan struct{})}
}

func (p *paced) Read(b []byte) (int, error) {
	if p.ctx.Err() != nil {
		return 0, context.Cause(p.ctx)
	}
	if p.chunk == 0 || len(b) == 0 {
		return p.src.Read(b)
	}
	if p.left == 0 {
		if _, err := p.src.Peek(1); err != nil {
			return 0, err // the end needs no pause
		}
		if p.begun {
			if err := pause(p.ctx, p.stopped, p.every); err != nil {
				return 0, err
			}
		}
		p.begun, p.left = true, p.chunk
	}
	n, err := p.src.Read(b[:min(len(b), p.left)])
	p.left -= n
	return n, err
}

// stop ends the present pause and all later ones.
func (p *paced) stop() { p.stopOnce.Do(func() { close(p.stopped) }) }

// pause waits; it ends early with the context or when stopped. It waits on nothing that was made outside of
// the request, so that a testing/synctest bubble sees it as blocked for good and moves its clock.
func pause(ctx context.Context, stopped <-chan struct{}, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-stopped:
		return http.ErrBodyReadAfterClose
	}
}
