package transport

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"sync"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/seal"
	"github.com/identkit/identkit/internal/wire"
)

const (
	maxDownload = 256 << 20
	maxBlank    = 512 // of white space before what a body begins with
)

var (
	acceptAny  = []string{"*/*"}
	errEncoded = Contradiction("response has an encoding that was not asked for")
	errPartial = Contradiction("response is a part that was not asked for")
)

// maxDownload is how large the result may be; zero: it is no download.
func (o *Op[In, Out]) maxDownload() int64 {
	if _, streams := any((*Out)(nil)).(*identkit.Download); !streams {
		return 0
	}
	return or(o.MaxBytes, maxDownload)
}

// leave ends what belongs to the attempt. A download goes on in its context.
func (a *attempt) leave(cancel context.CancelCauseFunc) {
	a.watch.stop()
	if d := a.call.download; d != nil {
		d.cancel = cancel
		return
	}
	cancel(nil)
}

// openDownload takes a success over once its body has begun. Until then another attempt can replace it.
func (a *attempt) openDownload(resp *http.Response) *failure {
	c := a.call
	body := bufio.NewReaderSize(a.counted(resp.Body), maxBlank)
	refusal, err := c.refuseDownload(resp, body)
	if refusal == nil && err == nil {
		c.download = &download{
			attempt: a, body: resp.Body, src: body, left: c.op.maxDownload,
			contentType: resp.Header.Get("Content-Type"), size: resp.ContentLength,
		}
		if resp.ContentLength >= 0 {
			c.download.src = &announced{body, resp.ContentLength}
		}
		return nil
	}
	var f *failure
	if refusal != nil {
		c.body, _ = readCapped(io.LimitReader(body, maxErrorBody), -1, maxErrorBody)
		f = &failure{phase: identkit.PhaseBody, sent: true, unknown: true, permanent: true}
		f.err = &identkit.Error{Kind: identkit.ErrBadResponse, Detail: describeResponse(refusal), Err: refusal}
		seal.ErrorBody(f.err, c.body)
	} else {
		f = a.lost(err)
	}
	_ = resp.Body.Close()
	f.err.Status, f.err.RequestID = c.status, c.requestID
	return f
}

// announced compares a response's body with its length. Unlike [sized] it hands all bytes on: what follows them does not make them wrong.
type announced struct {
	src  io.Reader
	left int64
}

func (a *announced) Read(b []byte) (int, error) {
	if a.left == 0 {
		var one [1]byte
		n, err := a.src.Read(one[:])
		if n > 0 {
			return 0, errLong
		}
		return 0, err
	}
	n, err := a.src.Read(b[:min(int64(len(b)), a.left)])
	a.left -= int64(n)
	if err == io.EOF && a.left > 0 {
		err = errShort
	} else if err == io.EOF {
		err = nil
	}
	return n, err
}

