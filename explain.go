package identkit

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Explain describes a failure in several lines, for the person who looks into it: what [Error.Error] says, the provider's code and message, the
// reasons for refused fields, each attempt, and the beginning of the response's body. It looks into wrapped and joined errors and into a
// [WaitError]; of an error without an [Error] it is the text, and "" of nil.
//
// The provider's texts may hold personal data, as the first line then says: do not log it unread. What was sent is not in it.
func Explain(err error) string {
	if err == nil {
		return ""
	}
	x := explanation{seen: make(map[*Error]bool)}
	x.find(err, 0)
	if len(x.found) == 0 {
		return textOf(err)
	}
	x.b.WriteString("May hold personal data: the provider's own texts follow.\n")
	if text := textOf(err); text != x.found[0].Error.Error() {
		x.line("", text)
		x.b.WriteByte('\n')
	}
	for i, e := range x.found {
		if i > 0 {
			x.b.WriteByte('\n')
		}
		x.describe(e)
	}
	return strings.TrimSuffix(x.b.String(), "\n")
}

const (
	maxExplained      = 16  // errors, fields and attempts
	maxExplainedDepth = 64  // of a chain, which may be the caller's and lead back to itself
	maxExplainedText  = 512 // bytes of a text of the provider's
)

type explanation struct {
	b     strings.Builder
	seen  map[*Error]bool
	found []found
}

// found is an Error of a chain; of a wait that gave up there is how often it read.
type found struct {
	*Error
	polls int
}

// find collects the errors of this package along a chain, outermost first.
func (x *explanation) find(err error, depth int) {
	if err == nil || depth > maxExplainedDepth || len(x.found) >= maxExplained {
		return
	}
	polls := -1
	for {
		w, ok := err.(interface{ cause() (int, error) })
		if !ok {
			break
		}
		if polls, err = w.cause(); err == nil {
			return
		}
	}
	if e, ok := err.(*Error); ok { //nolint:errorlint // each one is looked at on its own
		if e == nil || x.seen[e] {
			return
		}
		x.seen[e] = true
		x.found = append(x.found, found{e, polls})
		x.find(e.Err, depth+1)
		return
	}
	for _, inner := range unwrap(err) {
		x.find(inner, depth+1)
	}
}

// unwrap is what an error wraps. A foreign one may panic.
func unwrap(err error) (inner []error) {
	defer func() {
		if recover() != nil {
			inner = nil
		}
	}()
	switch e := err.(type) { //nolint:errorlint // as above
	case interface{ Unwrap() error }:
		return []error{e.Unwrap()}
	case interface{ Unwrap() []error }:
		return e.Unwrap()
	}
	return nil
}

// textOf is an error's text, on its own lines. A foreign one may panic.
func textOf(err error) (text string) {
	defer func() {
		if recover() != nil {
			text = fmt.Sprintf("an error of type %T, which has no text", err)
		}
	}()
	return err.Error()
}

func (x *explanation) describe(e found) {
	x.line("", e.Error.Error())
	x.line("operation: ", e.Operation)
	x.line("kind: ", string(e.Kind))
	if e.OutcomeUnknown {
		x.line("outcome: ", "unknown, the request may have taken effect")
	}
	if e.polls >= 0 {
		x.line("polls: ", strconv.Itoa(e.polls))
	}
	x.line("code: ", e.Code)
	x.line("message: ", e.Message)
	for i, f := range e.Fields {
		if i == maxExplained {
			x.line("field: ", "and "+strconv.Itoa(len(e.Fields)-i)+" more")
			break
		}
		x.line("field: ", f.Field+": "+f.Reason)
	}
	for i, a := range e.Attempts {
		if i == maxExplained {
			x.line("attempt: ", "and "+strconv.Itoa(len(e.Attempts)-i)+" more")
			break
		}
		x.line("attempt "+strconv.Itoa(i+1)+": ", a.describe())
	}
	x.line("body: ", string(e.body.Get()))
}

// line writes a line unless its text is empty.
func (x *explanation) line(name, text string) {
	if text != "" {
		x.b.WriteString(name + readable(text) + "\n")
	}
}

func (a Attempt) describe() string {
	var parts []string
	if a.Wait > 0 || a.Reason != "" {
		parts = append(parts, strings.TrimSpace("waited "+a.Wait.Round(time.Millisecond).String()+" "+string(a.Reason)))
	}
	if a.Status != 0 {
		parts = append(parts, "HTTP "+strconv.Itoa(a.Status))
	}
	switch {
	case a.Kind == "":
		parts = append(parts, "succeeded")
	case a.Phase != "":
		parts = append(parts, string(a.Kind)+" in phase "+string(a.Phase))
	default:
		parts = append(parts, string(a.Kind))
	}
	parts = append(parts, "took "+a.Duration.Round(time.Millisecond).String())
	if a.Queued > 0 {
		parts = append(parts, "of it queued "+a.Queued.Round(time.Millisecond).String())
	}
	return strings.Join(parts, ", ")
}

// readable is the beginning of a text on one line: without control characters, those that turn the direction of writing included, and
// without bytes that are no characters.
func readable(s string) string {
	cut := len(s) > maxExplainedText
	if cut {
		s = s[:maxExplainedText]
		for i := 1; i <= utf8.UTFMax && i < len(s); i++ { // not in the middle of a character
			if utf8.RuneStart(s[len(s)-i]) {
				if !utf8.FullRuneInString(s[len(s)-i:]) {
					s = s[:len(s)-i]
				}
				break
			}
		}
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, string(utf8.RuneError)))
	s = strings.TrimSpace(s)
	if cut {
		s += " …"
	}
	return s
}
