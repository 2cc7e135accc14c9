package powerauth

import (
	"context"
	"errors"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// assumedCodeValidity is how long an activation code can be used unless the caller set its expiry: the engine's shipped configuration;
// its documentation says 2 minutes.
const assumedCodeValidity = 5 * time.Minute

// WaitFor polls a registration until it has the status. It gives up, with the last state inside an *[identkit.WaitError], when
// the status can no longer come ([identkit.ErrConflict]), when the context ends, or when the code's validity is over
// ([identkit.ErrTimeout]).
//
// PAC does not say when a code expires. policy.Until does for registrations created with Expires; without it 5 minutes after
// the creation are assumed. A wait for a change of an active or blocked registration ends with the context or policy.Until alone.
func (s Registrations) WaitFor(ctx context.Context, id RegistrationID, status RegistrationStatus, policy identkit.WaitPolicy, opts ...identkit.CallOption) (*Registration, error) {
	return transport.Wait(ctx, s.client, transport.Poll[Registration]{
		Operation: "powerauth.Registrations.WaitFor",
		Policy:    policy,
		Read: func(ctx context.Context) (*Registration, error) {
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
		Expires: func(r *Registration) time.Time {
			if policy.Until.IsZero() && !r.Created.IsZero() && (r.Status == RegistrationCreated || r.Status == RegistrationPendingCommit) {
				return r.Created.Add(assumedCodeValidity)
			}
			return time.Time{}
		},
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

// Wait polls an operation until its status is final, whatever it is: ask IsApproved. When time runs out it gives the last state
// inside an *[identkit.WaitError]. It stops soon after the operation's own expiry: the first read after it normally shows how it ended,
// and half a minute is left for clocks that differ.
//
// Callbacks may be lost, the vendor says so itself: polling stays the backup.
func (s Operations) Wait(ctx context.Context, id OperationID, policy identkit.WaitPolicy, opts ...identkit.CallOption) (*Operation, error) {
	return transport.Wait(ctx, s.client, transport.Poll[Operation]{
		Operation: "powerauth.Operations.Wait",
		Policy:    policy,
		Read:      func(ctx context.Context) (*Operation, error) { return s.Get(ctx, id, opts...) },
		Done:      func(o *Operation) (bool, error) { return o.Status.IsFinal(), nil },
		Expires:   func(o *Operation) time.Time { return o.Expires },
	})
}
