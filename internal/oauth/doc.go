// Package oauth keeps access tokens of the client-credentials grant: one fetch at a time however many calls wait, renewal before
// a token ends, a count of its uses where the provider limits them, and a new token when credentials rotate or a token is refused.
//
// A [Cache] is an authorizer of internal/transport. How a token is fetched is an operation of the provider, whose response is a
// [Response].
package oauth
