package service

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/entrupy"
	"github.com/identkit/identkit/webhook"
)

// EntrupyConfig is what the service needs for Entrupy.
type EntrupyConfig struct {
	// Client should have a Notifier in its Options, so that deliveries wake the waits; several processes need one that they share.
	Client *entrupy.Client
	// User finds who is logged in by the backend's own session, as entrupy.AuthorizeConfig.User does.
	User func(r *http.Request) (entrupy.User, error)
	// WebhookSecret is that of the subscription whose deliveries come to /webhooks/entrupy.
	WebhookSecret identkit.Secret
	// DomainTokens are what Entrupy gave to verify the domain of /webhooks/entrupy, by id. Without any there is no such endpoint.
	DomainTokens map[string]identkit.Secret
}

// goods uses Entrupy: users capture items with the app, and the service offers what is authentic.
type goods struct {
	client     *entrupy.Client
	user       func(r *http.Request) (entrupy.User, error)
	authorize  http.Handler
	deliveries *webhook.Handler
	domains    http.Handler // nil without tokens
	logger     *slog.Logger

	results *results

	// usernames and captures would live in the team's database.
	mu        sync.Mutex
	usernames map[entrupy.UserID]entrupy.Username
	captures  map[entrupy.CustomerItemID]entrupy.WaitLookupParams
}

func newGoods(cfg EntrupyConfig, logger *slog.Logger) (*goods, error) {
	g := &goods{
		client: cfg.Client, user: cfg.User, logger: logger, results: &results{rows: make(map[entrupy.ID]*entrupy.Authentication)},
		usernames: make(map[entrupy.UserID]entrupy.Username), captures: make(map[entrupy.CustomerItemID]entrupy.WaitLookupParams),
	}
	var err error
	if g.authorize, err = entrupy.NewAuthorizeHandler(g.client, entrupy.AuthorizeConfig{User: g.user, Store: g.storeUsername, Logger: logger}); err != nil {
		return nil, err
	}
	if len(cfg.DomainTokens) > 0 {
		if g.domains, err = entrupy.NewDomainVerificationHandler(cfg.DomainTokens); err != nil {
			return nil, err
		}
	}
	keys, err := webhook.NewKeyring(webhook.Key{Secret: cfg.WebhookSecret})
	if err != nil {
		return nil, err
	}
	g.deliveries, err = entrupy.NewWebhookHandler(entrupy.WebhookConfig{
		Keys: keys, Client: g.client, Handle: g.record, OnOther: g.other, Logger: logger,
	})
	return g, err
}

func (g *goods) routes(rt router) {
	rt.Handle("POST /authorize-entrupy-sdk-user", g.authorize)
	rt.Handle("POST /webhooks/entrupy", g.deliveries)
	if g.domains != nil {
		// The longer pattern comes before the service's catch-all, which would give Entrupy another response than the token.
		rt.Handle(entrupy.DomainVerificationPath, g.domains)
	}
	rt.on("POST /items/{item}/captures", g.begin)
	rt.on("GET /items/{item}", g.item)
	rt.on("GET /items", g.search)
}

func (g *goods) storeUsername(_ context.Context, user entrupy.User, name entrupy.Username) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.usernames[user.ID] = name
	return nil
}

// ItemView is what this service shows its own clients of an item. An item that is not authentic is not fake for that: it could not be
// confirmed.
type ItemView struct {
	ItemID           entrupy.CustomerItemID `json:"itemId"`
	AuthenticationID entrupy.ID             `json:"authenticationId,omitzero"`
	Result           entrupy.ResultID       `json:"result,omitzero"` // empty while there is none
	Final            bool                   `json:"final"`           // a final result can still be reversed
	Authentic        bool                   `json:"authentic"`       // and final
}

func viewItem(a *entrupy.Authentication) ItemView {
	return ItemView{
		ItemID: a.CustomerItemID(), AuthenticationID: a.ID, Result: a.Status.Result.ID, Final: a.IsFinal(), Authentic: a.IsAuthentic(),
	}
}

