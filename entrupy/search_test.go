package entrupy_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/entrupy"
	"github.com/identkit/identkit/entrupy/entrupytest"
	"github.com/identkit/identkit/identkittest"
)

func TestFiltersAreSent(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 200, `{"items":[]}`)
	search := func(p entrupy.SearchParams) {
		_, err := client.Authentications.Search(t.Context(), p)
		require.NoError(t, err)
	}
	search(entrupy.SearchParams{})
	s.sends(t, `{}`)
	search(entrupy.SearchParams{
		Limit: 25, From: time.Unix(100, 9e8), To: time.Unix(200, 0), FormatOptions: map[string]any{"a": 1}, Cursor: json.RawMessage(` [10000000000000000001] `),
		Filters: []entrupy.Filter{
			entrupy.ByCustomerItemID("inv-1"), entrupy.ByUsername("Shop-1"), entrupy.AnyOf(entrupy.KeyResult, entrupy.ResultAuthentic, entrupy.ResultInvalid).Not(),
			entrupy.Equal("properties.x", 7), entrupy.RawFilter(map[string]any{"key": "k", "text_fields": map[string]any{"a": "b"}}),
		},
	})
	assert.Equal(t, `{"cursor":[10000000000000000001],"end":200,"filters":[{"key":"text_fields.customer_item_id","value":"inv-1"},`+
		`{"key":"owner.user.username","value":"Shop-1"},{"exclude":true,"key":"status.result.id","values":["authentic","invalid"]},`+
		`{"key":"properties.x","value":7},{"key":"k","text_fields":{"a":"b"}}],"format_options":{"a":1},"limit":25,"start":100}`, string(s.last(t).body))

	for _, end := range []string{``, `null`, `""`, ` [ ] `, `{}`} {
		search(entrupy.SearchParams{Cursor: json.RawMessage(end)})
		assert.Equal(t, `{}`, string(s.last(t).body), "%q is the beginning, as in All", end)
	}

	s, client = stubbed(t, 200, `{"items":[]}`, func(cfg *entrupy.Config) {
		cfg.SearchNames = entrupy.SearchNames{Username: "username", Cursor: "after", From: "from", To: "to"}
	})
	search(entrupy.SearchParams{Cursor: json.RawMessage(`"c"`), From: time.Unix(1, 0), To: time.Unix(2, 0), Filters: []entrupy.Filter{entrupy.ByUsername("Shop-1")}})
	s.sends(t, `{"after":"c","from":1,"to":2,"filters":[{"key":"username","value":"Shop-1"}]}`)
}

