package entrupy

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
	"github.com/identkit/identkit/internal/wire"
	"github.com/identkit/identkit/webhook"
)

// EventName is the name of an event. The set is open.
type EventName string

// The documented events. Real deliveries about items had no name.
const (
	EventSessionCompleted    EventName = "session.completed"
	EventSupportMessage      EventName = "support.message"      // a message of the support about an item
	EventCertificateTransfer EventName = "certificate.transfer" // a transfer was started, or changed its status
)

// Known reports whether this version of the package knows the event.
func (n EventName) Known() bool {
	return n == EventSessionCompleted || n == EventSupportMessage || n == EventCertificateTransfer
}

// Delivered is an item of a delivery. A second one with another final result is as good as the first: results can be reversed.
type Delivered struct {
	ID ID
	// Event is the name of the event; empty where the delivery has none.
	Event EventName
	// Authentication is what the API said after the delivery came. Without WebhookConfig.Client, or where the API said something older, it is
	// Payload. Nil with Gone.
	Authentication *Authentication
	// Gone says that the API does not find the authentication.
	Gone bool
	// Payload is the item as it was delivered: signed, but maybe old. RawJSON gives what ParseAuthentication reads again, and
	// webhook.DeliveryFrom the whole body.
	Payload *Authentication
}

// Format prints the id, whatever the verb: for some, package fmt prints what a pointer in a struct leads to.
func (d Delivered) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "entrupy.Delivered("+string(d.ID)+")")
}

// OtherEvent is an event without an item. RawJSON gives the whole body.
type OtherEvent struct {
	identkit.Raw `json:"-"`

	Event EventName // empty where the delivery has none
}

// event is one of the things that a delivery is about.
type event struct {
	item       *Delivered
	unreadable *ItemError
	other      *OtherEvent
	id         ID  // of the item, as far as it can be read
	position   int // of the item
}

// state names what was said about the item; "" without a last update, where the same said again may be a change back. An event of a name
// that may be about something else is another one.
func (d *Delivered) state(a *Authentication) string {
	if a.Updated.IsZero() {
		return ""
	}
	name, flag, result := d.Event, a.Status.Flag, a.Status.Result
	if name == EventSessionCompleted {
		name = ""
	}
	if flag == FlagNone {
		flag = ""
	}
	return strings.Join([]string{
		strings.ToUpper(string(d.ID)), string(result.ID), strconv.FormatBool(result.Final), string(flag),
		strconv.FormatInt(a.Updated.UnixNano(), 10), string(name), strconv.FormatBool(d.Gone),
	}, "\x00")
}

// deliveredID names an item that was delivered.
func deliveredID(_ *webhook.Delivery, e event) (string, error) {
	if e.item == nil {
		return "", nil
	}
	return e.item.state(e.item.Payload), nil
}

// eventID names an item as it is handled; everything else is handled each time it comes.
func eventID(_ *webhook.Delivery, e event) (id string, _ error) {
	if e.item != nil {
		id = e.item.state(cmp.Or(e.item.Authentication, e.item.Payload))
	}
	return cmp.Or(id, rand.Text()), nil
}

