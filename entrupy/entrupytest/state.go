package entrupytest

import (
	"maps"
	"slices"
)

// state is what State shows: no secrets, no names of people.
func (s *Server) state() any {
	var users, items, webhooks, domains []object
	for _, id := range slices.Sorted(maps.Keys(s.users)) {
		users = append(users, object{"unique_user_id": id, "username": s.users[id].Username, "authorizations": s.users[id].Authorizations})
	}
	for _, it := range s.items {
		items = append(items, object{
			"entrupy_id": it.ID, "customer_item_id": it.CustomerItemID, "username": it.Username, "product_category": it.Category,
			"result": it.Result.ID, "final": it.Result.Final, "flag": it.Flag, "created": it.Created, "updated": it.Updated,
		})
	}
	for _, w := range s.webhooks {
		webhooks = append(webhooks, object{"webhook_id": w.ID, "url": w.URL, "channel": w.Channel, "api_version": w.APIVersion})
	}
	for _, d := range s.domains {
		domains = append(domains, object{"id": d.id, "domain": d.name, "verified": d.verified})
	}
	return object{"users": users, "authentications": items, "webhooks": webhooks, "domains": domains}
}