func TestSearchFindsWhatTheFiltersSay(t *testing.T) {
	t.Parallel()
	clock := manualClock()
	srv := entrupytest.New(entrupytest.Options{Clock: clock, Dialect: entrupytest.Dialect{
		UsernameKey: "user", FromName: "from", ToName: "to", CursorName: "after", Format14: true,
	}})
	client := unlimited(srv)
	for i := range 30 {
		id := srv.Capture(entrupytest.Item{
			CustomerItemID: entrupy.CustomerItemID("inv-" + strconv.Itoa(i%10)), Username: entrupy.Username("Shop-" + strconv.Itoa(i%2)),
			Category: []entrupy.ProductCategory{entrupy.CategoryLuxury, entrupy.CategorySneakers, entrupy.CategoryApparel}[i%3],
		})
		if i%5 == 0 {
			require.NoError(t, srv.Complete(id, entrupy.ResultAuthentic))
		}
		clock.Advance(time.Minute)
	}
	count := func(from, to time.Time, filters ...entrupy.Filter) int {
		p, err := client.Authentications.Search(t.Context(), entrupy.SearchParams{Limit: 25, From: from, To: to, Filters: filters})
		require.NoError(t, err)
		assert.Equal(t, len(p.Items), p.Count)
		return len(p.Items)
	}
	now, none := clock.Now(), time.Time{}
	assert.Equal(t, 3, count(none, none, entrupy.ByCustomerItemID("inv-3")))
	assert.Equal(t, 15, count(none, none, entrupy.ByUsername("Shop-1")))
	assert.Equal(t, 15, count(none, none, entrupy.ByUsername("Shop-1").Not()))
	assert.Equal(t, 6, count(none, none, entrupy.AnyOf(entrupy.KeyCustomerItemID, "inv-3", entrupy.CustomerItemID("inv-4"))))
	assert.Equal(t, 6, count(none, none, entrupy.Equal(entrupy.KeyResult, entrupy.ResultAuthentic)))
	assert.Equal(t, 10, count(none, none, entrupy.Equal(entrupy.KeyBrand, "acme")))
	assert.Equal(t, 10, count(none, none, entrupy.Equal(entrupy.KeyFormFactor, entrupy.FormFactorLightbox)))
	assert.Equal(t, 3, count(none, none, entrupy.Equal(entrupy.KeyFormFactor, entrupy.FormFactorLightbox), entrupy.ByCustomerItemID("inv-1"))+count(none, none, entrupy.Equal(entrupy.KeyFormFactor, entrupy.FormFactorLightbox).Not(), entrupy.ByCustomerItemID("inv-1")))
	assert.Equal(t, 5, count(now.Add(-5*time.Minute), none))
	assert.Equal(t, 5, count(now.Add(-10*time.Minute), now.Add(-6*time.Minute)))
	_, err := client.Authentications.Search(t.Context(), entrupy.SearchParams{Filters: []entrupy.Filter{entrupy.Equal("x", "y")}})
	fails(t, err, identkit.ErrRejected)

	p, err := client.Authentications.Search(t.Context(), entrupy.SearchParams{})
	require.NoError(t, err)
	assert.Len(t, p.Items, 10, "the default of the API")
	require.NotEmpty(t, p.Next)
}

func TestAnIgnoredFilterIsAnError(t *testing.T) {
	t.Parallel()
	srv := dialect(entrupytest.Dialect{IgnoreUnknownKeys: true, Format14: true, UsernameKey: "another.key"})
	client := unlimited(srv)
	wrong := srv.Client(func(cfg *entrupy.Config) {
		cfg.SearchNames.Username, cfg.Options.Limiter = "unknown.key", identkit.NoLimit
	})
	for _, user := range []entrupy.Username{"Shop-1", "Shop-2", "Shop-1"} {
		srv.Capture(entrupytest.Item{Username: user, CustomerItemID: "inv-1"})
	}
	byUser := entrupy.SearchParams{Filters: []entrupy.Filter{entrupy.ByUsername("Shop-1")}}
	p, err := client.Authentications.Search(t.Context(), byUser)
	require.NoError(t, err)
	assert.Len(t, p.Items, 2)
	_, err = wrong.Authentications.Search(t.Context(), byUser)
	assert.Contains(t, fails(t, err, identkit.ErrBadResponse).Detail, "EN-016")

	var items, broken int
	for a, err := range wrong.Authentications.All(t.Context(), byUser) {
		var item *entrupy.ItemError
		switch {
		case err == nil:
			assert.Equal(t, entrupy.Username("Shop-1"), a.Owner.User.Username)
			items++
		case assert.ErrorAs(t, err, &item):
			assert.Nil(t, a)
			assert.Equal(t, 1, item.Position)
			assert.Contains(t, string(item.RawJSON()), "Shop-2")
			assert.ErrorContains(t, err, "EN-016")
			assert.NotContains(t, err.Error(), "Shop-2")
			broken++
		}
	}
	assert.Equal(t, []int{2, 1}, []int{items, broken}, "the walk goes on")

	for body, filters := range map[string][]entrupy.Filter{ // each finds what it should not
		`{"items":[` + itemV2 + `]}`:                   {entrupy.ByCustomerItemID("inv-2")},
		`{"items":[` + itemV14 + `]}`:                  {entrupy.ByCustomerItemID("inv-000731").Not()},
		`{"items":[` + itemV2 + `, ` + minimal + `}]}`: {entrupy.AnyOf(entrupy.KeyCustomerItemID, "inv-1", "inv-2")},
		`{"items":[` + minimal + `},` + itemV2 + `]}`:  {entrupy.Equal("properties.customer_item_id", "inv-2")},
	} {
		_, client := stubbed(t, 200, body)
		_, err := client.Authentications.Search(t.Context(), entrupy.SearchParams{Filters: filters})
		assert.Contains(t, fails(t, err, identkit.ErrBadResponse).Detail, "EN-015", body)
	}
	_, client = stubbed(t, 200, `{"items":[`+minimal+`},`+itemV2+`]}`)
	_, err = client.Authentications.Search(t.Context(), entrupy.SearchParams{Filters: []entrupy.Filter{
		entrupy.ByUsername("Shop-1"), entrupy.ByCustomerItemID("inv-000731"), entrupy.Equal(entrupy.KeyCustomerItemID, 7), entrupy.RawFilter(map[string]any{"key": entrupy.KeyCustomerItemID, "value": "x"}),
	}})
	require.NoError(t, err, "what an item does not carry cannot be compared")
}

