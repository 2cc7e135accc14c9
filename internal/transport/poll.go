package transport

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/identkit/identkit"
)

// Poll reads a state until it is the one wanted.
type Poll[T any] struct {
	Operation string // names the wait in errors
	Policy    identkit.WaitPolicy
	Defaults  WaitDefaults
	Key       string                // names the state for an identkit.Notifier
	Options   []identkit.CallOption // the caller's, for each read
	Read      func(ctx context.Context, opts []identkit.CallOption) (*T, error)
	// Done reports whether the state is the one wanted. An error ends the wait: the state can no longer come.
	Done func(*T) (bool, error)
	// State is the text of the state for errors and observers; see [Known]. Nil: it has none.
	State func(*T) string
	// Expiry is when the state was created, and when it ends by itself, as the provider says it; zero: it does not say. Reads go on a little
	// longer, and then show how it ended.
	Expiry func(*T) (created, expires time.Time)
	// NotYet reports whether a failure only says that there is no state yet. Nil: none does.
	NotYet func(error) bool
}

// WaitDefaults are those of a wait's policy.
type WaitDefaults struct {
	InitialInterval, MaxInterval, MaxNotifiedInterval time.Duration
	Bound                                             time.Duration // of a wait without Until, while no expiry is known
}

// Known is the text of an enumeration's value, or "" for one that this version does not know, which could be anything.
func Known[S interface {
	~string
	Known() bool
}](value S) string {
	if value.Known() {
		return string(value)
	}
	return ""
}

// Wait polls at growing, jittered intervals, and when a notifier says so. It ends as [identkit.WaitPolicy] says; then the error is
// an *identkit.WaitError with the last state.
func Wait[T any](ctx context.Context, c *Client, p Poll[T]) (*T, error) {
	w := waiting[T]{Poll: p, client: c, sub: new(subscription)}
	w.ending = ending{started: time.Now(), bound: p.Defaults.Bound}
	if !p.Policy.Until.IsZero() {
		w.until = w.started.Add(p.Policy.Until.Sub(w.started))
	}
	if IsNil(ctx) {
		w.client = nil // no observer is given a nil context
		return w.end(context.Background(), nilContext())
	}
	var check Check
	check.That(p.Policy.InitialInterval >= 0 && p.Policy.MaxInterval >= 0, "WaitPolicy", "has a negative interval")
	switch {
	case c == nil:
		return w.end(ctx, &identkit.Error{Kind: identkit.ErrInvalidRequest, Detail: notMade})
	case len(check.Faults) > 0:
		return w.end(ctx, &identkit.Error{Kind: identkit.ErrInvalidRequest, Fields: check.Faults})
	}
	return w.end(ctx, w.run(ctx))
}

// waiting is one wait on its way.
type waiting[T any] struct {
	Poll[T]
	ending
	client   *Client
	sub      *subscription
	last     *T
	failure  error     // the last read's
	earliest time.Time // before it the provider does not want to be asked
	polls    int
	failed   int
	notified int
	refused  bool // the last read's failure ends the wait
}

func (w *waiting[T]) run(ctx context.Context) *identkit.Error {
	w.sub = subscribe(ctx, cmp.Or(w.Policy.Notifier, w.client.notifier), w.Key)
	defer w.sub.close()
	for {
		done, e := w.read(ctx)
		if done || e != nil {
			return e
		}
		now := time.Now()
		end, why := w.at()
		left := w.left(now)
		wait, more := w.policy().Next(w.polls, left)
		if !more {
			return &identkit.Error{Kind: identkit.ErrTimeout, Detail: why, Err: w.failure}
		}
		if wait < left {
			wait = wait/2 + rand.N(wait/2+1) //nolint:gosec // jitter, not a secret
		}
		due := later(now.Add(wait), w.earliest)
		if due.After(end) {
			if !w.pause(ctx, end, time.Time{}) {
				return w.interrupted(ctx)
			}
			return &identkit.Error{Kind: identkit.ErrTimeout, Detail: why + " before the provider wants to be asked again", Err: w.failure}
		}
		if !w.pause(ctx, due, later(now.Add(notifiedPause), w.earliest)) {
			return w.interrupted(ctx)
		}
	}
}

// policy is the caller's, completed.
func (w *waiting[T]) policy() identkit.WaitPolicy {
	p, d := w.Policy, w.Defaults
	p.InitialInterval = cmp.Or(p.InitialInterval, d.InitialInterval)
	longest := d.MaxInterval
	if w.sub.again != nil {
		longest = d.MaxNotifiedInterval
	}
	p.MaxInterval = cmp.Or(p.MaxInterval, max(longest, p.InitialInterval))
	return p
}

