package fakeserver

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/identkit/identkit"
)

// route is an operation or a page with its handler.
type route struct {
	op       identkit.OperationInfo
	segments []segment
	handler  func(*Call)
	page     bool

	receive func(io.Reader) ([]byte, any, error) // of operations whose requests stream
	limit   int64
}

// segment is the pattern of a path segment: literal text, or a {part} with text around it.
type segment struct {
	before, part, after string
}

func (s segment) literal() bool { return s.part == "" }

// match reports whether an unescaped text fits, and the value of its part. A part is never empty.
func (s segment) match(text string) (value string, ok bool) {
	if s.literal() {
		return "", text == s.before
	}
	rest, ok := strings.CutPrefix(text, s.before)
	if !ok {
		return "", false
	}
	value, ok = strings.CutSuffix(rest, s.after)
	return value, ok && value != ""
}

func newRoute(op identkit.OperationInfo, path string, handler func(*Call)) (*route, error) {
	switch {
	case op.Name == "" || op.Method == "":
		return nil, fmt.Errorf("operation %q needs a name and a method", op.Name)
	case handler == nil:
		return nil, fmt.Errorf("operation %s needs a handler", op.Name)
	case !strings.HasPrefix(path, "/") || !strings.HasPrefix(op.Path, "/"):
		return nil, fmt.Errorf("operation %s: path %q must start with a slash", op.Name, op.Path)
	}
	r := &route{op: op, handler: handler}
	parts := make(map[string]bool)
	for text := range strings.SplitSeq(path[1:], "/") {
		s, err := parseSegment(text)
		if err == nil && s.part != "" && parts[s.part] {
			err = errors.New("duplicate name of a {part}")
		}
		if err != nil {
			return nil, fmt.Errorf("operation %s: path %q: %w", op.Name, op.Path, err)
		}
		parts[s.part] = true
		r.segments = append(r.segments, s)
	}
	return r, nil
}

func parseSegment(text string) (segment, error) {
	before, rest, open := strings.Cut(text, "{")
	if !open {
		if strings.ContainsAny(text, "}?#") {
			return segment{}, fmt.Errorf("%q is no segment of a path", text)
		}
		return segment{before: text}, nil
	}
	part, after, closed := strings.Cut(rest, "}")
	if !closed || part == "" || strings.ContainsAny(before+after, "{}?#") || strings.Contains(part, "{") {
		return segment{}, fmt.Errorf("%q must hold one {part}", text)
	}
	return segment{before: before, part: part, after: after}, nil
}

// match reports whether a path, split and unescaped, is this route's.
func (r *route) match(texts []string) (map[string]string, bool) {
	if len(texts) != len(r.segments) {
		return nil, false
	}
	values := make(map[string]string)
	for i, s := range r.segments {
		value, ok := s.match(texts[i])
		if !ok {
			return nil, false
		}
		if !s.literal() {
			values[s.part] = value
		}
	}
	return values, true
}

func (r *route) sameShape(other *route) bool {
	return slices.EqualFunc(r.segments, other.segments, func(a, b segment) bool {
		return a.literal() == b.literal() && a.before == b.before && a.after == b.after
	})
}

// moreSpecific orders routes: literal text before parts, from the left, and longer text before shorter.
func moreSpecific(a, b *route) int {
	if c := cmp.Compare(len(a.segments), len(b.segments)); c != 0 {
		return c
	}
	for i := range a.segments {
		x, y := a.segments[i], b.segments[i]
		if x.literal() != y.literal() {
			if x.literal() {
				return -1
			}
			return 1
		}
		if c := cmp.Compare(len(y.before)+len(y.after), len(x.before)+len(x.after)); c != 0 && !x.literal() {
			return c
		}
	}
	return 0
}

// none is the route of requests that match no other.
var none = new(route)

// find looks for the route of a request by its escaped path, so that an escaped slash stays inside its part.
// allowed lists the methods of the path when there is no route for this one.
func (s *Server) find(method, escapedPath string) (found *route, values map[string]string, allowed []string) {
	rest, ok := strings.CutPrefix(escapedPath, "/")
	if !ok {
		return none, nil, nil
	}
	texts := strings.Split(rest, "/")
	for i, p := range texts {
		unescaped, err := url.PathUnescape(p)
		if err != nil {
			return none, nil, nil
		}
		texts[i] = unescaped
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, r := range s.routes {
		values, ok := r.match(texts)
		if !ok {
			continue
		}
		if r.op.Method == method {
			return r, values, nil
		}
		if !slices.Contains(allowed, r.op.Method) {
			allowed = append(allowed, r.op.Method)
		}
	}
	slices.Sort(allowed)
	return none, nil, allowed
}
