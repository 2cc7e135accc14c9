// Package webhook receives webhooks that can be trusted, from any provider. A delivery is verified, decoded,
// resolved, deduplicated and handled, in this order, and a byte that was not verified is never parsed.
//
//	handler, err := webhook.NewHandler(webhook.Config[Event]{
//		Verify: verifier,                 // who sent it: NewHMAC, NewStandardWebhooks, NewBasicAuth, …
//		Handle: func(ctx context.Context, e Event) error { return nil },
//	})
//	mux.Handle("POST /hooks/vendor", handler)
//
// # Verification
//
// A [Verifier] accepts or refuses a delivery as a whole: [NewHMAC], [NewStandardWebhooks], [NewBasicAuth],
// [NewBearer], [NewBearerFunc], [NewAPIKey], [NewPathSecret], [NewAddresses] and [NewClientCertificate], put
// together by [All] and [Any]. Keys live in a [Keyring]; the [Receipt] says which of them matched, so that a
// rotation can be watched. [VerifyRequest] serves programs with a framework of their own.
//
// # Decoding
//
// [JSON] and [JSONList] read by the rules of encoding/json/v2: exact member names, no duplicate members, UTF-8, nothing after the
// value. A [Dispatcher] hands events to the handler of their type.
//
// # Resolving
//
// A signature says who sent an event, not that it is still true: deliveries come late, out of order, or again. [Config].Resolve reads
// what the event is about from the provider's API, and what it returns is deduplicated and handled.
//
// # Deduplication
//
// Senders repeat deliveries. A [Store] remembers what was handled: a key is claimed before the handler runs, and
// committed after it, so that a crash in between lets the redelivery through. The key is the signed id; without one, a digest of
// the verified body. An id that is not signed could be changed to make one delivery look like many, so it counts only when
// [Config].DeliveryID or EventID says so.
//
// Processing is at least once: between the end of a handler and its commit a crash can happen. Handlers should
// be idempotent.
//
// # Responses
//
// Bodies are empty. Each [Reason] has its status: 200 handled, or a duplicate of what was handled, or gone. 400 verified, but no valid
// event, or the body is incomplete. 401 authentication missing or wrong. 405, 408, 413, 415 method, slow body, large body, content type
// or encoding. 503 the handler, Resolve, the store or a key's source failed, or the same delivery is being handled right
// now; the sender should try again.
package webhook
