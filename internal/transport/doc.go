// Package transport is the one way to the network: an Op and its input go in, a typed result or an *identkit.Error comes out. Retries,
// waiting, authentication, limits, observation and the reading of responses live here and nowhere else.
//
// A call is one pipeline: begin, validate, send, decode, check, end. Sending is a loop that belongs to the call: go-retryablehttp's, with
// every default replaced. What may be repeated is decided by the operation's retry class, waits are jittered and capped, and an attempt
// is limiter, credential, body, round trip, read, classify. The loop and its http.Client see a blank request and a blank response;
// each attempt builds the real request, from the call's own header, so that nothing of one attempt reaches the next.
package transport
