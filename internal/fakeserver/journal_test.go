package fakeserver

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/identkittest"
)

func TestJournalCountsBeyondWhatItHolds(t *testing.T) {
	t.Parallel()
	s := New(Config{JournalEntries: 3, JournalBytes: 10})
	j := s.Journal()
	for range 5 {
		s.entries.record(identkittest.Entry{Operation: "a", Body: []byte("xy")})
	}
	number := s.entries.record(identkittest.Entry{Operation: "b"})
	assert.Equal(t, 6, number)
	assert.Equal(t, 5, j.Count("a"))
	assert.Equal(t, 6, j.Len())
	require.Len(t, j.All(), 3)
	assert.Equal(t, 4, j.All()[0].Number)
	assert.Equal(t, 5, j.For("a")[1].Nth)

	s.entries.record(identkittest.Entry{Operation: "c", Body: make([]byte, 9)})
	assert.Len(t, j.All(), 2, "bodies over the limit push older ones out")
	s.entries.record(identkittest.Entry{Operation: "c", Body: make([]byte, 99)})
	assert.Len(t, j.All(), 1, "the newest is always held")

	s.entries.amend(8, func(e *identkittest.Entry) { e.Status = 200 })
	s.entries.amend(1, func(*identkittest.Entry) { t.Error("an entry that had to go was amended") })
	last, ok := j.Last("c")
	assert.True(t, ok)
	assert.Equal(t, 200, last.Status)
	_, ok = j.Last("a")
	assert.False(t, ok)

	j.Clear()
	assert.Zero(t, j.Len())
	assert.Empty(t, j.All())
	assert.Equal(t, 9, s.entries.record(identkittest.Entry{}))
}

func TestJournalWaitsForRequests(t *testing.T) {
	t.Parallel()
	s := New(Config{})
	j := s.Journal()
	arrived := make(chan error)
	go func() { arrived <- j.Wait(t.Context(), "a", 2) }()
	for range 2 {
		s.entries.record(identkittest.Entry{Operation: "b"})
		s.entries.record(identkittest.Entry{Operation: "a"})
	}
	require.NoError(t, <-arrived)
	require.NoError(t, j.Wait(t.Context(), "a", 2))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := j.Wait(ctx, "a", 3)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, `2 of 3 requests of "a"`)
}
