package transport

import (
	"bytes"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/wire"
)

func (c *call) info() identkit.CallInfo {
	return identkit.CallInfo{Provider: c.client.provider, Operation: c.op.name, Method: c.op.method, Path: c.op.path, Host: c.client.host}
}

func (c *call) attemptInfo(a identkit.Attempt, number int) identkit.AttemptInfo {
	return identkit.AttemptInfo{CallInfo: c.info(), Attempt: a, Number: number, RequestID: c.requestID}
}

// respond fills the caller's Response.
func (c *call) respond() {
	if f := c.settings.Received; f != nil && c.status != 0 {
		f(c.responseHeader)
	}
	if r, ok := c.settings.Response.(*identkit.Response); ok && r != nil && c.status != 0 {
		*r = identkit.Response{Status: c.status, Header: c.responseHeader.Clone(), RequestID: c.requestID, Body: bytes.Clone(c.body), Attempts: slices.Clone(c.attempts)}
	}
}

// report tells the observer and the log how the call ended.
func (c *call) report(e *identkit.Error) {
	end, l := c.client.observer.CallEnd, c.client.logger
	if end == nil && l == nil {
		return
	}
	res := identkit.CallResult{CallInfo: c.info(), Start: c.started, Duration: time.Since(c.started), Attempts: len(c.attempts), Status: c.status, RequestID: c.requestID}
	if e != nil {
		res.Kind, res.OutcomeUnknown = e.Kind, e.OutcomeUnknown
	}
	if end != nil {
		end(c.ctx, res)
	}
	if l != nil && l.Enabled(c.ctx, slog.LevelDebug) {
		l.LogAttrs(c.ctx, slog.LevelDebug, "call ended", slog.String("operation", res.Operation), slog.Int("status", res.Status),
			slog.String("kind", string(res.Kind)), slog.Bool("outcome_unknown", res.OutcomeUnknown),
			slog.Int("attempts", res.Attempts), slog.Duration("duration", res.Duration), slog.String("request_id", res.RequestID))
	}
}

func (c *call) logRetry() {
	l := c.client.logger
	if l == nil || !l.Enabled(c.ctx, slog.LevelInfo) {
		return
	}
	a := c.attempts[len(c.attempts)-1]
	l.LogAttrs(c.ctx, slog.LevelInfo, "call will be tried again", slog.String("operation", c.op.name), slog.Int("attempt", len(c.attempts)),
		slog.Int("status", a.Status), slog.String("kind", string(a.Kind)), slog.String("phase", string(a.Phase)),
		slog.Duration("wait", c.wait), slog.String("reason", string(c.reason)))
}

const (
	driftPause = time.Minute // between two reports of the same drift
	maxDrifts  = 1000        // how many a client tells apart
)

// drifts remembers what was reported when.
type drifts struct {
	mu   sync.Mutex
	last map[identkit.DriftInfo]time.Time
}

func (d *drifts) due(info identkit.DriftInfo) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	at, known := d.last[info]
	if known && time.Since(at) < driftPause || !known && len(d.last) >= maxDrifts {
		return false
	}
	if d.last == nil {
		d.last = make(map[identkit.DriftInfo]time.Time)
	}
	d.last[info] = time.Now()
	return true
}

// reportDrift tells the observer what this version does not know of a response that was read into out.
func (c *call) reportDrift(body []byte, out any) {
	if c.client.observer.Drift == nil || len(body) == 0 {
		return
	}
	wire.Drift(body, out, func(path string, member bool) {
		info := identkit.DriftInfo{Provider: c.client.provider, Operation: c.op.name, Path: path, Kind: identkit.DriftValue}
		if member {
			info.Kind = identkit.DriftMember
		}
		if c.client.drifts.due(info) {
			c.client.observer.Drift(c.ctx, info)
		}
	})
}
