package webhook

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/identkit/identkit"
)

// derived is what a verifier makes of the keys on a ring, such as keyed hashes, kept while the keys stay the same.
type derived[T any] struct {
	ring  *Keyring
	make  func(identkit.Secret) (T, error)
	cache atomic.Pointer[derivedKeys[T]]
}

type derivedKeys[T any] struct {
	ring    *[]Key
	sourced bool // some secret has to be asked for every time
	keys    []derivedKey[T]
}

type derivedKey[T any] struct {
	key    *Key
	secret identkit.Secret
	value  T
	err    error // the key cannot be had
}

func newDerived[T any](ring *Keyring, make func(identkit.Secret) (T, error)) (*derived[T], error) {
	check := func(k Key) error { _, err := make(k.Secret); return err }
	if err := ring.join(check); err != nil {
		return nil, err
	}
	return &derived[T]{ring: ring, make: make}, nil
}

// match tries the keys that are valid at a time, in order, and returns the id of the first that fits. The reason
// is "" for a match.
func (d *derived[T]) match(ctx context.Context, at time.Time, fits func(T) bool) (id string, reason Reason) {
	keys := d.load(ctx)
	reason = ErrProofStale // stands for: no key is valid now
	for i := range keys {
		k := &keys[i]
		switch {
		case !k.key.validAt(at):
		case k.err != nil:
			reason = ErrUnavailable
		case fits(k.value):
			return k.key.ID, ""
		case reason != ErrUnavailable:
			reason = ErrProofWrong
		}
	}
	return "", reason
}

func (d *derived[T]) load(ctx context.Context) []derivedKey[T] {
	ring, old := d.ring.keys.Load(), d.cache.Load()
	if old != nil && old.ring == ring && !old.sourced {
		return old.keys
	}
	return d.refresh(ctx, ring, old)
}

func (d *derived[T]) refresh(ctx context.Context, ring *[]Key, old *derivedKeys[T]) []derivedKey[T] {
	if old != nil && old.ring != ring {
		old = nil
	}
	fresh := &derivedKeys[T]{ring: ring, keys: make([]derivedKey[T], len(*ring))}
	changed := old == nil
	for i := range *ring {
		k := &(*ring)[i]
		secret, err := k.Secret, error(nil)
		if k.Source != nil {
			fresh.sourced = true
			secret, err = k.Source(ctx)
		}
		if err == nil && secret == "" {
			err = ErrUnavailable
		}
		if old != nil && err == nil && old.keys[i].err == nil && old.keys[i].secret == secret {
			fresh.keys[i] = old.keys[i]
			continue
		}
		changed = true
		fresh.keys[i] = derivedKey[T]{key: k, secret: secret, err: err}
		if err == nil {
			fresh.keys[i].value, fresh.keys[i].err = d.make(secret)
		}
	}
	if changed {
		d.cache.Store(fresh)
	}
	return fresh.keys
}
