// Package entrupytest simulates Entrupy in tests, sandboxes and examples.
//
//	srv := entrupytest.NewServer(t)
//	client := srv.Client()
//	id := srv.Capture(entrupytest.Item{CustomerItemID: "inv-000731"}) // simulates the app
//	err := srv.Complete(id, entrupy.ResultAuthentic)                  // simulates the inspector
//	a, err := client.Authentications.Get(ctx, id, entrupy.GetParams{})
//
// The fake holds users, items of all product categories, webhook subscriptions and domains. It checks tokens and requests as strictly as
// the contract does, sends signed deliveries when items change, with retries on its own clock, and simulates both variants where the
// sources disagree (see [Dialect]). Faults are injected by rule (package identkittest); the journal shows the requests.
//
// It is reached over a socket (NewServer, Start), without one (Transport, which also works inside testing/synctest), as an
// http.Handler, or behind httpmock (Responder).
package entrupytest
