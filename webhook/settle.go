package webhook

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/identkit/identkit"
)

// settleTimeout bounds Commit and Release, which must not fail because the time for the event is up.
const settleTimeout = 5 * time.Second

// lease is how long a claim holds without being settled: as long as a handler may take, as long again for one that
// overruns, and the settling.
func (h *Handler) lease() time.Duration { return 2*h.timeout + settleTimeout }

// settle commits or releases the claim by how the handler ended.
func (r *run[E]) settle(ctx context.Context, claim Claim, handled error) (end ending) {
	defer func() {
		if p := recover(); p != nil {
			end = ending{reason: ReasonPanic, err: newPanicError(p)}
		}
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	end = handledEnding(handled)
	failed := end.reason.Status() != http.StatusOK
	if failed || r.keys.retention == 0 { // without an id, the next equal delivery is another one
		if err := claim.Release(ctx); err != nil && failed {
			end.err = errors.Join(handled, err)
		}
		return end
	}
	if err := claim.Commit(ctx, r.keys.retention); err != nil {
		// Not released: the commit may have taken effect. The lease decides.
		return ending{reason: ReasonStoreFailed, err: errors.Join(handled, err)}
	}
	return end
}

// settleDelivered commits or releases the claim of the event as it was delivered. Where that fails, it is resolved again when it comes again.
func (r *run[E]) settleDelivered(ctx context.Context, end ending) {
	if r.delivered == nil {
		return
	}
	defer func() { _ = recover() }()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	var err error
	if end.reason.Status() == http.StatusOK {
		err = r.delivered.Commit(ctx, r.v.key.retention)
	} else {
		err = r.delivered.Release(ctx)
	}
	if err != nil {
		r.v.h.log(ctx, slog.LevelWarn, "webhook event will be resolved again", slog.String("name", r.v.h.name), slog.Any("error", err))
	}
}

// handledEnding reads what Handle returned.
func handledEnding(err error) ending {
	var panicked *PanicError
	var gaveUp *givenUp
	switch {
	case err == nil:
		return ending{}
	case errors.As(err, &gaveUp):
		return ending{reason: ReasonGivenUp, err: err}
	case errors.Is(err, ErrDuplicate):
		return ending{reason: ReasonDuplicate}
	case errors.As(err, &panicked):
		return ending{reason: ReasonPanic, err: err}
	case errors.Is(err, ErrInvalidEvent):
		return ending{reason: ReasonInvalidEvent, err: err}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, errTimedOut):
		return ending{reason: ReasonHandlerTimeout, err: err, overran: true}
	}
	return ending{reason: ReasonHandlerFailed, err: err}
}

// finish hands the ending to the delivery that waits for it, or reports it when the delivery has its response already.
func (r *run[E]) finish(ctx context.Context, end ending) {
	h := r.v.h
	if r.state.CompareAndSwap(running, ended) {
		h.backlog.end(false)
		r.done <- end
		return
	}
	defer h.backlog.end(true)
	h.report(ctx, slog.LevelWarn, "webhook event ended late", &identkit.DeliveryInfo{
		Name: h.name, Start: r.start, Duration: time.Since(r.start), Reason: string(end.reason), Err: end.err, Late: true, Key: end.key,
		Scheme: r.d.Receipt.Scheme, KeyID: r.d.Receipt.KeyID, DeliveryID: r.d.Receipt.ID, Sender: r.d.Receipt.Sender,
	})
}
