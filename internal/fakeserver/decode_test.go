package fakeserver

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type note struct {
	common
	Title    string            `json:"title"`
	Count    *int              `json:"count,omitempty"`
	Small    int8              `json:"small"`
	Size     uint              `json:"size"`
	Price    float64           `json:"price"`
	Done     bool              `json:"done"`
	Tags     []string          `json:"tags"`
	Params   map[string]string `json:"params"`
	Parts    []part            `json:"parts"`
	Extra    map[string]any    `json:"extra"`
	Anything any               `json:"anything"`
	Raw      jsontext.Value    `json:"raw"`
	Blob     []byte            `json:"blob"`
	At       time.Time         `json:"at"`
	Unnamed  string
	Hidden   string `json:"-"`
	private  string // shows that it is passed over
}

var _ = note{}.private

type common struct {
	ID string `json:"id"`
}

type part struct {
	Name string `json:"name"`
}

func TestDecodeReportsWhatIsWrong(t *testing.T) {
	t.Parallel()
	wrong := func(path, value, want string) *Problem {
		return &Problem{Kind: WrongType, Path: path, Value: jsontext.Value(value), Want: want}
	}
	for name, test := range map[string]struct {
		body string
		want *Problem
	}{
		"good": {`{"id":"1","title":"t","count":1,"small":-128,"size":2,"price":1e3,"done":true,"tags":["a"],"params":{"k":"v"},
			"parts":[{"name":"n"}],"extra":{"x":[1]},"anything":[{}],"raw":{"y":1},"blob":"AAA=","at":"2030-01-02T03:04:05Z","Unnamed":"u"}`, nil},
		"empty object":       {`{}`, nil},
		"null is absent":     {`{"title":null,"count":null,"tags":null,"parts":[null],"params":{"k":null}}`, nil},
		"null":               {`null`, nil},
		"string":             {`{"title": 12 }`, wrong("title", "12", "string")},
		"pointer":            {`{"count":"1"}`, wrong("count", `"1"`, "integer")},
		"integer, decimal":   {`{"count":1.5}`, wrong("count", `1.5`, "integer")},
		"integer, too large": {`{"small":128}`, wrong("small", `128`, "integer")},
		"unsigned":           {`{"size":-1}`, wrong("size", `-1`, "integer")},
		"number":             {`{"price":"1"}`, wrong("price", `"1"`, "number")},
		"boolean":            {`{"done":"true"}`, wrong("done", `"true"`, "boolean")},
		"array":              {`{"tags":"a"}`, wrong("tags", `"a"`, "array")},
		"item of an array":   {`{"tags":["a" , 2, {"b":[]}]}`, wrong("tags[1]", `2`, "string")},
		"value of a map":     {`{"params":{"amount" : 10}}`, wrong("params.amount", `10`, "string")},
		"nested":             {`{"parts":[{"name":"n"},{"name":false}]}`, wrong("parts[1].name", `false`, "string")},
		"object":             {`{"parts":[[]]}`, wrong("parts[0]", `[]`, "object")},
		"bytes":              {`{"blob":[1]}`, wrong("blob", `[1]`, "string")},
		"time":               {`{"at":5}`, wrong("at", `5`, "string")},
		"embedded":           {`{"id":5}`, wrong("id", `5`, "string")},
		"several":            {`{"done":1,"title":2}`, wrong("done", `1`, "boolean")},
		"syntax before type": {`{"done":1,"title":`, &Problem{Kind: BadSyntax}},
		"members as numbers": {`{"0":1,"params":{"1":2}}`, wrong("params.1", `2`, "string")},
		"half of a rune":     {"{\"title\":\"\xff\"}", &Problem{Kind: BadSyntax}},
		"duplicate, unused":  {`{"extra":{"a":{"b":1,"b":1}}}`, &Problem{Kind: Duplicate, Path: "extra.a.b"}},
		"body":               {`[1]`, wrong("", `[1]`, "object")},
		"duplicate":          {`{"title":"a","title":"b"}`, &Problem{Kind: Duplicate, Path: "title"}},
		"empty":              {``, &Problem{Kind: BadSyntax}},
		"cut":                {`{"title":"a"`, &Problem{Kind: BadSyntax}},
		"no comma":           {`{"title":"a" "done":true}`, &Problem{Kind: BadSyntax}},
		"two values":         {`{} {}`, &Problem{Kind: BadSyntax}},
		"nested deeply":      {strings.Repeat("[", 10_000), &Problem{Kind: BadSyntax}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var n note
			assert.Equal(t, test.want, decode([]byte(test.body), &n))
		})
	}
}

func TestDecodeReportsUnknownNamesWhenAsked(t *testing.T) {
	t.Parallel()
	var n note
	for body, path := range map[string]string{
		`{"TITLE":"a"}`: "TITLE", `{"parts":[{"nam":1}]}`: "parts[0].nam", `{"Hidden":"h"}`: "Hidden", `{"extra":{"free":1}}`: "",
	} {
		assert.Nil(t, decode([]byte(body), &n))
		got := decode([]byte(body), &n, json.RejectUnknownMembers(true))
		if path == "" {
			assert.Nil(t, got)
		} else {
			assert.Equal(t, &Problem{Kind: UnknownField, Path: path}, got)
		}
	}
}

func TestDecodeFillsTheValue(t *testing.T) {
	t.Parallel()
	var n note
	require.Nil(t, decode([]byte(`{"id":"1","title":"t","count":3,"at":"2030-01-02T03:04:05Z"}`), &n))
	assert.Equal(t, "1", n.ID)
	assert.Equal(t, 3, *n.Count)
	assert.Equal(t, 2030, n.At.Year())
	assert.NotNil(t, decode([]byte(`{"at":"yesterday"}`), &n))
}

func TestProblemPrintsNoValue(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "a.b: must be string", Problem{Kind: WrongType, Path: "a.b", Value: jsontext.Value(`7`), Want: "string"}.String())
	assert.Equal(t, "body: syntax", Problem{Kind: BadSyntax}.String())
}

func TestHasJSONReadsTheContentType(t *testing.T) {
	t.Parallel()
	for contentType, want := range map[string]bool{
		"application/json":                     true,
		"application/json; charset=UTF-8":      true,
		"application/problem+json":             true,
		"Application/JSON":                     true,
		"application/json; charset=iso-8859-1": false,
		"text/plain":                           false,
		"application/jsonx":                    false,
		"":                                     false,
		"application/json; charset":            false,
	} {
		c := &Call{request: &http.Request{Header: http.Header{"Content-Type": {contentType}}}}
		assert.Equal(t, want, c.HasJSON(), contentType)
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{}`, `{"title":1}`, `{"parts":[{"name":"n"}]}`, `[`, `null`, `{"a":1,"a":2}`, `{"params":{"k" : [ 1 , 2 ]}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var n, again note
		p := decode(body, &n)
		if err := json.Unmarshal(body, &again); (err == nil) != (p == nil) {
			t.Fatalf("the problem is %v, the library's error is %v", p, err)
		}
		if p != nil && p.Kind == WrongType && !p.Value.IsValid() {
			t.Fatalf("value of %v is no JSON: %q", p, p.Value)
		}
	})
}
