package powerauth

import (
	"context"
	"errors"
	"net/http"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// AdminConfig is what an [AdminClient] is made from.
type AdminConfig struct {
	// BaseURL is the deployment's address with its context path, such as https://pac.internal.example/powerauth-cloud.
	BaseURL string
	// Credentials are those of an administrator, in most deployments; see [AdminClient.CreateCallback] for the exception.
	Credentials Credentials
	// Header is sent with every call; see [Config].
	Header map[string]identkit.Secret
	// Options tunes the client; the zero value is the recommended setting.
	Options identkit.Options
}

// AdminClient sets a deployment up: applications, users, push messages, callbacks. It has credentials of its own, which are never
// mixed with those of a [Client]. It is safe for concurrent use. One that was not made by [NewAdmin] refuses every call.
//
// None of its writing calls is safe to repeat: they are sent again only when they surely did not arrive. Passwords and keys come
// once and are of type identkit.Secret, which prints as a mask.
type AdminClient struct {
	// Health asks for the state of PAC with the administrator's credentials, so that it may see details.
	Health Health

	client *transport.Client
}

// NewAdmin makes an administrator's client. It does no I/O and reads no environment. A bad configuration is an
// [identkit.ErrInvalidRequest] that names every faulty field.
func NewAdmin(cfg AdminConfig) (*AdminClient, error) {
	client, err := newTransport("powerauth.NewAdmin", Config{BaseURL: cfg.BaseURL, Credentials: cfg.Credentials, Header: cfg.Header, Options: cfg.Options})
	if err != nil {
		return nil, err
	}
	return &AdminClient{Health: Health{client}, client: client}, nil
}

// transport is nil, which refuses every call, for a client that NewAdmin did not make.
func (c *AdminClient) transport() *transport.Client {
	if c == nil {
		return nil
	}
	return c.client
}

// AdminConfigFromEnv reads a configuration from the environment:
//
//	POWERAUTH_BASE_URL            address with context path
//	POWERAUTH_ADMIN_USERNAME      administrator, for Basic authentication
//	POWERAUTH_ADMIN_PASSWORD      its password
//	POWERAUTH_ADMIN_BEARER_TOKEN  an access token, in place of user and password
//
// Secrets can also come from files; see [ConfigFromEnv].
func AdminConfigFromEnv() (AdminConfig, error) {
	baseURL, credentials, err := fromEnv("powerauth.AdminConfigFromEnv", "POWERAUTH_ADMIN_")
	return AdminConfig{BaseURL: baseURL, Credentials: credentials}, err
}

// Call makes a call that this package does not wrap, such as one that a deployment adds; see [Client.Call].
func (c *AdminClient) Call(ctx context.Context, in identkit.Request, out any, opts ...identkit.CallOption) error {
	return c.transport().Call(ctx, in, out, opts)
}

// CloseIdleConnections closes connections that no call is using; see [Client.CloseIdleConnections].
func (c *AdminClient) CloseIdleConnections() { c.transport().CloseIdleConnections() }

// pingID names an application that need not exist.
const pingID ApplicationID = "identkit-ping"

// Ping checks address and credentials by asking for an application that need not exist, and changes nothing. Observers see the call as
// powerauth.Admin.GetApplication. Safe to repeat.
//
// Errors: [identkit.ErrUnauthorized] and [identkit.ErrForbidden] for credentials that are wrong or not an administrator's,
// [identkit.ErrRejected] for a wrong address. That an unknown application is a 400 with a code of PAC's, as other missing entities are,
// is an assumption.
func (c *AdminClient) Ping(ctx context.Context, opts ...identkit.CallOption) error {
	_, err := c.GetApplication(ctx, pingID, opts...)
	var e *identkit.Error
	if errors.As(err, &e) && e.Status == http.StatusBadRequest && e.Code != "" {
		return nil
	}
	return err
}

// IntegrationUser is a technical user of the deployment, as whom a backend calls it.
type IntegrationUser struct {
	identkit.Raw `json:"-"`

	Username string `json:"username"`
	Enabled  bool   `json:"enabled"`
	// Roles are such as ROLE_USER.
	Roles []string `json:"role"`
	// Applications are those it may work with.
	Applications []ApplicationID `json:"applications"`
}

func (u *IntegrationUser) check() error { return required("username", u.Username) }

// CreatedUser is a new user with the password that PAC made up for it.
type CreatedUser struct {
	IntegrationUser

	// Password is never shown again: store what its Reveal method gives now.
	Password identkit.Secret `json:"password"`
}

func (u *CreatedUser) check() error {
	return required("password", u.Password.Reveal(), "username", u.Username)
}

// newUser is the body of createUser.
type newUser struct {
	Username string `json:"username"`
}

var createUser = transport.Op[newUser, CreatedUser]{
	Name: "powerauth.Admin.CreateUser", Method: http.MethodPost, Path: "/admin/users",
	Retry:     identkit.RetryIfNotProcessed, // another one fails, or loses the first one's password
	AfterLoss: "the user may exist with a password that nobody knows",
	Request: func(in *newUser, r *transport.Request) {
		r.Username("username", in.Username)
		r.JSON(in)
	},
	Check: (*CreatedUser).check,
	Same:  func(in *newUser, u *CreatedUser) error { return transport.Same("username", in.Username, u.Username) },
}

// CreateUser makes an integration user and returns the password that PAC made up, which is never shown again. The user can do nothing
// before it is bound to an application: [AdminClient.BindUser].
//
// Not safe to repeat. After [identkit.ErrOutcomeUnknown] the user may exist with a password that nobody knows.
//
// Source: vendor's deployment tutorial, API-Admin; checked 2026-11.
func (c *AdminClient) CreateUser(ctx context.Context, username string, opts ...identkit.CallOption) (*CreatedUser, error) {
	return createUser.Do(ctx, c.transport(), newUser{username}, opts)
}

// binding names a user and an application.
type binding struct {
	username string
	appID    ApplicationID
}

var bindUser = transport.Op[binding, IntegrationUser]{
	Name: "powerauth.Admin.BindUser", Method: http.MethodPost, Path: "/admin/users/{username}/applications/{appId}",
	Retry: identkit.RetryIfNotProcessed, // another one may fail
	Request: func(in *binding, r *transport.Request) {
		if in.username != "" { // which is refused in any path
			r.Username("username", in.username)
		}
		r.Path("username", in.username)
		r.Path("appId", string(in.appID))
	},
	Check: (*IntegrationUser).check,
	Same: func(in *binding, u *IntegrationUser) error {
		return transport.Same("username", in.username, u.Username)
	},
}

// BindUser lets an integration user work with an application. Not safe to repeat blindly: what happens to a second binding is
// undocumented.
//
// Source: vendor's deployment tutorial, API-Admin; checked 2026-11.
func (c *AdminClient) BindUser(ctx context.Context, username string, appID ApplicationID, opts ...identkit.CallOption) (*IntegrationUser, error) {
	return bindUser.Do(ctx, c.transport(), binding{username, appID}, opts)
}
