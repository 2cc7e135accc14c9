package webhook

import (
	"context"
	"time"
)

// Store remembers which deliveries were handled. It must be safe for concurrent use; one that several processes share
// must make Claim atomic among them. RunStoreTests of package webhooktest checks the rules below.
//
// A key is printable ASCII of at most 300 bytes: [Config].Name, the sender and a digest, with colons between them, so one store can
// serve many handlers.
//
// Its methods must end with their context: a store that hangs holds the delivery up.
type Store interface {
	// Claim opens a key for handling, for at most the lease: when it is neither committed nor released in this
	// time, because the process died or hangs, another Claim takes it over. The error is [ErrDuplicate] for a key
	// that was committed and is still retained, [ErrInProgress] for one that is open, and anything else for a failure.
	Claim(ctx context.Context, key string, lease time.Duration) (Claim, error)
}

// Claim is the right to handle one key. It is settled once.
type Claim interface {
	// Commit keeps the key for the retention, in which each other Claim of it gets [ErrDuplicate]. It fails with
	// [ErrClaimLost] when the claim was settled before or taken over, and then changes nothing.
	Commit(ctx context.Context, retention time.Duration) error
	// Release forgets the key, so that the next Claim opens it. It fails with [ErrClaimLost] like Commit.
	Release(ctx context.Context) error
}

// NoStore is the [Store] that remembers nothing: every delivery is handled, also two equal ones at the same time.
var NoStore Store = noStore{}

type noStore struct{}

func (noStore) Claim(context.Context, string, time.Duration) (Claim, error) { return noStore{}, nil }
func (noStore) Commit(context.Context, time.Duration) error                 { return nil }
func (noStore) Release(context.Context) error                               { return nil }
