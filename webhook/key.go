package webhook

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// Delivery is a verified delivery.
type Delivery struct {
	// Request is what came in. Its body belongs to the delivery and may be kept, but not changed.
	Request *Request
	// Receipt says what the verifier found.
	Receipt Receipt
}

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
	name       string
	deliveryID func(*Delivery) (string, error)
	eventID    func(*Delivery, E) (string, error)
}

// position names an event by its place in a delivery.
func (k *keyRule[E]) position(d *Delivery, i int) string {
	return fmt.Sprintf("%s[%d]", digestText(append([]byte(d.Receipt.ID+":"), d.Request.Body...)), i)
}

// forDelivery returns one function per delivery, so that its id is found once however many events it has.
func (k *keyRule[E]) forDelivery(d *Delivery, events int) (func(i int, e E) (string, error), error) {
	if k.eventID != nil {
		return func(_ int, e E) (string, error) {
			id, err := k.eventID(d, e)
			if err == nil && id == "" {
				err = errors.New("webhook: EventID returned an empty id")
			}
			return k.join("event", id), err
		}, nil
	}
	kind, id := "id", ""
	if k.deliveryID != nil {
		var err error
		if id, err = k.deliveryID(d); err != nil {
			return nil, err
		}
		kind = "unsigned"
	}
	if id == "" {
		kind, id = "id", d.Receipt.ID
	}
	if id == "" {
		kind, id = "body", digestText(d.Request.Body)
	}
	return func(i int, _ E) (string, error) {
		if events == 1 {
			return k.join(kind, id), nil
		}
		return k.join(fmt.Sprintf("%s[%d]", kind, i), id), nil
	}, nil
}

// join keeps kinds apart, so that an id that looks like a digest is not taken for one, and keys short and plain.
func (k *keyRule[E]) join(kind, id string) string {
	if !isToken(id, 128) {
		kind, id = kind+"#", digestText([]byte(id))
	}
	return strings.Join([]string{k.name, kind, id}, ":")
}

func digestText(b []byte) string {
	sum := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
