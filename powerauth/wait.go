package powerauth

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// RegistrationKey is the key of a registration for an [identkit.Notifier]: "powerauth.registration:" and the id in lower case.
func RegistrationKey(id RegistrationID) string {
	return provider + ".registration:" + strings.ToLower(string(id))
}

// OperationKey is the key of an operation for an [identkit.Notifier]: "powerauth.operation:" and the id.
func OperationKey(id OperationID) string { return provider + ".operation:" + string(id) }

// registrationWait are the defaults of WaitFor. No response says when a code expires, so reads are closer than those of an operation.
var registrationWait = transport.WaitDefaults{
	InitialInterval: time.Second, MaxInterval: 5 * time.Second, MaxNotifiedInterval: 10 * time.Second, Bound: time.Hour,
}

// WaitFor polls a registration until it has the status: a second between reads at first, growing to 5, or 10 with a
// [identkit.Notifier], which is notified by [RegistrationKey]. It gives up, with the last state inside an *[identkit.WaitError], when the
// status can no longer come ([identkit.ErrConflict]), when the context ends, and at policy.Until or after an hour without it
// ([identkit.ErrTimeout]).
//
// A registration whose code has expired is removed, which ends the wait. PAC does not say when that will be.
func (s Registrations) WaitFor(ctx context.Context, id RegistrationID, status RegistrationStatus, policy identkit.WaitPolicy, opts ...identkit.CallOption) (*Registration, error) {
	return transport.Wait(ctx, s.client, transport.Poll[Registration]{
		Operation: "powerauth.Registrations.WaitFor",
		Policy:    policy,
		Defaults:  registrationWait,
		Key:       RegistrationKey(id),
		Options:   opts,
		Read: func(ctx context.Context, opts []identkit.CallOption) (*Registration, error) {
			r, err := s.Get(ctx, id, opts...)
			if status == RegistrationRemoved && errors.Is(err, identkit.ErrNotFound) {
				return &Registration{ID: id, Status: RegistrationRemoved}, nil // as other deployments say it
			}
			return r, err
		},
		Done: func(r *Registration) (bool, error) {
			if r.Status == status {
				return true, nil
			}
			return false, r.Status.unreachable(status)
		},
		State: func(r *Registration) string { return transport.Known(r.Status) },
	})
}

var (
	errRemoved = errors.New("the registration was removed or has expired")
	errPast    = errors.New("the registration is past that status")
)

// registrationOrder is how the known statuses follow each other.
var registrationOrder = map[RegistrationStatus]int{
	RegistrationCreated: 1, RegistrationPendingCommit: 2, RegistrationActive: 3, RegistrationBlocked: 3, RegistrationRemoved: 4,
}

// unreachable says why a status can no longer come.
func (s RegistrationStatus) unreachable(wanted RegistrationStatus) error {
	switch {
	case s == RegistrationRemoved:
		return errRemoved
	case wanted.Known() && registrationOrder[wanted] < registrationOrder[s]:
		return errPast
	}
	return nil
}

// operationWait are the defaults of Wait.
var operationWait = transport.WaitDefaults{
	InitialInterval: time.Second, MaxInterval: 5 * time.Second, MaxNotifiedInterval: 15 * time.Second, Bound: time.Hour,
}

// Wait polls an operation until its status is final, whatever it is: ask IsApproved. There is a second between reads at first, growing to 5,
// or 15 with a [identkit.Notifier], which is notified by [OperationKey]. When time runs out it gives the last state inside an
// *[identkit.WaitError].
//
// It stops at policy.Until, and half a minute after the operation's own expiry: the first read after it normally shows how it ended. The
// expiry is measured with PAC's clock: against the Date of each response, or without one as the operation's whole validity from the
// first read. Without policy.Until, a wait takes a day at most, and an hour while no read has shown an expiry.
//
// Callbacks may be lost, the vendor says so itself: polling stays the backup.
func (s Operations) Wait(ctx context.Context, id OperationID, policy identkit.WaitPolicy, opts ...identkit.CallOption) (*Operation, error) {
	return transport.Wait(ctx, s.client, transport.Poll[Operation]{
		Operation: "powerauth.Operations.Wait",
		Policy:    policy,
		Defaults:  operationWait,
		Key:       OperationKey(id),
		Options:   opts,
		Read: func(ctx context.Context, opts []identkit.CallOption) (*Operation, error) {
			return s.Get(ctx, id, opts...)
		},
		Done:   func(o *Operation) (bool, error) { return o.Status.IsFinal(), nil },
		State:  func(o *Operation) string { return transport.Known(o.Status) },
		Expiry: func(o *Operation) (created, expires time.Time) { return o.Created, o.Expires },
	})
}
