package identkittest

import (
	"context"
	"fmt"
	"sync"
)

// The bounds of a journal that was made without any.
const (
	defaultJournalEntries = 1000
	defaultJournalBytes   = 64 << 20
)

// Journal is a typed view of the requests that came in, in the order of their arrival. It holds them as they were,
// secrets and personal data included, because tests need them; printing it shows neither.
//
// A journal is bounded: when it is full, the oldest entries go. Counts go on counting. It is safe for concurrent use.
type Journal struct {
	maxEntries int
	maxBytes   int

	mu      sync.Mutex
	entries []*Entry
	bytes   int // of the bodies held
	last    int // number of the newest entry
	counts  map[string]int
	changed chan struct{} // closed at the next arrival; nil when nobody waits
}

// NewJournal returns an empty journal that holds at most maxEntries requests with at most maxBytes of bodies together.
// Zero means 1000 and 64 MiB.
func NewJournal(maxEntries, maxBytes int) *Journal {
	if maxEntries <= 0 {
		maxEntries = defaultJournalEntries
	}
	if maxBytes <= 0 {
		maxBytes = defaultJournalBytes
	}
	return &Journal{maxEntries: maxEntries, maxBytes: maxBytes, counts: make(map[string]int)}
}

// All returns all entries held, oldest first.
func (j *Journal) All() []Entry {
	return j.find(func(*Entry) bool { return true })
}

// For returns the entries held of one operation, oldest first. The empty name stands for requests to no operation.
func (j *Journal) For(operation string) []Entry {
	return j.find(func(e *Entry) bool { return e.Operation == operation })
}

// Last returns the newest entry held of one operation; false when there is none.
func (j *Journal) Last(operation string) (Entry, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := len(j.entries) - 1; i >= 0; i-- {
		if j.entries[i].Operation == operation {
			return *j.entries[i], true
		}
	}
	return Entry{}, false
}

// Count returns how many requests of one operation came in, those whose entries had to go included.
func (j *Journal) Count(operation string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.counts[operation]
}

// Len returns how many requests came in altogether, those whose entries had to go included.
func (j *Journal) Len() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := 0
	for _, c := range j.counts {
		n += c
	}
	return n
}

// Wait blocks until n requests of one operation have come in, or the context ends. It spares a test from
// sleeping until a request is under way.
func (j *Journal) Wait(ctx context.Context, operation string, n int) error {
	for {
		j.mu.Lock()
		count := j.counts[operation]
		if count >= n {
			j.mu.Unlock()
			return nil
		}
		if j.changed == nil {
			j.changed = make(chan struct{})
		}
		changed := j.changed
		j.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("identkittest: %d of %d requests of %q came in: %w", count, n, operation, context.Cause(ctx))
		}
	}
}

// Clear forgets everything, counts included. Entries go on being numbered where they were.
func (j *Journal) Clear() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries, j.bytes = nil, 0
	clear(j.counts)
}

// Record adds an entry and returns its number. Fakes call it. The entry's maps and body must not change afterwards.
func (j *Journal) Record(e Entry) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last++
	j.counts[e.Operation]++
	e.Number, e.Nth = j.last, j.counts[e.Operation]
	j.entries = append(j.entries, &e)
	j.bytes += len(e.Body)
	for len(j.entries) > j.maxEntries || j.bytes > j.maxBytes && len(j.entries) > 1 {
		j.bytes -= len(j.entries[0].Body)
		j.entries[0] = nil
		j.entries = j.entries[1:]
	}
	if j.changed != nil {
		close(j.changed)
		j.changed = nil
	}
	return e.Number
}

// Amend changes an entry by its number, if it is still held. Fakes call it when they have answered.
func (j *Journal) Amend(number int, change func(*Entry)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := len(j.entries) - 1; i >= 0 && j.entries[i].Number >= number; i-- {
		if j.entries[i].Number == number {
			change(j.entries[i])
		}
	}
}

// String says how many requests came in and no more.
func (j *Journal) String() string { return fmt.Sprintf("journal of %d requests", j.Len()) }

// GoString returns the same as String.
func (j *Journal) GoString() string { return j.String() }

func (j *Journal) find(wanted func(*Entry) bool) []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	var found []Entry
	for _, e := range j.entries {
		if wanted(e) {
			found = append(found, *e)
		}
	}
	return found
}