// pause waits until a read is due, or from the first notification until soon; a zero soon takes none. It reports whether the context goes on.
func (w *waiting[T]) pause(ctx context.Context, due, soon time.Time) bool {
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	listening := soon.Before(due) && !soon.IsZero()
	notify := func() {
		listening = false
		w.notified++
		timer.Reset(time.Until(soon))
	}
	for {
		var again <-chan struct{}
		var later <-chan subscribed
		if listening {
			again, later = w.sub.again, w.sub.later
		}
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
			return true
		case _, ok := <-again:
			if ok {
				notify()
			} else {
				w.sub.lost()
			}
		case r := <-later:
			if w.sub.take(r) {
				notify() // what happened until now was not notified
			}
		}
	}
}

func (w *waiting[T]) interrupted(ctx context.Context) *identkit.Error {
	e := canceled(ctx)
	e.Err = errors.Join(e.Err, w.failure)
	return e
}

// read reads once, and reports whether the state is the one wanted.
func (w *waiting[T]) read(ctx context.Context) (done bool, e *identkit.Error) {
	// A moment more, so that the read at the very end can succeed.
	end, _ := w.at()
	within, cancel := context.WithDeadline(ctx, later(end, time.Now()).Add(time.Second))
	defer cancel()
	var date time.Time
	w.polls++
	state, err := w.Read(within, append(w.Options[:len(w.Options):len(w.Options)], Dated(&date)))
	w.failure, w.earliest = err, time.Time{}
	if err == nil {
		w.last = state
		var created, expires time.Time
		if w.Expiry != nil {
			created, expires = w.Expiry(state)
		}
		w.note(date, created, expires, time.Now())
		done, err := w.Done(state)
		if err != nil {
			return false, &identkit.Error{Kind: identkit.ErrConflict, Detail: err.Error(), Err: err}
		}
		return done, nil
	}
	w.failed++
	errors.As(err, &e)
	switch {
	case ctx.Err() != nil:
		return false, w.interrupted(ctx)
	case w.isPassing(err):
		if e != nil && e.RetryAfter > 0 {
			w.earliest = time.Now().Add(e.RetryAfter)
		}
		return false, nil
	}
	w.refused = true
	failed := identkit.Error{Kind: identkit.ErrBadResponse}
	if e != nil {
		failed = *e
	}
	failed.Err = err
	return false, &failed
}

// isPassing reports whether a later read may succeed.
func (w *waiting[T]) isPassing(err error) bool {
	if w.NotYet != nil && w.NotYet(err) {
		return true
	}
	var e *identkit.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Kind {
	case identkit.ErrTimeout, identkit.ErrRateLimited, identkit.ErrRetryBudget:
		return true
	case identkit.ErrUnavailable:
		return e.Status != http.StatusNotImplemented && e.Status != http.StatusHTTPVersionNotSupported
	case identkit.ErrNetwork:
		var dns *net.DNSError
		unknownHost := errors.As(err, &dns) && dns.IsNotFound
		return w.last != nil || !unknownHost && !isCertificate(err)
	case identkit.ErrBadResponse:
		return errors.Is(err, errHTML)
	}
	return false
}

// end tells the observer and returns the state, or the error with the last one.
func (w *waiting[T]) end(ctx context.Context, e *identkit.Error) (*T, error) {
	info := identkit.WaitInfo{
		Operation: w.Operation, Start: w.started, Duration: time.Since(w.started),
		Polls: w.polls, Failed: w.failed, Notified: w.notified, NotifierErr: w.sub.err,
	}
	if w.State != nil && w.last != nil {
		info.State = w.State(w.last)
	}
	var last *identkit.Error
	if errors.As(w.failure, &last) {
		info.Failure = last.Kind
	}
	if e != nil {
		info.Kind = e.Kind
	}
	if w.client != nil {
		info.Provider = w.client.provider
		if l := w.client.logger; l != nil && info.NotifierErr != nil {
			l.LogAttrs(ctx, slog.LevelWarn, "wait polled without its notifier", slog.String("operation", w.Operation), slog.Any("error", info.NotifierErr))
		}
		if o := w.client.observer.Wait; o != nil {
			o(ctx, info)
		}
	}
	if e == nil {
		return w.last, nil
	}
	w.describe(e, info.State, last)
	e.Provider, e.Operation = info.Provider, w.Operation
	return nil, &identkit.WaitError[T]{Last: w.last, Polls: w.polls, Failed: w.failed, Failure: w.failure, Err: e}
}

// describe adds to an error what the wait has seen.
func (w *waiting[T]) describe(e *identkit.Error, state string, last *identkit.Error) {
	if w.polls == 0 {
		return
	}
	text := strconv.Itoa(w.polls) + " poll"
	if w.polls > 1 {
		text += "s"
	}
	if w.failed > 0 {
		text += ", " + strconv.Itoa(w.failed) + " failed"
	}
	addDetail(e, text)
	if state != "" {
		addDetail(e, "last state "+state)
	}
	if last != nil && !w.refused {
		addDetail(e, "last failure: "+last.Error())
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
