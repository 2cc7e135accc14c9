package entrupy

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// SearchParams say what to search for, and from where.
type SearchParams struct {
	Limit   int // items a page, at most 25; zero means 10
	Filters []Filter
	// From and To bound the time of the authentications; zero times are open. They are sent as seconds since 1970 under assumed names, see
	// [SearchNames]: an API that does not know the names ignores them, so compare the times of what comes back.
	From, To time.Time
	// FormatOptions are sent as they are; their content is not documented.
	FormatOptions map[string]any
	// Cursor goes on behind a page. Everything else must be as it was.
	Cursor Cursor
}

// Cursor is the place where the next page begins, as JSON text. It is opaque, can be stored, and is sent back as the same JSON value. Empty
// means the beginning in SearchParams, and the end in Page.
type Cursor string

const maxLimit = 25

type searchInput struct {
	SearchParams
	names SearchNames
}

func (in *searchInput) request(r *transport.Request) {
	r.That(in.Limit >= 0 && in.Limit <= maxLimit, "limit", "must be 1 to 25, or 0 for 10")
	r.That(in.From.IsZero() || in.To.IsZero() || !in.To.Before(in.From), "To", "is before From")
	r.That(in.Cursor == "" || jsontext.Value(in.Cursor).IsValid(), "Cursor", "is not that of a page")
	body := map[string]any{}
	if in.Limit > 0 {
		body["limit"] = in.Limit
	}
	var filters []map[string]any
	for i, f := range in.Filters {
		in.Filters[i].check(&r.Check)
		filters = append(filters, f.resolved(in.names).members())
	}
	if filters != nil {
		body["filters"] = filters
	}
	if in.FormatOptions != nil {
		body["format_options"] = in.FormatOptions
	}
	if !in.From.IsZero() {
		body[in.names.From] = in.From.Unix()
	}
	if !in.To.IsZero() {
		body[in.names.To] = in.To.Unix()
	}
	if in.Cursor != "" {
		body[in.names.Cursor] = jsontext.Value(in.Cursor)
	}
	r.JSON(body)
}

// The errors of items that a filter excludes: an API may ignore a key that it does not know.
var (
	errOtherItem = transport.Contradiction("an item has another customer item id than asked for; the search may ignore the filter's key (EN-015)")
	errOtherUser = transport.Contradiction("an item has another username than asked for; the search may ignore the filter's key (EN-016), SearchNames.Username replaces it")
)

// mismatch is the error of an item that was not asked for.
func (in *searchInput) mismatch(a *Authentication) error {
	for _, f := range in.Filters {
		f = f.resolved(in.names)
		switch {
		case f.contradicts(KeyCustomerItemID, string(a.carriedItemID())):
			return errOtherItem
		case f.contradicts(in.names.Username, string(a.Owner.User.Username)):
			return errOtherUser
		}
	}
	return nil
}

// Page is a part of the result of a search.
type Page struct {
	identkit.Raw `json:"-"`

	// Items are those that could be read, in the order of the response.
	Items []*Authentication `json:"items"`
	// Unreadable are the others.
	Unreadable []*ItemError `json:"-"`
	Count      int          `json:"item_count"` // of this page, as the response says it
	Next       Cursor       `json:"next_cursor"`

	all []entry // in the order of the response
}

// entry is an item or its error.
type entry struct {
	item *Authentication
	err  *ItemError
}

// ItemError is an item that cannot be read, or that a search should not have found. RawJSON has it as it came.
type ItemError struct {
	identkit.Raw

	Position int   // in its page or delivery, from 0
	Err      error // the reason, an *identkit.Error
}

// Error names the position and the reason, and nothing of the item.
func (e *ItemError) Error() string { return fmt.Sprintf("entrupy: item %d: %v", e.Position, e.Err) }

// Unwrap returns the reason.
func (e *ItemError) Unwrap() error { return e.Err }

// MarshalText writes the same text.
func (e *ItemError) MarshalText() ([]byte, error) { return []byte(e.Error()), nil }

func itemError(position int, operation string, raw []byte, err error) *ItemError {
	e := &ItemError{Position: position, Err: unreadable(operation, err)}
	transport.KeepRaw(e, raw)
	return e
}

// readPage reads each item by itself.
func readPage(dec *jsontext.Decoder, p *Page) error {
	var body struct {
		Items []jsontext.Value `json:"items"`
		Count int              `json:"item_count"`
		Next  Cursor           `json:"next_cursor"`
	}
	value, err := dec.ReadValue()
	if err != nil {
		return err
	}
	if err := json.Unmarshal(value, &body, dec.Options()); err != nil {
		return err
	}
	if body.Items == nil {
		return transport.Missing("items")
	}
	*p = Page{Items: []*Authentication{}, Count: body.Count, Next: body.Next}
	for i, raw := range body.Items {
		a := new(Authentication)
		if err := json.Unmarshal(raw, a, dec.Options()); err != nil {
			p.all = append(p.all, entry{err: itemError(i, searchAuthenticationsName, raw, err)})
			continue
		}
		p.all = append(p.all, entry{item: a})
	}
	return nil
}

