package main

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/identkit/identkit/iproov"
)

// journeys would be a table of the team's database, with a column each for what is a field here. It holds rows, not pointers, so that
// each request works on a copy of its own.
type journeys struct {
	mu     sync.Mutex
	rows   map[string]row
	latest map[string]string // keys of journeys, by user and purpose
}

type row struct {
	revision int
	data     []byte
}

func newJourneys() *journeys {
	return &journeys{rows: make(map[string]row), latest: make(map[string]string)}
}

// begin stores a new journey and returns it, or the last one of the user for the purpose while it has attempts left: a journey that
// could be left for a new one would have no end of attempts.
func (t *journeys) begin(j *iproov.Journey) *iproov.Journey {
	t.mu.Lock()
	defer t.mu.Unlock()
	owner := string(j.UserID) + "/" + j.Purpose
	if last := t.stored(t.latest[owner]); last != nil && last.AttemptsLeft() > 0 {
		return last
	}
	if t.write(j) != nil {
		return nil
	}
	t.latest[owner] = j.Key()
	return j
}

// load returns a copy of a journey, or nil.
func (t *journeys) load(key string) *iproov.Journey {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stored(key)
}

// save is the compare and swap that package iproov needs: UPDATE … WHERE key = … AND revision = … - 1.
func (t *journeys) save(_ context.Context, j *iproov.Journey) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rows[j.Key()].revision != j.Revision-1 {
		return iproov.ErrRevision
	}
	return t.write(j)
}

func (t *journeys) stored(key string) *iproov.Journey {
	r, ok := t.rows[key]
	if !ok {
		return nil
	}
	var j iproov.Journey
	if json.Unmarshal(r.data, &j) != nil {
		return nil // cannot be: write wrote it
	}
	return &j
}

func (t *journeys) write(j *iproov.Journey) error {
	data, err := json.Marshal(j)
	if err == nil {
		t.rows[j.Key()] = row{j.Revision, data}
	}
	return err
}
