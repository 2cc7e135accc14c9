package identkittest

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"github.com/identkit/identkit"
)

func TestTheLocalNotifierPasses(t *testing.T) {
	t.Parallel()
	RunNotifierTests(t, func(*testing.T) (here, there identkit.Notifier) {
		n := identkit.NewNotifier()
		return n, n
	})
}

// faulty is a notifier with a seeded fault.
type faulty struct {
	identkit.LocalNotifier
	subscribe func(n *faulty, key string) (<-chan struct{}, func(), error)
	notify    func(n *faulty, key string) error
	channel   chan struct{}
}

func (n *faulty) Subscribe(ctx context.Context, key string) (again <-chan struct{}, stop func(), err error) {
	if n.subscribe != nil {
		return n.subscribe(n, key)
	}
	return n.LocalNotifier.Subscribe(ctx, key)
}

func (n *faulty) Notify(ctx context.Context, key string) error {
	if n.notify != nil {
		return n.notify(n, key)
	}
	return n.LocalNotifier.Notify(ctx, key)
}

func TestNotifiersWithFaultsFail(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	type (
		subscribe = func(*faulty, string) (<-chan struct{}, func(), error)
		notify    = func(*faulty, string) error
	)
	for name, seeded := range map[string]struct {
		subscribe subscribe
		notify    notify
	}{
		"nothing arrives":         {nil, func(*faulty, string) error { return nil }},
		"Notify fails":            {nil, func(*faulty, string) error { return errors.New("x") }},
		"Subscribe fails":         {func(*faulty, string) (<-chan struct{}, func(), error) { return nil, nil, errors.New("x") }, nil},
		"Subscribe gives no stop": {func(n *faulty, _ string) (<-chan struct{}, func(), error) { return n.channel, nil, nil }, nil},
		"one key for all": {
			func(n *faulty, _ string) (<-chan struct{}, func(), error) { return n.LocalNotifier.Subscribe(ctx, "") },
			func(n *faulty, _ string) error { return n.LocalNotifier.Notify(ctx, "") },
		},
		"one channel for all": {
			func(n *faulty, _ string) (<-chan struct{}, func(), error) { return n.channel, func() {}, nil },
			func(n *faulty, _ string) error {
				select {
				case n.channel <- struct{}{}:
				default:
				}
				return nil
			},
		},
		"stop does nothing": {func(n *faulty, key string) (<-chan struct{}, func(), error) {
			again, _, err := n.LocalNotifier.Subscribe(ctx, key)
			return again, func() {}, err
		}, nil},
		"a closed channel": {func(*faulty, string) (<-chan struct{}, func(), error) {
			c := make(chan struct{})
			close(c)
			return c, func() {}, nil
		}, nil},
		"notifications pile up": {
			func(n *faulty, _ string) (<-chan struct{}, func(), error) { return n.channel, func() {}, nil },
			func(n *faulty, _ string) error { n.channel <- struct{}{}; return nil },
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			failed := 0
			for _, rule := range notifierRules {
				n := &faulty{subscribe: seeded.subscribe, notify: seeded.notify, channel: make(chan struct{}, 2000)}
				if rule.check(t.Context(), n, n) != nil {
					failed++
				}
			}
			assert.Positive(t, failed, name)
		})
	}
}
