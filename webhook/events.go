package webhook

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/identkit/identkit"
)

// events is the part of a [Handler] that knows the type of its events.
type events[E any] struct {
	h       *Handler
	decode  func(*Delivery) ([]E, error)
	resolve func(context.Context, E) (E, error)
	handle  func(context.Context, E) error
	notify  func(E) []string
	key     keyRule[E]
}

// process handles the events of a verified delivery one by one and sums up.
func (v *events[E]) process(ctx context.Context, d *Delivery, out *identkit.DeliveryInfo) {
	all, err := v.decode(d)
	var batch *BatchError
	if err != nil && !errors.As(err, &batch) {
		out.Reason, out.Err = string(ReasonInvalidEvent), err
		return
	}
	var bad map[int]error
	if batch != nil {
		bad = batch.Elements
	}
	positions := validPositions(len(all), bad)
	out.Events = len(all) + len(bad)
	keys, keyErr := v.key.forDelivery(d, out.Events)
	if keyErr != nil {
		out.Reason, out.Err = string(ReasonInvalidEvent), keyErr
		return
	}
	var worst Reason
	if out.Failed = len(bad); out.Failed > 0 {
		worst, out.Err = ReasonInvalidEvent, err
	}
	lateKey := func(n int) string { return lateKey(d, positions[n]) }
	var done map[int]bool // what an earlier delivery of this content has handled, and this one
	if v.key.deliveredID != nil && out.Events > 1 {
		done = v.h.partial.take(d)
		defer func() {
			if Reason(out.Reason).Status() != http.StatusOK {
				v.h.partial.put(d, done)
			}
		}()
	}
	for _, n := range v.h.late.order(len(all), lateKey) {
		if done[positions[n]] {
			out.Duplicates++
			continue
		}
		r := &run[E]{v: v, d: d, keys: &keys, position: positions[n], event: all[n], done: make(chan ending, 1), start: out.Start}
		end := r.wait(ctx)
		if out.Events == 1 {
			out.Key = end.key
		}
		if done != nil && end.unnamed && end.reason.Status() == http.StatusOK {
			done[positions[n]] = true
		}
		switch end.reason {
		case "":
			out.Handled++
			continue
		case ReasonDuplicate:
			out.Duplicates++
			continue
		case ReasonGone:
			out.Gone++
			continue
		}
		out.Failed++
		if len(all) > 1 {
			if end.overran {
				v.h.late.add(lateKey(n))
			}
			v.h.log(ctx, slog.LevelError, "webhook event failed", slog.String("name", v.h.name), slog.Int("event", positions[n]),
				slog.String("key", end.key), slog.String("reason", string(end.reason)), slog.Any("error", end.err))
		}
		if worst == "" || end.reason.Status() > worst.Status() {
			worst, out.Err, out.Key = end.reason, end.err, end.key
		}
	}
	switch {
	case worst != "" || out.Handled > 0:
	case out.Duplicates > 0:
		worst = ReasonDuplicate
	case out.Gone > 0:
		worst = ReasonGone
	}
	out.Reason = string(worst)
}

// ending is how an event ended.
type ending struct {
	reason  Reason
	err     error
	overran bool   // its time ran out
	key     string // empty where it ended before it had one
	unnamed bool   // nothing named it before Resolve
}

// errTimedOut is the end of an event whose time ran out.
const errTimedOut sentinel = "the time for the delivery is up"

// run is one event on a goroutine of its own, which is left behind when the time is up.
type run[E any] struct {
	v        *events[E]
	d        *Delivery
	keys     *deliveryKeys
	position int
	event    E
	start    time.Time // of the delivery
	done     chan ending

	delivered Claim // of the event as it was delivered; nil where it has no id
	unnamed   bool

	phase atomic.Int32
	key   atomic.Pointer[string]
	state atomic.Int32 // running, then either ended or left
}

const (
	running int32 = iota
	ended
	left
)

const (
	handling int32 = iota
	resolving
	claiming
)

// overrunReasons are the reasons of events whose time ran out, by phase.
var overrunReasons = [...]Reason{handling: ReasonHandlerTimeout, resolving: ReasonResolveFailed, claiming: ReasonStoreFailed}

// wait starts the run and waits for its end, or for the end of its time.
func (r *run[E]) wait(ctx context.Context) ending {
	if ctx.Err() != nil {
		return ending{reason: ReasonHandlerTimeout, err: errTimedOut} // and not claimed: the redelivery brings it
	}
	if !r.v.h.backlog.begin() {
		return ending{reason: ReasonClosed}
	}
	go r.run(ctx)
	select {
	case end := <-r.done:
		return end
	case <-ctx.Done():
	}
	if !r.state.CompareAndSwap(running, left) { // it ended in this moment, and its own ending says more
		return <-r.done
	}
	r.v.h.backlog.leave()
	end := ending{reason: overrunReasons[r.phase.Load()], err: errTimedOut, overran: true}
	if key := r.key.Load(); key != nil {
		end.key = *key
	}
	return end
}

