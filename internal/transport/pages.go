package transport

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"iter"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/wire"
)

// Pages walks through a list that comes in pages.
type Pages[T any] struct {
	Operation string // names the walk in its own errors
	// From is the cursor of the first page; empty: the beginning of the list. A [identkit.PageError] has one to go on from.
	From jsontext.Value
	// Read reads the page that begins at a cursor. It may send it anywhere: in the query, or in a body that is otherwise the same.
	Read func(ctx context.Context, at jsontext.Value) (Page[T], error)
}

// Page is a part of a list.
type Page[T any] struct {
	// Items are its elements. An element that cannot be used is an error of its own, after which the walk goes on. Nil: none.
	Items iter.Seq2[T, error]
	// Next is the cursor of the next page, as the provider gave it: any JSON. Missing, null, "", [] and {} end the list; an empty page does not.
	Next jsontext.Value
}

// All reads page after page while the caller goes on. A failure that ends the walk is an *identkit.PageError. Iterating again begins anew.
func (p Pages[T]) All(ctx context.Context, c *Client) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var (
			zero T
			seen = make(map[[sha256.Size]byte]bool)
			at   = p.From
		)
		fail := func(pages int, err error) {
			_ = yield(zero, &identkit.PageError{Cursor: json.RawMessage(bytes.Clone(at)), Pages: pages, Err: err})
		}
		own := func(e *identkit.Error) *identkit.Error {
			if e.Operation = p.Operation; c != nil {
				e.Provider = c.provider
			}
			return e
		}
		if key, ok := cursorKey(at); ok {
			seen[key] = true
		} else {
			at = nil
		}
		for pages := 0; ; pages++ {
			if ctx != nil && ctx.Err() != nil {
				fail(pages, own(canceled(ctx)))
				return
			}
			page, err := p.Read(ctx, at)
			if err != nil {
				fail(pages, err)
				return
			}
			if page.Items != nil {
				for item, err := range page.Items {
					if !yield(item, err) {
						return
					}
				}
			}
			key, more := cursorKey(page.Next)
			switch {
			case !more:
				return
			case seen[key]:
				fail(pages+1, own(&identkit.Error{Kind: identkit.ErrBadResponse, Detail: "the response leads back to an earlier page"}))
				return
			}
			seen[key], at = true, page.Next
		}
	}
}

// cursorKey identifies a cursor by its JSON value, numbers by their digits; false: it is none.
func cursorKey(cursor jsontext.Value) (key [sha256.Size]byte, ok bool) {
	canonical := slices.Clone(cursor)
	if canonical.Canonicalize(jsontext.CanonicalizeRawInts(false), jsontext.CanonicalizeRawFloats(false)) != nil {
		canonical = bytes.TrimSpace(cursor) // not from a response; compared as it is
	}
	switch string(canonical) {
	case "", "null", `""`, "[]", "{}":
		return key, false
	}
	return sha256.Sum256(canonical), true
}

// Items gives elements that are read already.
func Items[T any](all []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, item := range all {
			if !yield(item, nil) {
				return
			}
		}
	}
}

// EachItem reads elements one by one, so that one which is invalid costs no other: it is an error of its own, ErrBadResponse with the name of the list
// and the element's place.
func EachItem[T any](codec *wire.Codec, operation, list string, all []jsontext.Value, check func(*T) error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for i, value := range all {
			var item, zero T
			err := codec.Unmarshal(value, &item)
			if err == nil && check != nil {
				err = check(&item)
			}
			if err != nil {
				detail := list + "[" + strconv.Itoa(i) + "]: " + describeResponse(err)
				if !yield(zero, &identkit.Error{Operation: operation, Kind: identkit.ErrBadResponse, Detail: detail, Err: err}) {
					return
				}
				continue
			}
			KeepRaw(&item, value)
			if !yield(item, nil) {
				return
			}
		}
	}
}

// NumberedPage is a page that was asked for by its number.
type NumberedPage[T any] struct {
	Items []T
	Total int64 // of the whole list; zero or less: the provider did not say
}

// Numbered is the Read of a list whose pages have numbers, of which the first is given. The list ends when Total items were seen or with an empty
// page; without a Total also with a page of fewer items than size.
func Numbered[T any](first, size int, read func(ctx context.Context, page int) (NumberedPage[T], error)) func(context.Context, jsontext.Value) (Page[T], error) {
	type place struct {
		Page int   `json:"page"`
		Seen int64 `json:"seen"` // items before it
	}
	return func(ctx context.Context, at jsontext.Value) (Page[T], error) {
		here := place{Page: first}
		if len(at) > 0 {
			if err := wire.UnmarshalStrict(at, &here); err != nil || here.Page < first || here.Seen < 0 {
				return Page[T]{}, &identkit.Error{Kind: identkit.ErrInvalidRequest, Fields: []identkit.FieldError{{Field: "Cursor", Reason: "is not of this list"}}}
			}
		}
		got, err := read(ctx, here.Page)
		if err != nil {
			return Page[T]{}, err
		}
		page := Page[T]{Items: Items(got.Items)}
		next := place{here.Page + 1, here.Seen + int64(len(got.Items))}
		more := len(got.Items) >= max(size, 1)
		if got.Total > 0 {
			more = len(got.Items) > 0 && next.Seen < got.Total
		}
		if more {
			if page.Next, err = wire.Marshal(next); err != nil {
				return Page[T]{}, err
			}
		}
		return page, nil
	}
}
