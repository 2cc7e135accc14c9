package iproov

import (
	"context"
	"net/http"
	"strings"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// Health says whether the platform serves the service provider.
type Health struct {
	identkit.Raw `json:"-"`

	Up bool `json:"up"`
}

var availability = transport.Op[transport.None, Health]{
	Name: "iproov.Availability", Method: http.MethodGet, Path: "/availability",
	Retry:     identkit.RetrySafe,
	Unmetered: true,
	Verdicts:  []string{"up"},
}

// Availability asks whether the platform is up for this service provider. Not up is a result, not an error. The API key travels
// in the query. Safe to repeat.
//
// Source: Swagger file 2.13, operations page; checked 2026-11.
func (c *Client) Availability(ctx context.Context, opts ...identkit.CallOption) (*Health, error) {
	return availability.Do(ctx, c.available, transport.None{}, opts)
}

// ping is Verify.Validate for a token that does not exist. The refusal of the token is its result.
var ping = transport.Op[transport.None, failureBody]{
	Name: verifyValidate.Name, Method: verifyValidate.Method, Path: verifyValidate.Path,
	Retry:     identkit.RetrySafe, // there is no verdict to lose
	Unmetered: true,
	Request: func(_ *transport.None, r *transport.Request) {
		r.JSON(ValidateParams{Token: ClaimToken(strings.Repeat("0", 64)), UserID: "identkit-ping", Client: "identkit"})
	},
	Result: func(status int, body []byte) bool {
		return status/100 == 4 && readFailureBody(body).Code == CodeInvalidToken
	},
	Check: func(f *failureBody) error {
		if f.Code != CodeInvalidToken {
			return transport.Contradiction("response has no refusal of a token that does not exist")
		}
		return nil
	},
}

// Ping proves address, API key and secret, without effect: it asks for the verdict of a claim that does not exist, and succeeds
// only with the refusal invalid_token. Any other response is an error, such as [identkit.ErrUnauthorized] with invalid_key. It is
// assumed that iProov checks the keys first. Ping proves nothing about Config.OAuth; [Client.AccessToken] does.
//
// Safe to repeat. Errors and observers name it iproov.Verify.Validate.
func (c *Client) Ping(ctx context.Context, opts ...identkit.CallOption) error {
	return ping.Exec(ctx, c.keyed, transport.None{}, opts)
}
