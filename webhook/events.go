package webhook

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/identkit/identkit"
)

// settleTimeout bounds Commit and Release, which must not fail because the time for the event is up.
const settleTimeout = 5 * time.Second

// lease is how long a claim holds without being settled: as long as a handler may take, as long again for one that
// overruns, and the settling.
func (h *Handler) lease() time.Duration { return 2*h.timeout + settleTimeout }

// events is the part of a [Handler] that knows the type of its events.
type events[E any] struct {
	h       *Handler
	decode  func(*Delivery) ([]E, error)
	resolve func(context.Context, E) (E, error)
	handle  func(context.Context, E) error
	key     keyRule[E]
}

// process handles the events of a verified delivery one by one and sums up.
func (v *events[E]) process(ctx context.Context, d *Delivery, out *identkit.DeliveryInfo) {
	all, err := v.decode(d)
	var key func(int, E) (string, error)
	if err == nil {
		key, err = v.key.forDelivery(d, len(all))
	}
	if err != nil {
		out.Reason, out.Err = string(ReasonInvalidEvent), err
		return
	}
	out.Events = len(all)
	position := func(i int) string { return v.key.position(d, i) }
	var worst Reason
	for _, i := range v.h.late.order(len(all), position) {
		end := v.start(ctx, all[i], func(e E) (string, error) { return key(i, e) })
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
				v.h.late.add(position(i))
			}
			v.h.log(ctx, slog.LevelError, "webhook event failed", slog.String("name", v.h.name), slog.Int("event", i),
				slog.String("reason", string(end.reason)), slog.Any("error", end.err))
		}
		if end.reason.Status() > worst.Status() {
			worst, out.Err = end.reason, end.err
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
	overran bool // its time ran out
}

// phase is what an event is at.
type phase = atomic.Int32

const (
	handling int32 = iota
	resolving
	claiming
)

// overrunReason says what ran out of time.
var overrunReason = [...]Reason{handling: ReasonHandlerTimeout, resolving: ReasonResolveFailed, claiming: ReasonStoreFailed}

const errTimedOut sentinel = "the time for the delivery is up"

// start runs one event on a goroutine of its own, which is left behind when the time is up.
func (v *events[E]) start(ctx context.Context, e E, key func(E) (string, error)) ending {
	if ctx.Err() != nil {
		return ending{ReasonHandlerTimeout, errTimedOut, false} // and not claimed: the redelivery brings it
	}
	at := new(phase)
	done := make(chan ending, 1)
	go v.run(ctx, e, key, at, done)
	select {
	case end := <-done:
		return end
	case <-ctx.Done():
	}
	select { // when both are ready, the event's own ending says more
	case end := <-done:
		return end
	default:
		return ending{overrunReason[at.Load()], errTimedOut, true}
	}
}

// run contains every way in which the functions of the configuration can end: an error, a panic, or runtime.Goexit, which a
// test's FailNow uses. Nobody may be waiting any more.
func (v *events[E]) run(ctx context.Context, e E, key func(E) (string, error), at *phase, done chan<- ending) {
	end := ending{reason: ReasonPanic, err: &PanicError{kind: "runtime.Goexit"}}
	defer func() {
		if p := recover(); p != nil {
			end = ending{reason: ReasonPanic, err: newPanicError(p)}
		}
		if ctx.Err() != nil {
			v.h.log(ctx, slog.LevelWarn, "webhook event ended late", slog.String("name", v.h.name),
				slog.String("reason", string(end.reason)), slog.Any("error", end.err))
		}
		done <- end
	}()
	end = v.one(ctx, e, key, at)
}

// one is the way of an event: resolve, key, claim, handle, settle.
func (v *events[E]) one(ctx context.Context, e E, key func(E) (string, error), at *phase) ending {
	if v.resolve != nil {
		at.Store(resolving)
		var err error
		if e, err = v.resolved(ctx, e); err != nil {
			return resolveEnding(err)
		}
	}
	at.Store(claiming)
	k, err := key(e)
	if err != nil {
		return ending{reason: ReasonInvalidEvent, err: err}
	}
	if ctx.Err() != nil {
		return ending{reason: ReasonHandlerTimeout, err: errTimedOut}
	}
	claim, err := v.h.store.Claim(ctx, k, v.h.lease())
	switch {
	case errors.Is(err, ErrDuplicate):
		return ending{reason: ReasonDuplicate}
	case errors.Is(err, ErrInProgress):
		return ending{reason: ReasonInProgress, err: err}
	case err != nil:
		return ending{reason: ReasonStoreFailed, err: err}
	case claim == nil:
		return ending{reason: ReasonStoreFailed, err: errors.New("webhook: the store gave neither a claim nor an error")}
	}
	at.Store(handling)
	return v.claimed(ctx, claim, e)
}

// resolved asks Resolve, for at most half of the time that is left.
func (v *events[E]) resolved(ctx context.Context, e E) (E, error) {
	deadline, _ := ctx.Deadline()
	ctx, cancel := context.WithTimeout(ctx, time.Until(deadline)/2)
	defer cancel()
	return v.resolve(ctx, e)
}

func resolveEnding(err error) ending {
	switch {
	case errors.Is(err, ErrGone):
		return ending{reason: ReasonGone}
	case errors.Is(err, ErrInvalidEvent):
		return ending{reason: ReasonInvalidEvent, err: err}
	}
	return ending{reason: ReasonResolveFailed, err: err, overran: errors.Is(err, context.DeadlineExceeded)}
}

// claimed handles an event and settles its claim, whichever way the handler ends.
func (v *events[E]) claimed(ctx context.Context, claim Claim, e E) (end ending) {
	handled := error(&PanicError{kind: "runtime.Goexit"})
	defer func() {
		if p := recover(); p != nil {
			handled = newPanicError(p)
		}
		end = v.settle(ctx, claim, handled)
	}()
	handled = errTimedOut
	if ctx.Err() == nil { // a slow store may have used up the time
		handled = v.handle(ctx, e)
	}
	return end
}

// settle commits or releases the claim by how the handler ended.
func (v *events[E]) settle(ctx context.Context, claim Claim, handled error) (end ending) {
	defer func() {
		if p := recover(); p != nil {
			end = ending{reason: ReasonPanic, err: newPanicError(p)}
		}
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	if handled == nil {
		if err := claim.Commit(ctx, v.h.retention); err != nil {
			// Not released: the commit may have taken effect. The lease decides.
			return ending{reason: ReasonStoreFailed, err: err}
		}
		return ending{}
	}
	if err := claim.Release(ctx); err != nil {
		handled = errors.Join(handled, err)
	}
	var panicked *PanicError
	switch {
	case errors.As(handled, &panicked):
		return ending{reason: ReasonPanic, err: handled}
	case errors.Is(handled, ErrInvalidEvent):
		return ending{reason: ReasonInvalidEvent, err: handled}
	case errors.Is(handled, context.DeadlineExceeded), errors.Is(handled, errTimedOut):
		return ending{reason: ReasonHandlerTimeout, err: handled, overran: true}
	}
	return ending{reason: ReasonHandlerFailed, err: handled}
}
