// Package oauth keeps access tokens of the client-credentials grant: one fetch at a time however many calls wait, renewal before
// a token ends, a count of its uses where the provider limits them, and a new token when credentials rotate or a token is refused.
//
// A [Cache] is an authorizer of internal/transport, without importing it. How a token is fetched is the provider's own call,
// which goes the road of all calls.
package oauth
