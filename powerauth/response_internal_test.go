package powerauth

import (
	"testing"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
	"github.com/identkit/identkit/webhook"
)

// FuzzErrorBody: whatever body a proxy sends, the status stays and nothing panics.
func FuzzErrorBody(f *testing.F) {
	f.Fuzz(func(t *testing.T, body []byte, status int) {
		e := &identkit.Error{Kind: identkit.ErrRejected, Status: status}
		readFailure(e, transport.FailedResponse{Status: status, Body: body})
		if e.Status != status || e.Kind == "" || len(e.Error()) > 4096+len(e.Fields)*140 {
			t.Fatalf("%q became %v", body, e)
		}
	})
}

// FuzzEnvelope: the unwrapped value is a part of the body.
func FuzzEnvelope(f *testing.F) {
	f.Fuzz(func(t *testing.T, body []byte) {
		inner, err := unwrap(body)
		if err == nil && len(inner) > len(body) {
			t.Fatalf("%q grew to %q", body, inner)
		}
	})
}

// FuzzCallback: a decoded callback is about a registration or an operation and has its id, or is of an unknown type.
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
