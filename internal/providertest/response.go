package providertest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/internal/transport"
)

const byteOrderMark = "\xef\xbb\xbf"

// responses proves that malformed responses are errors, and that what does not matter changes nothing.
func (r *trial[C, F]) responses() {
	r.rule("succeeds", func(t testing.TB) {
		r.prepare(t, Texts{}, nil)
		r.succeed(t)
	})
	if r.good == "" {
		return
	}
	ignored := r.response == transport.ResponseIgnored
	r.bodies("HTML page", true, "<html><body>Sign in</body></html>", " \n<!DOCTYPE html>", byteOrderMark+"<html>")
	r.bodies("null", !ignored, "null", " null\n")
	r.bodies("array", !ignored && r.response != transport.ResponseArray, "[]", "["+r.good+"]")
	r.bodies("scalar", !ignored, "true", "1", `"text"`)
	r.bodies("empty object", !ignored && r.want != nil && !r.call.EmptyObject, "{}", "{ }")
	r.bodies("empty", !ignored && r.response != transport.ResponseOptional, "")
	r.rule("204", func(t testing.TB) {
		if ignored || r.response == transport.ResponseOptional || r.want == nil {
			_, got, err := r.under(identkittest.On(r.call.Operation).Status(http.StatusNoContent))
			require.NoError(t, err)
			assert.Nil(t, plain(got))
			return
		}
		r.malformed(t, http.StatusNoContent, "")
	})

	r.bodies("cut off", !ignored, r.good[:len(r.good)-1], r.good[:len(r.good)/2], "{")
	r.bodies("something after the value", !ignored, r.good+"x", r.good+r.good, r.good+"]", r.good+",", r.good+"\x00")
	r.bodies("duplicate members", !ignored, r.duplicates(r.good)...)
	r.bodies("bytes that are not UTF-8", !ignored, r.beside(`"\xff"`), r.beside("\"\xff\""), r.beside(`"\ud800"`), r.beside("\"\xc3\x28\""))
	r.bodies("not JSON", !ignored, r.beside("NaN"), r.beside("01"), r.beside("'text'"), strings.TrimSuffix(r.good, "}")+",}")

	r.same("byte order mark", byteOrderMark+r.good)
	r.same("white space", " \n"+r.good+"\r\n\t")
	r.same("unknown members", r.beside(`{"deep":[1,null,{"deeper":"text"}]}`), r.beside("null"))
	r.same("members of another letter case", r.twins()...)
	if r.Envelope != nil && !ignored {
		whole := r.Envelope(r.good)
		r.same("envelope", whole, byteOrderMark+whole)
		r.bodies("envelope with duplicate members", true, r.duplicates(whole)...)
		r.bodies("envelope with something after it", true, whole+"x", whole+whole)
	}
	if r.Contradictions != nil && !ignored {
		r.bodies("contradictions", true, r.Contradictions(r.good)...)
	}
	r.rule("verdicts", r.verdicts)
	r.rule("required members", r.required)
	r.rule("letter case of names", r.letterCase)
	r.rule("another entity", r.repeats)
}

// bodies proves of bodies with status 200 that each is an error, or none.
func (r *trial[C, F]) bodies(name string, malformed bool, bodies ...string) {
	r.rule(name, func(t testing.TB) {
		for _, body := range bodies {
			if body == "" && name != "empty" {
				continue
			}
			if malformed {
				r.malformed(t, http.StatusOK, body)
				continue
			}
			_, _, err := r.under(identkittest.On(r.call.Operation).Body(http.StatusOK, contentJSON, []byte(body)))
			assert.NoError(t, err, body)
		}
	})
}

// malformed proves that a body is a malformed response: one attempt, status kept, no result.
func (r *trial[C, F]) malformed(t testing.TB, status int, body string) {
	t.Helper()
	arrived, got, err := r.under(identkittest.On(r.call.Operation).Body(status, contentJSON, []byte(body)))
	assert.Equal(t, 1, arrived, "attempts: %q", body)
	var e *identkit.Error
	if !errors.As(err, &e) || e.Kind != identkit.ErrBadResponse {
		t.Errorf("not a bad response but %v: %q", err, body)
		return
	}
	assert.Equal(t, status, e.Status, body)
	assert.Nil(t, plain(got), body)
	assert.Equal(t, r.isUnknown(), e.OutcomeUnknown, "outcome unknown: %q", body)
	assert.Equal(t, body[:min(len(body), len(e.Body()))], string(e.Body()), "the body stays reachable")
}

