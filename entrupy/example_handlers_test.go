package entrupy_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/entrupy"
	"github.com/identkit/identkit/entrupy/entrupytest"
	"github.com/identkit/identkit/webhook"
)

// Each delivered item is read again, so that a late delivery decides nothing. A final result can be reversed: the second one comes as the
// first did.
func ExampleNewWebhookHandler() {
	srv, client := fake()
	keys, err := webhook.NewKeyring(webhook.Key{Secret: "whsec-0123456789abcdef"}) // that of Webhooks.Create
	if err != nil {
		fmt.Println(err)
		return
	}
	deliveries, err := entrupy.NewWebhookHandler(entrupy.WebhookConfig{
		Keys: keys, Client: client,
		Handle: func(_ context.Context, d entrupy.Delivered) error {
			switch {
			case d.Gone:
				fmt.Println(d.ID, "is gone")
			case d.Authentication.IsAuthentic():
				fmt.Println(d.Authentication.CustomerItemID(), "can be offered; what cannot be undone waits")
			case d.Authentication.IsFinal():
				fmt.Println(d.Authentication.CustomerItemID(), "is taken back:", d.Authentication.Status.Result.ID)
			}
			return nil
		},
		OnOther: func(_ context.Context, e *entrupy.OtherEvent) error {
			fmt.Println("look at", e.Event)
			return nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("POST /hooks/entrupy", deliveries)

	srv.Subscribe(entrupytest.Subscription{Handler: deliveries, Secret: "whsec-0123456789abcdef"}) // Entrupy
	id := srv.Capture(entrupytest.Item{CustomerItemID: "inv-000731"})
	_ = srv.Complete(id, entrupy.ResultAuthentic)
	_, _ = srv.Deliver(context.Background())
	_ = srv.Reverse(id, entrupy.ResultInvalid)
	_ = srv.DeliverEvent(entrupytest.EventSupportMessage, map[string]any{"entrupy_id": id})
	_, _ = srv.Deliver(context.Background())
	// Output:
	// inv-000731 can be offered; what cannot be undone waits
	// inv-000731 is taken back: invalid
	// look at support.message
}

// results stands for a table of the team: UPDATE … SET … WHERE updated < $1.
type results map[entrupy.ID]*entrupy.Authentication

func (r results) storeIfLater(a *entrupy.Authentication) error {
	if a.Updated.IsZero() {
		return errors.New("nothing says whether it is later: a Client is needed")
	}
	if old := r[a.ID]; old == nil || a.Updated.After(old.Updated) {
		r[a.ID] = a
	}
	return nil
}

// Without a Client, deliveries may come late and out of order.
func ExampleWebhookConfig_withoutClient() {
	table := results{}
	srv, _ := fake()
	keys, err := webhook.NewKeyring(webhook.Key{Secret: "whsec-0123456789abcdef"})
	if err != nil {
		fmt.Println(err)
		return
	}
	deliveries, err := entrupy.NewWebhookHandler(entrupy.WebhookConfig{
		Keys:   keys,
		Handle: func(_ context.Context, d entrupy.Delivered) error { return table.storeIfLater(d.Authentication) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	srv.Subscribe(entrupytest.Subscription{Handler: deliveries, Secret: "whsec-0123456789abcdef"})
	for _, updated := range []string{"2026-03-02T09:00:00Z", "2026-03-02T08:15:30Z"} { // the second one is late
		result := map[string]string{"2026-03-02T09:00:00Z": "invalid", "2026-03-02T08:15:30Z": "authentic"}[updated]
		_ = srv.DeliverBody([]byte(`{"items":[{"entrupy_id":"7QK2M9X","status":{"result":{"id":"` + result + `","final":true}},"timestamp":{"last_updated_at":"` + updated + `"}}]}`))
	}
	_, _ = srv.Deliver(context.Background())
	fmt.Println(table["7QK2M9X"].Status.Result.ID)
	// Output:
	// invalid
}

// A delivery ends a wait at once, by the Notifier that the client and the handler share.
func ExampleNewWebhookHandler_wait() {
	srv := entrupytest.New(entrupytest.Options{})
	client := srv.Client(func(cfg *entrupy.Config) { cfg.Options.Notifier = identkit.NewNotifier() })
	keys, err := webhook.NewKeyring(webhook.Key{Secret: "whsec-0123456789abcdef"})
	if err != nil {
		fmt.Println(err)
		return
	}
	deliveries, err := entrupy.NewWebhookHandler(entrupy.WebhookConfig{
		Keys: keys, Client: client,
		Handle: func(context.Context, entrupy.Delivered) error { return nil },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	srv.Subscribe(entrupytest.Subscription{Handler: deliveries, Secret: "whsec-0123456789abcdef"})
	id := srv.Capture(entrupytest.Item{})
	go func() { // the inspector
		_ = srv.Complete(id, entrupy.ResultAuthentic)
		_, _ = srv.Deliver(context.Background())
	}()
	a, err := client.Authentications.Wait(context.Background(), id, identkit.WaitPolicy{Until: time.Now().Add(time.Hour)})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(a.IsAuthentic())
	// Output:
	// true
}

// A program with a framework of its own verifies the raw body.
func ExampleNewSignatureVerifier() {
	keys, err := webhook.NewKeyring(webhook.Key{ID: "old", Secret: "whsec-0123456789abcdef"}, webhook.Key{ID: "new", Secret: "whsec-fedcba9876543210"})
	if err != nil {
		fmt.Println(err)
		return
	}
	verifier, err := entrupy.NewSignatureVerifier(keys)
	if err != nil {
		fmt.Println(err)
		return
	}
	header := http.Header{}
	header.Add(entrupy.SignatureHeader, "SHA256:cb34c26e0ba20d4c8bdb1a7cf4d8f8d9d6a5b93a6a9a4a0a6c8b6e8a2a7d2c11")
	_, err = webhook.VerifyRequest(context.Background(), verifier, &webhook.Request{Header: header, Body: []byte(`{"items":[]}`)})
	fmt.Println(err)
	// Output:
	// webhook: authentication mismatch (hmac-sha256): header Entrupy-Signature matches none of the keys
}

// The app sends what its SDK made. Who its user is says the backend's own session.
func ExampleNewAuthorizeHandler() {
	srv, client := fake()
	authorize, err := entrupy.NewAuthorizeHandler(client, entrupy.AuthorizeConfig{
		User: func(r *http.Request) (entrupy.User, error) {
			if r.Header.Get("Authorization") != "Bearer session-of-ada" {
				return entrupy.User{}, nil // nobody
			}
			return entrupy.User{ID: "shop42.user-90817", Email: "ada@example.org", FirstName: "Ada", LastName: "Lovelace"}, nil
		},
		Store: func(_ context.Context, user entrupy.User, name entrupy.Username) error {
			fmt.Println("store", name, "with", user.ID)
			return nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("POST /authorize-entrupy-sdk-user", authorize)

	for _, session := range []string{"", "Bearer session-of-ada"} {
		r := httptest.NewRequest(http.MethodPost, "/authorize-entrupy-sdk-user", strings.NewReader(`{"sdk_authorization_request":"opaque-from-the-sdk","unique_user_id":"somebody-else"}`))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", session)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		_, somebodyElse := srv.User("somebody-else")
		fmt.Println(w.Code, strings.HasPrefix(w.Body.String(), `{"signed_authorization_request":"`), somebodyElse)
	}
	// Output:
	// 401 false false
	// store Shop-shop42.user-90817 with shop42.user-90817
	// 200 true false
}

// A web app's catch-all would respond to Entrupy with a page, or redirect it: the token must come before.
func ExampleNewDomainVerificationHandler() {
	srv, _ := fake()
	id, token := srv.StartDomainVerification("shop.example") // from Entrupy
	domains, err := entrupy.NewDomainVerificationHandler(map[string]identkit.Secret{id: token})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle(entrupy.DomainVerificationPath, domains)
	mux.Handle("/", http.RedirectHandler("https://www.shop.example/", http.StatusMovedPermanently))
	fmt.Println(srv.VerifyDomain("shop.example", mux))
	// Output:
	// <nil>
}
