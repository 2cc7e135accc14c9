// Package webhook receives webhooks that can be trusted, from any provider. A delivery is verified, decoded,
// deduplicated and dispatched, in this order, and a byte that was not verified is never parsed.
//
//	handler, err := webhook.NewHandler(webhook.Config[Event]{
//		Verify: verifier,                 // who sent it: NewHMAC, NewStandardWebhooks, NewBasicAuth, …
//		Handle: func(ctx context.Context, e Event) error { return nil },
//	})
//	mux.Handle("POST /hooks/vendor", handler)
//
// # Proof
//
// A [Verifier] accepts or refuses a delivery as a whole: [NewHMAC], [NewStandardWebhooks], [NewBasicAuth],
// [NewBearer], [NewBearerFunc], [NewAPIKey], [NewPathSecret], [NewAddresses] and [NewClientCertificate], put
// together by [All] and [Any]. Keys live in a [Keyring]; the [Receipt] says which of them matched, so that a
// rotation can be watched. [VerifyRequest] checks a proof for programs with a framework of their own.
//
// # Deduplication
//
// Senders repeat deliveries. A [Store] remembers what was handled: a key is claimed before the handler runs, and
// committed after it, so that a crash in between lets the redelivery through. The key is the id that the proof
// covers; without one, a digest of the verified body. An id that the proof does not cover could be changed to pass
// one delivery off as many, so it counts only when [Config].DeliveryID or EventID says so.
//
// Processing is at least once: between the end of a handler and its commit a crash can happen. Handlers should
// be idempotent.
//
// # Answers
//
// Bodies are empty. 200: handled, or a duplicate of what was handled. 400: verified, but not decodable, or the
// body was cut short. 401: proof missing or bad. 405, 408, 413, 415: method, slow body, large body, content type or
// encoding. 503: the handler, the store or the key source failed, or the same delivery is being handled right
// now; the sender should try again.
package webhook