func TestItemsThatCannotBeReadAreErrorsForThemselves(t *testing.T) {
	t.Parallel()
	bad := []string{`null`, `7`, `"A"`, `[]`, `{}`, `{"entrupy_id":"B"}`, `{"entrupy_id":"B","status":{"result":{"id":"authentic","final":"true"}}}`}
	body := `{"items":[` + minimal + `},` + strings.Join(bad, ",") + `,` + itemV14 + `],"item_count":"9","next_cursor":null,"warnings":[]}`
	_, client := stubbed(t, 200, body)
	p, err := client.Authentications.Search(t.Context(), entrupy.SearchParams{})
	require.NoError(t, err)
	require.Len(t, p.Items, 2)
	assert.Equal(t, 9, p.Count)
	assert.Equal(t, []entrupy.ID{"A", "7QK2M9X"}, []entrupy.ID{p.Items[0].ID, p.Items[1].ID})
	assert.JSONEq(t, itemV14, string(p.Items[1].RawJSON()))
	require.Len(t, p.Unreadable, len(bad))
	for i, e := range p.Unreadable {
		assert.Equal(t, i+1, e.Position)
		assert.Equal(t, bad[i], string(e.RawJSON()))
		require.ErrorIs(t, e, identkit.ErrBadResponse)
	}
	var got []string
	for a, err := range client.Authentications.All(t.Context(), entrupy.SearchParams{}) {
		var item *entrupy.ItemError
		if errors.As(err, &item) {
			got = append(got, strconv.Itoa(item.Position))
			continue
		}
		require.NoError(t, err)
		got = append(got, string(a.ID))
	}
	assert.Equal(t, []string{"A", "1", "2", "3", "4", "5", "6", "7", "7QK2M9X"}, got)
	b, err := json.Marshal(p.Unreadable[5])
	require.NoError(t, err)
	assert.NotContains(t, string(b), `"B"`)

	leaks := identkittest.NewLeakCheck(t)
	canary := leaks.Personal("canary")
	_, client = stubbed(t, 200, `{"items":[{"entrupy_id":"A","status":{"result":{"id":["`+canary+`"],"final":true}}},{"`+canary+`":1},"`+canary+`"]}`)
	p, err = client.Authentications.Search(t.Context(), entrupy.SearchParams{})
	require.NoError(t, err)
	for i, e := range p.Unreadable {
		leaks.Error(e)
		assert.Contains(t, e.Error(), []string{"at status.result.id", "lacks entrupy_id", "another type"}[i])
	}

	for _, body := range []string{`{}`, `{"items":null}`, `{"items":{}}`, `{"items":[{"a":1,"a":2}]}`, `{"items":[` + minimal + `}`, `{"Items":[]}`, `[]`} {
		_, client := stubbed(t, 200, body)
		_, err := client.Authentications.Search(t.Context(), entrupy.SearchParams{})
		fails(t, err, identkit.ErrBadResponse)
	}
}

