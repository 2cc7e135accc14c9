package identkittest_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/identkittest"
)

func TestJournalCountsBeyondWhatItHolds(t *testing.T) {
	t.Parallel()
	j := identkittest.NewJournal(3, 10)
	for range 5 {
		j.Record(identkittest.Entry{Operation: "a", Body: []byte("xy")})
	}
	number := j.Record(identkittest.Entry{Operation: "b"})
	assert.Equal(t, 6, number)
	assert.Equal(t, 5, j.Count("a"))
	assert.Equal(t, 6, j.Len())
	require.Len(t, j.All(), 3)
	assert.Equal(t, 4, j.All()[0].Number)
	assert.Equal(t, 5, j.For("a")[1].Nth)

	j.Record(identkittest.Entry{Operation: "c", Body: make([]byte, 9)})
	assert.Len(t, j.All(), 2, "bodies over the limit push older ones out")
	j.Record(identkittest.Entry{Operation: "c", Body: make([]byte, 99)})
	assert.Len(t, j.All(), 1, "the newest is always held")

	j.Amend(8, func(e *identkittest.Entry) { e.Status = 200 })
	j.Amend(1, func(*identkittest.Entry) { t.Error("an entry that had to go was amended") })
	last, ok := j.Last("c")
	assert.True(t, ok)
	assert.Equal(t, 200, last.Status)
	_, ok = j.Last("a")
	assert.False(t, ok)

	j.Clear()
	assert.Zero(t, j.Len())
	assert.Empty(t, j.All())
	assert.Equal(t, 9, j.Record(identkittest.Entry{}))
}

func TestJournalWaitsForRequests(t *testing.T) {
	t.Parallel()
	j := identkittest.NewJournal(0, 0)
	arrived := make(chan error)
	go func() { arrived <- j.Wait(t.Context(), "a", 2) }()
	for range 2 {
		j.Record(identkittest.Entry{Operation: "b"})
		j.Record(identkittest.Entry{Operation: "a"})
	}
	require.NoError(t, <-arrived)
	require.NoError(t, j.Wait(t.Context(), "a", 2))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := j.Wait(ctx, "a", 3)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, `2 of 3 requests of "a"`)
}

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
		Fault: "Any().Reset()",
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		text := fmt.Sprintf(verb, e)
		lc.Value(text)
		assert.Equal(t, e.String(), text)
	}
	lc.Value(fmt.Sprintf("%+v", []identkittest.Entry{e}))
	lc.Logger().Info("came in", "entry", e)
	assert.Equal(t, `#3 a.Get[1] GET /a/{id} query new%0Aline,userId header {Authorization: [masked], Content-Type: application/json, X-Other: [masked]} body 48 bytes answered 200 fault Any().Reset()`,
		e.String())

	j := identkittest.NewJournal(0, 0)
	j.Record(e)
	lc.Value(fmt.Sprintf("%v %+v %#v", j, j, j))
	var body map[string]string
	require.NoError(t, e.JSON(&body))
	require.ErrorContains(t, identkittest.Entry{Number: 7, Operation: "x"}.JSON(&body), "body of request 7 (x)")
}
