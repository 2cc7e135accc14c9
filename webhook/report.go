package webhook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/identkit/identkit"
)

// report logs and observes a delivery. A panic of the observer must not break the connection.
func (h *Handler) report(ctx context.Context, level slog.Level, text string, out *identkit.DeliveryInfo) {
	defer func() { _ = recover() }()
	if h.logger.Enabled(ctx, level) {
		h.log(ctx, level, text, deliveryAttrs(out)...)
	}
	if h.observe != nil {
		h.observe(ctx, *out)
	}
}

// levelOf is the level at which a delivery is logged.
func levelOf(d *identkit.DeliveryInfo) slog.Level {
	switch {
	case d.Status >= http.StatusInternalServerError:
		return slog.LevelError
	case d.Status >= http.StatusBadRequest, d.Reason == string(ReasonGivenUp):
		return slog.LevelWarn
	default:
		return slog.LevelDebug
	}
}

// log contains the panics of a logger, and of errors that cannot print themselves: they must not change what happens.
func (h *Handler) log(ctx context.Context, level slog.Level, text string, attrs ...slog.Attr) {
	defer func() { _ = recover() }()
	h.logger.LogAttrs(ctx, level, text, attrs...)
}

// deliveryAttrs lists what may be logged about a delivery.
func deliveryAttrs(d *identkit.DeliveryInfo) []slog.Attr {
	attrs := []slog.Attr{slog.String("name", d.Name), slog.Int("status", d.Status), slog.Duration("duration", d.Duration)}
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
	text("reason", d.Reason)
	text("scheme", d.Scheme)
	text("key_id", d.KeyID)
	text("sender", d.Sender)
	text("delivery_id", d.DeliveryID)
	text("key", d.Key)
	count("events", d.Events)
	count("duplicates", d.Duplicates)
	count("gone", d.Gone)
	count("failed", d.Failed)
	if d.Err != nil {
		text("error", errorText(d))
	}
	var panicked *PanicError
	if errors.As(d.Err, &panicked) {
		text("stack", string(panicked.Stack))
	}
	return attrs
}

// errorText prints the errors of a verifier only if their text is known to be harmless.
func errorText(d *identkit.DeliveryInfo) string {
	reason := Reason(d.Reason)
	if reason != ReasonUnavailable && reason.Status() != http.StatusUnauthorized {
		return d.Err.Error()
	}
	var refusal *VerifyError
	if errors.As(d.Err, &refusal) {
		return refusal.Error()
	}
	return fmt.Sprintf("%T", d.Err)
}
