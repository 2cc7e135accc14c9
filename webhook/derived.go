package webhook

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/seal"
)

// derived is what a verifier makes of the keys on a ring, such as keyed hashes, kept while the keys stay the same.
type derived[T any] struct {
	ring  *Keyring
	make  func(*Key, identkit.Secret) (T, error)
	cache atomic.Pointer[derivedKeys[T]]
}

// derivedKeys belong to one state of the ring.
type derivedKeys[T any] struct {
	ring    *[]Key
	atHand  []derivedKey[T]
	sourced []*sourcedKey[T]
}

type derivedKey[T any] struct {
	key   *Key
	value seal.Hidden[T]
}

type sourcedKey[T any] struct {
	key  *Key
	last atomic.Pointer[sourced[T]]
	left atomic.Int32 // fetches that timed out and have not ended
}

// sourced is what was made of the last text of a source.
type sourced[T any] struct {
	text  seal.Hidden[identkit.Secret]
	value seal.Hidden[T]
}

// deriveKeys checks the keys of a ring for one scheme, whose texts have a shortest length, and prepares them.
func deriveKeys[T any](f *faults, ring *Keyring, shortest int, value func(*Key, identkit.Secret) (T, error)) *derived[T] {
	d := &derived[T]{ring: ring, make: func(k *Key, s identkit.Secret) (none T, err error) {
		demanded := shortest
		if k.AllowShort {
			demanded = 0
		}
		if err := checkSecret(s, demanded); err != nil {
			return none, err
		}
		return value(k, s)
	}}
	f.join(ring, func(k *Key) error { _, err := d.make(k, k.Secret); return err })
	return d
}

// match returns the id of the first key valid at a time that fits: those at hand in order, and only when none of them fits,
// those from sources.
func (d *derived[T]) match(ctx context.Context, at time.Time, refusals *refusals, fits func(T) bool) (id string, refusal *VerifyError) {
	keys := d.load()
	refusal = refusals.noValidKey
	for i := range keys.atHand {
		k := &keys.atHand[i]
		if !k.key.validAt(at) {
			continue
		}
		if fits(k.value.Get()) {
			return k.key.ID, nil
		}
		refusal = refusals.mismatch
	}
	for _, k := range keys.sourced {
		if !k.key.validAt(at) {
			continue
		}
		value, fault := d.fetch(ctx, k, refusals.scheme)
		switch {
		case fault != nil:
			refusal = fault
		case fits(value):
			return k.key.ID, nil
		case refusal.Reason != ReasonUnavailable:
			refusal = refusals.mismatch
		}
	}
	return "", refusal
}

func (d *derived[T]) load() *derivedKeys[T] {
	ring, old := d.ring.keys.Load(), d.cache.Load()
	if old != nil && old.ring == ring {
		return old
	}
	fresh := &derivedKeys[T]{ring: ring}
	for i := range *ring {
		k := &(*ring)[i]
		if k.Source != nil {
			fresh.sourced = append(fresh.sourced, &sourcedKey[T]{key: k})
		} else if value, err := d.make(k, k.Secret); err == nil { // the ring has checked it
			fresh.atHand = append(fresh.atHand, derivedKey[T]{k, seal.Hide(value)})
		}
	}
	d.cache.Store(fresh)
	return fresh
}

const (
	// maxSourceTime is how long a source may take, where the context leaves more than twice as long.
	maxSourceTime = 5 * time.Second
	// maxLeftFetches is how many fetches may go on after their time, for each key.
	maxLeftFetches = 16
)

// fetch asks a key's source, which cannot outlast its share of the time.
func (d *derived[T]) fetch(ctx context.Context, k *sourcedKey[T], scheme string) (value T, refusal *VerifyError) {
	refuse := func(what string, err error) *VerifyError {
		return &VerifyError{Reason: ReasonUnavailable, Scheme: scheme, Detail: "key " + k.key.ID + ": " + what, Err: err}
	}
	if k.left.Load() >= maxLeftFetches {
		return value, refuse("its source hangs", nil)
	}
	share := maxSourceTime
	if deadline, ok := ctx.Deadline(); ok {
		share = min(share, time.Until(deadline)/2)
	}
	ctx, cancel := context.WithTimeout(ctx, share)
	defer cancel()
	type result struct {
		text identkit.Secret
		err  error
	}
	done := make(chan result, 1)
	state := new(atomic.Int32)
	go func() {
		var r result
		defer func() {
			if p := recover(); p != nil {
				r.err = newPanicError(p)
			}
			if !state.CompareAndSwap(running, ended) {
				k.left.Add(-1)
			}
			done <- r
		}()
		r.err = errNoText
		r.text, r.err = k.key.Source(ctx)
	}()
	var got result
	select {
	case got = <-done:
	case <-ctx.Done():
		k.left.Add(1)
		if state.CompareAndSwap(running, left) {
			return value, refuse("its source timed out", ctx.Err())
		}
		k.left.Add(-1)
		got = <-done // it ended in this moment
	}
	switch {
	case errors.Is(got.err, context.DeadlineExceeded):
		return value, refuse("its source timed out", got.err)
	case got.err != nil:
		return value, refuse("its source failed", got.err)
	}
	if last := k.last.Load(); last != nil && last.text.Get() == got.text {
		return last.value.Get(), nil
	}
	value, err := d.make(k.key, got.text)
	if err != nil {
		return value, refuse("its text from the source "+err.Error(), nil)
	}
	k.last.Store(&sourced[T]{seal.Hide(got.text), seal.Hide(value)})
	return value, nil
}

const errNoText sentinel = "the source gave nothing"