func TestAWalkOverTenThousandItemsAcross429s(t *testing.T) {
	t.Parallel()
	bubble(t, entrupytest.Options{RatePerSecond: 10, Dialect: entrupytest.Dialect{Cursor: entrupytest.CursorMixed}}, func(t *testing.T, srv *entrupytest.Server) {
		for i := range 10_000 {
			srv.Capture(entrupytest.Item{ID: entrupy.ID(fmt.Sprintf("ID%05d", i))})
		}
		srv.Fault(identkittest.On("entrupy.Authentications.Search").Nth(7).RetryAfter(429, "3"))
		srv.Fault(identkittest.On("entrupy.Authentications.Search").Nth(11).Status(503))
		client := srv.Client()
		began, next := time.Now(), 0
		for a, err := range client.Authentications.All(t.Context(), entrupy.SearchParams{Limit: 25}) {
			require.NoError(t, err)
			require.Equal(t, entrupy.ID(fmt.Sprintf("ID%05d", next)), a.ID)
			next++
		}
		assert.Equal(t, 10_000, next)
		assert.GreaterOrEqual(t, time.Since(began), 40*time.Second, "400 pages at 10 a second")
		assert.LessOrEqual(t, time.Since(began), 60*time.Second)
		assert.Equal(t, 402, srv.Journal().Count("entrupy.Authentications.Search"))
	})
}

func TestEveryCursorIsSentBackAndEveryEndEndsTheWalk(t *testing.T) {
	t.Parallel()
	for _, kind := range []entrupytest.CursorType{entrupytest.CursorText, entrupytest.CursorList, entrupytest.CursorInteger, entrupytest.CursorObject, entrupytest.CursorMixed} {
		for _, end := range []entrupytest.CursorEnd{entrupytest.EndNull, entrupytest.EndMissing, entrupytest.EndText, entrupytest.EndList, entrupytest.EndObject} {
			srv := dialect(entrupytest.Dialect{Cursor: kind, CursorEnd: end})
			for range 23 {
				srv.Capture(entrupytest.Item{Username: "Shop-1"})
			}
			count := 0
			for _, err := range unlimited(srv).Authentications.All(t.Context(), entrupy.SearchParams{Limit: 5, Filters: []entrupy.Filter{entrupy.ByUsername("Shop-1")}}) {
				require.NoError(t, err)
				count++
			}
			assert.Equal(t, 23, count, "%s %s", kind, end)
			require.Equal(t, 5, srv.Journal().Count("entrupy.Authentications.Search"))
			for _, entry := range srv.Journal().All() {
				assert.Contains(t, string(entry.Body), `"Shop-1"`, "each request repeats the whole body")
			}
		}
	}
}

// pages is a client of a search whose pages have these cursors, and an item each unless their number is in empty.
func pages(t *testing.T, cursors ...string) (*stub, *entrupy.Client, *int) {
	t.Helper()
	s, client := stubbed(t, 200, "")
	asked := 0
	s.next = func() (int, string) {
		cursor := cursors[min(asked, len(cursors)-1)]
		asked++
		if cursor == "503" {
			return 503, ``
		}
		items := strings.Replace(minimal, `"A"`, strconv.Quote("P"+strconv.Itoa(asked)), 1) + `}`
		if strings.HasPrefix(cursor, "empty ") {
			cursor, items = strings.TrimPrefix(cursor, "empty "), ""
		}
		return 200, `{"items":[` + items + `],"next_cursor":` + cursor + `}`
	}
	return s, client, &asked
}

