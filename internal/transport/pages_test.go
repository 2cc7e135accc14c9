package transport

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
)

// scripted gives pages in order, and notes where they were asked for.
func scripted(pages []Page[int], asked *[]string) func(context.Context, jsontext.Value) (Page[int], error) {
	return func(_ context.Context, at jsontext.Value) (Page[int], error) {
		*asked = append(*asked, string(at))
		if len(*asked) > len(pages) {
			return Page[int]{}, errors.New("asked for a page too many")
		}
		return pages[len(*asked)-1], nil
	}
}

// collect walks to the end and returns what it met.
func collect[T any](ctx context.Context, p Pages[T]) (items []T, errs []error) {
	for item, err := range p.All(ctx, nil) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		items = append(items, item)
	}
	return items, errs
}

func TestPagesFollowACursorOfAnyType(t *testing.T) {
	t.Parallel()
	for _, cursor := range []string{`"abc"`, `"20"`, `12345678901234567890`, `0`, `false`, `1.50`, `{"b":1,"a":[12345678901234567891]}`, `["x",null]`, `" "`, `"ž"`} {
		for _, end := range []string{"", "null", `""`, "[]", "{}", ` { } `, "\n[\t]"} {
			var asked []string
			items, errs := collect(t.Context(), Pages[int]{Read: scripted([]Page[int]{
				{Items: Items([]int{1, 2}), Next: jsontext.Value(cursor)}, {Items: Items([]int{3}), Next: jsontext.Value(end)},
			}, &asked)})
			require.Empty(t, errs, "%s %q", cursor, end)
			assert.Equal(t, []int{1, 2, 3}, items)
			assert.Equal(t, []string{"", cursor}, asked, "it is sent as it came")
		}
	}
}

func TestPagesEndWhereTheyLeadBack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		from    string
		cursors []string
		pages   int
	}{
		"the same again":            {"", []string{`"a"`, `"a"`}, 2},
		"an earlier one":            {"", []string{`"a"`, `"b"`, `"c"`, `"b"`}, 4},
		"where it began":            {`"a"`, []string{`"b"`, `"a"`}, 2},
		"spelled otherwise":         {"", []string{`{"a":1,"b":"\u0061"}`, "{ \"b\" : \"a\",\n\"a\":1}"}, 2},
		"a long number":             {"", []string{`12345678901234567890`, ` 12345678901234567890 `}, 2},
		"escaped":                   {"", []string{`"\u017e\/"`, `"ž/"`}, 2},
		"inside of an object again": {"", []string{`[{"x":[]}]`, `[{"x":[ ]}]`}, 2},
	} {
		var (
			asked []string
			pages []Page[int]
		)
		for i, cursor := range c.cursors {
			pages = append(pages, Page[int]{Items: Items([]int{i}), Next: jsontext.Value(cursor)})
		}
		items, errs := collect(t.Context(), Pages[int]{Operation: "test.List", From: jsontext.Value(c.from), Read: scripted(pages, &asked)})
		assert.Len(t, items, c.pages, "%s: the page's items come first", name)
		require.Len(t, errs, 1, name)
		require.ErrorIs(t, errs[0], identkit.ErrBadResponse)
		require.EqualError(t, errs[0], "test.List: bad response: the response leads back to an earlier page")
		assert.Len(t, asked, c.pages, name)
	}
	var asked []string
	_, errs := collect(t.Context(), Pages[int]{Read: scripted([]Page[int]{
		{Next: jsontext.Value(`12345678901234567890`)}, {Next: jsontext.Value(`12345678901234567891`)}, {Next: jsontext.Value(`"12345678901234567891"`)}, {},
	}, &asked)})
	require.Empty(t, errs, "different numbers, which a float would take for one")
	assert.Len(t, asked, 4, "an empty page with a cursor goes on")
}

func TestAPageThatFailsCanBeResumed(t *testing.T) {
	t.Parallel()
	failed := &identkit.Error{Operation: "test.List", Kind: identkit.ErrUnavailable}
	broken := true
	list := Pages[int]{Read: func(_ context.Context, at jsontext.Value) (Page[int], error) {
		switch {
		case len(at) == 0:
			return Page[int]{Items: Items([]int{1}), Next: jsontext.Value(`{"token":"personal-cursor"}`)}, nil
		case broken:
			return Page[int]{}, failed
		}
		return Page[int]{Items: Items([]int{2})}, nil
	}}
	items, errs := collect(t.Context(), list)
	assert.Equal(t, []int{1}, items)
	require.Len(t, errs, 1)
	require.ErrorIs(t, errs[0], identkit.ErrUnavailable)
	var pe *identkit.PageError
	require.ErrorAs(t, errs[0], &pe)
	assert.JSONEq(t, `{"token":"personal-cursor"}`, string(pe.Cursor))
	assert.Equal(t, 1, pe.Pages)

	broken, list.From = false, jsontext.Value(pe.Cursor)
	items, errs = collect(t.Context(), list)
	assert.Equal(t, []int{2}, items)
	assert.Empty(t, errs)
	items, _ = collect(t.Context(), list)
	assert.Equal(t, []int{2}, items, "a walk can be made again")

	list.From, broken = jsontext.Value("null"), true
	_, errs = collect(t.Context(), Pages[int]{From: list.From, Read: func(_ context.Context, at jsontext.Value) (Page[int], error) {
		assert.Empty(t, at, "the beginning")
		return Page[int]{}, failed
	}})
	require.ErrorAs(t, errs[0], &pe)
	assert.Nil(t, pe.Cursor)
}

