// Package webhook receives webhooks that can be trusted, from any provider. A delivery is verified, decoded,
// resolved, deduplicated and handled, in this order, and a byte that was not verified is never parsed.
//
//	handler, err := webhook.NewHandler(webhook.Config[Event]{
//		Verify: verifier,                 // who sent it: NewHMAC, NewStandardWebhooks, NewBasicAuth, …
//		Handle: func(ctx context.Context, e Event) error { return apply(ctx, e) },
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
// what the event is about from the provider's API, and what it returns is deduplicated and handled. [Config].DeliveredID saves reading
// again about an event that was handled, and lets a batch for which the time is too short go on with its redelivery.
//
// # Deduplication
//
// Senders repeat deliveries. A [Store] remembers what was handled: a key is claimed before the handler runs, and
// committed after it, so that a crash in between lets the redelivery through. A key consists of the handler's name, the sender
// ([Receipt].Sender) and a digest of the event's id. What the id is depends on the sender:
//
//   - It signs an id (Standard Webhooks, {id} in [HMACConfig].Content): that one, and nothing need be set.
//   - Its contract promises an id in a header, such as an Idempotency-Key: set DeliveryID to [UnsignedIDHeader]. An id that is not signed
//     could be changed to make one delivery look like many, so it never counts by itself.
//   - There is an id in the body: set EventID.
//   - There is none: equal bodies are not the same delivery. A door is locked, unlocked and locked again. While one is being
//     handled, an equal one gets 503; afterwards it is handled again. DeduplicateWithin makes equal content (the body, and the
//     timestamp if it is signed) one delivery for a time.
//
// Processing is at least once: between the end of a handler and its commit a crash can happen. Handlers should
// be idempotent. A copy of a delivery that somebody kept counts as new when its id is forgotten or when it has none; Resolve makes it
// harmless.
//
// # Several senders
//
// One handler may serve several senders: verifiers put together by [Any], each with a name by [Named]. Equal ids of two senders are
// two events. A name should not change when keys are rotated.
//
// # Responses
//
// Each [Reason] has its status: 200 handled, or a duplicate of what was handled, or gone, or given up. 400 verified, but no valid
// event, or the body is incomplete. 401 authentication missing or wrong. 405, 408, 413, 415 method, slow body, large body, content type
// or encoding. 503 the handler, Resolve, the store or a key's source failed, or an equal delivery is being handled right
// now; the sender should try again. Bodies are empty, unless [Config].Challenge or Respond gives one.
//
// # Waits
//
// [Config].Notifier wakes those who wait for what an event is about, by all its NotifyKeys, once it was handled: they read its state again.
//
// # Shutting down
//
// An event whose time is up is left behind: the sender gets 503 and the event settles its claim when it ends. [Handler.Close] waits for
// such events and for notifications, after [net/http.Server.Shutdown].
package webhook
