package entrupy

import (
	"bytes"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/identkit/identkit/internal/wire"
)

// Image is one picture of an item.
type Image struct {
	Type string `json:"type"` // which picture it is
	URL  string `json:"url"`  // opaque
}

// readImages reads a list of objects or addresses, or an object whose names are the types and whose values are either of them, or lists of
// them. What is neither is left out; the JSON of the item has it.
func readImages(dec *jsontext.Decoder, list *[]Image) error {
	*list = nil
	value, err := dec.ReadValue()
	if err != nil {
		return err
	}
	addImages(list, "", value.Clone(), maxDepth)
	return nil
}

// maxDepth is how deep lists and objects that decide nothing are looked into. Each level reads what is below it again, so that a deep value
// would take minutes.
const maxDepth = 4

func addImages(list *[]Image, kind string, value jsontext.Value, depth int) {
	if depth == 0 {
		return
	}
	switch value.Kind() {
	case '"':
		image := Image{Type: kind}
		if wire.Unmarshal(value, &image.URL) == nil {
			*list = append(*list, image)
		}
	case '[':
		var all []jsontext.Value
		_ = json.Unmarshal(value, &all) // it was read before
		for _, one := range all {
			addImages(list, kind, one, depth-1)
		}
	case '{':
		if url := wire.Member(value, "url"); url.Kind() == '"' {
			image := Image{Type: kind}
			type members Image
			if wire.Unmarshal(value, (*members)(&image)) == nil {
				*list = append(*list, image)
			}
			return
		}
		dec := jsontext.NewDecoder(bytes.NewReader(value))
		_, _ = dec.ReadToken()
		for dec.PeekKind() == '"' {
			name, _ := dec.ReadToken()
			text := name.String()
			one, err := dec.ReadValue()
			if err != nil {
				return
			}
			addImages(list, text, one.Clone(), depth-1)
		}
	}
}

// CatalogData is what Entrupy made of an item for listings. Its structure can change, and prices depend on the region (EN-011).
// Source: "Understanding catalog data" of the Android SDK for the names, a public client for the types; checked 2026-11.
type CatalogData struct {
	ProductInformation  ProductInformation   `json:"product_information"`
	ConditionAssessment ConditionAssessment  `json:"condition_assessment"`
	MarketplaceListings []MarketplaceListing `json:"marketplace_listings"`
}

// ProductInformation describes the product.
type ProductInformation struct {
	Brand       string `json:"brand"`
	Category    string `json:"category"`
	Style       string `json:"style"`
	Material    string `json:"material"`
	Colorway    string `json:"colorway"`
	Description string `json:"description"`
}

// ConditionAssessment describes the item's condition.
type ConditionAssessment struct {
	Score   float64           `json:"score"`
	Rating  string            `json:"rating"`
	Issues  []string          `json:"issues"`
	Details map[string]string `json:"details"` // such as exterior and interior
}

// MarketplaceListing is a similar item on sale.
type MarketplaceListing struct {
	Platform   string  `json:"platform"`
	Title      string  `json:"title"`
	Price      string  `json:"price"`
	Currency   string  `json:"currency"`
	Link       string  `json:"link"`
	Confidence float64 `json:"confidence"`
}
