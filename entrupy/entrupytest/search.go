package entrupytest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/identkit/identkit/entrupy"
	"github.com/identkit/identkit/internal/fakeserver"
)

const (
	defaultLimit = 10
	maxLimit     = 25
)

// filter is a filter of a search, of which value and values are one.
type filter struct {
	Key        string `json:"key"`
	Value      any    `json:"value"`
	Values     []any  `json:"values"`
	Exclude    bool   `json:"exclude"`
	TextFields any    `json:"text_fields"`
}

// search is the body of a search.
type search struct {
	limit    int
	filters  []filter
	from, to time.Time
	offset   int
}

func (s *Server) searchAuthentications(c *fakeserver.Call, v14 bool) {
	in, ok := s.searchOf(c)
	if !ok {
		return
	}
	var found []*Item
	for _, it := range s.items {
		matches := (in.from.IsZero() || !it.Created.Before(in.from)) && (in.to.IsZero() || !it.Created.After(in.to))
		for _, f := range in.filters {
			value, known := s.valueOf(it, f.Key)
			if !known && !s.opts.Dialect.IgnoreUnknownKeys {
				s.refuse(c, http.StatusBadRequest, "unknown key of a filter", "filters")
				return
			}
			matches = matches && (!known || f.holds(value))
		}
		if matches {
			found = append(found, it)
		}
	}
	items := []object{}
	page := found[min(in.offset, len(found)):]
	page = page[:min(in.limit, len(page))]
	for _, it := range page {
		if v14 {
			items = append(items, s.v14(it))
		} else {
			items = append(items, s.v2(it, false, false))
		}
	}
	out := object{"items": items, "item_count": len(items)}
	s.putCursor(out, in.offset, in.limit, len(found))
	c.JSON(http.StatusOK, out)
}

// searchOf reads the body of a search, or refuses it.
func (s *Server) searchOf(c *fakeserver.Call) (in search, ok bool) {
	var members map[string]json.RawMessage
	if !s.body(c, &members) {
		return in, false
	}
	in.limit = defaultLimit
	d := s.opts.Dialect
	for name, value := range members {
		var err error
		switch name {
		case "limit":
			if string(value) != "null" {
				err = json.Unmarshal(value, &in.limit)
			}
		case "filters":
			err = json.Unmarshal(value, &in.filters)
		case "format_options":
			err = json.Unmarshal(value, new(map[string]any))
		case d.FromName:
			in.from, err = seconds(value)
		case d.ToName:
			in.to, err = seconds(value)
		case d.CursorName:
			if in.offset, err = offsetOf(value); err == nil && in.offset < 0 {
				err = errCursor
			}
		default:
			if !d.IgnoreUnknownKeys {
				s.refuse(c, http.StatusBadRequest, "unknown member", name)
				return in, false
			}
		}
		if err != nil {
			s.refuse(c, http.StatusBadRequest, "invalid member", name)
			return in, false
		}
	}
	if in.limit < 1 || in.limit > maxLimit {
		s.refuse(c, http.StatusBadRequest, "limit is not 1 to 25", "limit")
		return in, false
	}
	return in, true
}

func seconds(value json.RawMessage) (time.Time, error) {
	var n int64
	err := json.Unmarshal(value, &n)
	if n == 0 {
		return time.Time{}, err
	}
	return time.Unix(n, 0), err
}

// valueOf is what a filter's key looks at; known is false for keys that there are not.
func (s *Server) valueOf(it *Item, key string) (value string, known bool) {
	switch {
	case key == string(s.opts.Dialect.UsernameKey):
		return string(it.Username), true
	case key == string(entrupy.KeyResult):
		return string(it.Result.ID), true
	case key == string(entrupy.KeyBrand):
		return strings.ToLower(it.Brand), true
	case key == string(entrupy.KeyFormFactor):
		return string(it.FormFactor), true
	case key == string(entrupy.KeyCustomerItemID):
		return string(it.CustomerItemID), true
	case strings.HasPrefix(key, "text_fields."):
		return it.TextFields[strings.TrimPrefix(key, "text_fields.")], true
	}
	return "", false
}

func (f filter) holds(value string) bool {
	if f.Values == nil {
		f.Values = []any{f.Value}
	}
	return slices.Contains(f.Values, any(value)) != f.Exclude
}

// putCursor writes the cursor of the next page, or the end.
func (s *Server) putCursor(out object, offset, limit, total int) {
	next := offset + limit
	d := s.opts.Dialect
	if next >= total {
		if d.CursorEnd != EndMissing {
			out["next_cursor"] = map[CursorEnd]any{EndNull: nil, EndText: "", EndList: []string{}, EndObject: object{}}[d.CursorEnd]
		}
		return
	}
	kind := d.Cursor
	if kind == CursorMixed {
		kind = []CursorType{CursorText, CursorList, CursorInteger, CursorObject}[next/limit%4]
	}
	switch kind {
	case CursorList:
		out["next_cursor"] = []string{strconv.Itoa(next), "p"}
	case CursorInteger:
		out["next_cursor"] = json.RawMessage(fmt.Sprintf("1%019d", next))
	case CursorObject:
		out["next_cursor"] = object{"after": next}
	default:
		out["next_cursor"] = "p" + strconv.Itoa(next)
	}
}

var errCursor = errors.New("entrupytest: no cursor of the fake")

// offsetOf reads a cursor of any form; null is the beginning.
func offsetOf(value json.RawMessage) (int, error) {
	if string(value) == "null" {
		return 0, nil
	}
	var (
		text   string
		list   []string
		object struct{ After int }
	)
	switch {
	case json.Unmarshal(value, &text) == nil:
		return strconv.Atoi(strings.TrimPrefix(text, "p"))
	case json.Unmarshal(value, &list) == nil && len(list) > 0:
		return strconv.Atoi(list[0])
	case json.Unmarshal(value, &object) == nil:
		return object.After, nil
	}
	return strconv.Atoi(strings.TrimLeft(strings.TrimPrefix(string(value), "1"), "0"))
}