// run contains every way in which the functions of the configuration can end: an error, a panic, or runtime.Goexit, which a
// test's FailNow uses.
func (r *run[E]) run(ctx context.Context) {
	end := ending{reason: ReasonPanic, err: &PanicError{kind: "runtime.Goexit"}}
	defer func() {
		if p := recover(); p != nil {
			end = ending{reason: ReasonPanic, err: newPanicError(p)}
		}
		if key := r.key.Load(); key != nil {
			end.key = *key
		}
		end.unnamed = r.unnamed
		r.settleDelivered(ctx, end)
		r.finish(ctx, end)
	}()
	end = r.steps(ctx)
}

// steps takes an event through its steps: claim as delivered, resolve, key, claim, handle, settle.
func (r *run[E]) steps(ctx context.Context) ending {
	v, e := r.v, r.event
	if v.key.deliveredID != nil {
		if end := r.claimDelivered(ctx); end.reason != "" {
			return end
		}
	}
	if v.resolve != nil {
		r.phase.Store(resolving)
		var err error
		if e, err = r.resolve(withDelivery(ctx, r.d, "")); err != nil {
			return resolveEnding(err)
		}
	}
	r.phase.Store(claiming)
	key, err := v.key.of(r.d, r.keys, r.position, e)
	if err != nil {
		return ending{reason: ReasonInvalidEvent, err: err}
	}
	r.key.Store(&key)
	if ctx.Err() != nil {
		return ending{reason: ReasonHandlerTimeout, err: errTimedOut}
	}
	claim, end := r.claim(ctx, key)
	if end.reason != "" {
		return end
	}
	r.phase.Store(handling)
	return r.claimed(withDelivery(ctx, r.d, key), claim, e)
}

// claimDelivered claims the event under the id that it has before Resolve, if it has one.
func (r *run[E]) claimDelivered(ctx context.Context) (end ending) {
	r.phase.Store(claiming)
	key, err := r.v.key.beforeResolve(r.d, r.keys, r.event)
	switch {
	case err != nil:
		return ending{reason: ReasonInvalidEvent, err: err}
	case key == "":
		r.unnamed = true
		return ending{}
	}
	r.delivered, end = r.claim(ctx, key)
	return end
}

// claim opens a key. An ending without a reason means that it is open.
func (r *run[E]) claim(ctx context.Context, key string) (Claim, ending) {
	claim, err := r.v.h.store.Claim(ctx, key, r.v.h.lease())
	switch {
	case errors.Is(err, ErrDuplicate):
		return nil, ending{reason: ReasonDuplicate}
	case errors.Is(err, ErrInProgress):
		return nil, ending{reason: ReasonInProgress, err: err}
	case err != nil:
		return nil, ending{reason: ReasonStoreFailed, err: err}
	case claim == nil:
		return nil, ending{reason: ReasonStoreFailed, err: errors.New("webhook: the store gave neither a claim nor an error")}
	}
	return claim, ending{}
}

// resolve asks Resolve, for at most half of the time that is left.
func (r *run[E]) resolve(ctx context.Context) (E, error) {
	deadline, _ := ctx.Deadline()
	ctx, cancel := context.WithTimeout(ctx, time.Until(deadline)/2)
	defer cancel()
	return r.v.resolve(ctx, r.event)
}

func resolveEnding(err error) ending {
	var gaveUp *givenUp
	switch {
	case errors.Is(err, ErrGone):
		return ending{reason: ReasonGone}
	case errors.As(err, &gaveUp):
		return ending{reason: ReasonGivenUp, err: err}
	case errors.Is(err, ErrInvalidEvent):
		return ending{reason: ReasonInvalidEvent, err: err}
	}
	return ending{reason: ReasonResolveFailed, err: err, overran: errors.Is(err, context.DeadlineExceeded)}
}

// claimed handles an event and settles its claim, whichever way the handler ends.
func (r *run[E]) claimed(ctx context.Context, claim Claim, e E) (end ending) {
	handled := error(&PanicError{kind: "runtime.Goexit"})
	defer func() {
		if p := recover(); p != nil {
			handled = newPanicError(p)
		}
		end = r.settle(ctx, claim, handled)
	}()
	if ctx.Err() != nil { // a slow store has used up the time
		handled = errTimedOut
		return end
	}
	if handled = r.v.handle(ctx, e); handled == nil {
		for _, key := range r.v.notifyKeys(e) {
			r.v.h.notify(ctx, key)
		}
	}
	return end
}
