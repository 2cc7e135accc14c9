package fakeserver

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"iter"
	"sync"

	"github.com/identkit/identkit/identkittest"
)

// journal holds the requests that came in.
type journal struct {
	maxEntries, maxBytes, maxBody int

	mu     sync.Mutex
	kept   []*identkittest.Entry
	bytes  int // of the bodies kept
	last   int // number of the newest entry
	total  int
	counts map[string]int
	more   broadcast
}

func newJournal(c Config) journal {
	return journal{
		maxEntries: cmp.Or(c.JournalEntries, 1000), maxBytes: cmp.Or(c.JournalBytes, 64<<20), maxBody: cmp.Or(c.JournalBody, 1<<20),
		counts: make(map[string]int),
	}
}

// record adds an entry and returns its number. The entry's maps and body must not change afterwards.
func (j *journal) record(e identkittest.Entry) int {
	if e.SHA256 == "" {
		digest := sha256.Sum256(e.Body)
		e.Size, e.SHA256 = len(e.Body), hex.EncodeToString(digest[:])
	}
	if len(e.Body) > j.maxBody {
		e.Body, e.Truncated = bytes.Clone(e.Body[:min(j.maxBody, journalPrefix)]), true
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last++
	j.total++
	j.counts[e.Operation]++
	e.Number, e.Nth = j.last, j.counts[e.Operation]
	j.kept = append(j.kept, &e)
	j.bytes += len(e.Body)
	for len(j.kept) > j.maxEntries || j.bytes > j.maxBytes && len(j.kept) > 1 {
		j.bytes -= len(j.kept[0].Body)
		j.kept = j.kept[1:]
	}
	j.more.send()
	return e.Number
}

// amend changes an entry by its number, if it is still kept.
func (j *journal) amend(number int, change func(*identkittest.Entry)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := len(j.kept) - 1; i >= 0 && j.kept[i].Number >= number; i-- {
		if j.kept[i].Number == number {
			change(j.kept[i])
		}
	}
}

// Entries returns all kept entries, oldest first.
func (s *Server) Entries() []identkittest.Entry {
	return locked(&s.entries.mu, func() (all []identkittest.Entry) {
		for _, e := range s.entries.kept {
			all = append(all, *e)
		}
		return all
	})
}

// Requests returns how many requests of an operation came in.
func (s *Server) Requests(operation string) int {
	return locked(&s.entries.mu, func() int { return s.entries.counts[operation] })
}

// More returns a channel that is closed at the next request.
func (s *Server) More() <-chan struct{} { return locked(&s.entries.mu, s.entries.more.wait) }

// Requested returns how many requests came in altogether.
func (s *Server) Requested() int {
	return locked(&s.entries.mu, func() int { return s.entries.total })
}

// ClearJournal forgets all entries and counts.
func (s *Server) ClearJournal() {
	j := &s.entries
	j.mu.Lock()
	defer j.mu.Unlock()
	j.kept, j.bytes, j.total = nil, 0, 0
	clear(j.counts)
}

// broadcast wakes all who wait. Its owner's lock guards it.
type broadcast struct{ waiting chan struct{} } // nil while none does

func (b *broadcast) wait() <-chan struct{} {
	if b.waiting == nil {
		b.waiting = make(chan struct{})
	}
	return b.waiting
}

func (b *broadcast) send() {
	if b.waiting != nil {
		close(b.waiting)
		b.waiting = nil
	}
}

// maxChanges is how many changes a feed keeps for slow readers.
const maxChanges = 1000

// feed keeps the last changes.
type feed struct {
	mu   sync.Mutex
	kept []identkittest.Change
	last int
	more broadcast
}

func (f *feed) add(c identkittest.Change) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last++
	c.Number = f.last
	f.kept = append(f.kept, c)
	f.kept = f.kept[max(0, len(f.kept)-maxChanges):]
	f.more.send()
}

// after returns the changes behind a number, and a channel that is closed when there are more.
func (f *feed) after(number int) ([]identkittest.Change, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	missed := min(f.last-number, len(f.kept))
	return f.kept[len(f.kept)-missed:], f.more.wait()
}

// Changes yields what changes from now on, until the context ends.
func (s *Server) Changes(ctx context.Context) iter.Seq[identkittest.Change] {
	seen := locked(&s.feed.mu, func() int { return s.feed.last })
	return func(yield func(identkittest.Change) bool) {
		for ctx.Err() == nil {
			changes, more := s.feed.after(seen)
			for _, c := range changes {
				seen = c.Number
				if !yield(c) {
					return
				}
			}
			if len(changes) > 0 {
				continue
			}
			select {
			case <-more:
			case <-ctx.Done():
			}
		}
	}
}