func TestACursorThatCameBeforeEndsTheWalk(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cursors []string
		items   int
		repeats string // the cursor of the page that leads back; "" for a walk that ends well
	}{
		"the same again":        {[]string{`"a"`, `"a"`}, 2, `"a"`},
		"an earlier one":        {[]string{`"a"`, `"b"`, `"c"`, `"a"`}, 4, `"c"`},
		"spelled otherwise":     {[]string{`{"x":1,"y":["\u0061"]}`, `{"y": ["a"], "x":1}`}, 2, `{"y":["a"],"x":1}`},
		"another type":          {[]string{`1`, `"1"`, `["1"]`, `[1]`, `{"1":1}`, `null`}, 6, ""},
		"large integers":        {[]string{`10000000000000000001`, `10000000000000000002`, `null`}, 3, ""},
		"large integers, again": {[]string{`10000000000000000001`, `10000000000000000002`, `10000000000000000001`}, 3, `10000000000000000002`},
		"empty pages go on":     {[]string{`empty "a"`, `empty "b"`, `"c"`, `empty "d"`, `null`}, 2, ""},
		"false is a cursor":     {[]string{`false`, `0`, `""`}, 3, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, client, _ := pages(t, c.cursors...)
			items, last := 0, error(nil)
			for _, err := range client.Authentications.All(t.Context(), entrupy.SearchParams{}) {
				require.NoError(t, last, "an error is the last thing")
				if last = err; err == nil {
					items++
				}
			}
			assert.Equal(t, c.items, items, "the items of the page come before the error")
			if c.repeats == "" {
				require.NoError(t, last)
				return
			}
			var walk *identkit.PageError
			require.ErrorAs(t, last, &walk)
			require.ErrorIs(t, last, identkit.ErrBadResponse)
			assert.JSONEq(t, c.repeats, string(walk.Cursor))
		})
	}
}

func TestAWalkGoesOnWhereItFailed(t *testing.T) {
	t.Parallel()
	s, client, _ := pages(t, `"a"`, `["b", 10000000000000000001]`, "503", "503", "503", `"c"`, `null`)
	var got []entrupy.ID
	var walk *identkit.PageError
	for a, err := range client.Authentications.All(t.Context(), entrupy.SearchParams{}) {
		if err != nil {
			require.ErrorAs(t, err, &walk)
			require.ErrorIs(t, err, identkit.ErrUnavailable)
			break
		}
		got = append(got, a.ID)
	}
	assert.Equal(t, `["b",10000000000000000001]`, string(walk.Cursor))
	for a, err := range client.Authentications.All(t.Context(), entrupy.SearchParams{Cursor: walk.Cursor}) {
		require.NoError(t, err)
		got = append(got, a.ID)
	}
	assert.Equal(t, []entrupy.ID{"P1", "P2", "P6", "P7"}, got)
	s.sends(t, `{"cursor":"c"}`)
	b, err := json.Marshal(walk)
	require.NoError(t, err)
	assert.NotContains(t, string(b), "10000000000000000001")
}

func TestAWalkCanBeEndedAtAnyTime(t *testing.T) {
	t.Parallel()
	_, client, asked := pages(t, `1`, `2`, `3`)
	for range client.Authentications.All(t.Context(), entrupy.SearchParams{}) {
		break
	}
	assert.Equal(t, 1, *asked)
	for _, err := range client.Authentications.All(t.Context(), entrupy.SearchParams{Limit: 26}) {
		fails(t, err, identkit.ErrInvalidRequest)
	}
	assert.Equal(t, 1, *asked)
}

func FuzzPages(f *testing.F) {
	for _, seed := range []string{`{"items":[]}`, `{"items":[` + minimal + `}],"next_cursor":["a"]}`, `{"items":[null],"next_cursor":10000000000000000001}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		s := &stub{status: 200, body: string(body)}
		client, err := entrupy.New(entrupy.Config{Credentials: entrupy.Token("token"), Options: identkit.Options{HTTPClient: &http.Client{Transport: s}, Limiter: identkit.NoLimit}})
		require.NoError(t, err)
		for a, err := range client.Authentications.All(t.Context(), entrupy.SearchParams{}) {
			require.Equal(t, a == nil, err != nil)
		}
		require.LessOrEqual(t, s.count(), 2, "the same page again ends the walk")
	})
}
