package identkit

import (
	"context"
	"sync"
)

// Notifier wakes waits. A webhook handler, or whoever else learns of a change, notifies a key, and a wait for that key reads the state
// again at once. A notification means "look again", never a state, so a forged or repeated one costs a read and a lost one costs the time to
// the next poll: polling goes on, only slower.
//
// A key is "<provider>.<resource>:<id>", such as "powerauth.operation:7c0c…"; each provider package has functions that make its keys.
//
// [NewNotifier] makes one for a single process. Several processes need one that reaches all of them, such as publish and subscribe of a
// database. Its methods must be safe for concurrent use. One that is slow, fails or panics holds nothing up for more than a second:
// responses to webhooks do not wait for it, and waits poll without it. RunNotifierTests of package identkittest checks the rules below.
type Notifier interface {
	// Subscribe returns a channel that receives after each Notify of the key that begins after Subscribe has returned, until stop is called.
	// Notifications that nobody has received yet are one. ctx ends with the wait at the latest. A channel that is closed ends the subscription.
	// After a lost connection was restored, every channel should receive.
	Subscribe(ctx context.Context, key string) (again <-chan struct{}, stop func(), err error)
	// Notify wakes the subscribers of the key, wherever they are.
	Notify(ctx context.Context, key string) error
}

// LocalNotifier is a [Notifier] for one process. Its memory is bounded by its subscribers, and Notify never blocks. The zero value
// is ready.
type LocalNotifier struct {
	mu          sync.Mutex
	subscribers map[string]map[chan struct{}]struct{}
}

// NewNotifier returns a Notifier without subscribers.
func NewNotifier() *LocalNotifier { return new(LocalNotifier) }

// Subscribe implements [Notifier]. It does not fail.
func (n *LocalNotifier) Subscribe(_ context.Context, key string) (again <-chan struct{}, stop func(), err error) {
	c := make(chan struct{}, 1)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.subscribers == nil {
		n.subscribers = make(map[string]map[chan struct{}]struct{})
	}
	if n.subscribers[key] == nil {
		n.subscribers[key] = make(map[chan struct{}]struct{})
	}
	n.subscribers[key][c] = struct{}{}
	return c, func() { n.remove(key, c) }, nil
}

func (n *LocalNotifier) remove(key string, c chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.subscribers[key], c)
	if len(n.subscribers[key]) == 0 {
		delete(n.subscribers, key)
	}
}

// Notify implements [Notifier]. It does not fail.
func (n *LocalNotifier) Notify(_ context.Context, key string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.subscribers[key] {
		select {
		case c <- struct{}{}:
		default: // it has one that it has not received yet
		}
	}
	return nil
}

// Subscribers is the number of subscriptions that were not stopped, for tests and metrics.
func (n *LocalNotifier) Subscribers() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	count := 0
	for _, channels := range n.subscribers {
		count += len(channels)
	}
	return count
}