func TestAWalkEndsWithItsCallerAndContext(t *testing.T) {
	t.Parallel()
	var asked []string
	endless := Pages[int]{Operation: "test.List", Read: func(_ context.Context, at jsontext.Value) (Page[int], error) {
		asked = append(asked, string(at))
		return Page[int]{Items: Items([]int{1, 2}), Next: jsontext.Value(strconv.Itoa(len(asked)))}, nil
	}}
	for item := range endless.All(t.Context(), nil) {
		assert.Equal(t, 1, item)
		break
	}
	assert.Equal(t, []string{""}, asked, "no page too many")

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var items, failures int
	for _, err := range endless.All(ctx, nil) {
		if err != nil {
			failures++
			require.ErrorIs(t, err, identkit.ErrCanceled)
			require.ErrorContains(t, err, "test.List")
			var pe *identkit.PageError
			require.ErrorAs(t, err, &pe)
			assert.Equal(t, `3`, string(pe.Cursor))
			continue
		}
		if items++; items == 3 {
			cancel()
		}
	}
	assert.Equal(t, 4, items, "what was read is handed out")
	assert.Equal(t, 1, failures)
}

type element struct {
	identkit.Raw `json:"-"`

	ID string `json:"id"`
}

func (e *element) check() error {
	if e.ID == "" {
		return Missing("id")
	}
	return nil
}

func TestAnInvalidItemCostsNoOther(t *testing.T) {
	t.Parallel()
	const canary = "canary"
	values := []jsontext.Value{[]byte(`{"id":"a","new":1}`), []byte(`{"no":"` + canary + `"}`), []byte(`"` + canary + `"`), []byte(`{"id":"b"}`)}
	var asked []string
	walk := Pages[element]{Read: func(context.Context, jsontext.Value) (Page[element], error) {
		asked = append(asked, "")
		page := Page[element]{Items: EachItem(testCodec, "test.List", "items", values, (*element).check)}
		if len(asked) == 1 {
			page.Next = jsontext.Value(`2`)
		}
		return page, nil
	}}
	items, errs := collect(t.Context(), walk)
	require.Len(t, items, 4)
	assert.Equal(t, `{"id":"a","new":1}`, string(items[0].RawJSON()))
	assert.Equal(t, "b", items[3].ID)
	require.Len(t, errs, 4)
	require.EqualError(t, errs[0], "test.List: bad response: items[1]: response lacks id")
	require.EqualError(t, errs[1], "test.List: bad response: items[2]: response has a value of another type than expected")
	var pe *identkit.PageError
	require.NotErrorAs(t, errs[0], &pe, "it ends nothing")
	for _, err := range errs {
		for _, one := range chain(err) {
			assert.NotContains(t, one.Error(), canary)
		}
	}
	asked = nil
	for _, err := range walk.All(t.Context(), nil) {
		if err != nil {
			break
		}
	}
	assert.Len(t, asked, 1, "a caller may stop at the first one")
}

func TestNumberedPagesEndWithTheList(t *testing.T) {
	t.Parallel()
	const size = 3
	for name, c := range map[string]struct {
		lengths []int
		total   int64
		items   int
		reads   int
	}{
		"a short page":                     {[]int{3, 3, 1}, 0, 7, 3},
		"an empty page":                    {[]int{3, 3, 0}, 0, 6, 3},
		"none at all":                      {[]int{0}, 0, 0, 1},
		"total":                            {[]int{3, 3}, 6, 6, 2},
		"total, and a short page":          {[]int{3, 3, 1}, 7, 7, 3},
		"the provider's pages are shorter": {[]int{2, 2, 2, 1}, 7, 7, 4},
		"fewer than the total says":        {[]int{3, 0}, 100, 3, 2},
		"more than was asked for":          {[]int{5, 5, 2}, 0, 12, 3},
	} {
		var reads []int
		items, errs := collect(t.Context(), Pages[int]{Read: Numbered(1, size, func(_ context.Context, page int) (NumberedPage[int], error) {
			reads = append(reads, page)
			return NumberedPage[int]{Items: make([]int, c.lengths[page-1]), Total: c.total}, nil
		})})
		require.Empty(t, errs, name)
		assert.Len(t, items, c.items, name)
		assert.Len(t, reads, c.reads, name)
		assert.Equal(t, 1, reads[0])
	}
}

