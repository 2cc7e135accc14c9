package webhook

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"
)

// UnsignedIDHeader takes a delivery's id from a header that is not signed, for [Config].DeliveryID. Only
// for senders whose contract says that the header identifies a delivery and stays the same when it is repeated,
// such as an Idempotency-Key: whoever can repeat a signed delivery could give it another id each time. A delivery
// without the header, or with an invalid one (sent twice, not printable, over 255 bytes), is keyed by the default rule.
func UnsignedIDHeader(name string) func(*Delivery) (string, error) {
	var f faults
	field := f.header("name", "id", name, 255)
	err := f.err("UnsignedIDHeader")
	return func(d *Delivery) (string, error) {
		if err != nil {
			return "", err
		}
		if id, refusal := field.read(d.Request.Header); refusal == nil && isToken(id, 255) {
			return id, nil
		}
		return "", nil
	}
}

// keyRule makes the keys under which the events of one delivery are claimed.
type keyRule[E any] struct {
	name              string
	deliveredID       func(*Delivery, E) (string, error)
	deliveryID        func(*Delivery) (string, error)
	eventID           func(*Delivery, E) (string, error)
	retention         time.Duration
	deduplicateWithin time.Duration
}

// deliveryKeys are the keys of one delivery. Its id is found once, however many events it has.
type deliveryKeys struct {
	prefix    string // name and sender
	digest    string // of the delivery's id; empty where events have ids of their own
	batch     bool
	retention time.Duration // zero: only while the event is being handled
}

func (k *keyRule[E]) forDelivery(d *Delivery, events int) (deliveryKeys, error) {
	sender := d.Receipt.Sender
	if sender != "" && !isName(sender) {
		sender = digest("sender", sender, nil)
	}
	keys := deliveryKeys{prefix: k.name + ":" + sender + ":", batch: events > 1, retention: k.retention}
	if k.eventID != nil {
		return keys, nil
	}
	id := ""
	if k.deliveryID != nil {
		var err error
		if id, err = k.deliveryID(d); err != nil {
			return keys, err
		}
	}
	switch {
	case id != "":
		keys.digest = digest("unsigned", id, nil)
	case d.Receipt.ID != "":
		keys.digest = digest("id", d.Receipt.ID, nil)
	default:
		keys.digest = contentDigest(d)
		keys.retention = k.deduplicateWithin
	}
	return keys, nil
}

// contentDigest stands for what a signature covers where no id is signed.
func contentDigest(d *Delivery) string {
	at := ""
	if !d.Receipt.Time.IsZero() {
		at = strconv.FormatInt(d.Receipt.Time.UnixNano(), 10)
	}
	return digest("content", at, d.Request.Body)
}

// of is the key of the event at a position.
func (k *keyRule[E]) of(d *Delivery, keys *deliveryKeys, i int, e E) (string, error) {
	if k.eventID != nil {
		id, err := k.eventID(d, e)
		if err == nil && id == "" {
			err = errors.New("webhook: EventID returned an empty id")
		}
		return keys.prefix + digest("event", id, nil), err
	}
	if keys.batch {
		return keys.prefix + keys.digest + "[" + strconv.Itoa(i) + "]", nil
	}
	return keys.prefix + keys.digest, nil
}

// beforeResolve is the key of an event as it was delivered; "" where it has none.
func (k *keyRule[E]) beforeResolve(d *Delivery, keys *deliveryKeys, e E) (string, error) {
	id, err := k.deliveredID(d, e)
	if err != nil || id == "" {
		return "", err
	}
	return keys.prefix + digest("delivered", id, nil), nil
}

// digest names an id of a kind, so that ids of different kinds are never equal and keys are short and show no id.
func digest(kind, id string, body []byte) string {
	h := sha256.New()
	h.Write([]byte(kind + "\x00" + id + "\x00"))
	h.Write(body)
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// isName reports whether s can stand in a key, between colons.
func isName(s string) bool { return isToken(s, 64) && !strings.Contains(s, ":") }
