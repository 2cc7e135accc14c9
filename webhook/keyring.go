package webhook

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/input"
)

// Key is one secret that a sender authenticates with.
type Key struct {
	// ID names the key in receipts and logs: printable ASCII without spaces, at most 64 characters, never the
	// secret. Empty means "key-1" and so on, by position.
	ID string
	// Secret is the key's text. Exactly one of Secret and Source is set. It must not be blank, masked, shorter than its scheme
	// demands (16 bytes; 8 for passwords of Basic and for API keys), nor have control characters, or white space at an end.
	Secret identkit.Secret
	// Source gives the text instead. It is asked for each delivery that matches none of the keys with a Secret, for at most half
	// of the time left and 5 seconds, so it should cache. When it fails, or gives a text that the scheme refuses, and no other
	// key matches, the delivery gets [ReasonUnavailable].
	Source identkit.SecretSource
	// AllowShort accepts a text shorter than the scheme demands, for a sender that hands out nothing better.
	AllowShort bool
	// NotBefore and NotAfter limit when deliveries are accepted under this key, both inclusive, by [Request].Time. Zero means
	// no limit.
	NotBefore, NotAfter time.Time
}

func (k *Key) validAt(t time.Time) bool {
	if t.IsZero() { // a request that does not say when it came in
		return k.NotBefore.IsZero() && k.NotAfter.IsZero()
	}
	return (k.NotBefore.IsZero() || !t.Before(k.NotBefore)) && (k.NotAfter.IsZero() || !t.After(k.NotAfter))
}

// maxKeys bounds the work that one wrong signature costs.
const maxKeys = 16

// Keyring holds the keys of one sender, the newest first, because keys are tried in order. Keys of senders
// that do not trust each other belong on different keyrings: whoever knows one key of a keyring can
// speak for all of it.
//
// A rotation without loss: add the new key behind the old one ([Keyring.Replace]), have the sender switch, watch
// [Receipt].KeyID until the old key matches nothing any more, remove it.
type Keyring struct {
	keys atomic.Pointer[[]Key]

	mu     sync.Mutex
	checks []func(*Key) error // what the verifiers on this keyring demand of a key
}

// NewKeyring returns a keyring with 1 to 16 keys. It reports all faults at once: a secret that is empty, blank or masked, both or
// neither of Secret and Source, an id that is used twice, unprintable or holds the secret, a validity that ends before it begins.
func NewKeyring(keys ...Key) (*Keyring, error) {
	r := new(Keyring)
	if err := r.replace("NewKeyring", keys); err != nil {
		return nil, err
	}
	return r, nil
}

// Replace puts other keys on the keyring, for all verifiers that use it, from the next delivery on. On error, which
// is that of [NewKeyring] or says that a verifier cannot use a key, nothing changes.
func (r *Keyring) Replace(keys ...Key) error { return r.replace("Keyring.Replace", keys) }

func (r *Keyring) replace(operation string, keys []Key) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var f faults
	named := slices.Clone(keys)
	f.keys(named)
	if len(f.fields) == 0 {
		for _, check := range r.checks {
			f.eachKey(named, check)
		}
	}
	if err := f.err(operation); err != nil {
		return err
	}
	r.keys.Store(&named)
	return nil
}

// KeyIDs returns the ids of the keys, in the order in which they are tried.
func (r *Keyring) KeyIDs() []string {
	var ids []string
	if keys := r.keys.Load(); keys != nil {
		for i := range *keys {
			ids = append(ids, (*keys)[i].ID)
		}
	}
	return ids
}

// join makes what a verifier demands of keys hold, for those of today and those of later.
func (f *faults) join(r *Keyring, check func(*Key) error) {
	if r == nil || r.keys.Load() == nil {
		f.refuse("Keys", "is nil or not made by NewKeyring")
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	before := len(f.fields)
	if f.eachKey(*r.keys.Load(), check); len(f.fields) == before {
		r.checks = append(r.checks, check)
	}
}

// eachKey checks the keys whose text is at hand.
func (f *faults) eachKey(keys []Key, check func(*Key) error) {
	for i := range keys {
		if keys[i].Source != nil {
			continue
		}
		if err := check(&keys[i]); err != nil {
			f.refuse("Keys["+keys[i].ID+"].Secret", err.Error())
		}
	}
}

// keys names the keys and checks them. Faults name a key by its id, or by its position where the id itself is at fault.
func (f *faults) keys(keys []Key) {
	f.that(len(keys) > 0 && len(keys) <= maxKeys, "Keys", "are not 1 to "+strconv.Itoa(maxKeys))
	seen := make(map[string]bool)
	for i := range keys {
		k := &keys[i]
		field := "Keys[" + strconv.Itoa(i) + "]"
		given := k.ID
		k.ID = cmp.Or(k.ID, "key-"+strconv.Itoa(i+1))
		switch {
		case !isToken(k.ID, 64):
			f.refuse(field+".ID", "is too long or not printable")
		case k.Secret != "" && strings.Contains(given, k.Secret.Reveal()):
			f.refuse(field+".ID", "shows the secret")
		case seen[k.ID]:
			f.refuse(field+".ID", "is that of another key")
		default:
			field = "Keys[" + k.ID + "]"
		}
		if k.Source != nil {
			f.that(k.Secret == "", field+".Secret", "is set beside Source")
		} else if err := checkSecret(k.Secret, 0); err != nil {
			f.refuse(field+".Secret", err.Error())
		}
		f.that(k.NotAfter.IsZero() || !k.NotAfter.Before(k.NotBefore), field+".NotAfter", "is before NotBefore")
		seen[k.ID] = true
	}
}

// checkSecret refuses a text that is no secret, or one that could be guessed.
func checkSecret(s identkit.Secret, shortest int) error {
	fault := input.SecretFault(s)
	switch {
	case fault != "":
		return errors.New(fault)
	case len(s) < shortest:
		return fmt.Errorf("is shorter than %d bytes", shortest)
	}
	return nil
}

// isToken reports whether s is printable ASCII without spaces, 1 to longest bytes.
func isToken(s string, longest int) bool {
	return s != "" && len(s) <= longest && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}
