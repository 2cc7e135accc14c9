// Package oauth keeps access tokens of the client-credentials grant: one fetch at a time however many calls wait, renewal before
// a token ends, a count of its uses where the provider limits them, and a new token when credentials rotate or a token is refused.
//
// A [Cache] authenticates calls of internal/transport (transport.Tokens), without importing it. How a token is fetched is the provider's own call,
// which is a call like any other.
package oauth
