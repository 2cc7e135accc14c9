package iproovtest

import (
	"maps"
	"slices"
)

// state is what State shows: the beginnings of tokens, no keys or passwords.
func (s *Server) state() any {
	type object = map[string]any
	var users, claims []object
	for _, id := range slices.Sorted(maps.Keys(s.users)) {
		u := s.users[id]
		users = append(users, object{"user_id": id, "name": u.name, "status": u.status(s.Clock().Now())})
	}
	for _, c := range slices.SortedFunc(maps.Values(s.claims), func(a, b *claim) int { return a.made.Compare(b.made) }) {
		shown := object{"token_begins": c.token[:8], "type": c.kind, "user_id": c.user, "made": c.made, "started": c.started, "over": c.stopped}
		if c.outcome != nil {
			shown["passed"] = c.outcome.Passed
		}
		claims = append(claims, shown)
	}
	return object{"users": users, "claims": claims, "access_tokens": s.accessTokens()}
}
