package providertest

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// node is a JSON value that can be edited into what no encoder writes.
type node struct {
	kind  jsontext.Kind // '{', '[', or that of a scalar
	raw   string        // of a scalar
	names []string      // of an object, as they are written, quotes included
	kids  []*node
}

func parse(body string) *node {
	dec := jsontext.NewDecoder(bytes.NewBufferString(body))
	return read(dec)
}

func read(dec *jsontext.Decoder) *node {
	n := &node{kind: dec.PeekKind()}
	if n.kind != '{' && n.kind != '[' {
		value, err := dec.ReadValue()
		if err != nil {
			panic("providertest: the fake's response is not JSON: " + err.Error())
		}
		n.raw = string(value)
		return n
	}
	_, _ = dec.ReadToken()
	for k := dec.PeekKind(); k != '}' && k != ']'; k = dec.PeekKind() {
		if n.kind == '{' {
			name, err := dec.ReadValue()
			if err != nil {
				panic("providertest: the fake's response is not JSON: " + err.Error())
			}
			n.names = append(n.names, string(name))
		}
		n.kids = append(n.kids, read(dec))
	}
	_, _ = dec.ReadToken()
	return n
}

func (n *node) String() string {
	if n.kind != '{' && n.kind != '[' {
		return n.raw
	}
	parts := make([]string, len(n.kids))
	for i, kid := range n.kids {
		parts[i] = kid.String()
		if n.kind == '{' {
			parts[i] = n.names[i] + ":" + parts[i]
		}
	}
	if n.kind == '{' {
		return "{" + strings.Join(parts, ",") + "}"
	}
	return "[" + strings.Join(parts, ",") + "]"
}

// find returns the object or array that holds the last part of a path such as "items.0.id", and where in it; nil when it is not there.
func (n *node) find(path string) (parent *node, at int) {
	part, rest, deeper := strings.Cut(path, ".")
	i := slices.Index(n.names, strconv.Quote(part))
	if n.kind == '[' {
		i, _ = strconv.Atoi(part)
	}
	switch {
	case i < 0 || i >= len(n.kids):
		return nil, 0
	case deeper:
		return n.kids[i].find(rest)
	}
	return n, i
}

// edit returns a body in which the member at path was changed; "" when it is not there.
func edit(body, path string, change func(parent *node, at int)) string {
	root := parse(body)
	parent, at := root.find(path)
	if parent == nil {
		return ""
	}
	change(parent, at)
	return root.String()
}

// with replaces the member's value.
func with(value string) func(*node, int) {
	return func(parent *node, at int) { parent.kids[at] = &node{raw: value} }
}

func remove(parent *node, at int) {
	parent.kids = slices.Delete(parent.kids, at, at+1)
	if parent.kind == '{' {
		parent.names = slices.Delete(parent.names, at, at+1)
	}
}

// renamed gives the member another name.
func renamed(f func(string) string) func(*node, int) {
	return func(parent *node, at int) { parent.names[at] = f(parent.names[at]) }
}

// add puts a member behind the others.
func (n *node) add(name, value string) {
	n.names = append(n.names, strconv.Quote(name))
	n.kids = append(n.kids, &node{raw: value})
}

// each visits every value, containers first.
func (n *node) each(visit func(*node)) {
	visit(n)
	for _, kid := range n.kids {
		kid.each(visit)
	}
}

// all is every value.
func (n *node) all() (values []*node) {
	n.each(func(n *node) { values = append(values, n) })
	return values
}

// records are the value itself and the elements of lists in it, whose members have names that the contract gives. Other objects may be
// maps.
func (n *node) records() []*node {
	records := []*node{n}
	for _, kid := range n.kids {
		if kid.kind == '[' {
			records = append(records, kid.kids...)
		}
	}
	return records
}

// everyMember returns one body for each member of the chosen values, changed.
func everyMember(body string, of func(*node) []*node, change func(parent *node, at int)) []string {
	var bodies []string
	for i := 0; ; i++ {
		root, member, done := parse(body), 0, false
		for _, n := range of(root) {
			for at := range n.names {
				if !done && member == i {
					change(n, at)
					done = true
					break
				}
				member++
			}
		}
		if !done {
			return bodies
		}
		bodies = append(bodies, root.String())
	}
}

// duplicate repeats a member behind the others.
func duplicate(parent *node, at int) {
	parent.names = append(parent.names, parent.names[at])
	parent.kids = append(parent.kids, parent.kids[at])
}
