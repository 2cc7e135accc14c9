package powerauth

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// CallbackType says what a callback is about.
type CallbackType string

// The types of callbacks.
const (
	CallbackOperation    CallbackType = "OPERATION_STATUS_CHANGE"
	CallbackRegistration CallbackType = "REGISTRATION_STATUS_CHANGE"
)

// Known reports whether this version of the package knows the type.
func (t CallbackType) Known() bool { return t == CallbackOperation || t == CallbackRegistration }

// CreateCallbackParams asks PAC to send callbacks; see [NewCallbackHandler] for receiving them.
type CreateCallbackParams struct {
	// Name is for humans. Required.
	Name string `json:"name"`
	// Type says what they are about. Required.
	Type CallbackType `json:"type"`
	// URL is where they go: absolute, https unless it stays inside a trusted network. Required. Without Authentication it should
	// hold a secret segment. Operation callbacks carry the activationFlag only if the URL contains that word (a bug of the engine).
	URL identkit.Secret `json:"callbackUrl"`
	// Attributes are the optional members to send, such as userId, status or activationStatus; the ids always come.
	Attributes []string `json:"attributes,omitzero"`
	// Authentication is how PAC authenticates to the receiver. The bodies of callbacks are not signed, so have one.
	Authentication CallbackAuthentication `json:"-"`
	// MaxAttempts is how often PAC tries. Zero means its default: one attempt, without a retry.
	MaxAttempts int `json:"maxAttempts,omitzero"`
	// InitialBackoff is the wait before the first retry; it grows by half each time. Zero means the default, 2 seconds.
	InitialBackoff time.Duration `json:"initialBackoff,omitzero"`
	// RetentionPeriod is how long PAC keeps sent events. Zero means the default, 30 days.
	RetentionPeriod time.Duration `json:"retentionPeriod,omitzero"`
}

// CallbackAuthentication is how PAC authenticates to a receiver. At most one is set.
//
// The vendor's documents disagree about the form: it is sent as the object that the engine's code takes, with "httpBasic" or "oauth2" in
// it. Other forms, such as client certificates, go through identkit.WithBodyField("authentication", …).
type CallbackAuthentication struct {
	HTTPBasic CallbackBasic
	OAuth2    CallbackOAuth2
}

// CallbackBasic is HTTP Basic. Both are required.
type CallbackBasic struct {
	Username string          `json:"username"`
	Password identkit.Secret `json:"password"`
}

// CallbackOAuth2 is a token by client credentials (PAC 1.9 and later). All but Scope are required.
type CallbackOAuth2 struct {
	TokenURI     string          `json:"tokenUri"`
	ClientID     string          `json:"clientId"`
	ClientSecret identkit.Secret `json:"clientSecret"`
	Scope        string          `json:"scope,omitzero"`
}

func (in *CreateCallbackParams) check(c *transport.Check) {
	c.Text("name", in.Name, 0)
	c.That(in.Type.Known(), "type", "is not OPERATION_STATUS_CHANGE or REGISTRATION_STATUS_CHANGE")
	c.URL("callbackUrl", in.URL.Reveal(), "https", "http")
	for _, a := range in.Attributes {
		c.Text("attributes", a, 0)
	}
	basic, oauth := in.Authentication.HTTPBasic, in.Authentication.OAuth2
	hasBasic, hasOAuth := basic != CallbackBasic{}, oauth != CallbackOAuth2{}
	c.That(!hasBasic || !hasOAuth, "authentication", "has both httpBasic and oauth2")
	if hasBasic {
		c.Username("authentication.httpBasic.username", basic.Username)
		c.That(!strings.Contains(basic.Username, ":"), "authentication.httpBasic.username", "holds a colon")
		c.Secret("authentication.httpBasic.password", basic.Password)
	}
	if hasOAuth {
		c.URL("authentication.oauth2.tokenUri", oauth.TokenURI, "https", "http")
		c.Username("authentication.oauth2.clientId", oauth.ClientID)
		c.Secret("authentication.oauth2.clientSecret", oauth.ClientSecret)
	}
	c.That(in.MaxAttempts >= 0, "maxAttempts", "is negative")
	c.That(in.InitialBackoff >= 0, "initialBackoff", "is negative")
	c.That(in.RetentionPeriod >= 0, "retentionPeriod", "is negative")
}

// callbackBody is what createCallback sends.
type callbackBody struct {
	*CreateCallbackParams
	Authentication struct {
		HTTPBasic struct {
			Enabled bool `json:"enabled"`
			CallbackBasic
		} `json:"httpBasic,omitzero"`
		OAuth2 struct {
			Enabled bool `json:"enabled"`
			CallbackOAuth2
		} `json:"oauth2,omitzero"`
	} `json:"authentication,omitzero"`
}

func (in *CreateCallbackParams) body() callbackBody {
	body := callbackBody{CreateCallbackParams: in}
	basic, oauth := &body.Authentication.HTTPBasic, &body.Authentication.OAuth2
	basic.CallbackBasic, oauth.CallbackOAuth2 = in.Authentication.HTTPBasic, in.Authentication.OAuth2
	basic.Enabled, oauth.Enabled = basic.CallbackBasic != CallbackBasic{}, oauth.CallbackOAuth2 != CallbackOAuth2{}
	return body
}

// writeDuration writes an ISO 8601 duration in seconds, which the server's parser takes in any size.
func writeDuration(enc *jsontext.Encoder, d time.Duration) error {
	return enc.WriteToken(jsontext.String("PT" + strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + "S"))
}

// CreatedCallback is the result of [AdminClient.CreateCallback].
type CreatedCallback struct {
	identkit.Raw `json:"-"`

	// ID is the callback's. It is undocumented, and empty when the deployment does not say it. No call takes it.
	ID string `json:"id"`
}

var createCallback = transport.Op[ofApplication[CreateCallbackParams], CreatedCallback]{
	Name: "powerauth.Admin.CreateCallback", Method: http.MethodPost, Path: "/v2/admin/applications/{appId}/callbacks",
	Retry: identkit.RetryIfNotProcessed, // each call makes another callback
	Request: func(in *ofApplication[CreateCallbackParams], r *transport.Request) {
		r.Path("appId", string(in.appID))
		in.params.check(&r.Check)
		r.JSON(in.params.body())
	},
}

// CreateCallback asks PAC to send a callback about every change of an application's registrations or operations. Not safe to repeat:
// each call makes another callback, and every change is then sent by both.
//
// The vendor's documents disagree about who may call it: the path says an administrator, a vendor test uses the integration user. The
// client's credentials are used; for the other variant make a second [AdminClient] with the integration user's.
//
// Source: callbacks page, vendor load tests, WebServices-Methods of the engine; checked 2026-11.
func (c *AdminClient) CreateCallback(ctx context.Context, appID ApplicationID, in CreateCallbackParams, opts ...identkit.CallOption) (*CreatedCallback, error) {
	return createCallback.Do(ctx, c.transport(), ofApplication[CreateCallbackParams]{appID, in}, opts)
}
