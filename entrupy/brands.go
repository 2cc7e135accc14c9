package entrupy

import (
	"cmp"
	"context"
	"errors"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
	"github.com/identkit/identkit/internal/wire"
)

// Brand is a brand that Entrupy knows, with its materials where the response has them.
type Brand struct {
	identkit.Raw `json:"-"`

	ID        string     `json:"brand_id"`
	Display   Display    `json:"display"`
	Materials []Material `json:"materials"`
}

// Material is a material of a brand.
type Material struct {
	ID      string           `json:"material_id"`
	Display Display          `json:"display"`
	Details []MaterialDetail `json:"details"`
}

// MaterialDetail is something that can be said about a material.
type MaterialDetail struct {
	FieldAlias string  `json:"field_alias"`
	Display    Display `json:"display"`
}

// Display is a text to show, in the language of the call. It may change.
type Display struct {
	Name string `json:"name"`
}

// readDisplay reads an object or a text.
func readDisplay(dec *jsontext.Decoder, d *Display) error {
	*d = Display{}
	switch dec.PeekKind() {
	case '{':
		return errors.ErrUnsupported
	case '"':
		return json.UnmarshalDecode(dec, &d.Name)
	}
	return dec.SkipValue()
}

// readBrand reads a brand, also under other likely names, and a text as its name.
func readBrand(dec *jsontext.Decoder, b *Brand) error {
	*b = Brand{}
	value, err := dec.ReadValue()
	if err != nil {
		return err
	}
	value = value.Clone()
	switch value.Kind() {
	case '"':
		err = json.Unmarshal(value, &b.Display.Name)
	case '{':
		type members Brand // without this function
		if err = json.Unmarshal(value, (*members)(b), dec.Options()); err != nil {
			return err
		}
		b.ID, b.Display.Name = cmp.Or(b.ID, memberText(value, "id")), cmp.Or(b.Display.Name, memberText(value, "name"))
	}
	transport.KeepRaw(b, value)
	return err
}

// memberText is a member of an object as a plain string is read.
func memberText(object jsontext.Value, name string) (text string) {
	if value := wire.Member(object, name); value != nil {
		_ = wire.Unmarshal(value, &text)
	}
	return text
}

// brandList holds a list under one of the likely names.
type brandList struct {
	Brands []Brand `json:"brands"`
	Items  []Brand `json:"items"`
}

func (l *brandList) check() error {
	if l.Brands == nil && l.Items == nil {
		return transport.Missing("brands")
	}
	return nil
}

// Brands lists the brands of the catalog.
type Brands struct{ client *transport.Client }

var listBrands = transport.Op[transport.None, brandList]{
	Name: "entrupy.Brands.List", Method: http.MethodPost, Path: "/v2/catalog/brands",
	Retry:      identkit.RetrySafe, // a POST that reads
	Assumption: "EN-026",
	Request:    func(_ *transport.None, r *transport.Request) { r.JSON(struct{}{}) },
	Check:      (*brandList).check,
}

// List reads the brands of the catalog. Safe to repeat.
// Source: the path from a public plan, checked 2026-11; the response is not documented, and read under the likely names (EN-026).
func (s Brands) List(ctx context.Context, opts ...identkit.CallOption) ([]Brand, error) {
	l, err := listBrands.Do(ctx, s.client, transport.None{}, opts)
	if err != nil {
		return nil, err
	}
	return append(l.Brands, l.Items...), nil
}
