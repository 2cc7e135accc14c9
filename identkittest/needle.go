package identkittest

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// needle is one form of a seed.
type needle struct {
	seed string // its name
	form string
	text string
	fold bool // letters match in any case; text is in lower case
}

// needlesOf lists the forms in which a text may appear.
func needlesOf(seed, text string) []needle {
	found := []needle{{seed, "in plain", strings.ToLower(text), true}}
	add := func(form, s string, fold bool) {
		if fold {
			s = strings.ToLower(s)
		}
		for _, n := range found {
			if n.text == s {
				return
			}
		}
		found = append(found, needle{seed, form, s, fold})
	}
	add("escaped for a query", url.QueryEscape(text), true)
	add("escaped for a path", url.PathEscape(text), true)
	if b, err := json.Marshal(text); err == nil {
		add("escaped for JSON", string(b[1:len(b)-1]), true)
	}
	quoted := strconv.Quote(text)
	add("quoted", quoted[1:len(quoted)-1], true)
	ascii := strconv.QuoteToASCII(text)
	add("quoted in ASCII", ascii[1:len(ascii)-1], true)
	add("in hex", hex.EncodeToString([]byte(text)), true)
	list := fmt.Sprintf("%v", []byte(text))
	add("as a list of bytes", list[1:len(list)-1], false)
	add("as a JSON list of bytes", strings.ReplaceAll(list[1:len(list)-1], " ", ","), false)
	var syntax []string
	for _, b := range []byte(text) {
		syntax = append(syntax, fmt.Sprintf("0x%x", b))
	}
	add("as Go bytes", strings.Join(syntax, ", "), false)
	for offset := range 3 {
		add("in base64", base64Core(base64.RawStdEncoding, text, offset), false)
		add("in base64 for URLs", base64Core(base64.RawURLEncoding, text, offset), false)
	}
	return found
}

// base64Core returns the characters of a text in base64 that do not depend on the text around it, at a position with the given
// remainder modulo 3.
func base64Core(encoding *base64.Encoding, text string, offset int) string {
	encoded := encoding.EncodeToString(append(make([]byte, offset), text...))
	from := (offset*8 + 5) / 6
	to := (offset + len(text)) * 8 / 6
	return encoded[from:to]
}

// haystack is a text to search.
type haystack struct{ text, lower string }

func newHaystack(text string) haystack { return haystack{text, strings.ToLower(text)} }

// find returns where a needle begins, or -1.
func (h haystack) find(n needle) int {
	if n.fold {
		return strings.Index(h.lower, n.text)
	}
	return strings.Index(h.text, n.text)
}

// before returns a little of the text before a place.
func (h haystack) before(i int) string {
	const context = 40
	i = min(i, len(h.text)) // lower-casing can change lengths
	return h.text[max(0, i-context):i]
}
