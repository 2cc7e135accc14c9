package webhooktest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/identkit/identkit/webhook"
)

// RunStoreTests checks the rules of [webhook.Store]. newStore is called for each of them and returns an empty
// store, and a function that advances its time; rules about time are skipped when that is nil.
func RunStoreTests(t *testing.T, newStore func(t *testing.T) (store webhook.Store, advance func(time.Duration))) {
	t.Helper()
	for _, rule := range storeRules {
		t.Run(rule.name, func(t *testing.T) {
			t.Parallel()
			store, advance := newStore(t)
			if rule.needsTime && advance == nil {
				t.Skip("no function advances the time")
			}
			rule.check(&storeTest{T: t, store: store, advance: advance})
		})
	}
}

type storeTest struct {
	*testing.T
	store   webhook.Store
	advance func(time.Duration)
}

const (
	lease     = time.Minute
	retention = time.Hour
)

// claim expects the error want, and returns the claim if that is nil.
func (t *storeTest) claim(key string, want error) webhook.Claim {
	t.Helper()
	claim, err := t.store.Claim(context.Background(), key, lease)
	t.expect(fmt.Sprintf("Claim(%q)", key), err, want)
	if err == nil && claim == nil {
		t.Fatalf("Claim(%q): neither a claim nor an error", key)
	}
	return claim
}

func (t *storeTest) commit(c webhook.Claim, want error) {
	t.Helper()
	t.expect("Commit", c.Commit(context.Background(), retention), want)
}

func (t *storeTest) release(c webhook.Claim, want error) {
	t.Helper()
	t.expect("Release", c.Release(context.Background()), want)
}

func (t *storeTest) expect(call string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) || (err == nil) != (want == nil) {
		t.Fatalf("%s: got error %v, want %v", call, err, want)
	}
}

var storeRules = []struct {
	name      string
	needsTime bool
	check     func(t *storeTest)
}{
	{"a new key can be claimed", false, func(t *storeTest) { t.claim("a", nil) }},
	{"an open key is in progress", false, func(t *storeTest) {
		t.claim("a", nil)
		t.claim("a", webhook.ErrInProgress)
	}},
	{"a committed key is a duplicate", false, func(t *storeTest) {
		t.commit(t.claim("a", nil), nil)
		t.claim("a", webhook.ErrDuplicate)
		t.claim("a", webhook.ErrDuplicate)
	}},
	{"a released key can be claimed again", false, func(t *storeTest) {
		t.release(t.claim("a", nil), nil)
		t.claim("a", nil)
	}},
	{"keys are independent", false, func(t *storeTest) {
		t.commit(t.claim("a", nil), nil)
		open := t.claim("ab", nil)
		t.claim("b", nil)
		t.release(open, nil)
		t.claim("A", nil)
	}},
	{"a claim is settled once", false, func(t *storeTest) {
		committed := t.claim("a", nil)
		t.commit(committed, nil)
		t.commit(committed, webhook.ErrClaimLost)
		t.release(committed, webhook.ErrClaimLost)
		t.claim("a", webhook.ErrDuplicate)
		released := t.claim("b", nil)
		t.release(released, nil)
		t.release(released, webhook.ErrClaimLost)
		t.commit(released, webhook.ErrClaimLost)
		t.claim("b", nil)
	}},
	{"a released claim does not affect the next", false, func(t *storeTest) {
		first := t.claim("a", nil)
		t.release(first, nil)
		second := t.claim("a", nil)
		t.release(first, webhook.ErrClaimLost)
		t.commit(first, webhook.ErrClaimLost)
		t.claim("a", webhook.ErrInProgress)
		t.commit(second, nil)
		t.claim("a", webhook.ErrDuplicate)
	}},
	{"of many concurrent claims one wins", false, func(t *storeTest) {
		var won, refused atomic.Int32
		var all sync.WaitGroup
		for range 64 {
			all.Go(func() {
				switch _, err := t.store.Claim(context.Background(), "a", lease); {
				case err == nil:
					won.Add(1)
				case errors.Is(err, webhook.ErrInProgress):
					refused.Add(1)
				default:
					t.Errorf("Claim: %v", err)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 || refused.Load() != 63 {
			t.Fatalf("%d claims won, %d got ErrInProgress; want 1 and 63", won.Load(), refused.Load())
		}
	}},
	{"a long key is not cut", false, func(t *storeTest) {
		long := strings.Repeat("k", 299)
		t.commit(t.claim(long+"k", nil), nil)
		t.claim(long+"l", nil)
	}},
	{"an open claim holds through its lease", true, func(t *storeTest) {
		c := t.claim("a", nil)
		t.advance(lease - time.Second)
		t.claim("a", webhook.ErrInProgress)
		t.commit(c, nil)
	}},
	{"an abandoned claim is taken over after its lease, and then changes nothing", true, func(t *storeTest) {
		abandoned := t.claim("a", nil)
		t.advance(lease + time.Second)
		taken := t.claim("a", nil)
		t.commit(abandoned, webhook.ErrClaimLost)
		t.release(abandoned, webhook.ErrClaimLost)
		t.claim("a", webhook.ErrInProgress)
		t.commit(taken, nil)
		t.claim("a", webhook.ErrDuplicate)
	}},
	{"a committed key outlives the lease", true, func(t *storeTest) {
		t.commit(t.claim("a", nil), nil)
		t.advance(2 * lease)
		t.claim("a", webhook.ErrDuplicate)
		t.advance(retention - 2*lease - time.Second)
		t.claim("a", webhook.ErrDuplicate)
	}},
	{"a committed key is forgotten after its retention", true, func(t *storeTest) {
		t.commit(t.claim("a", nil), nil)
		t.advance(retention + time.Second)
		t.claim("a", nil)
	}},
}
