// Package webhooktest simulates the sender: it signs deliveries in every scheme of package webhook, delivers them to a
// URL or an [net/http.Handler] with retries, copies, reordering, delays and faults, and holds the
// acceptance tests for stores and verifiers that users write ([RunStoreTests], [RunVerifierTests]).
//
// The signers share no code with the verifiers, so that they do not agree by mistake.
package webhooktest
