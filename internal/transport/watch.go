package transport

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// rateWindow is how long a transfer may take before its rate counts, and the span over which it is measured.
const rateWindow = 10 * time.Second

// timeoutError is the cause of a context that a watch ended.
type timeoutError string

func (e timeoutError) Error() string        { return string(e) }
func (e timeoutError) Timeout() bool        { return true }
func (e timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

const (
	errAttemptTimeout timeoutError = "attempt timed out"
	errTooSlow        timeoutError = "transfer is slower than the minimum rate"

	errHandshakeTimeout timeoutError = "TLS handshake timed out"
)

// watch ends an attempt that takes too long, or whose body moves too slowly. One timer serves both and is armed again from stage to
// stage: the time for an attempt begins when the request's body is written; while that is written, the minimum rate holds alone.
type watch struct {
	moved    atomic.Int64 // bytes of the present body
	deadline time.Time    // of the call
	timeout  time.Duration
	rate     int64 // bytes a second; negative: no minimum
	cancel   context.CancelCauseFunc

	mu    sync.Mutex
	timer *time.Timer
	armed time.Time // when the timer fires
	stage stage
	end   time.Time // of the stage
	check time.Time // when the rate is looked at; zero: never
	seen  int64     // moved at the last look
	fired time.Time // when it ended the attempt
}

type stage int

const (
	stageConnect stage = iota
	stageUpload
	stageHeader
	stageDownload
)

// start begins with the connection; the time for it is counted from begun.
func (w *watch) start(begun time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.end = earlier(w.deadline, begun.Add(w.timeout))
	w.armed = w.end
	if w.rate > 0 {
		// Early enough for whatever comes: stages then pass without another look at the timer, which costs more than all the rest.
		w.armed = earlier(w.end, begun.Add(rateWindow))
	}
	w.timer = time.AfterFunc(time.Until(w.armed), w.fire)
}

func (w *watch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer.Stop()
	w.end = time.Time{}
}

// upload begins the request's body, uploaded ends it.
func (w *watch) upload()   { w.enter(stageUpload) }
func (w *watch) uploaded() { w.enter(stageHeader) }

// download begins the response's body.
func (w *watch) download() { w.enter(stageDownload) }

// hurry ends the stage within d.
func (w *watch) hurry(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	w.end = earlier(w.end, now.Add(d))
	w.arm(now)
}

func (w *watch) enter(next stage) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stage == stageDownload || w.end.IsZero() {
		return // the response came before the request's body was written
	}
	now := time.Now()
	switch {
	case next == stageUpload:
		w.end = w.deadline
	case w.stage == stageUpload:
		w.end = earlier(w.deadline, now.Add(w.timeout))
	}
	w.stage, w.check = next, time.Time{}
	if w.rate > 0 && next != stageHeader {
		w.seen, w.check = w.moved.Load(), now.Add(rateWindow)
	}
	w.arm(now)
}

// arm makes the timer fire when something is due, unless it fires before.
func (w *watch) arm(now time.Time) {
	at := w.end
	if !w.check.IsZero() {
		at = earlier(at, w.check)
	}
	if at.Before(w.armed) || !w.armed.After(now) {
		w.armed = at
		w.timer.Reset(at.Sub(now))
	}
}

func (w *watch) fire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now, moved := time.Now(), w.moved.Load()
	switch {
	case w.end.IsZero():
		return
	case !now.Before(w.end):
		w.fired = now
		w.cancel(errAttemptTimeout)
		return
	case !w.check.IsZero() && !now.Before(w.check):
		if moved-w.seen < w.rate*int64(rateWindow/time.Second) {
			w.fired = now
			w.cancel(errTooSlow)
			return
		}
		w.seen, w.check = moved, now.Add(rateWindow)
	}
	w.arm(now)
}

// until is when the present stage ends at the latest.
func (w *watch) until() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.end
}

// ended is when the watch ended the attempt; zero: it did not.
func (w *watch) ended() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.fired
}

// timedOut is why the watch ended the attempt, or nil.
func (a *attempt) timedOut() error {
	var cause timeoutError
	if errors.As(context.Cause(a.Context), &cause) {
		return cause
	}
	return nil
}

// Deadline and Err are those of the stage, for code that is called with the attempt as its context.
func (a *attempt) Deadline() (time.Time, bool) {
	end := a.watch.until()
	if d, ok := a.Context.Deadline(); ok && (end.IsZero() || d.Before(end)) {
		return d, true
	}
	return end, !end.IsZero()
}

func (a *attempt) Err() error {
	err := a.Context.Err()
	if err != nil && a.timedOut() != nil {
		return context.DeadlineExceeded
	}
	return err
}

func (a *attempt) counted(r io.Reader) io.Reader {
	a.in = counted{r, &a.watch}
	return &a.in
}

// counted counts what is read of a response.
type counted struct {
	io.Reader
	watch *watch
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.watch.moved.Add(int64(n))
	return n, err
}
