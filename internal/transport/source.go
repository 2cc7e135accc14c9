package transport

import (
	"errors"
	"io"

	"github.com/identkit/identkit"
)

var (
	errShort    = errors.New("ended before its size")
	errLong     = errors.New("goes on behind its size")
	errNegative = errors.New("has a negative size")
	errSpent    = errors.New("can be read only once")
)

// sized reads a source of known size. The last bytes are handed on only when the source has ended behind them: what is too long, or fails
// at its end, never reaches the server as a complete body.
type sized struct {
	io.ReadCloser
	left int64
	err  error // of the end, io.EOF included
}

func (s *sized) Read(b []byte) (int, error) {
	if s.err == nil && s.left == 0 {
		s.err = s.end()
	}
	if s.err != nil || len(b) == 0 {
		return 0, s.err
	}
	n, err := s.ReadCloser.Read(b[:min(int64(len(b)), s.left)])
	switch s.left -= int64(n); {
	case err != nil && err != io.EOF:
		s.err = err
	case err == io.EOF && s.left > 0:
		s.err = errShort
	case s.left == 0:
		if s.err = s.end(); !errors.Is(s.err, io.EOF) {
			n = 0
		}
	}
	return n, s.err
}

// end reads on where the source should have ended.
func (s *sized) end() error {
	const patience = 100 // as bufio has it
	var one [1]byte
	for range patience {
		switch n, err := s.ReadCloser.Read(one[:]); {
		case n > 0:
			return errLong
		case err != nil:
			return err
		}
	}
	return io.ErrNoProgress
}

// bodyFault is why the body of an attempt could not be sent.
type bodyFault struct{ err error }

// noteBody remembers a fault of the caller's reader, which another attempt will not change.
func (a *attempt) noteBody(err error) {
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, errStaleBody) && !errors.Is(err, errAbandoned) && !errors.Is(err, errSpent) {
		a.fault.CompareAndSwap(nil, &bodyFault{err})
	}
}

// bodyFailure is the failure of an attempt whose body could not be sent whole, and so had no effect.
func (a *attempt) bodyFailure(err error) *failure {
	e := &identkit.Error{Kind: identkit.ErrInvalidRequest, Err: err}
	switch {
	case errors.Is(err, errFieldUsed):
		e.Detail = "the body has a field that authentication sends"
	case errors.Is(err, errShort), errors.Is(err, errLong):
		e.Fields = []identkit.FieldError{{Field: a.out.Body.name(), Reason: err.Error()}}
	default:
		e.Fields = []identkit.FieldError{{Field: a.out.Body.name(), Reason: "cannot be read"}}
	}
	return &failure{err: e, permanent: true}
}

// watchedBody tells the attempt how its request body moves, and notes what reading it gives, which net/http may hide or wrap.
type watchedBody struct {
	io.ReadCloser
	a    *attempt
	left int64
}

func (b *watchedBody) Read(buf []byte) (int, error) {
	if b.left == b.a.out.Body.length {
		b.a.bodyBegins()
	}
	n, err := b.ReadCloser.Read(buf)
	b.left -= int64(n)
	b.a.watch.moved.Add(int64(n))
	if err == io.EOF || b.left == 0 && n > 0 {
		b.a.watch.uploaded()
	}
	b.a.noteBody(err)
	return n, err
}
