package transport

import (
	"context"
	"errors"
	"time"

	"github.com/identkit/identkit"
)

const (
	// notifierTimeout is how long a notifier of the team's own may hold up the first read of a wait.
	notifierTimeout = time.Second
	// notifiedPause is the shortest time between a read and one that a notifier causes.
	notifiedPause = 200 * time.Millisecond
)

var (
	errNotifierSlow   = errors.New("transport: the notifier has not subscribed in time")
	errNotifierPanic  = errors.New("transport: the notifier panicked or left its goroutine")
	errNotifierNil    = errors.New("transport: the notifier gave no channel")
	errNotifierClosed = errors.New("transport: the notifier closed its channel")
)

// subscription is that of one wait to its notifier. The wait goes on whatever becomes of it.
type subscription struct {
	again  <-chan struct{} // nil: there is none
	stop   func()
	err    error // why there is none
	later  <-chan subscribed
	cancel context.CancelFunc
}

// subscribed is what a notifier returned.
type subscribed struct {
	again <-chan struct{}
	stop  func()
	err   error
}

// subscribe subscribes before the first read, so that no change after that read is missed. Code of the caller runs in a goroutine of its own;
// when it is slow, the wait begins without it, and takes its result later.
func subscribe(ctx context.Context, n identkit.Notifier, key string) *subscription {
	s := &subscription{cancel: func() {}}
	if n == nil || key == "" {
		return s
	}
	if local, ok := n.(*identkit.LocalNotifier); ok && local != nil {
		s.again, s.stop, s.err = local.Subscribe(ctx, key)
		return s
	}
	ctx, s.cancel = context.WithCancel(ctx)
	results := make(chan subscribed)
	go func() {
		r := subscribed{err: errNotifierPanic}
		defer func() {
			_ = recover()
			select {
			case results <- r:
			case <-ctx.Done():
				r.release()
			}
		}()
		again, stop, err := n.Subscribe(ctx, key)
		r = subscribed{again, stop, err}
	}()
	timer := time.NewTimer(notifierTimeout)
	defer timer.Stop()
	select {
	case r := <-results:
		s.take(r)
	case <-timer.C:
		s.later, s.err = results, errNotifierSlow
	case <-ctx.Done():
	}
	return s
}

// take begins with what a notifier of the caller returned, and reports whether it will notify.
func (s *subscription) take(r subscribed) bool {
	s.later, s.err = nil, r.err
	switch {
	case r.err != nil:
	case r.again == nil:
		s.err = errNotifierNil
	default:
		s.again = r.again
	}
	s.stop = func() { go r.release() }
	return s.again != nil
}

// release ends the subscription, with code of the caller.
func (r subscribed) release() {
	defer func() { _ = recover() }()
	if r.stop != nil {
		r.stop()
	}
}

// lost is called when the channel was closed.
func (s *subscription) lost() { s.again, s.err = nil, errNotifierClosed }

func (s *subscription) close() {
	s.cancel()
	if s.stop != nil {
		s.stop()
	}
}
