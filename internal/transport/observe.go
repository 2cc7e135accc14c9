package transport

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/identkit/identkit"
)

func (c *call) info() identkit.CallInfo {
	return identkit.CallInfo{Provider: c.road.provider, Operation: c.op.Name, Method: c.op.Method, Path: c.op.Path}
}

func (c *call) begin(ctx context.Context) context.Context {
	if c.road.observer.CallStart == nil {
		return ctx
	}
	return c.road.observer.CallStart(ctx, c.info())
}

func (c *call) observeAttempt(ctx context.Context, a identkit.Attempt) {
	c.road.observer.AttemptEnd(ctx, identkit.AttemptInfo{
		CallInfo: c.info(), Attempt: a, Number: len(c.attempts), RequestID: c.requestID,
	})
}

func (c *call) end(ctx context.Context, e *identkit.Error) {
	if r, ok := c.settings.Response.(*identkit.Response); ok && r != nil && c.status != 0 {
		*r = identkit.Response{Status: c.status, Header: c.header.Clone(), RequestID: c.requestID, Body: bytes.Clone(c.body), Attempts: slices.Clone(c.attempts)}
	}
	if c.road.observer.CallEnd == nil && c.road.logger == nil {
		return
	}
	res := identkit.CallResult{CallInfo: c.info(), Start: c.started, Attempts: len(c.attempts), Status: c.status, Duration: time.Since(c.started), RequestID: c.requestID}
	if e != nil {
		res.Kind, res.OutcomeUnknown = e.Kind, e.OutcomeUnknown
	}
	if c.road.observer.CallEnd != nil {
		c.road.observer.CallEnd(ctx, res)
	}
	if l := c.road.logger; l != nil && l.Enabled(ctx, slog.LevelDebug) {
		l.LogAttrs(ctx, slog.LevelDebug, "call ended", slog.String("operation", res.Operation), slog.Int("status", res.Status),
			slog.String("kind", string(res.Kind)), slog.Bool("outcome_unknown", res.OutcomeUnknown),
			slog.Int("attempts", res.Attempts), slog.Duration("duration", res.Duration), slog.String("request_id", res.RequestID))
	}
}

func (c *call) logRetry(ctx context.Context) {
	l := c.road.logger
	if l == nil || !l.Enabled(ctx, slog.LevelInfo) {
		return
	}
	a := c.attempts[len(c.attempts)-1]
	l.LogAttrs(ctx, slog.LevelInfo, "call will be tried again", slog.String("operation", c.op.Name), slog.Int("attempt", len(c.attempts)),
		slog.Int("status", a.Status), slog.String("kind", string(a.Kind)), slog.String("phase", string(a.Phase)),
		slog.Duration("wait", c.wait), slog.String("reason", string(c.reason)))
}
