package powerauthtest

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/protocol"
)

// state is what State shows: no keys, codes or passwords.
func (s *Server) state() any {
	type registrationState struct {
		ID      powerauth.RegistrationID     `json:"id"`
		User    powerauth.UserID             `json:"userId"`
		App     powerauth.ApplicationID      `json:"appId"`
		Status  powerauth.RegistrationStatus `json:"status"`
		Flags   []string                     `json:"flags"`
		Name    string                       `json:"name"`
		Passkey bool                         `json:"passkey"`
		Failed  int                          `json:"failedAttempts"`
		Blocked string                       `json:"blockedReason,omitempty"`
		Created time.Time                    `json:"created"`
		Expires time.Time                    `json:"expires"`
	}
	type operationState struct {
		ID           powerauth.OperationID     `json:"id"`
		User         powerauth.UserID          `json:"userId"`
		Registration powerauth.RegistrationID  `json:"registrationId,omitempty"`
		Template     string                    `json:"template"`
		Data         string                    `json:"data"`
		ExternalID   string                    `json:"externalId,omitempty"`
		Status       powerauth.OperationStatus `json:"status"`
		Failures     int                       `json:"failures"`
		Created      time.Time                 `json:"created"`
		Expires      time.Time                 `json:"expires"`
		Finalized    time.Time                 `json:"finalized,omitzero"`
	}
	type tokenState struct {
		ID           protocol.TokenID         `json:"id"`
		Registration powerauth.RegistrationID `json:"registrationId"`
	}
	type callbackState struct {
		ID          string                  `json:"id"`
		Application powerauth.ApplicationID `json:"appId,omitempty"`
		Type        powerauth.CallbackType  `json:"type"`
		Attributes  []string                `json:"attributes"`
	}
	var out struct {
		Health        powerauth.HealthState     `json:"health"`
		Applications  []powerauth.ApplicationID `json:"applications"`
		Users         []string                  `json:"users"`
		Registrations []registrationState       `json:"registrations"`
		Operations    []operationState          `json:"operations"`
		Tokens        []tokenState              `json:"tokens"`
		Callbacks     []callbackState           `json:"callbacks"`
		Messages      []Message                 `json:"messages"`
		Inbox         []InboxMessage            `json:"inbox"`
	}
	out.Health, out.Messages, out.Inbox = s.health, s.messages, s.inbox
	out.Applications, out.Users = slices.Sorted(maps.Keys(s.applications)), slices.Sorted(maps.Keys(s.users))
	for _, r := range slices.SortedFunc(maps.Values(s.registrations), func(a, b *registration) int { return cmp.Compare(a.sequence, b.sequence) }) {
		out.Registrations = append(out.Registrations, registrationState{
			r.id, r.user, r.app, r.status, r.flags, r.phone.Name, r.passkey != nil, r.failed, r.blocked, r.created, r.expires,
		})
	}
	for _, o := range slices.SortedFunc(maps.Values(s.operations), func(a, b *operation) int { return cmp.Compare(a.sequence, b.sequence) }) {
		out.Operations = append(out.Operations, operationState{
			o.id, o.user, o.registration, o.template, o.data, o.externalID, o.status, o.failures, o.created, o.expires, o.finalized,
		})
	}
	for _, id := range slices.Sorted(maps.Keys(s.tokens)) {
		out.Tokens = append(out.Tokens, tokenState{id, s.tokens[id].registration.id})
	}
	for _, cb := range s.callbacks {
		out.Callbacks = append(out.Callbacks, callbackState{cb.id, cb.Application, cb.Type, cb.Attributes})
	}
	return out
}
