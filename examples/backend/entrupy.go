package main

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"strconv"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/entrupy"
	"github.com/identkit/identkit/entrupy/entrupytest"
	"github.com/identkit/identkit/examples/backend/service"
)

// goods are the items that users capture, and the Entrupy that inspects them.
type goods struct {
	config  service.EntrupyConfig
	fake    *entrupytest.Server // nil on a real tenant
	session string              // Grace's, on the fake
	domain  string              // id of the verification of the domain
}

const domain = "backend.example"

func newGoods(opts identkit.Options) (*goods, error) {
	g := &goods{session: rand.Text(), config: service.EntrupyConfig{
		WebhookSecret: identkit.Secret(cmp.Or(os.Getenv("BACKEND_ENTRUPY_WEBHOOK_SECRET"), rand.Text())), // a random one is the fake's alone
	}}
	g.config.User = g.user
	if os.Getenv("ENTRUPY_TOKEN") == "" && os.Getenv("ENTRUPY_TOKEN_FILE") == "" {
		g.fake = entrupytest.New(entrupytest.Options{})
		g.config.Client = g.fake.Client(func(cfg *entrupy.Config) { cfg.Options = opts })
		var token identkit.Secret
		g.domain, token = g.fake.StartDomainVerification(domain)
		g.config.DomainTokens = map[string]identkit.Secret{g.domain: token}
		return g, nil
	}
	if id := os.Getenv("BACKEND_ENTRUPY_DOMAIN_ID"); id != "" {
		g.config.DomainTokens = map[string]identkit.Secret{id: identkit.Secret(os.Getenv("BACKEND_ENTRUPY_DOMAIN_TOKEN"))}
	}
	cfg, err := entrupy.ConfigFromEnv()
	if err != nil {
		return nil, err
	}
	cfg.Options = opts
	cfg.Options.Notifier = identkit.NewNotifier()
	g.config.Client, err = entrupy.New(cfg)
	return g, err
}

// user stands for the sessions of a real backend.
func (g *goods) user(r *http.Request) (entrupy.User, error) {
	if g.fake == nil || r.Header.Get("Authorization") != "Bearer "+g.session {
		return entrupy.User{}, nil // nobody
	}
	return entrupy.User{ID: "shop42.grace", Email: "grace@example.org", FirstName: "Grace", LastName: "Hopper"}, nil
}

// connect makes the fake send its deliveries to the service.
func (g *goods) connect(s *service.Service) {
	if g.fake != nil {
		g.fake.Subscribe(entrupytest.Subscription{URL: "https://" + domain + "/webhooks/entrupy", Handler: s, Secret: g.config.WebhookSecret})
	}
}

func (g *goods) close() {
	g.config.Client.CloseIdleConnections()
	if g.fake != nil {
		g.fake.Close()
	}
}

// walk lets Grace capture a bag that is found authentic, until the result is reversed, and lists what she captured.
func (g *goods) walk(w *walker) {
	const bag, item = "inv-000731", "/items/inv-000731"
	w.chapter("Grace sells a bag (Entrupy)")
	w.call("Entrupy finds the token of the domain", http.MethodGet, entrupy.DomainVerificationPath+g.domain, "", http.StatusOK, nil)
	username := g.walkLogin(w)
	w.call("The bag is about to be captured", http.MethodPost, item+"/captures", "", http.StatusNoContent, nil)
	if w.err != nil {
		return
	}
	id := g.fake.Capture(entrupytest.Item{CustomerItemID: bag, Username: username}) // the app
	w.call("There is no result yet", http.MethodGet, item, "", http.StatusNotFound, nil)
	g.walkDelivery(w, g.fake.Complete(id, entrupy.ResultAuthentic)) // the inspector
	var view service.ItemView
	w.call("After the inspector's delivery the result was read again", http.MethodGet, item, "", http.StatusOK, &view)
	w.check(view.Authentic && view.AuthenticationID == id, "the bag should be authentic, not %s", view.Result)
	w.note("result", string(view.Result))
	w.call("A wait for it ends at once", http.MethodGet, item+"?wait=30s", "", http.StatusOK, &view)
	w.check(view.Authentic, "the bag should still be authentic, not %s", view.Result)
	w.call("A forged delivery is refused", http.MethodPost, "/webhooks/entrupy", `{"items":[]}`, http.StatusUnauthorized, nil)
	if w.err != nil {
		return
	}
	g.walkDelivery(w, g.fake.Reverse(id, entrupy.ResultUnidentified))
	w.call("The final result was reversed, and the offer is taken back", http.MethodGet, item, "", http.StatusOK, &view)
	w.check(view.Final && !view.Authentic, "the result should be reversed, not %s", view.Result)
	w.note("result", string(view.Result)+" (which does not mean fake)")

	for n := range 29 {
		g.fake.Capture(entrupytest.Item{CustomerItemID: entrupy.CustomerItemID(fmt.Sprintf("inv-%06d", 800+n)), Username: username})
	}
	var list struct {
		Items []service.ItemView `json:"items"`
	}
	w.header = http.Header{"Authorization": {"Bearer " + g.session}}
	w.call("Grace lists what she captured, over two pages", http.MethodGet, "/items", "", http.StatusOK, &list)
	w.header = nil
	w.check(len(list.Items) == 30, "Grace should have 30 items, not %d", len(list.Items))
	w.note("items", strconv.Itoa(len(list.Items)))
}

// walkLogin lets the app log in, and returns Entrupy's name of its user.
func (g *goods) walkLogin(w *walker) entrupy.Username {
	const request = `{"sdk_authorization_request":"opaque-from-the-sdk","unique_user_id":"somebody-else"}`
	w.call("An app without a session is not authorized", http.MethodPost, "/authorize-entrupy-sdk-user", request, http.StatusUnauthorized, nil)
	var signed struct {
		Request identkit.Secret `json:"signed_authorization_request"`
	}
	w.header = http.Header{"Authorization": {"Bearer " + g.session}}
	w.call("Grace's app is, by her session", http.MethodPost, "/authorize-entrupy-sdk-user", request, http.StatusOK, &signed)
	w.header = nil
	if w.err != nil {
		return ""
	}
	id, err := g.fake.Login(signed.Request)
	w.check(err == nil, "the app: %v", err)
	user, known := g.fake.User(id)
	w.check(known && user.FirstName == "Grace", "the app logged in as %s", id)
	w.note("username", string(user.Username))
	return user.Username
}

// walkDelivery delivers what happened to an item.
func (g *goods) walkDelivery(w *walker, err error) {
	w.check(err == nil, "the inspector: %v", err)
	_, err = g.fake.Deliver(w.ctx)
	w.check(err == nil, "the deliveries: %v", err)
}
