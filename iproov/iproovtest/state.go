package iproovtest

import (
	"slices"
	"strings"
	"time"

	"github.com/identkit/identkit/iproov"
)

// state is what State shows: claims without their whole tokens, no keys or passwords.
func (s *Server) state() any {
	type userState struct {
		ID     iproov.UserID     `json:"user_id"`
		Name   string            `json:"name"`
		Status iproov.UserStatus `json:"status"`
	}
	type claimState struct {
		Token   string           `json:"token_begins"`
		Type    iproov.ClaimType `json:"type"`
		User    iproov.UserID    `json:"user_id"`
		Made    time.Time        `json:"made"`
		Started bool             `json:"started"`
		Over    bool             `json:"over"`
		Passed  *bool            `json:"passed,omitempty"` // nil while there is no outcome
	}
	var out struct {
		Users        []userState   `json:"users"`
		Claims       []claimState  `json:"claims"`
		AccessTokens []AccessToken `json:"access_tokens"`
	}
	now := s.Clock().Now()
	for _, u := range s.users {
		out.Users = append(out.Users, userState{u.id, u.name, u.status(now)})
	}
	slices.SortFunc(out.Users, func(a, b userState) int { return strings.Compare(string(a.ID), string(b.ID)) })
	for _, c := range s.claims {
		shown := claimState{string(c.token[:8]), c.kind, c.user, c.made, c.started, c.stopped, nil}
		if c.outcome != nil {
			shown.Passed = &c.outcome.Passed
		}
		out.Claims = append(out.Claims, shown)
	}
	slices.SortFunc(out.Claims, func(a, b claimState) int { return a.Made.Compare(b.Made) })
	out.AccessTokens = s.accessTokens()
	return out
}
