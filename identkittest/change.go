package identkittest

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"
)

// Change is something that changed in a fake.
type Change struct {
	// Number counts the changes of the fake, from 1.
	Number int `json:"number"`
	// Kind is the kind of the change.
	Kind ChangeKind `json:"kind"`
	// Name is the operation of a request or the kind of thing whose state changed, such as "registration".
	Name string `json:"name,omitempty"`
	// ID is that of the thing: the number of a journal entry, the id of a rule, a delivery, a registration.
	ID string `json:"id,omitempty"`
}

// ChangeKind is the kind of a [Change].
type ChangeKind string

// The kinds of changes.
const (
	ChangeRequest  ChangeKind = "request"  // a request came in, or its journal entry changed
	ChangeState    ChangeKind = "state"    // something that the fake holds
	ChangeFault    ChangeKind = "fault"    // a rule was added or removed
	ChangeDelivery ChangeKind = "delivery" // a webhook or callback was queued or sent
)

// Delivery is one attempt to deliver a webhook or callback.
type Delivery struct {
	// ID is that of the webhook or callback, the same on every attempt.
	ID string `json:"id"`
	// URL is the receiver's.
	URL string `json:"url"`
	// Attempt counts the attempts from 1, those after Redeliver too. Repeated marks the second request of an attempt, by a fault rule.
	Attempt  int  `json:"attempt"`
	Repeated bool `json:"repeated"`
	// Time is when it was sent, by the fake's clock.
	Time time.Time `json:"time"`
	// Header and Body are what was sent.
	Header http.Header `json:"header"`
	Body   []byte      `json:"-"`
	// Status is that of the response; 0 without one; Err is why.
	Status int   `json:"status"`
	Err    error `json:"-"`
	// Delivered reports that the receiver accepted it, Pending that another attempt follows; one that is neither is not sent
	// again.
	Delivered bool `json:"delivered"`
	Pending   bool `json:"pending"`

	secrets secrets
}

// String is the attempt's result, without header, body and URL.
func (d Delivery) String() string {
	return fmt.Sprintf("delivery %s attempt %d status %d", d.ID, d.Attempt, d.Status)
}

// Format prints the same for every verb.
func (d Delivery) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, d.String()) }

// LogValue returns the same.
func (d Delivery) LogValue() slog.Value { return slog.StringValue(d.String()) }

// MarshalJSON writes the delivery with its secrets masked, as [Entry.MarshalJSON] does.
func (d Delivery) MarshalJSON() ([]byte, error) {
	type fields Delivery
	shown, problem := fields(d), ""
	shown.Header = values(d.Header, d.secrets.hideHeader)
	if d.Err != nil {
		problem = d.Err.Error()
	}
	return json.Marshal(struct {
		fields
		Body    json.RawMessage `json:"body,omitempty"`
		Problem string          `json:"problem,omitempty"`
	}{shown, d.secrets.body(d.Header, d.Body), problem})
}
