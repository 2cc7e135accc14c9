package entrupy

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"slices"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
	"github.com/identkit/identkit/internal/wire"
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
	// Cursor goes on behind a page: Page.Next of it, or that of an [identkit.PageError]. Everything else must be as it was. It is opaque JSON
	// of any type, and sent back as the same value. Nil means the beginning.
	Cursor json.RawMessage
}

const maxLimit = 25

type searchInput struct {
	SearchParams
	names SearchNames
}

func (in *searchInput) request(r *transport.Request) {
	r.That(in.Limit >= 0 && in.Limit <= maxLimit, "limit", "must be 1 to 25, or 0 for 10")
	r.That(in.From.IsZero() || in.To.IsZero() || !in.To.Before(in.From), "To", "is before From")
	r.That(len(in.Cursor) == 0 || jsontext.Value(in.Cursor).IsValid(), "Cursor", "is not that of a page")
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
		body[in.names.To] = in.To.Add(time.Second - time.Nanosecond).Unix() // whole seconds that hold all of it
	}
	if cursor := nextCursor(in.Cursor); cursor != nil { // a stored end comes back as null
		body[in.names.Cursor] = jsontext.Value(cursor)
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
	Unreadable []*ItemError    `json:"-"`
	Count      int             `json:"item_count"`  // of this page, as the response says it
	Next       json.RawMessage `json:"next_cursor"` // where the next page begins; nil at the end

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
		Next  json.RawMessage  `json:"next_cursor"`
	}
	value, err := dec.ReadValue()
	if err != nil {
		return err
	}
	if err := jsonv2.Unmarshal(value, &body, dec.Options()); err != nil {
		return err
	}
	if body.Items == nil {
		return transport.Missing("items")
	}
	*p = Page{Items: []*Authentication{}, Count: body.Count, Next: nextCursor(body.Next)}
	for i, raw := range body.Items {
		a := new(Authentication)
		if err := jsonv2.Unmarshal(raw, a, dec.Options()); err != nil {
			e := itemError(i, searchAuthenticationsName, raw, wire.Explain(err, raw, a))
			p.Unreadable, p.all = append(p.Unreadable, e), append(p.all, entry{err: e})
			continue
		}
		p.Items, p.all = append(p.Items, a), append(p.all, entry{item: a})
	}
	return nil
}

// nextCursor is nil at the end, which is said in several ways.
func nextCursor(value json.RawMessage) json.RawMessage {
	text := jsontext.Value(value).Clone()
	_ = text.Compact() // what is not valid stays as it is
	switch string(text) {
	case ``, `null`, `""`, `[]`, `{}`:
		return nil
	}
	return json.RawMessage(text)
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
	return searchAuthentications.Do(ctx, s.client, searchInput{p, s.names.complete()}, opts)
}

// All walks over all pages, from p.Cursor on. Each page is a call of Search with the same p and opts, made when the items before it are used
// up; the walk can be ended at any time.
//
//	for a, err := range client.Authentications.All(ctx, entrupy.SearchParams{Limit: 25}) {
//		var broken *entrupy.ItemError
//		if errors.As(err, &broken) {
//			continue // one item; RawJSON has it
//		}
//		if err != nil {
//			return err // the end; a *identkit.PageError has the cursor
//		}
//		fmt.Println(a.ID, a.IsAuthentic())
//	}
//
// An item that cannot be read, or that carries another customer item id or username than asked for, is an *[ItemError], and the walk goes
// on. A page that cannot be read is an *[identkit.PageError] and ends it, and so does a cursor that came before in the walk, after the items of its
// page. The cursor alone decides about the end: an empty or short page with a cursor goes on.
//
// It is not a snapshot: items that are added or changed meanwhile may come twice, or not at all.
func (s Authentications) All(ctx context.Context, p SearchParams, opts ...identkit.CallOption) iter.Seq2[*Authentication, error] {
	p.Filters, p.FormatOptions = slices.Clone(p.Filters), maps.Clone(p.FormatOptions) // the walk goes on while the caller does
	in := searchInput{p, s.names.complete()}
	return transport.Pages[*Authentication]{
		Operation: searchAuthenticationsName,
		From:      jsontext.Value(p.Cursor),
		Read: func(ctx context.Context, at jsontext.Value) (transport.Page[*Authentication], error) {
			in := in
			in.Cursor = json.RawMessage(at)
			page, err := walkAuthentications.Do(ctx, s.client, in, opts)
			if err != nil {
				return transport.Page[*Authentication]{}, err
			}
			return transport.Page[*Authentication]{Items: in.each(page), Next: jsontext.Value(page.Next)}, nil
		},
	}.All(ctx, s.client)
}

// each gives the items of a page, and errors in place of those that cannot be read or were not asked for.
func (in *searchInput) each(p *Page) iter.Seq2[*Authentication, error] {
	return func(yield func(*Authentication, error) bool) {
		for i, e := range p.all {
			if e.err == nil {
				if err := in.mismatch(e.item); err != nil {
					e = entry{err: itemError(i, searchAuthenticationsName, e.item.RawJSON(), err)}
				}
			}
			if e.err != nil && !yield(nil, e.err) || e.err == nil && !yield(e.item, nil) {
				return
			}
		}
	}
}
