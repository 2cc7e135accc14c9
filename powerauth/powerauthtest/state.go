package powerauthtest

import (
	"maps"
	"slices"
)

// state is what State shows: no keys, codes or passwords.
func (s *Server) state() any {
	type object = map[string]any
	var registrations, operations, tokens, callbacks []object
	for _, r := range inOrder(s.registrations, nil) {
		registrations = append(registrations, object{
			"id": r.id, "userId": r.user, "appId": r.app, "status": r.status, "flags": r.flags, "name": r.phone.Name, "passkey": r.passkey != nil,
			"failedAttempts": r.failed, "blockedReason": r.blocked, "created": r.created, "expires": r.expires,
		})
	}
	for _, o := range inOrder(s.operations, nil) {
		operations = append(operations, object{
			"id": o.id, "userId": o.user, "registrationId": o.registration, "template": o.template, "data": o.data, "externalId": o.externalID,
			"status": o.status, "failures": o.failures, "created": o.created, "expires": o.expires, "finalized": o.finalized,
		})
	}
	for _, id := range slices.Sorted(maps.Keys(s.tokens)) {
		tokens = append(tokens, object{"id": id, "registrationId": s.tokens[id].registration.id})
	}
	for _, cb := range s.callbacks {
		callbacks = append(callbacks, object{"id": cb.id, "appId": cb.Application, "type": cb.Type, "attributes": cb.Attributes})
	}
	return object{
		"registrations": registrations, "operations": operations, "tokens": tokens, "callbacks": callbacks, "messages": s.messages, "inbox": s.inbox,
		"health": s.health, "applications": slices.Sorted(maps.Keys(s.applications)), "users": slices.Sorted(maps.Keys(s.users)),
	}
}

// sequenced is what a fake numbers as it creates it.
type sequenced interface{ number() int }

func (r *registration) number() int { return r.sequence }
func (o *operation) number() int    { return o.sequence }

// inOrder returns the values that keep accepts, in the order of their creation. A nil keep accepts all.
func inOrder[K comparable, V sequenced](all map[K]V, keep func(V) bool) []V {
	var kept []V
	for _, v := range all {
		if keep == nil || keep(v) {
			kept = append(kept, v)
		}
	}
	slices.SortFunc(kept, func(a, b V) int { return a.number() - b.number() })
	return kept
}

// registrationBy returns the first registration that is wanted, or nil.
func (s *Server) registrationBy(wanted func(*registration) bool) *registration {
	if found := inOrder(s.registrations, wanted); len(found) > 0 {
		return found[0]
	}
	return nil
}
