package entrupy

import (
	"cmp"
	"encoding/json"
	"errors"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
	"github.com/identkit/identkit/internal/wire"
)

// ID is Entrupy's id of an authentication, such as 7QK2M9X. It is opaque.
type ID string

// CustomerItemID is the customer's own id of an item, which the app names when a capture starts. An item can have several authentications.
type CustomerItemID string

// Username is Entrupy's name of a user, <organization>-<unique user id>. Users.Authorize returns it; store it, searches need it.
type Username string

// Authentication is one authentication of an item, or one fingerprint session, as the API and webhook deliveries have it. Both formats in
// use, 1.4 and v2, are read into it; a member that a format does not have is empty. Only ID and Status.Result.ID are always there.
//
// A final result can be followed by another one: Entrupy reserves 15 minutes of its business hours to reverse it, and a flag can lead to
// a new one. What cannot be undone should wait.
// Source: API references v2 and v1.4, data models v1.4; checked 2026-11.
type Authentication struct {
	identkit.Raw `json:"-"`

	ID          ID                `json:"entrupy_id"`
	Status      Status            `json:"status"`
	Owner       Owner             `json:"owner"`
	Properties  Properties        `json:"properties"`
	Activity    Activity          `json:"activity"`
	TextFields  map[string]string `json:"text_fields"`
	Certificate Certificate       `json:"certificate"`
	Timestamp   `json:"timestamp"`
	// Images are there when they were asked for. Their JSON is documented in two shapes; both are read (EN-009).
	Images []Image `json:"images"`
	// Catalog is nil unless it was asked for and there is one.
	Catalog *CatalogData `json:"catalog"`
	// FingerprintParent is the JSON as it came, nil for none: its type is not documented (EN-010).
	FingerprintParent json.RawMessage `json:"fingerprint_parent"`
}

// ParseAuthentication reads a stored item, as RawJSON gave it, in either format and by the rules of all calls.
func ParseAuthentication(raw []byte) (*Authentication, error) {
	a := new(Authentication)
	if err := codec.Unmarshal(raw, a); err != nil {
		return nil, unreadable("entrupy.ParseAuthentication", err)
	}
	return a, nil
}

// unreadable is the failure of reading JSON outside a call.
func unreadable(operation string, err error) error {
	e := &identkit.Error{Provider: provider, Operation: operation, Kind: identkit.ErrBadResponse, Detail: "item cannot be read", Err: err}
	var (
		fault   *wire.Error
		refusal wire.Refusal
	)
	switch {
	case errors.As(err, &refusal):
		e.Detail = refusal.Error()
	case errors.As(err, &fault):
		e.Detail = "item " + fault.Error()
	}
	return e
}

// CustomerItemID is the customer's id of the item, from wherever the format has it; empty when the item carries none.
func (a *Authentication) CustomerItemID() CustomerItemID {
	return cmp.Or(a.carriedItemID(), CustomerItemID(a.TextFields["identifier"]))
}

// carriedItemID is the id under its own name. "identifier", which an integration falls back to, could be something else.
func (a *Authentication) carriedItemID() CustomerItemID {
	return cmp.Or(a.Properties.CustomerItemID, CustomerItemID(a.TextFields["customer_item_id"]))
}

// IsFinal reports whether the result is final. It says nothing about what the result is, and it may be reversed all the same.
func (a *Authentication) IsFinal() bool { return a.Status.Result.Final }

// IsAuthentic reports whether the result is final and "authentic". False means no more than that: "unidentified" and "invalid" are not
// "fake", they say that the item could not be confirmed and that the submission could not be used.
func (a *Authentication) IsAuthentic() bool {
	return a.Status.Result.Final && a.Status.Result.ID == ResultAuthentic
}

var errType = errors.New("another JSON type was expected")

// complete checks an item that was read, and fills what the two formats have in different places.
func (a *Authentication) complete(value jsontext.Value) error {
	// A text "true" must not make a result final, as it would other booleans.
	switch wire.Member(wire.Member(wire.Member(value, "status"), "result"), "final").Kind() {
	case 0, 'n', 't', 'f':
	default:
		return transport.Contradiction("status.result.final is not a boolean")
	}
	if a.ID == "" {
		return transport.Missing("entrupy_id")
	}
	if a.Status.Result.ID == "" {
		return transport.Missing("status.result.id")
	}
	if wire.Kind(a.FingerprintParent) == 'n' {
		a.FingerprintParent = nil
	}
	a.Properties.Brand.Display = cmp.Or(a.Properties.Brand.Display, a.Properties.BrandName)
	a.Properties.Category.Display = cmp.Or(a.Properties.Category.Display, a.Properties.CategoryName)
	if a.Created.IsZero() {
		a.Created = a.Epoch
	}
	return nil
}

// Owner is whose authentication it is: ids in v2, names in 1.4.
type Owner struct {
	OrganizationID string           `json:"organization_id"` // v2
	UserID         string           `json:"user_id"`         // v2: Entrupy's id of the user
	Organization   Organization     `json:"organization"`    // 1.4
	User           OrganizationUser `json:"user"`            // 1.4
}

// Organization is an organization by its name.
type Organization struct {
	Name string `json:"name"`
}

// OrganizationUser is a user by the name that Users.Authorize returned.
type OrganizationUser struct {
	Username Username `json:"username"`
}

// Properties describe the item.
type Properties struct {
	CustomerItemID CustomerItemID `json:"customer_item_id"` // v2; [Authentication.CustomerItemID] reads both formats
	Brand          Named          `json:"brand"`
	Category       Named          `json:"category"`
	Material       Named          `json:"material"`  // luxury only
	ItemType       Named          `json:"item_type"` // apparel only
	// BrandName and CategoryName are what one of the vendor's samples calls brand and category; Brand and Category have them too.
	BrandName    string `json:"brand_name"`
	CategoryName string `json:"category_name"`
}

// Named is a thing with an id and a text to show, which may change. In v2 there is only the text.
type Named struct {
	ID      string `json:"id"`
	Display string `json:"display"`
}

// Certificate is there for authentic items only. Its URLs are opaque and may change.
type Certificate struct {
	ID      string `json:"certificate_id"` // v2
	URL     string `json:"url"`            // v2: the web page
	Site    string `json:"site"`           // 1.4: the web page
	Preview string `json:"preview"`        // 1.4: a small image to be shared
}

// Page is the address of the certificate's web page, in either format; empty for none.
func (c Certificate) Page() string { return cmp.Or(c.URL, c.Site) }

// Timestamp holds the times of an authentication. Zero times are those that a format does not have.
type Timestamp struct {
	Created time.Time `json:"created_at"`      // of the authentication; in 1.4 it is Epoch
	Updated time.Time `json:"last_updated_at"` // of the last change; v2, optional
	Epoch   time.Time `json:"epoch"`           // 1.4's only time; that it is the creation is assumed (EN-008)
	Display string    `json:"display"`         // 1.4: a text to show
}
