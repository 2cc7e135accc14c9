package powerauthtest

import (
	"cmp"
	"maps"
	"slices"
)

// state is what State shows: no keys, codes or passwords.
func (s *Server) state() any {
	type object = map[string]any
	var registrations, operations, tokens, callbacks []object
	for _, r := range slices.SortedFunc(maps.Values(s.registrations), func(a, b *registration) int { return cmp.Compare(a.sequence, b.sequence) }) {
		registrations = append(registrations, object{
			"id": r.id, "userId": r.user, "appId": r.app, "status": r.status, "flags": r.flags, "name": r.phone.Name, "passkey": r.passkey != nil,
			"failedAttempts": r.failed, "blockedReason": r.blocked, "created": r.created, "expires": r.expires,
		})
	}
	for _, o := range slices.SortedFunc(maps.Values(s.operations), func(a, b *operation) int { return cmp.Compare(a.sequence, b.sequence) }) {
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
