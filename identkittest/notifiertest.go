package identkittest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/identkit/identkit"
)

// RunNotifierTests checks the rules of [identkit.Notifier]. open is called for each of them and returns the notifiers of two processes, which
// may be the same one. Keys are used again, so nothing may be left of a rule before.
func RunNotifierTests(t *testing.T, open func(t *testing.T) (here, there identkit.Notifier)) {
	t.Helper()
	for _, rule := range notifierRules {
		t.Run(rule.name, func(t *testing.T) {
			here, there := open(t)
			ctx, cancel := context.WithTimeout(t.Context(), notifierTestTime)
			defer cancel()
			if err := rule.check(ctx, here, there); err != nil {
				t.Fatal(err)
			}
		})
	}
}

const (
	notifierTestTime = 30 * time.Second
	notifyWithin     = 5 * time.Second // generous: it says only that a notification arrives at all
)

const notifierKey, otherNotifierKey = "identkittest.thing:1", "identkittest.thing:2"

var notifierRules = []struct {
	name  string
	check func(ctx context.Context, here, there identkit.Notifier) error
}{
	{"a notification arrives wherever it comes from", func(ctx context.Context, here, there identkit.Notifier) error {
		again, stop, err := subscribed(ctx, here, notifierKey)
		if err != nil {
			return err
		}
		defer stop()
		for _, n := range []identkit.Notifier{here, there, there} { // and again after it was received
			if err := errors.Join(notified(ctx, n, notifierKey), arrives(again)); err != nil {
				return err
			}
		}
		return nil
	}},
	{"every subscriber of a key is notified", func(ctx context.Context, here, there identkit.Notifier) error {
		first, stopFirst, errFirst := subscribed(ctx, here, notifierKey)
		second, stopSecond, errSecond := subscribed(ctx, here, notifierKey)
		third, stopThird, errThird := subscribed(ctx, there, notifierKey)
		if err := errors.Join(errFirst, errSecond, errThird); err != nil {
			return err
		}
		defer stopFirst()
		defer stopSecond()
		defer stopThird()
		return errors.Join(notified(ctx, there, notifierKey), arrives(first), arrives(second), arrives(third))
	}},
	{"keys are independent", func(ctx context.Context, here, there identkit.Notifier) error {
		again, stop, err := subscribed(ctx, here, notifierKey)
		other, stopOther, errOther := subscribed(ctx, here, otherNotifierKey)
		if err := errors.Join(err, errOther); err != nil {
			return err
		}
		defer stop()
		defer stopOther()
		return errors.Join(notified(ctx, there, otherNotifierKey), arrives(other), isQuiet(again))
	}},
	{"nobody need receive", func(ctx context.Context, here, there identkit.Notifier) error {
		if err := notified(ctx, there, notifierKey); err != nil { // nobody listens
			return err
		}
		again, stop, err := subscribed(ctx, here, notifierKey)
		if err != nil {
			return err
		}
		defer stop()
		for range 1000 {
			if err := notified(ctx, there, notifierKey); err != nil {
				return err
			}
		}
		return arrives(again)
	}},
	{"what nobody has received is one notification", func(ctx context.Context, here, there identkit.Notifier) error {
		again, stop, err := subscribed(ctx, here, notifierKey)
		last, stopLast, errLast := subscribed(ctx, here, otherNotifierKey)
		if err := errors.Join(err, errLast); err != nil {
			return err
		}
		defer stop()
		defer stopLast()
		for range 100 {
			if err := notified(ctx, there, notifierKey); err != nil {
				return err
			}
		}
		if err := errors.Join(notified(ctx, there, otherNotifierKey), arrives(last), arrives(again)); err != nil {
			return err
		}
		for range 2 { // one may have been on its way
			select {
			case <-again:
			default:
				return nil
			}
		}
		return errors.New("notifications pile up for a subscriber that does not receive")
	}},
	{"a subscription ends when it is stopped", func(ctx context.Context, here, there identkit.Notifier) error {
		again, stop, err := subscribed(ctx, here, notifierKey)
		last, stopLast, errLast := subscribed(ctx, here, notifierKey)
		if err := errors.Join(err, errLast); err != nil {
			return err
		}
		defer stopLast()
		stop()
		stop() // again does no harm
		return errors.Join(notified(ctx, there, notifierKey), arrives(last), isQuiet(again))
	}},
}

func subscribed(ctx context.Context, n identkit.Notifier, key string) (again <-chan struct{}, stop func(), err error) {
	again, stop, err = n.Subscribe(ctx, key)
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("identkittest: Subscribe: %w", err)
	case again == nil || stop == nil:
		return nil, nil, errors.New("identkittest: Subscribe gave neither an error nor both a channel and a stop")
	}
	return again, stop, nil
}

func notified(ctx context.Context, n identkit.Notifier, key string) error {
	done := make(chan error, 1)
	go func() { done <- n.Notify(ctx, key) }()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("identkittest: Notify: %w", err)
		}
		return nil
	case <-time.After(notifyWithin):
		return errors.New("identkittest: Notify blocks")
	}
}

func arrives(again <-chan struct{}) error {
	select {
	case _, ok := <-again:
		if !ok {
			return errors.New("the channel of a subscription was closed")
		}
		return nil
	case <-time.After(notifyWithin):
		return errors.New("a notification did not arrive")
	}
}

// isQuiet is asked after a later notification has arrived elsewhere.
func isQuiet(again <-chan struct{}) error {
	select {
	case _, ok := <-again:
		if ok {
			return errors.New("a notification arrived that was not for the subscription")
		}
	default:
	}
	return nil
}
