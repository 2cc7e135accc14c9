package webhook

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"
)

// Outcome says how a delivery ended.
type Outcome struct {
	Name    string
	Status  int     // HTTP status of the answer
	Reason  Reason  // "" when everything was handled now, [ErrDuplicate] when it had been before
	Receipt Receipt // zero when the delivery was refused
	// Events are how many there were; Handled, Duplicates and Failed say what became of them.
	Events, Handled, Duplicates, Failed int
	Took                                time.Duration
	// Err is the first failure. Its text may be that of a Decode, Handle, Store or Verifier that is not ours.
	Err error
}

// attrs lists what may be logged about a delivery.
func (o *Outcome) attrs() []slog.Attr {
	attrs := []slog.Attr{slog.String("name", o.Name), slog.Int("status", o.Status), slog.Duration("took", o.Took)}
	text := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, value))
		}
	}
	count := func(key string, n int) {
		if n != 0 {
			attrs = append(attrs, slog.Int(key, n))
		}
	}
	text("reason", string(o.Reason))
	text("scheme", o.Receipt.Scheme)
	text("key_id", o.Receipt.KeyID)
	text("delivery_id", o.Receipt.ID)
	count("events", o.Events)
	count("duplicates", o.Duplicates)
	count("failed", o.Failed)
	if o.Err != nil {
		text("error", o.errorText())
	}
	var panicked *PanicError
	if errors.As(o.Err, &panicked) {
		text("stack", string(panicked.Stack))
	}
	return attrs
}

// errorText prints the errors of a verifier only if their text is known to be harmless.
func (o *Outcome) errorText() string {
	if s := o.Reason.status(); s == http.StatusUnauthorized || o.Reason == ErrUnavailable {
		var proof *ProofError
		if errors.As(o.Err, &proof) {
			return proof.Error()
		}
		return fmt.Sprintf("%T", o.Err)
	}
	return o.Err.Error()
}
