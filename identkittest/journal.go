package identkittest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
)

// Journal is a view of the requests that came in, in the order of their arrival. It holds them as they were,
// secrets and personal data included, because tests need them; printing it shows neither.
//
// A journal is bounded: when it is full, the oldest entries go. Counts go on counting. It is safe for concurrent use.
type Journal struct{ journal journal }

// journal is what the engine does for it.
type journal interface {
	Entries() []Entry
	Secrets() []string
	Requests(operation string) int
	More() <-chan struct{} // closed at the next request
	Requested() int
	ClearJournal()
}

// All returns all entries held, oldest first.
func (j *Journal) All() []Entry {
	all := j.journal.Entries()
	for i := range all {
		all[i].secrets = j.journal.Secrets()
	}
	return all
}

// For returns the entries held of one operation, oldest first. The empty name stands for requests to no operation.
func (j *Journal) For(operation string) []Entry {
	var found []Entry
	for _, e := range j.All() {
		if e.Operation == operation {
			found = append(found, e)
		}
	}
	return found
}

// Last returns the newest entry held of one operation; false when there is none.
func (j *Journal) Last(operation string) (Entry, bool) {
	found := j.For(operation)
	if len(found) == 0 {
		return Entry{}, false
	}
	return found[len(found)-1], true
}

// Count returns how many requests of one operation came in, those whose entries had to go included.
func (j *Journal) Count(operation string) int {
	return j.journal.Requests(operation)
}

// Len returns how many requests came in altogether, those whose entries had to go included.
func (j *Journal) Len() int { return j.journal.Requested() }

// Wait blocks until n requests of one operation have come in, or the context ends. It spares a test from
// sleeping until a request is under way.
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

// Clear forgets everything, counts included. Entries go on being numbered where they were.
func (j *Journal) Clear() { j.journal.ClearJournal() }

// String says how many requests came in and no more.
func (j *Journal) String() string { return fmt.Sprintf("journal of %d requests", j.Len()) }

// Format prints the same for every verb.
func (j *Journal) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, j.String()) }

// MarshalJSON writes the entries held, secrets masked; see [Entry.MarshalJSON].
func (j *Journal) MarshalJSON() ([]byte, error) { return json.Marshal(j.All()) }
