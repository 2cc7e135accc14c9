// Package identkit is the vocabulary shared by the provider clients of this module. The clients are in packages named after their
// provider, each with a fake of the provider in the sub-package <provider>test. Start there; this package does no I/O.
//
// # Calls and errors
//
// [Options] configures a client, a [CallOption] one call. A call fails with an [*Error], whose [Kind] is compared by errors.Is. Each
// operation has a [RetryClass]: a call that is not safe to repeat is retried only if the provider surely did not process it. When
// the outcome is unknown, [ErrOutcomeUnknown] holds in addition to the kind: check the state before calling again.
//
// # Connections
//
// A nil [Options].HTTPClient means a pool for hundreds of concurrent calls, with TLS 1.2 or later and the proxy of the environment.
// [Options].TLS and [Options].Proxy keep that pool with a private CA, a client certificate, another proxy. To replace certificates without
// a new client, give [crypto/tls.Config] a GetClientCertificate function, and VerifyConnection made by [VerifyRoots]. HTTP/2 connections
// are asked for a sign of life after 10 s without a frame, and one that went silent is closed.
//
// A client of your own is copied; its redirects are not followed. Raise its transport's MaxIdleConnsPerHost to the number of
// concurrent calls: with the default of 2, nearly every call under load opens a connection. Leave MaxConnsPerHost at zero: with 512
// goroutines a limit of 64 was faster (0.7 × the time) against a server that responds at once, and half as fast against one
// that needs 20 ms.
//
// # Secrets
//
// A [Secret] prints, logs and marshals as a mask. To store one, store what [Secret.Reveal] returns: reading the mask back fails with
// [ErrMasked], and calls and configurations refuse it.
//
// # Waits
//
// Waits for a state poll, and each of them ends: see [WaitPolicy]. A [Notifier] makes them read again at once when a webhook handler has
// learned of a change; give the same one to [Options] and to the handlers. What must survive a restart is a row of the team's own: keep
// the id, and wait again when the process starts, or let a job queue read by [WaitPolicy.Next].
//
// Times of a provider are compared with times of that provider, such as the Date of its responses, never with our clock.
//
// # Observing
//
// [Options].Logger gets a record for each call and retry. An [Observer] gets calls, attempts, waits, webhook deliveries and
// decisions, for traces and metrics; [Observers] joins several. Both get only values that are safe to store.
//
// # JSON of Client.Call
//
// The Call method of a client makes a [Request] that the package does not wrap. JSON follows encoding/json/v2: member names match
// exactly, also those of struct fields without a tag; duplicate members are errors. A json.RawMessage as the result takes any JSON.
package identkit
