package webhook

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// Store remembers which deliveries were handled. It must be safe for concurrent use; one that several processes share
// must make Claim atomic among them. RunStoreTests of package webhooktest checks the rules below.
//
// A key is printable ASCII of at most 300 bytes: [Config].Name, the sender and a digest, with colons between them, so one store can
// serve many handlers.
//
// Its methods must end with their context: a store that hangs holds the delivery up.
type Store interface {
	// Claim opens a key for handling, for at most the lease: when it is neither committed nor released in this
	// time, because the process died or hangs, another Claim takes it over. The error is [ErrDuplicate] for a key
	// that was committed and is still retained, [ErrInProgress] for one that is open, and anything else for a failure.
	Claim(ctx context.Context, key string, lease time.Duration) (Claim, error)
}

// Claim is the right to handle one key. It is settled once.
type Claim interface {
	// Commit keeps the key for the retention, in which each other Claim of it gets [ErrDuplicate]. It fails with
	// [ErrClaimLost] when the claim was settled before or taken over, and then changes nothing.
	Commit(ctx context.Context, retention time.Duration) error
	// Release forgets the key, so that the next Claim opens it. It fails with [ErrClaimLost] like Commit.
	Release(ctx context.Context) error
}

// NoStore is the [Store] that remembers nothing: every delivery is handled, also two equal ones at the same time.
var NoStore Store = noStore{}

type noStore struct{}

func (noStore) Claim(context.Context, string, time.Duration) (Claim, error) { return noStore{}, nil }
func (noStore) Commit(context.Context, time.Duration) error                 { return nil }
func (noStore) Release(context.Context) error                               { return nil }

// MemoryConfig tunes a [MemoryStore]. The zero value is the recommended setting.
type MemoryConfig struct {
	// MaxEntries bounds the keys held at a time, about 300 bytes each. Zero or less means 100,000. When it is
	// reached, the keys committed longest ago are forgotten first, before their retention ends if need be.
	MaxEntries int
	// Clock gives the time. Nil means time.Now.
	Clock func() time.Time
}

// MemoryStore is a [Store] in this process's memory: for one process, and for as long as it runs. Behind a load
// balancer, use a shared store. It is bounded and never drops an open claim: when nothing but open claims is
// left, further ones get [ErrStoreFull].
type MemoryStore struct {
	max   int
	clock func() time.Time

	mu        sync.Mutex
	entries   map[string]*memoryEntry
	open      *list.List // of *memoryEntry, in the order of claiming
	committed *list.List // of *memoryEntry, in the order of committing
}

// memoryEntry is a key and its claim in one.
type memoryEntry struct {
	store   *MemoryStore
	key     string
	until   time.Time // end of the lease, or of the retention
	settled bool
	place   *list.Element
}

// NewMemoryStore returns an empty store.
func NewMemoryStore(cfg MemoryConfig) *MemoryStore {
	s := &MemoryStore{
		max: cfg.MaxEntries, clock: cfg.Clock,
		entries: make(map[string]*memoryEntry), open: list.New(), committed: list.New(),
	}
	if s.max <= 0 {
		s.max = 100_000
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	return s
}

// Claim implements [Store]. It does not wait and does not look at the context.
func (s *MemoryStore) Claim(_ context.Context, key string, lease time.Duration) (Claim, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	if e := s.entries[key]; e != nil {
		switch {
		case !now.Before(e.until): // expired, whether open or committed
			s.drop(e)
		case e.settled:
			return nil, ErrDuplicate
		default:
			return nil, ErrInProgress
		}
	}
	if !s.evict(now) {
		return nil, ErrStoreFull
	}
	e := &memoryEntry{store: s, key: key, until: now.Add(lease)}
	e.place = s.open.PushBack(e)
	s.entries[key] = e
	return e, nil
}

// Len returns how many keys are held, open and committed, expired ones that were not replaced yet included.
func (s *MemoryStore) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.entries)
}

// evict drops what has expired at the old ends, and as much more of what is committed as it takes to fit one.
func (s *MemoryStore) evict(now time.Time) bool {
	const expiredAtOnce = 2 // enough to shrink, and no claim is slow after a long pause
	for range expiredAtOnce {
		if e := s.oldestCommitted(); e != nil && !now.Before(e.until) {
			s.drop(e)
		}
	}
	for len(s.entries) >= s.max {
		if e := s.oldestCommitted(); e != nil {
			s.drop(e)
		} else if !s.dropExpired(now) {
			return false
		}
	}
	return true
}

// dropExpired drops an open claim whose lease is over, wherever it stands: leases differ.
func (s *MemoryStore) dropExpired(now time.Time) bool {
	for place := s.open.Front(); place != nil; place = place.Next() {
		if e, _ := place.Value.(*memoryEntry); e != nil && !now.Before(e.until) {
			s.drop(e)
			return true
		}
	}
	return false
}

func (s *MemoryStore) oldestCommitted() *memoryEntry {
	front := s.committed.Front()
	if front == nil {
		return nil
	}
	e, _ := front.Value.(*memoryEntry)
	return e
}

func (s *MemoryStore) drop(e *memoryEntry) {
	delete(s.entries, e.key)
	if e.settled {
		s.committed.Remove(e.place)
	} else {
		s.open.Remove(e.place)
	}
}

// Forget drops a committed key, such as [Delivery].Key, so that the next delivery of the event is handled. It reports whether
// there was one.
func (s *MemoryStore) Forget(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[key]
	if e == nil || !e.settled {
		return false
	}
	s.drop(e)
	return true
}

// Commit implements [Claim].
func (e *memoryEntry) Commit(_ context.Context, retention time.Duration) error {
	s := e.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.settled || s.entries[e.key] != e {
		return ErrClaimLost
	}
	s.open.Remove(e.place)
	e.settled = true
	e.until = s.clock().Add(retention)
	e.place = s.committed.PushBack(e)
	return nil
}

// Release implements [Claim].
func (e *memoryEntry) Release(context.Context) error {
	s := e.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.settled || s.entries[e.key] != e {
		return ErrClaimLost
	}
	s.drop(e)
	return nil
}
