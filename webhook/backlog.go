package webhook

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
)

// backlog counts the events that are being handled, and those of them that were left behind when their time was up.
type backlog struct {
	max int

	mu                sync.Mutex
	running, leftOver int
	closed            bool
	idle              chan struct{} // closed when nothing runs, once somebody waits for it
}

// refuses says why no new work is taken; "" when it is.
func (b *backlog) refuses() Reason {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return ReasonClosed
	case b.leftOver >= b.max:
		return ReasonOverloaded
	}
	return ""
}

// begin counts one more event, unless the handler is closed.
func (b *backlog) begin() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.running++
	}
	return !b.closed
}

// add counts work that belongs to an event which is being handled, so that the handler is not closed before it.
func (b *backlog) add() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running++
}

func (b *backlog) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.leftOver++
}

func (b *backlog) end(left bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running--
	if left {
		b.leftOver--
	}
	if b.running == 0 && b.idle != nil {
		close(b.idle)
		b.idle = nil
	}
}

func (b *backlog) unfinished() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.leftOver
}

func (b *backlog) close(ctx context.Context) error {
	b.mu.Lock()
	b.closed = true
	if b.running > 0 && b.idle == nil {
		b.idle = make(chan struct{})
	}
	idle, running := b.idle, b.running
	b.mu.Unlock()
	switch {
	case running == 0:
		return nil
	case ctx == nil:
		return fmt.Errorf("webhook: events still being handled: %d: the context is nil", running)
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.running == 0 {
		return nil
	}
	return fmt.Errorf("webhook: events still being handled: %d: %w", b.running, ctx.Err())
}

// lateKey names an event by its place in a delivery.
func lateKey(d *Delivery, position int) string {
	return digest("late", d.Receipt.ID, d.Request.Body) + "[" + strconv.Itoa(position) + "]"
}

// lateEvents remembers which events of batches ran out of time, the latest ones only.
type lateEvents struct {
	mu   sync.Mutex
	keys []string
}

const maxLateEvents = 256

func (l *lateEvents) add(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Contains(l.keys, key) {
		l.keys = append(l.keys, key)
		l.keys = l.keys[max(0, len(l.keys)-maxLateEvents):]
	}
}

// order is the order in which the n events of a delivery are handled. Those that ran out of time before come last: one that always
// hangs must not keep the others of its batch from being handled.
func (l *lateEvents) order(n int, key func(i int) string) []int {
	l.mu.Lock()
	defer l.mu.Unlock()
	order := make([]int, 0, n)
	var late []int
	for i := range n {
		if n > 1 && len(l.keys) > 0 && slices.Contains(l.keys, key(i)) {
			late = append(late, i)
			continue
		}
		order = append(order, i)
	}
	return append(order, late...)
}
