package webhook

import (
	"slices"
	"strconv"
	"sync"
)

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
	if slices.Contains(l.keys, key) {
		return
	}
	if len(l.keys) == maxLateEvents {
		l.keys = slices.Delete(l.keys, 0, 1)
	}
	l.keys = append(l.keys, key)
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
