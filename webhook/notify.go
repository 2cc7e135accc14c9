package webhook

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/identkit/identkit"
)

const (
	notifyTimeout = time.Second // of one notification
	maxNotifying  = 100         // notifications that have not returned
)

var (
	errNotifierBusy  = errors.New("webhook: too many notifications have not returned")
	errNotifierPanic = errors.New("webhook: the notifier panicked or left its goroutine")
)

// notifier wakes the waits for what events were about.
type notifier struct {
	identkit.Notifier // nil: there is none
	running           atomic.Int32
}

// notify notifies the key of a handled event. Only this module's own notifier is known to return at once; any other runs on a goroutine of its
// own, so that neither the response nor the event waits for it. Close waits for it as for an event, up to its timeout.
func (h *Handler) notify(ctx context.Context, key string) {
	n := &h.notifier
	if n.Notifier == nil || key == "" {
		return
	}
	if local, ok := n.Notifier.(*identkit.LocalNotifier); ok && local != nil {
		_ = local.Notify(ctx, key)
		return
	}
	if n.running.Add(1) > maxNotifying {
		n.running.Add(-1)
		h.notifyFailed(ctx, errNotifierBusy)
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), notifyTimeout)
	h.backlog.add()
	ended := sync.OnceFunc(func() { h.backlog.end(false) })
	timer := time.AfterFunc(notifyTimeout, ended)
	go func() {
		err := errNotifierPanic
		defer func() {
			_ = recover()
			n.running.Add(-1)
			if err != nil {
				h.notifyFailed(ctx, err)
			}
			cancel()
			timer.Stop()
			ended()
		}()
		err = n.Notify(ctx, key)
	}()
}

// notifyFailed logs that waits were not notified; they poll. The key stays out: it holds an id.
func (h *Handler) notifyFailed(ctx context.Context, err error) {
	h.log(ctx, slog.LevelWarn, "webhook event was not notified", slog.String("name", h.name), slog.Any("error", err))
}

// notifyKeys asks the configuration for the keys of an event, which was handled already: a panic must not change that.
func (v *events[E]) notifyKeys(e E) (keys []string) {
	defer func() { _ = recover() }()
	if v.notify == nil {
		return nil
	}
	return v.notify(e)
}
