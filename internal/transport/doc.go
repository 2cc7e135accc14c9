// Package transport is the one road to the network: an Operation and its Input go in, a typed result or an
// *identkit.Error comes out. Retries, waiting, authentication, limits, observation and the reading of answers live
// here and nowhere else.
//
// The loop is go-retryablehttp's, with every default replaced: what may be repeated is decided by the operation's
// retry class, waits are jittered and capped, bodies stream, answers are read inside the attempt and under a cap, and
// the idle pool is never closed (a call's http.Client gets a RoundTripper that has no CloseIdleConnections).
package transport
