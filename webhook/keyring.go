package webhook

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/identkit/identkit"
)

// Key is one secret that a sender may prove to know.
type Key struct {
	// ID names the key in receipts and logs: printable ASCII without spaces, at most 64 characters, never the
	// secret. Empty means "key-1" and so on, by position.
	ID string
	// Secret is the key's text. Exactly one of Secret and Source is set.
	Secret identkit.Secret
	// Source gives the text instead, asked for every delivery, so it should cache. When it fails and no other key
	// matches, the delivery gets [ErrUnavailable].
	Source identkit.SecretSource
	// NotBefore and NotAfter limit when deliveries are accepted under this key, both inclusive, by the time
	// of arrival. Zero means no limit.
	NotBefore, NotAfter time.Time
}

func (k *Key) validAt(t time.Time) bool {
	if t.IsZero() { // a request that does not say when it arrived
		return k.NotBefore.IsZero() && k.NotAfter.IsZero()
	}
	return (k.NotBefore.IsZero() || !t.Before(k.NotBefore)) && (k.NotAfter.IsZero() || !t.After(k.NotAfter))
}

// maxKeys bounds the work that one wrong signature costs.
const maxKeys = 16

// Keyring holds the keys of one sender; the newest stands first, because keys are tried in order. Keys of senders
// that do not trust each other belong on different keyrings and handlers: whoever knows one key of a keyring can
// speak for all of it.
//
// A rotation without loss: add the new key behind the old one ([Keyring.Replace]), have the sender switch, watch
// [Receipt].KeyID until the old key matches nothing any more, take it off.
type Keyring struct {
	keys atomic.Pointer[[]Key]

	mu     sync.Mutex
	checks []func(Key) error // what the verifiers on this keyring demand of a key
}

// NewKeyring returns a keyring with 1 to 16 keys. It reports all faults at once: an empty secret, both or neither
// of Secret and Source, an id that is doubled, unprintable or holds the secret, a validity that ends before it
// begins.
func NewKeyring(keys ...Key) (*Keyring, error) {
	r := new(Keyring)
	if err := r.Replace(keys...); err != nil {
		return nil, err
	}
	return r, nil
}

// Replace puts other keys on the ring, for all verifiers that use it, from the next delivery on. On error, which
// is that of [NewKeyring] or says that a verifier cannot use a key, nothing changes.
func (r *Keyring) Replace(keys ...Key) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	named := append([]Key(nil), keys...)
	if err := nameAndCheck(named); err != nil {
		return err
	}
	for _, check := range r.checks {
		if err := checkAll(named, check); err != nil {
			return err
		}
	}
	r.keys.Store(&named)
	return nil
}

// KeyIDs returns the ids of the keys on the ring, in the order in which they are tried.
func (r *Keyring) KeyIDs() []string {
	var ids []string
	if keys := r.keys.Load(); keys != nil {
		for i := range *keys {
			ids = append(ids, (*keys)[i].ID)
		}
	}
	return ids
}

// join makes a verifier's demand on keys hold, for the keys of today and those of later.
func (r *Keyring) join(check func(Key) error) error {
	if r == nil || r.keys.Load() == nil {
		return errors.New("webhook: no keyring, or one not made by NewKeyring")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := checkAll(*r.keys.Load(), check); err != nil {
		return err
	}
	r.checks = append(r.checks, check)
	return nil
}

func checkAll(keys []Key, check func(Key) error) error {
	var errs []error
	for _, k := range keys {
		if k.Source != nil {
			continue // known when it is asked
		}
		if err := check(k); err != nil {
			errs = append(errs, fmt.Errorf("webhook: key %s: %w", k.ID, err))
		}
	}
	return errors.Join(errs...)
}

func nameAndCheck(keys []Key) error {
	if len(keys) == 0 || len(keys) > maxKeys {
		return fmt.Errorf("webhook: a keyring holds 1 to %d keys, not %d", maxKeys, len(keys))
	}
	var errs []error
	seen := make(map[string]bool)
	for i := range keys {
		k := &keys[i]
		given := k.ID
		if k.ID == "" {
			k.ID = fmt.Sprintf("key-%d", i+1)
		}
		fault := ""
		switch {
		case k.Source == nil && k.Secret == "":
			fault = "has no secret"
		case k.Source != nil && k.Secret != "":
			fault = "has both Secret and Source"
		case !isToken(k.ID, 64):
			fault = "has an id that is too long or not printable"
		case k.Secret != "" && strings.Contains(given, k.Secret.Reveal()):
			fault = "has an id that shows the secret"
		case seen[k.ID]:
			fault = "has the id of another"
		case !k.NotAfter.IsZero() && k.NotAfter.Before(k.NotBefore):
			fault = "ends before it begins"
		}
		if fault != "" {
			errs = append(errs, fmt.Errorf("webhook: key %d of the keyring %s", i+1, fault))
		}
		seen[k.ID] = true
	}
	return errors.Join(errs...)
}

// isToken reports whether s is printable ASCII without spaces, 1 to longest bytes.
func isToken(s string, longest int) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != "" && len(s) <= longest
}