// refuseDownload says why a success is not the file that was asked for, or why it was lost. An HTML page is a gateway's.
func (c *call) refuseDownload(resp *http.Response, body *bufio.Reader) (refusal, err error) {
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	encoding := resp.Header.Get("Content-Encoding")
	switch {
	case media == "text/html", media == "application/xhtml+xml":
		return errHTML, nil
	case encoding != "" && encoding != "identity":
		return errEncoded, nil
	case resp.StatusCode == http.StatusPartialContent && c.header.Get("Range") == "":
		return errPartial, nil
	case resp.ContentLength > c.op.maxDownload:
		return nil, errTooLarge
	}
	start, err := beginning(body)
	empty := len(start) == 0 && errors.Is(err, io.EOF)
	switch {
	case isHTML(start):
		return errHTML, nil
	case empty && resp.ContentLength > 0:
		return nil, io.ErrUnexpectedEOF
	case empty && !c.op.bodyless:
		return errEmpty, nil
	case errors.Is(err, io.EOF):
		return nil, nil
	}
	return nil, err
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// beginning waits until a body has shown what it begins with, behind white space.
func beginning(r *bufio.Reader) ([]byte, error) {
	for n := 1; ; n++ {
		b, err := r.Peek(n)
		blank := bytes.HasPrefix(byteOrderMark, b) || len(bytes.TrimLeft(wire.TrimBOM(b), " \t\r\n")) == 0
		if err != nil || !blank || n == maxBlank {
			return b, err
		}
	}
}

// download is the body of a response in the hands of the caller. The call ends with it.
type download struct {
	attempt     *attempt
	body        io.Closer
	src         io.Reader // the body, compared with its announced length
	contentType string
	size        int64 // -1: not announced
	left        int64 // of the cap; of the goroutine that reads
	cancel      context.CancelCauseFunc
	stop        func() bool // of the watch for the context's end
	flow        flow
	once        sync.Once // for the end of the call

	mu             sync.Mutex
	read           int64
	reading, ended bool
	err            error // of all further Reads; io.EOF after a whole body
}

func (d *download) into(out any) {
	*out.(*identkit.Download) = identkit.Download{ReadCloser: d, ContentType: d.contentType, Size: d.size}
}

// start hands the download over. From now on the call ends with it, or with its context.
func (d *download) start() {
	c := d.attempt.call
	var end time.Time
	if c.settings.Timeout > 0 {
		end = c.deadline
	}
	d.flow.start(d.cancel, c.client.retry.MinRate, end)
	d.stop = context.AfterFunc(d.attempt.Context, func() { d.end(d.attempt.Context.Err()) })
}

// release drops a download that the caller does not get.
func (d *download) release() {
	d.cancel(nil)
	_ = d.body.Close()
}

// Read ends with a failure of its own kind for everything but a whole body.
func (d *download) Read(b []byte) (int, error) {
	d.mu.Lock()
	if d.ended || d.err != nil {
		defer d.mu.Unlock()
		return 0, d.readError()
	}
	d.reading = true
	d.mu.Unlock()

	d.flow.enter()
	n, err := d.src.Read(b[:min(int64(len(b)), d.left+1)])
	d.flow.leave(n)
	if int64(n) > d.left {
		n, err = int(d.left), errTooLarge
	}
	d.left -= int64(n)

	d.mu.Lock()
	d.reading = false
	d.read += int64(n)
	ended := d.ended
	if err == io.EOF && !ended {
		d.err = err
	}
	d.mu.Unlock()
	switch {
	case ended:
		_ = d.body.Close() // was left to this Read
	case err == nil, err == io.EOF:
		return n, err
	default:
		d.stop()
		d.end(err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return n, d.readError()
}

func (d *download) readError() error {
	if d.err != nil {
		return d.err
	}
	return http.ErrBodyReadAfterClose
}

// Close ends the call. It returns the failure of the download, if there was one.
func (d *download) Close() error {
	d.stop()
	d.end(nil)
	_ = d.body.Close() // also ends a Read of another goroutine
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == io.EOF { //nolint:errorlint // a wrapped one is a failure
		return nil
	}
	return d.err
}

// end ends the call once: with the failure of a Read or of the context, or without one. A whole body is the result, whatever follows.
func (d *download) end(err error) {
	d.once.Do(func() {
		d.flow.stop()
		c := d.attempt.call
		d.mu.Lock()
		if d.err != nil || d.read == d.size && !errors.Is(err, errLong) {
			d.err, err = io.EOF, nil
		}
		d.mu.Unlock()
		var failed *identkit.Error
		if err != nil {
			failed = d.failure(err)
		}
		c.complete(failed)
		d.mu.Lock()
		if d.ended = true; failed != nil {
			d.err = failed
		}
		reading := d.reading
		d.mu.Unlock()
		d.cancel(nil)
		if !reading {
			_ = d.body.Close()
		}
		c.report(failed)
	})
}

// failure is the call's, from the error of a Read or of the context.
func (d *download) failure(err error) *identkit.Error {
	a := d.attempt
	if cause := a.timedOut(); cause != nil {
		err = cause
	} else if errors.Is(err, errShort) || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	f := lost(a.ctx, err, &a.progress)
	e := f.err
	switch {
	case errors.Is(err, errLong):
		e.Kind, e.Detail = identkit.ErrBadResponse, "response is longer than announced"
	case e.Kind == identkit.ErrNetwork && !errors.Is(err, io.ErrUnexpectedEOF):
		e.Err = errors.Join(io.ErrUnexpectedEOF, e.Err)
	}
	a.locate(e, err)
	c := a.call
	e.Status, e.RequestID = c.status, c.requestID
	last := &c.attempts[len(c.attempts)-1]
	last.Kind, last.Phase, last.Duration = e.Kind, f.phase, time.Since(last.Start)
	c.unknown = c.unknown || f.unknown
	return e
}
