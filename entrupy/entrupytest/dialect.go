package entrupytest

import "github.com/identkit/identkit/entrupy"

// Dialect chooses among the variants on which the sources disagree or are silent. Each field's zero value is the likelier variant.
// The tag of a field is the id of its assumption in ASSUMPTIONS.md.
type Dialect struct {
	// Scheme is the word before the token; empty means Token.
	Scheme string `assumption:"EN-001"`
	// RequireVersion refuses calls of v2 without Api-Version.
	RequireVersion bool `assumption:"EN-002"`
	// Errors is the shape of error bodies.
	Errors ErrorShape `assumption:"EN-004"`
	// SuccessStatus is that of calls that create something; zero means 200, 201 is as possible.
	SuccessStatus int `assumption:"EN-004"`
	// WithoutFinal leaves final out of results that are not final.
	WithoutFinal bool `assumption:"EN-007"`
	// ImagesAsArray writes images as a list.
	ImagesAsArray bool `assumption:"EN-009"`
	// Conflict is what happens to an authorize-user call for a known user.
	Conflict Conflict `assumption:"EN-012"`
	// LookupIgnoresIncludes leaves images and catalog data out of lookups.
	LookupIgnoresIncludes bool `assumption:"EN-013"`
	// IgnoreUnknownKeys ignores filters and members of searches that it does not know, in place of refusing them.
	IgnoreUnknownKeys bool `assumption:"EN-015"`
	// UsernameKey is the key of the filter by username; empty means owner.user.username.
	UsernameKey entrupy.FilterKey `assumption:"EN-016"`
	// CursorName is the member of requests that holds the cursor; empty means cursor.
	CursorName string `assumption:"EN-017"`
	// Cursor is the JSON type of cursors.
	Cursor CursorType `assumption:"EN-017"`
	// CursorEnd is how the last page says so.
	CursorEnd CursorEnd `assumption:"EN-017"`
	// FromName and ToName are the members of requests that hold the dates; empty means start and end.
	FromName, ToName string `assumption:"EN-018"`
	// WebhookNames are the members of requests about subscriptions.
	WebhookNames entrupy.WebhookNames `assumption:"EN-019"`
	// WebhookInItem puts a created subscription into an object named item, and its id under id.
	WebhookInItem bool `assumption:"EN-019"`
	// ListUnderWebhooks writes the list of subscriptions under webhooks in place of items.
	ListUnderWebhooks bool `assumption:"EN-021"`
	// BrandsUnderItems writes the list of catalog brands under items, with id and name.
	BrandsUnderItems bool `assumption:"EN-026"`
	// ConfigurationUnderConfig has the configuration at /v2/config, as one public file does.
	ConfigurationUnderConfig bool `assumption:"EN-027"`
	// Signature is how deliveries are signed; the zero value is the prefix SHA256: and hex.
	Signature SignatureForm `assumption:"EN-029"`
	// Envelope is how deliveries are wrapped.
	Envelope Envelope `assumption:"EN-030"`
	// AnyDomain takes subscriptions for domains that were not verified.
	AnyDomain bool `assumption:"EN-032"`
	// BrandNames writes brand_name and category_name in place of brand and category.
	BrandNames bool `assumption:"EN-033"`
	// Format14 writes the items of v2 in the format of 1.4.
	Format14 bool `assumption:"EN-033"`
	// WithoutUpdated leaves out when an item was last changed.
	WithoutUpdated bool `assumption:"EN-033"`
	// SingleUseRequests refuses a request of the SDK that was used before.
	SingleUseRequests bool `assumption:"EN-035"`
}

// ErrorShape is the shape of an error body.
type ErrorShape string

// The shapes.
const (
	ErrorText    ErrorShape = ""        // {"error": "…"}
	ErrorObject  ErrorShape = "object"  // {"error": {"message": "…", "ecode": "…"}}
	ErrorMessage ErrorShape = "message" // {"message": "…", "show": true, "ecode": "…"}
	ErrorDetail  ErrorShape = "detail"  // {"detail": "…"}
	ErrorList    ErrorShape = "list"    // {"detail": [{"loc": […], "msg": "…", "type": "…"}]}
	ErrorPlain   ErrorShape = "plain"   // a text that is not JSON
	ErrorNone    ErrorShape = "none"    // no body
)

// Conflict is what happens to an authorize-user call for a known user.
type Conflict string

// The conflicts.
const (
	ConflictNever   Conflict = ""        // 200
	ConflictWith    Conflict = "with"    // 409 with the authorization
	ConflictWithout Conflict = "without" // 409 without it
)

// CursorType is the JSON type of cursors.
type CursorType string

// The types.
const (
	CursorText    CursorType = ""        // "p25"
	CursorList    CursorType = "list"    // ["25", "p"]
	CursorInteger CursorType = "integer" // of 20 digits
	CursorObject  CursorType = "object"  // {"after": 25}
	CursorMixed   CursorType = "mixed"   // each page another one
)

// CursorEnd is how the last page says that it is.
type CursorEnd string

// The ends.
const (
	EndNull    CursorEnd = ""        // null
	EndMissing CursorEnd = "missing" // no member
	EndText    CursorEnd = "text"    // ""
	EndList    CursorEnd = "list"    // []
	EndObject  CursorEnd = "object"  // {}
)

// Envelope is how a delivery is wrapped.
type Envelope string

// The envelopes.
const (
	EnvelopeItems     Envelope = ""          // {"items": […]}
	EnvelopeItem      Envelope = "item"      // {"item": …}
	EnvelopeEvent     Envelope = "event"     // {"event": "…", "data": …}
	EnvelopeType      Envelope = "type"      // {"type": "…", "payload": …}
	EnvelopeEventType Envelope = "eventType" // {"event_type": "…", "item": …}
)