// readCursor reads any JSON value. The end is said in several ways.
func readCursor(dec *jsontext.Decoder, c *Cursor) error {
	value, err := dec.ReadValue()
	if err != nil {
		return err
	}
	value = value.Clone()
	_ = value.Compact() // it is valid
	switch *c = Cursor(value); *c {
	case `null`, `""`, `[]`, `{}`:
		*c = ""
	}
	return nil
}

// settle sorts the items of a page.
func (p *Page) settle() *Page {
	for _, e := range p.all {
		if e.err != nil {
			p.Unreadable = append(p.Unreadable, e.err)
		} else {
			p.Items = append(p.Items, e.item)
		}
	}
	return p
}

const searchAuthenticationsName = "entrupy.Authentications.Search"

// searchOp is the search with a rule for items that were not asked for.
func searchOp(same func(*searchInput, *Page) error) transport.Op[searchInput, Page] {
	return transport.Op[searchInput, Page]{
		Name: searchAuthenticationsName, Method: http.MethodPost, Path: "/v2/search/authentications",
		Retry:   identkit.RetrySafe, // a POST that reads
		Request: (*searchInput).request,
		Same:    same,
	}
}

var (
	searchAuthentications = searchOp(func(in *searchInput, p *Page) error {
		for _, e := range p.all {
			if e.item != nil {
				if err := in.mismatch(e.item); err != nil {
					return err
				}
			}
		}
		return nil
	})
	walkAuthentications = searchOp(nil)
)

// Search reads one page of the authentications that all filters find; their order is not documented. An item that cannot be read is in
// Page.Unreadable. An item that carries another customer item id or username than asked for is an [identkit.ErrBadResponse] for the whole
// page: the search did not do what it was asked. Safe to repeat.
// Source: API reference v2, backend tasks of the iOS SDK; checked 2026-11.
func (s Authentications) Search(ctx context.Context, p SearchParams, opts ...identkit.CallOption) (*Page, error) {
	page, err := searchAuthentications.Do(ctx, s.client, searchInput{p, s.names.complete()}, opts)
	if err != nil {
		return nil, err
	}
	return page.settle(), nil
}

// WalkError ends a walk over pages.
type WalkError struct {
	Cursor Cursor // of the page that failed, to go on with in SearchParams; empty for the first page
	Err    error
}

// Error returns the reason's text; the cursor may hold personal data and is not printed.
func (e *WalkError) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e *WalkError) Unwrap() error { return e.Err }

// MarshalText writes the same text.
func (e *WalkError) MarshalText() ([]byte, error) { return []byte(e.Error()), nil }

// All walks over all pages, from p.Cursor on. Each page is a call of Search with the same p and opts, made when the items before it are used
// up; the walk can be ended at any time.
//
//	for a, err := range client.Authentications.All(ctx, entrupy.SearchParams{Limit: 25}) {
//		var broken *entrupy.ItemError
//		if errors.As(err, &broken) {
//			continue // one item; RawJSON has it
//		}
//		if err != nil {
//			return err // the end; a *entrupy.WalkError has the cursor
//		}
//		use(a)
//	}
//
// An item that cannot be read, or that carries another customer item id or username than asked for, is an *[ItemError], and the walk goes
// on. A page that cannot be read is a *[WalkError] and ends it, and so does a cursor that came before in the walk, after the items of its
// page. The cursor alone decides about the end: an empty or short page with a cursor goes on.
//
// It is not a snapshot: items that are added or changed meanwhile may come twice, or not at all.
func (s Authentications) All(ctx context.Context, p SearchParams, opts ...identkit.CallOption) iter.Seq2[*Authentication, error] {
	return func(yield func(*Authentication, error) bool) {
		in := searchInput{p, s.names.complete()}
		seen := map[Cursor]bool{in.Cursor.canonical(): true}
		for {
			page, err := walkAuthentications.Do(ctx, s.client, in, opts)
			if err != nil {
				yield(nil, &WalkError{in.Cursor, err})
				return
			}
			for i, e := range page.all {
				if e.err == nil {
					if err := in.mismatch(e.item); err != nil {
						e = entry{err: itemError(i, searchAuthenticationsName, e.item.RawJSON(), err)}
					}
				}
				if e.err != nil && !yield(nil, e.err) || e.err == nil && !yield(e.item, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			next := page.Next.canonical()
			if seen[next] {
				yield(nil, &WalkError{page.Next, unreadable(searchAuthenticationsName, errRepeats)})
				return
			}
			seen[next], in.Cursor = true, page.Next
		}
	}
}

var errRepeats = transport.Contradiction("the cursor of the next page came before in this walk")

// canonical is the same for cursors that are the same JSON value. Numbers are compared by their digits: as float64, large integers could
// not be told apart.
func (c Cursor) canonical() Cursor {
	value := jsontext.Value(c)
	_ = value.Canonicalize(jsontext.CanonicalizeRawInts(false), jsontext.CanonicalizeRawFloats(false))
	return Cursor(value)
}
