package webhook

import (
	"slices"
	"sync"
	"time"
)

// partialDeliveries remembers of deliveries that have to come again which of their events were handled, where the events have no ids. A
// delivery that was handled as a whole is not remembered: equal content is another one.
type partialDeliveries struct {
	mu     sync.Mutex
	latest []partialDelivery
}

type partialDelivery struct {
	key  string
	at   time.Time
	done map[int]bool // by position
}

const (
	maxPartialDeliveries = 64
	partialLifetime      = time.Hour
)

// take returns what was handled of a delivery, and forgets it.
func (p *partialDeliveries) take(d *Delivery) map[int]bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := partialKey(d)
	i := slices.IndexFunc(p.latest, func(one partialDelivery) bool { return one.key == key })
	if i < 0 {
		return make(map[int]bool)
	}
	found := p.latest[i]
	p.latest = slices.Delete(p.latest, i, i+1)
	if time.Since(found.at) > partialLifetime {
		return make(map[int]bool)
	}
	return found.done
}

func (p *partialDeliveries) put(d *Delivery, done map[int]bool) {
	if len(done) == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latest = append(p.latest, partialDelivery{partialKey(d), time.Now(), done})
	p.latest = p.latest[max(0, len(p.latest)-maxPartialDeliveries):]
}

func partialKey(d *Delivery) string {
	return d.Receipt.Sender + "\x00" + digest("partial", d.Receipt.ID, d.Request.Body)
}
