package iproovtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/identkit/identkit/iproov"
)

// rows is a store whose faults are its fields.
type rows struct {
	mu       sync.Mutex
	byKey    map[string][]byte
	pointers map[string]*iproov.Journey // in place of byKey, if not nil

	unlocked, unchecked, noRows, foldsCase, onlyNewer, dropsResults bool
}

func (r *rows) key(key string) string {
	if r.foldsCase {
		return strings.ToLower(key)
	}
	return key
}

func (r *rows) load(_ context.Context, key string) (*iproov.Journey, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if j := r.pointers[r.key(key)]; j != nil {
		return j, nil
	}
	row, ok := r.byKey[r.key(key)]
	if !ok {
		return nil, errors.New("no such journey")
	}
	j := new(iproov.Journey)
	return j, json.Unmarshal(row, j)
}

func (r *rows) save(ctx context.Context, j *iproov.Journey) error {
	stored, err := r.load(ctx, j.Key())
	if err != nil {
		stored = new(iproov.Journey)
	}
	switch {
	case r.unchecked, r.onlyNewer && stored.Revision < j.Revision:
	case stored.Revision != j.Revision-1 && r.noRows:
		return nil // the UPDATE has changed no row
	case stored.Revision != j.Revision-1:
		return iproov.ErrRevision
	}
	runtime.Gosched()
	return r.insert(ctx, j)
}

func (r *rows) insert(_ context.Context, j *iproov.Journey) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pointers != nil {
		r.pointers[r.key(j.Key())] = j
		return nil
	}
	kept := *j
	if r.dropsResults {
		kept.Attempts = append([]iproov.JourneyAttempt(nil), j.Attempts...)
		for i := range kept.Attempts {
			kept.Attempts[i].Result = nil
		}
	}
	row, err := json.Marshal(&kept)
	r.byKey[r.key(j.Key())] = row
	return err
}

func (r *rows) store(inserts bool) JourneyStore {
	var swap sync.Mutex
	s := JourneyStore{Load: r.load, Save: func(ctx context.Context, j *iproov.Journey) error {
		if !r.unlocked {
			swap.Lock()
			defer swap.Unlock()
		}
		return r.save(ctx, j)
	}}
	if inserts {
		s.Insert = r.insert
	}
	return s
}

func TestASoundStorePasses(t *testing.T) {
	t.Parallel()
	for _, inserts := range []bool{false, true} {
		t.Run(fmt.Sprint(inserts), func(t *testing.T) {
			t.Parallel()
			RunJourneyTests(t, (&rows{byKey: map[string][]byte{}}).store(inserts))
		})
	}
}

func TestEachFaultOfAStoreIsFound(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]*rows{
		"reads and writes apart":      {unlocked: true},
		"compares nothing":            {unchecked: true},
		"does not count rows":         {noRows: true},
		"compares without case":       {foldsCase: true},
		"takes any newer revision":    {onlyNewer: true},
		"drops results":               {dropsResults: true},
		"keeps the caller's journeys": {pointers: map[string]*iproov.Journey{}},
	} {
		r.byKey = map[string][]byte{}
		failed := 0
		for _, rule := range journeyRules {
			if rule.check(t.Context(), r.store(true)) != nil {
				failed++
			}
		}
		assert.Positive(t, failed, name)
	}
}
