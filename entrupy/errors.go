package entrupy

import (
	"cmp"
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// failureBody is what is known of error bodies: an official sample reads a text in error, another API of the vendor has message and ecode,
// and the shape of detail is that of the framework behind the v2 reference. No page documents one (EN-004).
type failureBody struct {
	Error   jsontext.Value `json:"error"`
	Message jsontext.Value `json:"message"`
	Detail  jsontext.Value `json:"detail"`
	ECode   string         `json:"ecode"`
	Code    string         `json:"code"`
}

// problem is one element of a list of problems.
type problem struct {
	Location []jsontext.Value `json:"loc"`
	Text     string           `json:"msg"`
	Message  string           `json:"message"`
	Type     string           `json:"type"`
}

// readFailure reads an error body of any shape into e. The status has decided that it is a failure; a body that says nothing leaves code
// and message empty.
func readFailure(e *identkit.Error, r transport.FailedResponse) {
	var (
		f     failureBody
		whole jsontext.Value
	)
	switch {
	case r.ContentType == "text/plain" && utf8.Valid(r.Body):
		e.Message = strings.TrimSpace(string(r.Body))
	case codec.Unmarshal(r.Body, &f) == nil:
		e.Code = cmp.Or(f.ECode, f.Code)
		for _, part := range []jsontext.Value{f.Error, f.Message, f.Detail} {
			describe(e, part, maxDepth)
		}
	case codec.Unmarshal(r.Body, &whole) == nil:
		describe(e, whole, maxDepth)
	}
	if e.Status == http.StatusConflict {
		if c := readConflict(r.Body); c.Authorization != nil {
			e.Err = c
		}
	}
}

// describe reads a text, an object or a list of either. The first text becomes the message.
func describe(e *identkit.Error, part jsontext.Value, depth int) {
	switch part.Kind() {
	case '"':
		var text string
		if codec.Unmarshal(part, &text) == nil {
			e.Message = cmp.Or(e.Message, strings.TrimSpace(text))
		}
	case '[':
		var all []jsontext.Value
		if depth > 1 && codec.Unmarshal(part, &all) == nil {
			for _, one := range all {
				describe(e, one, depth-1)
			}
		}
	case '{':
		var f failureBody
		if codec.Unmarshal(part, &f) == nil {
			e.Code = cmp.Or(e.Code, f.ECode, f.Code)
		}
		var p problem
		if codec.Unmarshal(part, &p) != nil {
			return
		}
		text := cmp.Or(p.Text, p.Message)
		e.Message = cmp.Or(e.Message, text)
		if field := p.field(); field != "" {
			e.Fields = append(e.Fields, identkit.FieldError{Field: field, Reason: cmp.Or(text, p.Type)})
		}
	}
}

// memberName is what a part of a location must look like to be shown: a word, not what the request could have put there.
var memberName = regexp.MustCompile(`^[A-Za-z_]{1,32}$|^[0-9]{1,6}$`)

// field names the place of a problem, such as filters.0.key.
func (p *problem) field() string {
	parts := make([]string, 0, len(p.Location))
	for i, value := range p.Location {
		var part string
		_ = codec.Unmarshal(value, &part) // an object or a list gives ""
		if i == 0 && part == "body" {
			continue
		}
		if !memberName.MatchString(part) {
			part = "*"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ".")
}
