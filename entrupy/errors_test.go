package entrupy_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/entrupy"
)

func TestErrorBodiesOfEveryShapeAreRead(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]identkit.Error{
		``:                                     {},
		`no such thing`:                        {},
		`<html>x</html>`:                       {},
		`null`:                                 {},
		`7`:                                    {},
		`"no such thing"`:                      {Message: "no such thing"},
		`{"error":"no such thing"}`:            {Message: "no such thing"},
		`{"message":" no such thing "}`:        {Message: "no such thing"},
		`{"detail":"no such thing"}`:           {Message: "no such thing"},
		`{"error":"first","message":"second"}`: {Message: "first"},
		`{"error":null,"message":"m","code":"C-1"}`: {Message: "m", Code: "C-1"},
		`{"message":"m","show":true,"ecode":"E7"}`:  {Message: "m", Code: "E7"},
		`{"error":{"message":"m","ecode":"E7"}}`:    {Message: "m", Code: "E7"},
		`{"code":404,"error":["first","second"]}`:   {Message: "first", Code: "404"},
		`{"error":{"error":"deeper"}}`:              {},
		`{"detail":[]}`:                             {},
		`{"detail":{"msg":"m"}}`:                    {Message: "m"},
		`[{"msg":"m","loc":["query","limit"]}]`:     {Message: "m", Fields: []identkit.FieldError{{Field: "query.limit", Reason: "m"}}},
		`{"detail":[{"loc":["body","filters",0,"key"],"msg":"field required","type":"missing"},{"loc":["body","canary@example.org"],"type":"extra"}]}`: {
			Message: "field required",
			Fields:  []identkit.FieldError{{Field: "filters.0.key", Reason: "field required"}, {Field: "*", Reason: "extra"}},
		},
		`{"detail":[7,null,"text",{"loc":"body"},{"loc":[{"a":1}],"msg":["m"]}]}`: {Message: "text", Fields: []identkit.FieldError{{Field: "*"}}},
		`{"error":"a","error":"b"}`: {},
		"{\"error\":\"\xff\"}":      {},
	} {
		_, client := stubbed(t, 422, body)
		err := client.Ping(t.Context())
		var e *identkit.Error
		require.ErrorAs(t, err, &e, body)
		assert.Equal(t, identkit.ErrRejected, e.Kind, body)
		assert.Equal(t, 422, e.Status)
		assert.Equal(t, want.Message, e.Message, body)
		assert.Equal(t, want.Code, e.Code, body)
		assert.Equal(t, want.Fields, e.Fields, body)
		assert.Equal(t, body, string(e.Body()), "as it came")
		assert.NotContains(t, err.Error(), "canary")
		assert.NotContains(t, err.Error(), "no such thing", "texts of the vendor are not printed")
	}
}

func TestADeepErrorBodyIsNotFollowed(t *testing.T) {
	t.Parallel()
	for depth, want := range map[int]string{0: "m", 3: "m", 4: "", 5000: ""} {
		_, client := stubbed(t, 422, strings.Repeat("[", depth)+`"m"`+strings.Repeat("]", depth))
		var e *identkit.Error
		require.ErrorAs(t, client.Ping(t.Context()), &e)
		assert.Equal(t, want, e.Message, depth)
	}
}

func TestALongErrorBodyIsCutAndReadAllTheSame(t *testing.T) {
	t.Parallel()
	_, client := stubbed(t, 400, `{"error":"`+strings.Repeat("x", 10_000)+`"}`)
	var e *identkit.Error
	require.ErrorAs(t, client.Ping(t.Context()), &e)
	assert.Len(t, e.Message, 10_000)
	assert.Len(t, e.Body(), 4<<10)
}

func FuzzErrorBodies(f *testing.F) {
	for _, seed := range []string{``, `x`, `{"error":"m"}`, `{"detail":[{"loc":["body","a",0],"msg":"m"}]}`, `{"error":{"message":"m","ecode":"E"}}`, `[[["a"]]]`, `{"signed_authorization_request":"s","username":"u"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		s := &stub{status: 409, body: string(body)}
		client, err := entrupy.New(entrupy.Config{Credentials: entrupy.Token("token"), Options: identkit.Options{HTTPClient: &http.Client{Transport: s}, Limiter: identkit.NoLimit}})
		require.NoError(t, err)
		_, err = client.Users.Authorize(t.Context(), adaIn)
		require.ErrorIs(t, err, identkit.ErrConflict)
		var conflict *entrupy.AuthorizeConflict
		require.ErrorAs(t, err, &conflict)
		require.NotContains(t, err.Error(), "\n")
	})
}
