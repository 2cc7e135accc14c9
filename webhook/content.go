package webhook

import (
	"cmp"
	"slices"
	"strings"
)

// content is what is signed: a template of id, timestamp and body.
type content []contentPart

type contentPart struct {
	kind    byte // 'i'd, 't'imestamp, 'b'ody or 'l'iteral
	literal string
}

// parseContent reads a template. The body must occur once, the others at most once. An id has to be set apart by
// literals: beside its neighbour, bytes could move from one into the other under the same signature. The fault is "" for a good one.
func parseContent(template string) (c content, fault string) {
	kinds := map[string]byte{"id": 'i', "timestamp": 't', "body": 'b'}
	for rest := cmp.Or(template, "{body}"); rest != ""; {
		literal, tail, opened := strings.Cut(rest, "{")
		if literal != "" {
			c = append(c, contentPart{'l', literal})
		}
		if !opened {
			break
		}
		name, after, closed := strings.Cut(tail, "}")
		kind := kinds[name]
		if !closed || kind == 0 || c.has(kind) {
			return nil, "has an unknown or repeated part in braces"
		}
		c, rest = append(c, contentPart{kind: kind}), after
	}
	if !c.has('b') {
		return nil, "lacks {body}"
	}
	for i := 1; i < len(c); i++ {
		if a, b := c[i-1].kind, c[i].kind; a != 'l' && b != 'l' && (a == 'i' || b == 'i') {
			return nil, "has nothing between {id} and its neighbour"
		}
	}
	return c, ""
}

func (c content) has(kind byte) bool {
	return slices.ContainsFunc(c, func(p contentPart) bool { return p.kind == kind })
}

// allowsID reports whether an id is plain, short, and free of the literals that set it apart.
func (c content) allowsID(id string) bool {
	if !isToken(id, 255) {
		return false
	}
	for _, p := range c {
		// Nor may a part of the id and a part of the literal make the literal once more.
		if l := p.literal; p.kind == 'l' && (strings.Index(id+l, l) != len(id) || strings.LastIndex(l+id, l) != 0) {
			return false
		}
	}
	return true
}

// appendTo writes the signed text behind b.
func (c content) appendTo(b []byte, id, timestamp string, body []byte) []byte {
	for _, p := range c {
		switch p.kind {
		case 'i':
			b = append(b, id...)
		case 't':
			b = append(b, timestamp...)
		case 'b':
			b = append(b, body...)
		default:
			b = append(b, p.literal...)
		}
	}
	return b
}
