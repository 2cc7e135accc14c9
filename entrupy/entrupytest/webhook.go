package entrupytest

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/entrupy"
	"github.com/identkit/identkit/internal/fakeserver"
)

// Subscription is a webhook subscription.
type Subscription struct {
	ID         entrupy.WebhookID // empty: a random one
	URL        string            // receives the deliveries, or Handler does, without a network
	Handler    http.Handler
	Secret     identkit.Secret
	Channel    entrupy.Channel
	APIVersion string // fixes the format; empty means v2
}

type subscription struct {
	Subscription
	to *fakeserver.Receiver
}

// Subscribe adds a subscription without a call. It panics when the subscription has no receiver.
func (s *Server) Subscribe(sub Subscription) entrupy.WebhookID {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u, err := url.Parse(sub.URL); sub.Handler == nil && s.opts.DeliveryHandler == nil && (err != nil || u.Host == "") {
		panic("entrupytest: a subscription needs a handler or an absolute URL")
	}
	return s.subscribe(sub).ID
}

func (s *Server) subscribe(sub Subscription) *subscription {
	if sub.ID == "" {
		sub.ID = entrupy.WebhookID("wh-" + strings.ToLower(rand.Text()[:10]))
	}
	if sub.Channel == "" {
		sub.Channel = entrupy.ChannelAuthentications
	}
	added := &subscription{Subscription: sub}
	added.to = s.receiver(added)
	s.webhooks = append(s.webhooks, added)
	s.engine.Changed("webhook", string(sub.ID))
	return added
}

// Subscriptions are the present ones.
func (s *Server) Subscriptions() []Subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Subscription
	for _, w := range s.webhooks {
		all = append(all, w.Subscription)
	}
	return all
}

// webhookIn is the body of a request about a subscription.
type webhookIn struct {
	url, secret, channel string
}

// webhookOf reads the members that the dialect names, or refuses the body.
func (s *Server) webhookOf(c *fakeserver.Call) (in webhookIn, ok bool) {
	var members map[string]json.RawMessage
	if !s.body(c, &members) {
		return in, false
	}
	names := s.opts.Dialect.WebhookNames
	for name, value := range members {
		to := map[string]*string{names.URL: &in.url, names.SecretKey: &in.secret, names.Channel: &in.channel}[name]
		if to == nil || json.Unmarshal(value, to) != nil {
			s.refuse(c, http.StatusBadRequest, "invalid member", name)
			return in, false
		}
	}
	if in.url != "" && !s.acceptable(in.url) {
		s.refuse(c, http.StatusBadRequest, "domain is not verified", names.URL)
		return in, false
	}
	return in, true
}

// acceptable reports whether deliveries may go to an address.
func (s *Server) acceptable(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return false
	}
	return s.opts.Dialect.AnyDomain || slices.ContainsFunc(s.domains, func(d *domain) bool { return d.verified && d.name == u.Hostname() })
}

func (s *Server) createWebhook(c *fakeserver.Call) {
	in, ok := s.webhookOf(c)
	if !ok {
		return
	}
	names := s.opts.Dialect.WebhookNames
	version := c.Header().Get("Api-Version")
	for _, required := range []struct{ name, value string }{{"Api-Version", version}, {names.URL, in.url}, {names.SecretKey, in.secret}, {names.Channel, in.channel}} {
		if required.value == "" {
			s.refuse(c, http.StatusBadRequest, "is missing", required.name)
			return
		}
	}
	w := s.subscribe(Subscription{URL: in.url, Secret: identkit.Secret(in.secret), Channel: entrupy.Channel(in.channel), APIVersion: version})
	c.JSON(s.opts.Dialect.SuccessStatus, s.shownWebhook(w))
}

func (s *Server) shownWebhook(w *subscription) object {
	if s.opts.Dialect.WebhookInItem {
		return object{"item": object{"id": w.ID, "url": w.URL, "channel": w.Channel}}
	}
	return object{"webhook_id": w.ID, "url": w.URL, "channel": w.Channel}
}

func (s *Server) listWebhooks(c *fakeserver.Call) {
	list := []object{}
	for _, w := range s.webhooks {
		list = append(list, s.shownWebhook(w))
	}
	name := "items"
	if s.opts.Dialect.ListUnderWebhooks {
		name = "webhooks"
	}
	c.JSON(http.StatusOK, object{name: list})
}

// webhook finds the subscription of a path, or refuses the call.
func (s *Server) webhook(c *fakeserver.Call) *subscription {
	i := slices.IndexFunc(s.webhooks, func(w *subscription) bool { return string(w.ID) == c.PathValue("webhook_id") })
	if i < 0 {
		s.refuse(c, http.StatusNotFound, "no such webhook")
		return nil
	}
	return s.webhooks[i]
}

func (s *Server) updateWebhook(c *fakeserver.Call) {
	w := s.webhook(c)
	if w == nil {
		return
	}
	in, ok := s.webhookOf(c)
	if !ok {
		return
	}
	if in.url != "" {
		w.URL = in.url
	}
	if in.secret != "" {
		w.Secret = identkit.Secret(in.secret)
	}
	w.to = s.receiver(w)
	s.engine.Changed("webhook", string(w.ID))
	c.JSON(http.StatusOK, s.shownWebhook(w))
}

func (s *Server) deleteWebhook(c *fakeserver.Call) {
	if w := s.webhook(c); w != nil {
		s.webhooks = slices.DeleteFunc(s.webhooks, func(other *subscription) bool { return other == w })
		s.engine.Changed("webhook", string(w.ID))
		c.Empty(http.StatusNoContent)
	}
}
