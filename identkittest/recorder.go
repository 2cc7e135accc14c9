package identkittest

import (
	"context"
	"errors"
	"log/slog"
)

// recorder notes every record that a slog handler writes.
type recorder struct {
	check *LeakCheck
	where string
}

func (r recorder) Write(p []byte) (int, error) {
	r.check.note(r.where, string(p))
	return len(p), nil
}

// collected keeps what a slog handler writes.
type collected []byte

func (c *collected) Write(p []byte) (int, error) {
	*c = append(*c, p...)
	return len(p), nil
}

// bothHandlers passes records to two handlers.
type bothHandlers [2]slog.Handler

func (b bothHandlers) Enabled(context.Context, slog.Level) bool { return true }

func (b bothHandlers) Handle(ctx context.Context, r slog.Record) error {
	return errors.Join(b[0].Handle(ctx, r.Clone()), b[1].Handle(ctx, r))
}

func (b bothHandlers) WithAttrs(attrs []slog.Attr) slog.Handler {
	return bothHandlers{b[0].WithAttrs(attrs), b[1].WithAttrs(attrs)}
}

func (b bothHandlers) WithGroup(name string) slog.Handler {
	return bothHandlers{b[0].WithGroup(name), b[1].WithGroup(name)}
}
