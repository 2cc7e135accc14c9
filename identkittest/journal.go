package identkittest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
)

// Journal is a view of the requests, in the order in which they were received. It holds them unchanged,
// secrets and personal data included, because tests need them; printing it shows neither.
//
// A journal is bounded: when it is full, the oldest entries are dropped. Counts include them. It is safe for concurrent use.
type Journal struct{ journal journal }

// journal is its implementation in the engine.
type journal interface {
	Entries() []Entry
	Secrets() []string
	Requests(operation string) int
	More() <-chan struct{} // closed at the next request
	Requested() int
	ClearJournal()
}

// All returns all entries, oldest first.
func (j *Journal) All() []Entry {
	all := j.journal.Entries()
	for i := range all {
		all[i].secrets = j.journal.Secrets()
	}
	return all
}

// For returns the entries of one operation, oldest first. The empty name stands for requests to no operation.
func (j *Journal) For(operation string) []Entry {
	var found []Entry
	for _, e := range j.All() {
		if e.Operation == operation {
			found = append(found, e)
		}
	}
	return found
}

// Last returns the newest entry of one operation; false when there is none.
func (j *Journal) Last(operation string) (Entry, bool) {
	found := j.For(operation)
	if len(found) == 0 {
		return Entry{}, false
	}
	return found[len(found)-1], true
}

// Count returns how many requests of one operation came in, dropped entries included.
func (j *Journal) Count(operation string) int {
	return j.journal.Requests(operation)
}

// Len returns how many requests came in altogether, dropped entries included.
func (j *Journal) Len() int { return j.journal.Requested() }

// Wait blocks until n requests of one operation have come in, or the context ends. A test that
// needs a request in progress need not sleep.
func (j *Journal) Wait(ctx context.Context, operation string, n int) error {
	for {
		more := j.journal.More()
		count := j.journal.Requests(operation)
		if count >= n {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return fmt.Errorf("identkittest: %d of %d requests of %q came in: %w", count, n, operation, context.Cause(ctx))
		}
	}
}

// Clear drops everything, counts included. The numbers of entries continue.
func (j *Journal) Clear() { j.journal.ClearJournal() }

// String is the number of requests.
func (j *Journal) String() string { return fmt.Sprintf("journal of %d requests", j.Len()) }

// Format prints the same for every verb.
func (j *Journal) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, j.String()) }

// MarshalJSON writes the entries, secrets masked; see [Entry.MarshalJSON].
func (j *Journal) MarshalJSON() ([]byte, error) { return json.Marshal(j.All()) }
