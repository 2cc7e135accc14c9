package entrupy

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// AuthenticationKey is the key of an authentication for an [identkit.Notifier]: "entrupy.authentication:" and the id in upper case.
func AuthenticationKey(id ID) string {
	return provider + ".authentication:" + strings.ToUpper(string(id))
}

// CustomerItemKey is the key of a customer's item for an [identkit.Notifier]: "entrupy.item:" and the id.
func CustomerItemKey(id CustomerItemID) string { return provider + ".item:" + string(id) }

// waitDefaults are those of both waits: people look at the pictures.
var waitDefaults = transport.WaitDefaults{
	InitialInterval: 30 * time.Second, MaxInterval: 5 * time.Minute, MaxNotifiedInterval: 15 * time.Minute, Bound: 24 * time.Hour,
}

// Wait polls an authentication until its result is final, whatever it is: ask IsAuthentic. There are 30 seconds between reads at first,
// growing to 5 minutes, or 15 with a [identkit.Notifier], which is notified by [AuthenticationKey]. It ends with the context, at
// policy.Until, and without that after 24 hours, with the last state inside an *[identkit.WaitError].
//
// The first final result can be reversed later, see [Authentication]: what cannot be undone should not follow at once.
func (s Authentications) Wait(ctx context.Context, id ID, policy identkit.WaitPolicy, opts ...identkit.CallOption) (*Authentication, error) {
	return transport.Wait(ctx, s.client, transport.Poll[Authentication]{
		Operation: "entrupy.Authentications.Wait",
		Policy:    policy,
		Defaults:  waitDefaults,
		Key:       AuthenticationKey(id),
		Options:   opts,
		Read: func(ctx context.Context, opts []identkit.CallOption) (*Authentication, error) {
			return s.Get(ctx, id, GetParams{}, opts...)
		},
		Done:  func(a *Authentication) (bool, error) { return a.IsFinal(), nil },
		State: func(a *Authentication) string { return transport.Known(a.Status.Result.ID) },
	})
}

// WaitLookupParams say which authentication of an item to wait for. At least one of Except and Since is needed, because a lookup may show
// an old one, which may be final.
type WaitLookupParams struct {
	Item CustomerItemID
	// Except is the id that a lookup gave before the capture. It does not end the wait.
	Except ID
	// Since is when the capture began, by our clock. It is moved by the difference to the Date of each response, and
	// compared with the creation at whole seconds. An authentication without a creation time does not end the wait.
	Since time.Time
}

func (p WaitLookupParams) check() error {
	var c transport.Check
	c.Text("lookup_value", string(p.Item), 0)
	c.That(p.Except != "" || !p.Since.IsZero(), "Except", "is empty, and so is Since")
	return c.Err(provider, waitLookupName)
}

const waitLookupName = "entrupy.Authentications.WaitLookup"

// WaitLookup polls the latest authentication of an item until a new one has a final result, as Wait does: an item without an authentication,
// an old one and one that is not final are not it yet. A [identkit.Notifier] is notified by [CustomerItemKey].
//
// For an item that never had an authentication, give Since.
func (s Authentications) WaitLookup(ctx context.Context, p WaitLookupParams, policy identkit.WaitPolicy, opts ...identkit.CallOption) (*Authentication, error) {
	if err := p.check(); err != nil && ctx != nil {
		return nil, &identkit.WaitError[Authentication]{Err: err}
	}
	var date time.Time // of the last response
	undated := false   // the last one has no creation time to compare
	a, err := transport.Wait(ctx, s.client, transport.Poll[Authentication]{
		Operation: waitLookupName,
		Policy:    policy,
		Defaults:  waitDefaults,
		Key:       CustomerItemKey(p.Item),
		Options:   opts,
		Read: func(ctx context.Context, opts []identkit.CallOption) (*Authentication, error) {
			undated = false
			return s.Lookup(ctx, p.Item, GetParams{}, append(opts, transport.Dated(&date))...)
		},
		Done: func(a *Authentication) (bool, error) {
			isNew := p.Except == "" || !strings.EqualFold(string(a.ID), string(p.Except))
			if !p.Since.IsZero() {
				undated = isNew && a.Created.IsZero()
				isNew = isNew && !a.Created.Before(p.since(date))
			}
			return isNew && a.IsFinal(), nil
		},
		State:  func(a *Authentication) string { return transport.Known(a.Status.Result.ID) },
		NotYet: func(err error) bool { return errors.Is(err, identkit.ErrNotFound) },
	})
	var e *identkit.Error
	if undated && errors.As(err, &e) {
		e.Detail += "; the latest authentication has no creation time to compare with Since: give Except"
	}
	return a, err
}

// since is the parameter on the clock of the provider, in whole seconds, as the Date of a response has them.
func (p WaitLookupParams) since(date time.Time) time.Time {
	since := p.Since
	if !date.IsZero() {
		since = since.Add(date.Sub(time.Now().Truncate(time.Second)))
	}
	return since.Truncate(time.Second)
}
