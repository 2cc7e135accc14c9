package powerauth

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// CallbackType says what a callback tells about.
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
	Name string
	// Type says what they tell about. Required.
	Type CallbackType
	// URL is where they go: absolute, https unless it stays inside a trusted network. Required. Without Authentication it should
	// hold a secret segment. Operation callbacks carry the activationFlag only if the URL contains that word (a bug of the engine).
	URL identkit.Secret
	// Attributes are the optional members to send, such as userId, status or activationStatus; the ids always come.
	Attributes []string
	// Authentication is how PAC proves itself to the receiver. The bodies of callbacks are not signed, so have one.
	Authentication CallbackAuthentication
	// MaxAttempts is how often PAC tries. Zero means its default: once, without a retry.
	MaxAttempts int
	// InitialBackoff is the wait before the first retry; it grows by half each time. Zero means the default, 2 seconds.
	InitialBackoff time.Duration
	// RetentionPeriod is how long PAC keeps sent events. Zero means the default, 30 days.
	RetentionPeriod time.Duration
}

// CallbackAuthentication is how PAC proves itself to a receiver. At most one is set.
//
// Sources disagree about the form: it is sent as the object that the engine's code takes, with "httpBasic" or "oauth2" in it. Other
// forms, such as client certificates, go through identkit.WithBodyField("authentication", …).
type CallbackAuthentication struct {
	HTTPBasic *CallbackBasic
	OAuth2    *CallbackOAuth2
}

// Format prints a mask: package fmt would show what stands behind a pointer for verbs it has no use for.
func (CallbackAuthentication) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[credentials]") }

// CallbackBasic is HTTP Basic.
type CallbackBasic struct {
	Username string
	Password identkit.Secret
}

// CallbackOAuth2 is a token by client credentials (PAC 1.9 and later).
type CallbackOAuth2 struct {
	TokenURI     string
	ClientID     string
	ClientSecret identkit.Secret
	Scope        string
}

func (in *CreateCallbackParams) check(c *transport.Check) {
	c.Text("name", in.Name, 0)
	c.That(in.Type.Known(), "type", "is not OPERATION_STATUS_CHANGE or REGISTRATION_STATUS_CHANGE")
	c.That(isHTTPURL(in.URL.Reveal()), "callbackUrl", "is not an absolute http or https URL")
	for _, a := range in.Attributes {
		c.Text("attributes", a, 0)
	}
	basic, oauth := in.Authentication.HTTPBasic, in.Authentication.OAuth2
	c.That(basic == nil || oauth == nil, "authentication", "has both httpBasic and oauth2")
	c.That(basic == nil || basic.Username != "" && basic.Password != "", "authentication.httpBasic", "lacks username or password")
	c.That(oauth == nil || isHTTPURL(oauth.TokenURI) && oauth.ClientID != "" && oauth.ClientSecret != "", "authentication.oauth2",
		"lacks tokenUri, clientId or clientSecret")
	c.That(in.MaxAttempts >= 0, "maxAttempts", "is negative")
	c.That(in.InitialBackoff >= 0, "initialBackoff", "is negative")
	c.That(in.RetentionPeriod >= 0, "retentionPeriod", "is negative")
}

func isHTTPURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

type callbackBasicBody struct {
	Enabled  bool   `json:"enabled"`
	Username string `json:"username"`
	Password string `json:"password"`
}

type callbackOAuth2Body struct {
	Enabled      bool   `json:"enabled"`
	TokenURI     string `json:"tokenUri"`
	ClientID     string `json:"clientId"`
	ClientSecret string `json:"clientSecret"`
	Scope        string `json:"scope,omitzero"`
}

type callbackAuthenticationBody struct {
	HTTPBasic *callbackBasicBody  `json:"httpBasic,omitzero"`
	OAuth2    *callbackOAuth2Body `json:"oauth2,omitzero"`
}

func (in *CreateCallbackParams) body() transport.Body {
	w := struct {
		Name            string                      `json:"name"`
		Type            CallbackType                `json:"type"`
		CallbackURL     string                      `json:"callbackUrl"`
		Attributes      []string                    `json:"attributes,omitempty"`
		Authentication  *callbackAuthenticationBody `json:"authentication,omitzero"`
		RetentionPeriod string                      `json:"retentionPeriod,omitzero"`
		InitialBackoff  string                      `json:"initialBackoff,omitzero"`
		MaxAttempts     int                         `json:"maxAttempts,omitzero"`
	}{
		Name: in.Name, Type: in.Type, CallbackURL: in.URL.Reveal(), Attributes: in.Attributes, MaxAttempts: in.MaxAttempts,
		RetentionPeriod: isoDuration(in.RetentionPeriod), InitialBackoff: isoDuration(in.InitialBackoff),
	}
	switch a := in.Authentication; {
	case a.HTTPBasic != nil:
		w.Authentication = &callbackAuthenticationBody{HTTPBasic: &callbackBasicBody{true, a.HTTPBasic.Username, a.HTTPBasic.Password.Reveal()}}
	case a.OAuth2 != nil:
		w.Authentication = &callbackAuthenticationBody{OAuth2: &callbackOAuth2Body{
			true, a.OAuth2.TokenURI, a.OAuth2.ClientID, a.OAuth2.ClientSecret.Reveal(), a.OAuth2.Scope,
		}}
	}
	return transport.JSON(w)
}

// isoDuration writes an ISO 8601 duration in seconds, which the server's parser takes in any size; "" for zero.
func isoDuration(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return "PT" + strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + "S"
}

// CreatedCallback is what [AdminClient.CreateCallback] gives.
type CreatedCallback struct {
	identkit.Raw `json:"-"`

	// ID is the callback's; empty when the deployment does not say, which is undocumented.
	ID string `json:"id"`
}

func (c *CreatedCallback) finish(transport.Path) (*CreatedCallback, error) { return c, nil }

var createCallback = &transport.Operation{
	Name:   "powerauth.Admin.CreateCallback",
	Method: http.MethodPost, Path: "/v2/admin/applications/{appId}/callbacks",
	Retry: transport.RetryIfNotProcessed, // each call makes another callback
}

// CreateCallback asks PAC to tell about every change of an application's registrations or operations. Not safe to repeat: each call
// makes another callback, and every change is then told twice.
//
// Sources disagree about who may call it: the path says an administrator, a vendor test uses the integration user. The client's
// credentials are used; for the other way make a second [AdminClient] with the integration user's.
//
// Source: callbacks page, vendor load tests, WebServices-Methods of the engine; checked 2026-11.
func (c *AdminClient) CreateCallback(ctx context.Context, appID string, in CreateCallbackParams, opts ...identkit.CallOption) (*CreatedCallback, error) {
	return transport.Do(ctx, c.road, createCallback, transport.Input{Path: transport.Path{appID}, Body: in.body(), Check: in.check},
		(*CreatedCallback).finish, opts)
}