// notifyKeys are the keys of the waits for an item.
func notifyKeys(e event) (keys []string) {
	if e.id != "" {
		keys = append(keys, AuthenticationKey(e.id))
	}
	if e.item == nil {
		return keys
	}
	for _, a := range []*Authentication{e.item.Payload, e.item.Authentication} {
		if a == nil || a.CustomerItemID() == "" {
			continue
		}
		if key := CustomerItemKey(a.CustomerItemID()); !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// decodeDelivery reads the events of a delivery, whatever its envelope. Real ones are lists of items; the guide has names of events, of
// which two are about no authentication (EN-039).
func decodeDelivery(d *webhook.Delivery) ([]event, error) {
	body := wire.TrimBOM(d.Request.Body)
	members, err := membersOf(body)
	if err != nil {
		return nil, err
	}
	name := eventName(members)
	values, isList := itemsOf(members)
	if values == nil && isItem(body) {
		values = []jsontext.Value{body}
	}
	switch {
	case name == EventSupportMessage, name == EventCertificateTransfer:
		return otherEvent(name, body)
	case slices.ContainsFunc(values, isItem), name == EventSessionCompleted && values != nil, name == "" && isList:
	default:
		return otherEvent(name, body)
	}
	events := make([]event, len(values))
	for i, value := range values {
		events[i] = readItem(name, i, value)
	}
	return events, nil
}

func readItem(name EventName, position int, value jsontext.Value) event {
	a := new(Authentication)
	if err := codec.Unmarshal(value, a); err != nil {
		var id ID
		_ = codec.Unmarshal(wire.Member(value, "entrupy_id"), &id)
		return event{unreadable: itemError(position, webhookHandlerName, value, err), id: id, position: position}
	}
	return event{item: &Delivered{ID: a.ID, Event: name, Authentication: a, Payload: a}, id: a.ID, position: position}
}

func otherEvent(name EventName, body []byte) ([]event, error) {
	var members map[string]jsontext.Value
	if err := codec.Unmarshal(body, &members); err != nil { // at any depth
		return nil, &webhook.DecodeError{Detail: err.Error()}
	}
	e := &OtherEvent{Event: name}
	transport.KeepRaw(e, body)
	return []event{{other: e}}, nil
}

func eventName(members map[string]jsontext.Value) (name EventName) {
	for _, member := range []string{"event", "type", "event_type"} {
		if name == "" && codec.Unmarshal(members[member], &name) != nil {
			name = ""
		}
	}
	return name
}

// itemsOf finds what may be items, nil for nothing. It is a list of them if the envelope calls it so, and else what an event is about.
func itemsOf(members map[string]jsontext.Value) (values []jsontext.Value, isList bool) {
	if values = valuesUnder(members, "items", "item"); values != nil {
		return values, true
	}
	for _, name := range []string{"data", "payload"} {
		if inner, err := membersOf(members[name]); err == nil {
			if values = valuesUnder(inner, "items", "item"); values != nil {
				return values, true
			}
		}
	}
	return valuesUnder(members, "data", "payload"), false
}

// valuesUnder are the elements of the first of the members that is there, or its value if it is no array.
func valuesUnder(members map[string]jsontext.Value, names ...string) []jsontext.Value {
	for _, name := range names {
		if value := members[name]; value != nil && value.Kind() != 'n' {
			return oneOrMany(value)
		}
	}
	return nil
}

// isItem reports whether a value has what every item has: its id, and a result.
func isItem(value jsontext.Value) bool {
	return wire.Member(value, "entrupy_id") != nil && wire.Kind(wire.Member(wire.Member(value, "status"), "result")) == '{'
}

// lax reads over what is invalid in an item, which must not keep the other items of its delivery from being read. Each is then read by
// the rules of all calls.
func lax(value []byte) *jsontext.Decoder {
	return jsontext.NewDecoder(bytes.NewBuffer(value), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// membersOf reads the members of an object, each of which must be there once, and does not look into them.
func membersOf(object []byte) (map[string]jsontext.Value, error) {
	dec := lax(object)
	if t, err := dec.ReadToken(); err != nil || t.Kind() != '{' {
		return nil, invalid(object)
	}
	members := map[string]jsontext.Value{}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, invalid(object)
		}
		text := name.String()
		value, err := dec.ReadValue()
		if err != nil || members[text] != nil {
			return nil, invalid(object)
		}
		members[text] = value.Clone()
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, invalid(object)
	}
	if _, err := dec.ReadToken(); err != io.EOF { //nolint:errorlint // the decoder's very own
		return nil, invalid(object)
	}
	return members, nil
}

// invalid says where a body is invalid.
func invalid(body []byte) error {
	var members map[string]jsontext.Value
	if err := codec.Unmarshal(body, &members); err != nil {
		return &webhook.DecodeError{Detail: err.Error()}
	}
	return &webhook.DecodeError{Detail: "is no object"}
}

// oneOrMany are the elements of an array, or the value itself.
func oneOrMany(value jsontext.Value) []jsontext.Value {
	all := []jsontext.Value{}
	if value.Kind() != '[' {
		return append(all, value)
	}
	dec := lax(value)
	_, err := dec.ReadToken()
	for err == nil && dec.PeekKind() != ']' {
		var one jsontext.Value
		if one, err = dec.ReadValue(); err == nil {
			all = append(all, one.Clone())
		}
	}
	return all
}
