package transport

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
)

var errForeignExit = errors.New("transport: the caller's code ended its goroutine")

// foreign runs code of the caller for no longer than ctx, which the code may not look at. It costs a goroutine, so code that is known
// to return is called directly instead. A panic is the caller's again.
func foreign[T any](ctx context.Context, run func(context.Context) (T, error)) (T, error) {
	type result struct {
		value T
		err   error
		panic any
	}
	done := make(chan result, 1)
	go func() {
		r := result{err: errForeignExit}
		defer func() {
			r.panic = recover()
			done <- r
		}()
		r.value, r.err = run(ctx)
	}()
	var r result
	select {
	case r = <-done:
	case <-ctx.Done():
		select {
		case r = <-done: // just in time
		default:
			return r.value, ctx.Err()
		}
	}
	if r.panic != nil {
		panic(r.panic)
	}
	return r.value, r.err
}

// isLocal reports whether reads of r return at once, whatever the caller does.
func isLocal(r any) bool {
	switch r := r.(type) {
	case *bytes.Reader, *strings.Reader, *bytes.Buffer:
		return true
	case *os.File:
		info, err := r.Stat()
		return err == nil && info.Mode().IsRegular()
	}
	return false
}

// pump reads a reader of the caller on a goroutine of its own, so that a Read that blocks does not hold the attempt up.
type pump struct {
	ctx    context.Context
	src    io.ReadCloser
	chunks chan []byte   // what was read
	taken  chan struct{} // the chunk was used, its memory may be
	closed chan struct{}
	failed error // why chunks was closed
	rest   []byte

	mu             sync.Mutex
	started, ended bool
}

const (
	pumpBuffer = 32 << 10
	maxNothing = 100 // Reads one after the other that bring neither bytes nor an error, as in package bufio
)

func newPump(ctx context.Context, src io.ReadCloser) *pump {
	return &pump{ctx: ctx, src: src, chunks: make(chan []byte), taken: make(chan struct{}, 1), closed: make(chan struct{})}
}

var errAbandoned = errors.New("transport: the attempt that reads the body is over")

func (p *pump) Read(b []byte) (int, error) {
	p.mu.Lock()
	if !p.started && !p.ended {
		p.started = true
		go p.run()
	}
	p.mu.Unlock()
	if len(p.rest) == 0 {
		select {
		case chunk, ok := <-p.chunks:
			if !ok {
				return 0, p.failed
			}
			p.rest = chunk
		case <-p.ctx.Done():
			return 0, errAbandoned
		case <-p.closed:
			return 0, errAbandoned
		}
	}
	n := copy(b, p.rest)
	if p.rest = p.rest[n:]; len(p.rest) == 0 {
		p.taken <- struct{}{}
	}
	return n, nil
}

func (p *pump) run() {
	defer p.src.Close() //nolint:errcheck // it was read
	defer close(p.chunks)
	p.failed = errAbandoned
	buf := make([]byte, pumpBuffer)
	for nothing := 0; ; {
		n, err := p.src.Read(buf)
		if n > 0 {
			nothing = 0
			select {
			case p.chunks <- buf[:n]:
			case <-p.ctx.Done():
				return
			case <-p.closed:
				return
			}
			select {
			case <-p.taken:
			case <-p.ctx.Done():
				return
			case <-p.closed:
				return
			}
		} else if nothing++; nothing == maxNothing && err == nil {
			err = io.ErrNoProgress
		}
		if err != nil {
			p.failed = err
			return
		}
	}
}

// Close ends the reading; a Read that blocks is left behind, until it returns.
func (p *pump) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return nil
	}
	p.ended = true
	close(p.closed)
	if !p.started {
		go p.src.Close() //nolint:errcheck // it was not read
	}
	return nil
}
