package entrupy

import (
	"cmp"
	"maps"
	"reflect"
	"slices"

	"github.com/identkit/identkit/internal/transport"
)

// FilterKey names what a filter looks at. Keys that are not listed here are sent as they are.
type FilterKey string

// The keys that a source names.
const (
	KeyResult         FilterKey = "status.result.id"             // a [ResultID]
	KeyBrand          FilterKey = "properties.brand.id"          // a brand's id
	KeyCustomerItemID FilterKey = "text_fields.customer_item_id" // a [CustomerItemID]; since 1.3
	KeyFormFactor     FilterKey = "activity.form_factor"         // a [FormFactor]
)

// keyItemIDOfV2 is where items of v2 have the customer's id: a caller may try it as a key.
const keyItemIDOfV2 FilterKey = "properties.customer_item_id"

// keyUsername stands for the key that SearchNames has.
const keyUsername FilterKey = "\x00username"

// Filter restricts a search; several filters hold together. Its form is known from a public client and the mobile SDK (EN-015).
type Filter struct {
	key     FilterKey
	value   any
	values  []any
	exclude bool
	raw     map[string]any
}

// Equal finds what has the value. It is sent as JSON.
func Equal(key FilterKey, value any) Filter { return Filter{key: key, value: value} }

// AnyOf finds what has one of the values.
func AnyOf(key FilterKey, values ...any) Filter {
	return Filter{key: key, values: append([]any{}, values...)}
}

// ByCustomerItemID finds the authentications of an item.
func ByCustomerItemID(id CustomerItemID) Filter { return Equal(KeyCustomerItemID, id) }

// ByUsername finds the authentications of a user, by the name that Users.Authorize returned. The key is assumed, see
// [SearchNames].Username. In v2 items carry no username to compare: find out once whether the search has an effect.
func ByUsername(name Username) Filter { return Equal(keyUsername, name) }

// RawFilter is sent as it is. Unlike with other filters, what comes back is not compared with it.
func RawFilter(members map[string]any) Filter {
	return Filter{raw: maps.Clone(members)}
}

// Not finds everything else. It has no effect on a RawFilter.
func (f Filter) Not() Filter {
	f.exclude = !f.exclude
	return f
}

// resolved is the filter with the key that is sent.
func (f Filter) resolved(names SearchNames) Filter {
	if f.key == keyUsername {
		f.key = names.Username
	}
	return f
}

func (f Filter) check(c *transport.Check) {
	if f.raw != nil {
		c.That(len(f.raw) > 0, "filters", "has an empty filter")
		return
	}
	c.Text("filters.key", string(f.key), 0)
	c.That(f.values == nil || len(f.values) > 0, "filters.values", "is empty")
	c.That(f.values != nil || f.value != nil && !isEmptyText(f.value), "filters.value", "is empty")
	c.That(!slices.ContainsFunc(f.values, isEmptyText), "filters.values", "has an empty value")
}

// isEmptyText reports an empty text of any type: a search for it is a mistake, which could find everything.
func isEmptyText(v any) bool {
	text, ok := textOf(v)
	return v == nil || ok && text == ""
}

// textOf is the text of a value of a string type.
func textOf(v any) (string, bool) {
	if r := reflect.ValueOf(v); r.Kind() == reflect.String {
		return r.String(), true
	}
	return "", false
}

// members are what is sent.
func (f Filter) members() map[string]any {
	if f.raw != nil {
		return f.raw
	}
	m := map[string]any{"key": f.key}
	if f.values != nil {
		m["values"] = f.values
	} else {
		m["value"] = f.value
	}
	if f.exclude {
		m["exclude"] = true
	}
	return m
}

// contradicts reports whether an item that carries a value cannot be a result. An item that carries none can.
func (f Filter) contradicts(key FilterKey, carried string) bool {
	if f.key == keyItemIDOfV2 {
		f.key = KeyCustomerItemID
	}
	if f.raw != nil || f.key != key || carried == "" {
		return false
	}
	values := f.values
	if values == nil {
		values = []any{f.value}
	}
	found := false
	for _, v := range values {
		text, ok := textOf(v)
		if !ok {
			return false // of another type than the item has
		}
		found = found || text == carried
	}
	return found == f.exclude
}

// SearchNames replaces names of the search that are not documented. Empty ones have the defaults.
type SearchNames struct {
	Username FilterKey // key of [ByUsername]; default owner.user.username (EN-016)
	Cursor   string    // member of the request that holds the cursor; default cursor (EN-017)
	From, To string    // members of the request that hold the dates; default start and end (EN-018)
}

func (n SearchNames) complete() SearchNames {
	n.Username = cmp.Or(n.Username, "owner.user.username")
	n.Cursor, n.From, n.To = cmp.Or(n.Cursor, "cursor"), cmp.Or(n.From, "start"), cmp.Or(n.To, "end")
	return n
}
