package powerauth

import (
	"testing"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/webhook"
)

// FuzzErrorBody: whatever a proxy answers, the status stays and nothing panics.
func FuzzErrorBody(f *testing.F) {
	f.Fuzz(func(t *testing.T, body []byte, status int) {
		e := &identkit.Error{Kind: identkit.ErrRejected, Status: status}
		readFailure(e, body)
		if e.Status != status || e.Kind == "" || len(e.Error()) > 4096+len(e.Fields)*140 {
			t.Fatalf("%q became %v", body, e)
		}
	})
}

// FuzzEnvelope: what is unwrapped is a part of what came, and never from an answer that says ERROR.
func FuzzEnvelope(f *testing.F) {
	f.Fuzz(func(t *testing.T, body []byte) {
		inner, err := unwrap(body)
		if err == nil && len(inner) > len(body) {
			t.Fatalf("%q grew to %q", body, inner)
		}
	})
}

// FuzzCallback: a callback is about something with an id, or about nothing we know.
func FuzzCallback(f *testing.F) {
	f.Fuzz(func(t *testing.T, body []byte) {
		events, err := decodeCallback(&webhook.Delivery{Request: &webhook.Request{Body: body}})
		if err != nil {
			return
		}
		for _, c := range events {
			if (c.registration != nil || c.operation != nil) != (c.id != "") || c.registration != nil && c.operation != nil {
				t.Fatalf("%q became %+v", body, c)
			}
		}
	})
}