// begin notes that the app is about to capture an item. An item can have been captured before, so what there is now is not what comes.
func (g *goods) begin(_ http.ResponseWriter, r *http.Request) (response, error) {
	p := entrupy.WaitLookupParams{Item: entrupy.CustomerItemID(r.PathValue("item")), Since: time.Now()}
	last, err := g.client.Authentications.Lookup(r.Context(), p.Item, entrupy.GetParams{})
	switch {
	case err == nil:
		p.Except = last.ID
	case !errors.Is(err, identkit.ErrNotFound):
		return response{}, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.captures[p.Item] = p
	return response{}, nil
}

// item shows the stored result of an item; the provider is not asked. With a query such as ?wait=30s it responds when the capture that
// was begun has a final result, or after that time.
func (g *goods) item(_ http.ResponseWriter, r *http.Request) (response, error) {
	item := entrupy.CustomerItemID(r.PathValue("item"))
	if r.URL.Query().Has("wait") {
		return g.wait(r, item)
	}
	a := g.results.latest(item)
	if a == nil {
		return response{}, refuse(http.StatusNotFound, "no such result")
	}
	return response{http.StatusOK, viewItem(a)}, nil
}

func (g *goods) wait(r *http.Request, item entrupy.CustomerItemID) (response, error) {
	policy, err := waitPolicy(r)
	if err != nil {
		return response{}, err
	}
	g.mu.Lock()
	p, begun := g.captures[item]
	g.mu.Unlock()
	if !begun {
		return response{}, refuse(http.StatusNotFound, "no capture was begun")
	}
	a, err := g.client.Authentications.WaitLookup(r.Context(), p, policy)
	var undecided *identkit.WaitError[entrupy.Authentication]
	switch {
	case err == nil:
		// A delivery may be late or lost: what was read counts as much.
		return response{http.StatusOK, viewItem(a)}, g.results.put(a)
	case errors.As(err, &undecided) && errors.Is(err, identkit.ErrTimeout) && (undecided.Failure == nil || errors.Is(undecided.Failure, identkit.ErrNotFound)):
		return response{http.StatusOK, ItemView{ItemID: item}}, nil // the last state may be that of an older capture
	}
	return response{}, err
}

// search shows what Entrupy has of the user who is logged in.
func (g *goods) search(_ http.ResponseWriter, r *http.Request) (response, error) {
	user, err := g.user(r)
	if errors.Is(err, identkit.ErrUnauthorized) || err == nil && user.ID == "" {
		err = refuse(http.StatusUnauthorized, "nobody is logged in")
	}
	if err != nil {
		return response{}, err
	}
	g.mu.Lock()
	name := g.usernames[user.ID]
	g.mu.Unlock()
	views, unreadable := []ItemView{}, 0
	if name == "" { // never authorized, so there is nothing
		return response{http.StatusOK, map[string]any{"items": views}}, nil
	}
	for a, err := range g.client.Authentications.All(r.Context(), entrupy.SearchParams{
		Limit: 25, Filters: []entrupy.Filter{entrupy.ByUsername(name)},
	}) {
		var item *entrupy.ItemError
		switch {
		case errors.As(err, &item): // the walk goes on
			g.logger.WarnContext(r.Context(), "an item cannot be read", "err", err)
			unreadable++
		case err != nil:
			return response{}, err
		default:
			views = append(views, viewItem(a))
		}
	}
	return response{http.StatusOK, map[string]any{"items": views, "unreadable": unreadable}}, nil
}

// record stores what the API said after a delivery. What cannot be undone, such as a payment, must wait: a final result can be reversed, and
// then comes here again.
func (g *goods) record(_ context.Context, d entrupy.Delivered) error {
	if d.Gone {
		g.results.remove(d.ID)
		return nil
	}
	return g.results.put(d.Authentication)
}

// other is for somebody to look at, such as a message of Entrupy's support.
func (g *goods) other(ctx context.Context, e *entrupy.OtherEvent) error {
	g.logger.WarnContext(ctx, "entrupy event without an item", "event", e.Event)
	return nil
}

// results would be a table of the team's database.
type results struct {
	mu   sync.Mutex
	rows map[entrupy.ID]*entrupy.Authentication
}

// put stores a result if it is later than the stored one: reads and deliveries overtake each other. UPDATE … WHERE updated < ….
func (t *results) put(a *entrupy.Authentication) error {
	if a.Updated.IsZero() {
		return errors.New("the result has no last update, so nothing says whether it is later than the stored one")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if stored := t.rows[a.ID]; stored == nil || a.Updated.After(stored.Updated) {
		t.rows[a.ID] = a
	}
	return nil
}

func (t *results) remove(id entrupy.ID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.rows, id)
}

// latest is the stored result of an item's last capture, or nil.
func (t *results) latest(item entrupy.CustomerItemID) (last *entrupy.Authentication) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, a := range t.rows {
		if a.CustomerItemID() == item && (last == nil || a.Created.After(last.Created)) {
			last = a
		}
	}
	return last
}