// same proves that bodies give the result of the good one.
func (r *trial[C, F]) same(name string, bodies ...string) {
	r.rule(name, func(t testing.TB) {
		for _, body := range bodies {
			_, got, err := r.under(identkittest.On(r.call.Operation).Body(http.StatusOK, contentJSON, []byte(body)))
			if assert.NoError(t, err, body) {
				assert.Equal(t, r.want, r.result(got), body)
			}
		}
	})
}

// beside is the good body with an unknown member.
func (r *trial[C, F]) beside(value string) string {
	root := parse(r.good)
	if root.kind != '{' {
		return "[" + value + "]"
	}
	root.add("xUnknown", value)
	return root.String()
}

// duplicates are bodies with one duplicate member each, at any depth, also where nothing is known.
func (r *trial[C, F]) duplicates(body string) []string {
	bodies := everyMember(body, (*node).all, duplicate)
	bodies = append(bodies, everyMember(body, (*node).all, func(parent *node, at int) {
		duplicate(parent, at)
		parent.names[at] = fmt.Sprintf(`"\u%04x%s`, parent.names[at][1], parent.names[at][2:])
	})...)
	for _, deep := range []string{`{"a":1,"a":1}`, `{"a":1,"\u0061":2}`, `[[{"a":{"b":{},"b":{}}}]]`} {
		root := parse(body)
		if root.kind == '{' {
			root.add("xUnknown", deep)
			bodies = append(bodies, root.String())
		}
	}
	return bodies
}

// twins are bodies in which a member comes a second time in other letters, with another value.
func (r *trial[C, F]) twins() []string {
	var bodies []string
	for _, spell := range []func(string) string{strings.ToUpper, title} {
		bodies = append(bodies, everyMember(r.good, (*node).records, func(parent *node, at int) {
			name, other := spell(parent.names[at]), "null"
			switch kid := parent.kids[at]; kid.raw {
			case "true":
				other = "false"
			case "false":
				other = "true"
			default:
				if kid.kind == '"' {
					other = `"other"`
				}
			}
			if name != parent.names[at] {
				parent.names, parent.kids = append(parent.names, name), append(parent.kids, &node{raw: other})
			}
		})...)
	}
	return bodies
}

// title writes a quoted name with a capital letter.
func title(quoted string) string { return quoted[:1] + strings.ToUpper(quoted[1:2]) + quoted[2:] }

// verdicts proves that a verdict is never assumed.
func (r *trial[C, F]) verdicts(t testing.TB) {
	for _, name := range r.call.Verdicts {
		require.NotEmpty(t, edit(r.good, name, remove), "the fake's response lacks %s", name)
		r.malformed(t, http.StatusOK, edit(r.good, name, remove))
		for _, value := range []string{"null", `"true"`, `"false"`, "1", "0", `""`, "[true]", `{"value":true}`} {
			r.malformed(t, http.StatusOK, edit(r.good, name, with(value)))
		}
	}
}

// required proves that what a caller depends on is there.
func (r *trial[C, F]) required(t testing.TB) {
	for _, path := range r.call.Required {
		if !assert.NotEmpty(t, edit(r.good, path, remove), "the fake's response lacks %s", path) {
			continue
		}
		r.malformed(t, http.StatusOK, edit(r.good, path, remove))
		parent, at := parse(r.good).find(path)
		values := []string{"null", "true", "1"}
		if parent.kids[at].kind == '"' {
			values = []string{"null", `""`, "{}", "[]"}
		}
		for _, value := range values {
			r.malformed(t, http.StatusOK, edit(r.good, path, with(value)))
		}
	}
}

// letterCase proves that a name in other letters is another name.
func (r *trial[C, F]) letterCase(t testing.TB) {
	for _, path := range append(append([]string{}, r.call.Required...), r.call.Verdicts...) {
		for _, spell := range []func(string) string{strings.ToUpper, title} {
			if body := edit(r.good, path, renamed(spell)); body != "" && body != r.good {
				r.malformed(t, http.StatusOK, body)
			}
		}
	}
}

// repeats proves that a response about another entity is refused.
func (r *trial[C, F]) repeats(t testing.TB) {
	for _, path := range r.call.Repeats {
		body := edit(r.good, path, with(strconv.Quote("another-one")))
		require.NotEmpty(t, body, "the fake's response lacks %s", path)
		r.malformed(t, http.StatusOK, body)
	}
}

// canceled is a context that has ended.
func canceled(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx
}
