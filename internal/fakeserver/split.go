package fakeserver

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// maxText is the limit of what [SplitJSON] holds.
const maxText = 1 << 20

var (
	errText    = errors.New("more than 1 MiB of JSON beside the files")
	errControl = errors.New("a control character in a string")
)

// SplitJSON reads a JSON text whose files, strings in Base64, are too large to be held: those for whose place file returns a writer are
// decoded into it. They are empty in the text that it returns, which is otherwise unchanged and not checked; [Call.Decode] does that.
func SplitJSON(body io.Reader, file func(at jsontext.Pointer) io.Writer) (text []byte, err error) {
	s := splitter{src: bufio.NewReader(body), file: file}
	if err = s.run(); errors.Is(err, io.EOF) {
		err = nil
	}
	return s.text, err
}

type splitter struct {
	src   *bufio.Reader
	file  func(jsontext.Pointer) io.Writer
	text  []byte
	stack []level
}

// level is an object or array that is open.
type level struct {
	array bool
	index int
	name  string // of the present member
	value bool   // its value follows
}

func (s *splitter) run() error {
	for {
		c, err := s.next()
		if err != nil {
			return err
		}
		if c == '{' || c == '[' {
			s.stack = append(s.stack, level{array: c == '['})
			continue
		}
		var in *level
		if len(s.stack) > 0 {
			in = &s.stack[len(s.stack)-1]
		}
		switch {
		case c == '"' && in != nil && !in.array && !in.value:
			in.name, err = s.name()
		case c == '"':
			err = s.string()
		case in == nil:
		case c == ':':
			in.value = true
		case c == ',':
			in.value = false
			in.index++
		case c == '}' || c == ']':
			s.stack = s.stack[:len(s.stack)-1]
		}
		if err != nil {
			return err
		}
	}
}

// next copies a byte into the text.
func (s *splitter) next() (byte, error) {
	c, err := s.src.ReadByte()
	if err != nil {
		return 0, err
	}
	if len(s.text) == maxText {
		return 0, errText
	}
	s.text = append(s.text, c)
	return c, nil
}

// name copies the rest of a member's name, and returns it.
func (s *splitter) name() (string, error) {
	start := len(s.text) - 1
	if err := s.copy(); err != nil {
		return "", err
	}
	name, _ := jsontext.AppendUnquote(nil, s.text[start:]) // invalid ones are left to Decode
	return string(name), nil
}

// copy copies the rest of a string.
func (s *splitter) copy() error {
	for {
		c, err := s.next()
		if err == nil && c == '\\' {
			_, err = s.next()
		} else if err == nil && c == '"' {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// string decodes the rest of a string into its file, or copies it.
func (s *splitter) string() error {
	var at jsontext.Pointer
	for _, l := range s.stack {
		if l.array {
			at = at.AppendToken(strconv.Itoa(l.index))
		} else {
			at = at.AppendToken(l.name)
		}
	}
	to := s.file(at)
	if to == nil {
		return s.copy()
	}
	rest := &quoted{src: s.src}
	if _, err := io.Copy(to, base64.NewDecoder(base64.StdEncoding, rest)); err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	s.text = append(s.text, '"')
	return nil
}

// quoted reads a string up to its closing quote, unescaped as far as Base64 needs it.
type quoted struct {
	src *bufio.Reader
	end bool
}

func (q *quoted) Read(b []byte) (n int, err error) {
	for n < len(b) && !q.end {
		if n > 0 && q.src.Buffered() == 0 {
			break
		}
		c, err := q.src.ReadByte()
		if err == nil && c == '\\' {
			c, err = q.src.ReadByte() // \/ is the only one that Base64 has; others are no Base64
			if err == nil && c != '/' {
				c = '\\'
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return n, io.ErrUnexpectedEOF
		case err != nil:
			return n, err
		case c == '"':
			q.end = true
		case c < ' ':
			return n, errControl
		default:
			b[n] = c
			n++
		}
	}
	if q.end && n == 0 {
		return 0, io.EOF
	}
	return n, nil
}
