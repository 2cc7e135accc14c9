package webhook_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/webhook"
	"github.com/identkit/identkit/webhook/webhooktest"
)

type order struct {
	ID    string `json:"id"`
	State string `json:"state"`
}

// A sender that signs the raw body with a shared key, as most do.
func Example() {
	keys, err := webhook.NewKeyring(webhook.Key{Secret: "from your secret manager"})
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := webhook.NewHMAC(webhook.HMACConfig{
		Keys: keys, Header: "X-Signature-256", Prefixes: []string{"sha256="},
	})
	if err != nil {
		log.Fatal(err)
	}
	handler, err := webhook.NewHandler(webhook.Config[order]{
		Name:    "shop",
		Verify:  verifier,
		EventID: func(_ *webhook.Delivery, o order) (string, error) { return o.ID + "/" + o.State, nil },
		Handle: func(_ context.Context, o order) error {
			fmt.Println("order", o.ID, "is", o.State)
			return nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/hooks/shop", handler)

	// Here a delivery arrives, and again, because the sender missed the response.
	body := []byte(`{"id":"o-17","state":"paid"}`)
	sender := webhooktest.Sender{
		Handler: mux, URL: "http://localhost/hooks/shop",
		Sign: webhooktest.SignHMAC(webhook.HMACConfig{Header: "X-Signature-256", Prefixes: []string{"sha256="}}, "from your secret manager"),
	}
	report, err := sender.Send(context.Background(), webhooktest.Message{Body: body, Copies: 1})
	fmt.Println(report.Statuses(), err)
	// Output:
	// order o-17 is paid
	// [200 200] <nil>
}

// An event is a hint: Resolve reads the order again, so that an old or repeated delivery does no harm. Close waits for events that took
// longer than their time.
func ExampleConfig_resolve() {
	keys, err := webhook.NewKeyring(webhook.Key{Secret: "from your secret manager"})
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := webhook.NewBasicAuth("shop", keys)
	if err != nil {
		log.Fatal(err)
	}
	current := map[string]order{"o-17": {ID: "o-17", State: "refunded"}} // the provider's API
	handler, err := webhook.NewHandler(webhook.Config[order]{
		Name:   "shop",
		Verify: verifier,
		Resolve: func(_ context.Context, o order) (order, error) {
			now, ok := current[o.ID]
			if !ok {
				return order{}, webhook.ErrGone
			}
			return now, nil
		},
		EventID: func(_ *webhook.Delivery, o order) (string, error) { return o.ID + "/" + o.State, nil },
		Handle: func(_ context.Context, o order) error {
			fmt.Println("order", o.ID, "is", o.State)
			return nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	sender := webhooktest.Sender{Handler: handler, Sign: webhooktest.SignBasic("shop", "from your secret manager")}
	for _, body := range []string{`{"id":"o-17","state":"paid"}`, `{"id":"o-17","state":"refunded"}`, `{"id":"o-18","state":"paid"}`} {
		report, err := sender.Send(context.Background(), webhooktest.Message{Body: []byte(body)})
		fmt.Println(report.Statuses(), err)
	}
	fmt.Println(handler.Close(context.Background()))
	// Output:
	// order o-17 is refunded
	// [200] <nil>
	// [200] <nil>
	// [200] <nil>
	// <nil>
}

// A rotation without loss: both keys count until the old one is no longer used.
func ExampleKeyring_rotation() {
	oldKey := webhook.Key{ID: "2025", Secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
	newKey := webhook.Key{ID: "2026", Secret: "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"}
	keys, err := webhook.NewKeyring(oldKey)
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := webhook.NewStandardWebhooks(webhook.StandardConfig{Keys: keys})
	if err != nil {
		log.Fatal(err)
	}
	handler, err := webhook.NewHandler(webhook.Config[order]{
		Verify: verifier,
		Handle: func(context.Context, order) error { return nil },
		Observer: identkit.Observer{Delivery: func(_ context.Context, d identkit.DeliveryInfo) {
			fmt.Println(d.Status, d.KeyID) // a counter by key shows when the old one is not used any more
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	deliver := func(id string, with webhook.Key) {
		sender := webhooktest.Sender{Handler: handler, Sign: webhooktest.SignStandard(with.Secret), Attempts: 1}
		_, _ = sender.Send(context.Background(), webhooktest.Message{ID: id, Body: []byte(`{"id":"o-17"}`)})
	}

	deliver("msg_1", oldKey)
	_ = keys.Replace(newKey, oldKey) // 1. know both; 2. have the sender switch
	deliver("msg_2", oldKey)
	deliver("msg_3", newKey)
	_ = keys.Replace(newKey) // 3. forget the old one
	deliver("msg_4", oldKey)
	// Output:
	// 200 2025
	// 200 2025
	// 200 2026
	// 401
}

// A scheme of one's own beside a known one. An error refuses the delivery; its text is logged only if it is
// a VerifyError, so that nothing secret gets into the log by mistake.
func ExampleVerifierFunc() {
	keys, err := webhook.NewKeyring(webhook.Key{Secret: "from your secret manager"})
	if err != nil {
		log.Fatal(err)
	}
	apiKey, err := webhook.NewAPIKey(webhook.APIKeyConfig{Keys: keys, Header: "X-Api-Key"})
	if err != nil {
		log.Fatal(err)
	}
	staging := webhook.VerifierFunc(func(_ context.Context, r *webhook.Request) (webhook.Receipt, error) {
		if r.Header.Get("X-Environment") != "staging" {
			return webhook.Receipt{}, &webhook.VerifyError{
				Reason: webhook.ReasonMismatch, Scheme: "environment", Detail: "not sent by staging",
			}
		}
		return webhook.Receipt{Scheme: "environment"}, nil
	})
	both, err := webhook.All(apiKey, staging)
	if err != nil {
		log.Fatal(err)
	}

	// VerifyRequest serves programs that have another framework than net/http.
	header := http.Header{}
	header.Set("X-Api-Key", "from your secret manager")
	_, err = webhook.VerifyRequest(context.Background(), both, &webhook.Request{Header: header, Body: []byte("{}")})
	fmt.Println(err)
	header.Set("X-Environment", "staging")
	receipt, err := webhook.VerifyRequest(context.Background(), both, &webhook.Request{Header: header, Body: []byte("{}")})
	fmt.Println(receipt.Scheme, err)
	// Output:
	// webhook: authentication mismatch (environment): not sent by staging
	// api-key+environment <nil>
}

// Events of several types, each with a payload of its own.
func ExampleDispatcher() {
	type event struct {
		Type string          `json:"type"`
		Data json.RawMessage `json:"data"`
	}
	dispatcher, err := webhook.NewDispatcher(webhook.DispatcherConfig[event]{
		Type: func(e event) string { return e.Type },
		Data: func(e event) json.RawMessage { return e.Data },
		Fallback: func(_ context.Context, e event) error {
			fmt.Println("not known yet:", e.Type)
			return nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	err = webhook.On(dispatcher, "order.paid", func(_ context.Context, _ event, o order) error {
		fmt.Println("paid:", o.ID)
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	// dispatcher.Handle goes into Config.Handle.
	_ = dispatcher.Handle(context.Background(), event{"order.paid", []byte(`{"id":"o-17"}`)})
	_ = dispatcher.Handle(context.Background(), event{"order.lost", []byte(`{"id":"o-18"}`)})
	// Output:
	// paid: o-17
	// not known yet: order.lost
}

// A sender without a signature, whose contract says that an Idempotency-Key names each delivery.
func ExampleUnsignedIDHeader() {
	passwords, err := webhook.NewKeyring(webhook.Key{Secret: "from your secret manager"})
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := webhook.NewBasicAuth("callbacks", passwords)
	if err != nil {
		log.Fatal(err)
	}
	_, err = webhook.NewHandler(webhook.Config[order]{
		Name:       "callbacks",
		Verify:     verifier,
		DeliveryID: webhook.UnsignedIDHeader("Idempotency-Key"),
		Timeout:    5 * time.Second,
		Handle: func(context.Context, order) error {
			return nil // the body is not signed: read the order from the provider before acting on it
		},
	})
	fmt.Println(err)
	// Output: <nil>
}
