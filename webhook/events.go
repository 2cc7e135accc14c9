package webhook

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// settleTimeout bounds Commit and Release, which must not fail because the time for the event is up.
const settleTimeout = 5 * time.Second

// lease is how long a claim holds without being settled: as long as a handler may take, as long again for one that
// overruns, and the settling.
func (h *handler[E]) lease() time.Duration { return 2*h.timeout + settleTimeout }

// handleAll hands over the events one by one and sums up.
func (h *handler[E]) handleAll(ctx context.Context, d *Delivery, events []E, out *Outcome) {
	out.Events = len(events)
	key, err := h.key.forDelivery(d, len(events))
	if err != nil {
		out.Reason, out.Err = ErrUndecodable, err
		return
	}
	var worst Reason
	for _, i := range h.order(key, events) {
		e := events[i]
		reason, err := h.handleOne(ctx, key, i, e)
		switch reason {
		case "":
			out.Handled++
			continue
		case ErrDuplicate:
			out.Duplicates++
			continue
		}
		out.Failed++
		if len(events) > 1 {
			h.log(ctx, slog.LevelError, "webhook event failed", slog.String("name", h.name), slog.Int("event", i),
				slog.String("reason", string(reason)), slog.Any("error", err))
		}
		if reason.status() > worst.status() {
			worst = reason
			out.Err = err
		}
	}
	out.Reason = worst
	if worst == "" && out.Duplicates > 0 && out.Handled == 0 {
		out.Reason = ErrDuplicate
	}
}

// order puts the events of a batch that ran out of time before behind the others: one that always hangs must not keep those after
// it from their turn for ever.
func (h *handler[E]) order(key func(int, E) (string, error), events []E) []int {
	order := make([]int, 0, len(events))
	var late []int
	for i, e := range events {
		if len(events) > 1 && h.late.has(func() (string, error) { return key(i, e) }) {
			late = append(late, i)
			continue
		}
		order = append(order, i)
	}
	return append(order, late...)
}

// lateKeys remembers which events ran out of time, the latest ones only.
type lateKeys struct {
	mu   sync.Mutex
	keys []string
}

const maxLateKeys = 256

func (l *lateKeys) add(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if slices.Contains(l.keys, key) {
		return
	}
	if len(l.keys) == maxLateKeys {
		l.keys = slices.Delete(l.keys, 0, 1)
	}
	l.keys = append(l.keys, key)
}

// has contains the panics of EventID, which handleOne meets again.
func (l *lateKeys) has(key func() (string, error)) (late bool) {
	l.mu.Lock()
	none := len(l.keys) == 0
	l.mu.Unlock()
	if none {
		return false
	}
	defer func() {
		if recover() != nil {
			late = false
		}
	}()
	k, err := key()
	l.mu.Lock()
	defer l.mu.Unlock()
	return err == nil && slices.Contains(l.keys, k)
}

// handleOne also contains panics of EventID and Store, which must not keep the other events of a batch from their
// turn.
func (h *handler[E]) handleOne(ctx context.Context, key func(int, E) (string, error), i int, e E) (reason Reason, err error) {
	defer func() {
		if p := recover(); p != nil {
			reason, err = ErrPanic, newPanicError(p)
		}
	}()
	k, err := key(i, e)
	if err != nil {
		return ErrUndecodable, err
	}
	if ctx.Err() != nil {
		return ErrHandlerTimeout, ErrHandlerTimeout // and not claimed: the redelivery brings it
	}
	claim, err := h.store.Claim(ctx, k, h.lease())
	switch {
	case errors.Is(err, ErrDuplicate):
		return ErrDuplicate, nil
	case errors.Is(err, ErrInProgress):
		return ErrInProgress, err
	case err != nil:
		return ErrStoreFailed, err
	case claim == nil:
		return ErrStoreFailed, errors.New("webhook: the store gave neither a claim nor an error")
	}
	done := make(chan ending, 1)
	go h.run(ctx, claim, e, done)
	select {
	case end := <-done:
		return h.noted(k, end)
	case <-ctx.Done():
	}
	select { // when both are ready, the event's own ending says more
	case end := <-done:
		return h.noted(k, end)
	default:
		return h.noted(k, ending{ErrHandlerTimeout, ErrHandlerTimeout})
	}
}

// noted remembers an event that ran out of time.
func (h *handler[E]) noted(key string, end ending) (Reason, error) {
	if end.reason == ErrHandlerTimeout {
		h.late.add(key)
	}
	return end.reason, end.err
}

// ending is how an event ended.
type ending struct {
	reason Reason
	err    error
}

// run handles an event and settles its claim, whichever way the handler ends: an error, a panic, or runtime.Goexit,
// which a test's FailNow uses. Nobody may be waiting any more.
func (h *handler[E]) run(ctx context.Context, claim Claim, e E, done chan<- ending) {
	handled := error(&PanicError{kind: "runtime.Goexit"})
	defer func() {
		if p := recover(); p != nil {
			handled = newPanicError(p)
		}
		end := h.settle(ctx, claim, handled)
		if ctx.Err() != nil {
			h.log(ctx, slog.LevelWarn, "webhook event ended late", slog.String("name", h.name),
				slog.String("reason", string(end.reason)), slog.Any("error", end.err))
		}
		done <- end
	}()
	handled = h.handle(ctx, e)
}

// settle commits or releases the claim by how the handler ended.
func (h *handler[E]) settle(ctx context.Context, claim Claim, handled error) (end ending) {
	defer func() {
		if p := recover(); p != nil {
			end = ending{ErrPanic, newPanicError(p)}
		}
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	if handled == nil {
		if err := claim.Commit(ctx, h.keep); err != nil {
			// Not released: the commit may have taken effect. The lease decides.
			return ending{ErrStoreFailed, err}
		}
		return ending{}
	}
	if err := claim.Release(ctx); err != nil {
		handled = errors.Join(handled, err)
	}
	var panicked *PanicError
	switch {
	case errors.As(handled, &panicked):
		return ending{ErrPanic, handled}
	case errors.Is(handled, ErrUndecodable):
		return ending{ErrUndecodable, handled}
	case errors.Is(handled, context.DeadlineExceeded):
		return ending{ErrHandlerTimeout, handled}
	}
	return ending{ErrHandlerFailed, handled}
}