func TestANumberedPageThatFailsCanBeResumed(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	fails := true
	read := Numbered(0, 2, func(_ context.Context, page int) (NumberedPage[int], error) {
		if page == 2 && fails {
			return NumberedPage[int]{}, broken
		}
		return NumberedPage[int]{Items: []int{page, page}, Total: 6}, nil
	})
	items, errs := collect(t.Context(), Pages[int]{Read: read})
	assert.Equal(t, []int{0, 0, 1, 1}, items)
	var pe *identkit.PageError
	require.ErrorAs(t, errs[0], &pe)
	require.ErrorIs(t, pe, broken)
	fails = false
	items, errs = collect(t.Context(), Pages[int]{From: jsontext.Value(pe.Cursor), Read: read})
	assert.Equal(t, []int{2, 2}, items, "the total still counts")
	assert.Empty(t, errs)
	for _, cursor := range []string{`"x"`, `7`, `{"page":-1,"seen":0}`, `{"page":1,"seen":-1}`, `{"page":"1"}`} {
		_, errs = collect(t.Context(), Pages[int]{From: jsontext.Value(cursor), Read: read})
		require.ErrorIs(t, errs[0], identkit.ErrInvalidRequest, cursor)
	}
}

// A provider whose request repeats the whole body with the cursor.
func TestPagesOfAnOperation(t *testing.T) {
	t.Parallel()
	type search struct {
		Filter map[string]string `json:"filter"`
		Cursor jsontext.Value    `json:"cursor,omitzero"`
	}
	type found struct {
		Items []element      `json:"items"`
		Next  jsontext.Value `json:"next"`
	}
	op := Op[search, found]{Name: "test.Search", Method: http.MethodPost, Path: "/search", Retry: identkit.RetrySafe, Request: func(in *search, r *Request) { r.JSON(in) }}
	var bodies []string
	var check Check
	c := New(Config{Provider: "test", BaseURL: "https://h", Operations: []Operation{&op}, Options: identkit.Options{
		HTTPClient: &http.Client{Transport: tripper(func(r *http.Request) (*http.Response, error) {
			b, _ := io.ReadAll(r.Body)
			bodies = append(bodies, string(b))
			return stub(200, []string{`{"items":[{"id":"a"}],"next":12345678901234567890}`, `{"items":[],"next":{"k":["b"]}}`, `{"items":[{"id":"c"}],"next":null}`}[len(bodies)-1])(r)
		})},
	}}, &check)
	require.NotNil(t, c)
	in := search{Filter: map[string]string{"status": "done"}}
	var ids []string
	for item, err := range (Pages[element]{Operation: op.Name, Read: func(ctx context.Context, at jsontext.Value) (Page[element], error) {
		in.Cursor = at
		out, err := op.Do(ctx, c, in, nil)
		if err != nil {
			return Page[element]{}, err
		}
		return Page[element]{Items: Items(out.Items), Next: out.Next}, nil
	}}).All(t.Context(), c) {
		require.NoError(t, err)
		ids = append(ids, item.ID)
	}
	assert.Equal(t, []string{"a", "c"}, ids)
	assert.Equal(t, []string{
		`{"filter":{"status":"done"}}`, `{"filter":{"status":"done"},"cursor":12345678901234567890}`, `{"filter":{"status":"done"},"cursor":{"k":["b"]}}`,
	}, bodies)

	var none context.Context
	_, errs := collect(none, Pages[int]{Read: func(ctx context.Context, _ jsontext.Value) (Page[int], error) {
		_, err := op.Do(ctx, c, in, nil)
		return Page[int]{}, err
	}})
	require.ErrorIs(t, errs[0], identkit.ErrInvalidRequest, "no context is misuse like in every call")
}

func TestAPageErrorDoesNotShowItsCursor(t *testing.T) {
	t.Parallel()
	pe := &identkit.PageError{Cursor: json.RawMessage(`"personal-cursor"`), Pages: 2, Err: &identkit.Error{Operation: "test.List", Kind: identkit.ErrTimeout}}
	b, err := json.Marshal(pe)
	require.NoError(t, err)
	assert.Equal(t, `{"operation":"test.List","kind":"timeout","text":"test.List: timeout","pages":2}`, string(b))
	assert.NotContains(t, identkit.Explain(pe), "personal-cursor")
	assert.EqualError(t, &identkit.PageError{}, "page failed")
}
