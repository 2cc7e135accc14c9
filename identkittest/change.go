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
	// Kind says what changed.
	Kind ChangeKind `json:"kind"`
	// Name is the operation of a request or the kind of thing whose state changed, such as "registration".
	Name string `json:"name,omitempty"`
	// ID is that of the thing: the number of a journal entry, the id of a rule, a delivery, a registration.
	ID string `json:"id,omitempty"`
}

// ChangeKind says what changed in a fake.
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
	ID string
	// URL is where it goes.
	URL string
	// Attempt counts the attempts from 1, those after Redeliver too. Repeated marks the second request of an attempt, by a fault rule.
	Attempt  int
	Repeated bool
	// Time is when it was sent, by the fake's clock.
	Time time.Time
	// Header and Body are what was sent.
	Header http.Header
	Body   []byte
	// Status is that of the response; 0 when there was none.
	Status int
	// Err is why there was none.
	Err error
	// Delivered says that the receiver accepted it. Pending says that another attempt follows; what is neither delivered nor pending
	// is lost.
	Delivered, Pending bool

	secrets secrets
}

// String says what became of the attempt, without header, body and URL.
func (d Delivery) String() string {
	return fmt.Sprintf("delivery %s attempt %d status %d", d.ID, d.Attempt, d.Status)
}

// Format prints the same for every verb.
func (d Delivery) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, d.String()) }

// LogValue returns the same.
func (d Delivery) LogValue() slog.Value { return slog.StringValue(d.String()) }

// MarshalJSON writes the delivery with its secrets masked, as [Entry.MarshalJSON] does.
func (d Delivery) MarshalJSON() ([]byte, error) {
	var problem string
	if d.Err != nil {
		problem = d.Err.Error()
	}
	return json.Marshal(struct {
		ID        string          `json:"id"`
		URL       string          `json:"url"`
		Attempt   int             `json:"attempt"`
		Repeated  bool            `json:"repeated,omitempty"`
		Time      time.Time       `json:"time"`
		Header    http.Header     `json:"header"`
		Body      json.RawMessage `json:"body,omitempty"`
		Status    int             `json:"status"`
		Problem   string          `json:"problem,omitempty"`
		Delivered bool            `json:"delivered"`
		Pending   bool            `json:"pending"`
	}{
		d.ID, d.URL, d.Attempt, d.Repeated, d.Time, values(d.Header, d.secrets.hideHeader), d.secrets.body(d.Header, d.Body), d.Status, problem,
		d.Delivered, d.Pending,
	})
}
