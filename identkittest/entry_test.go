package identkittest_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/identkittest"
)

func TestEntryPrintsNothingSecret(t *testing.T) {
	t.Parallel()
	lc := identkittest.NewLeakCheck(t)
	e := identkittest.Entry{
		Number: 3, Nth: 1, Operation: "a.Get", Method: http.MethodGet, Template: "/a/{id}", Status: 200,
		Path:       "/a/" + lc.Personal("path"),
		PathValues: map[string]string{"id": lc.Personal("path value")},
		Query:      map[string][]string{"userId": {lc.Personal("query")}, "new\nline": {""}},
		Header: http.Header{
			"Authorization": {"Basic " + lc.Secret("header").Reveal()},
			"X-Other":       {lc.Secret("other header").Reveal()},
			"Content-Type":  {"application/json"},
		},
		Body:  []byte(`{"a":"` + lc.Secret("body").Reveal() + `"}`),
		Size:  48,
		Fault: "Any().Reset()",
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		text := fmt.Sprintf(verb, e)
		lc.Value(text)
		assert.Equal(t, e.String(), text)
	}
	lc.Value(fmt.Sprintf("%+v", []identkittest.Entry{e}))
	lc.Logger().Info("came in", "entry", e)
	assert.Equal(t, `#3 a.Get[1] GET /a/{id} query new%0Aline,userId header {Authorization: [masked], Content-Type: application/json, X-Other: [masked]} body 48 bytes status 200 fault Any().Reset()`,
		e.String())

	var body map[string]string
	require.NoError(t, e.JSON(&body))
	require.ErrorContains(t, identkittest.Entry{Number: 7, Operation: "x"}.JSON(&body), "body of request 7 (x)")
}
