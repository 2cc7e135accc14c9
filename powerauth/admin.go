package powerauth

import (
	"context"
	"net/http"
	"os"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// AdminConfig is what an [AdminClient] is made from.
type AdminConfig struct {
	// BaseURL is the deployment's address with its context path, such as https://pac.internal.example/powerauth-cloud.
	BaseURL string
	// Credentials are those of an administrator, in most deployments; see [AdminClient.CreateCallback] for the exception.
	Credentials Credentials
	// Options tunes the client; the zero value is the recommended setting.
	Options identkit.Options
}

// AdminClient sets a deployment up: applications, users, push messages, callbacks. It has credentials of its own, which are never
// mixed with those of a [Client]. It is safe for concurrent use.
//
// None of its writing calls is safe to repeat: they are sent again only when they surely did not arrive. Passwords and keys come
// once and are of type identkit.Secret, which prints as a mask.
type AdminClient struct {
	// Health asks how PAC is, with the administrator's credentials, so that it may see details.
	Health Health

	road *transport.Road
}

// NewAdmin makes an administrator's client. It does no I/O and reads no environment. A bad configuration is an
// [identkit.ErrInvalidRequest] that names every faulty field.
func NewAdmin(cfg AdminConfig) (*AdminClient, error) {
	road, err := newRoad("powerauth.NewAdmin", cfg.BaseURL, cfg.Credentials, cfg.Options, nil)
	if err != nil {
		return nil, err
	}
	return &AdminClient{Health: Health{road}, road: road}, nil
}

// AdminConfigFromEnv reads a configuration from the environment:
//
//	POWERAUTH_BASE_URL            address with context path
//	POWERAUTH_ADMIN_USERNAME      administrator, for Basic authentication
//	POWERAUTH_ADMIN_PASSWORD      its password
//	POWERAUTH_ADMIN_BEARER_TOKEN  an access token, in place of user and password
//
// The error names the variables that are missing or contradict each other; values are checked by [NewAdmin].
func AdminConfigFromEnv() (AdminConfig, error) {
	var check transport.Check
	cfg := AdminConfig{BaseURL: os.Getenv("POWERAUTH_BASE_URL"), Credentials: credentialsFromEnv("POWERAUTH_ADMIN_", &check)}
	check.That(cfg.BaseURL != "", "POWERAUTH_BASE_URL", "is not set")
	return cfg, check.Err(provider, "powerauth.AdminConfigFromEnv")
}

// Call makes a call that this package does not wrap, such as one that a deployment adds; see [Client.Call].
func (c *AdminClient) Call(ctx context.Context, in identkit.Request, out any, opts ...identkit.CallOption) error {
	return c.road.Call(ctx, in, out, opts)
}

// CloseIdleConnections closes connections that no call is using; see [Client.CloseIdleConnections].
func (c *AdminClient) CloseIdleConnections() { c.road.CloseIdleConnections() }

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

func (u *IntegrationUser) finish(path transport.Path) (*IntegrationUser, error) {
	if u.Username == "" {
		return nil, transport.Missing("username")
	}
	return u, transport.Same("username", path[0], u.Username)
}

// CreatedUser is a new user with the password that PAC made up for it.
type CreatedUser struct {
	IntegrationUser

	// Password is never shown again: keep it now.
	Password identkit.Secret `json:"password"`
}

func (u *CreatedUser) check(username string) (*CreatedUser, error) {
	switch {
	case u.Username == "":
		return nil, transport.Missing("username")
	case u.Password == "":
		return nil, transport.Missing("password")
	}
	return u, transport.Same("username", username, u.Username)
}

var createUser = &transport.OldOperation{
	Name:   "powerauth.Admin.CreateUser",
	Method: http.MethodPost, Path: "/admin/users",
	Retry: transport.RetryIfNotProcessed, // a second one fails, or loses the first one's password
}

// CreateUser makes an integration user and returns the password that PAC made up, which is never shown again. The user can do nothing
// before it is bound to an application: [AdminClient.BindUser].
//
// Not safe to repeat. After [identkit.ErrOutcomeUnknown] the user may be there with a password nobody knows.
//
// Source: vendor's deployment tutorial, API-Admin; checked 2026-11.
func (c *AdminClient) CreateUser(ctx context.Context, username string, opts ...identkit.CallOption) (*CreatedUser, error) {
	body := transport.JSON(struct {
		Username string `json:"username"`
	}{username})
	return transport.Do(ctx, c.road, createUser, transport.Input{
		Body: body, Check: func(c *transport.Check) { c.Text("username", username, 0) },
	}, func(u *CreatedUser, _ transport.Path) (*CreatedUser, error) { return u.check(username) }, opts)
}

var bindUser = &transport.OldOperation{
	Name:   "powerauth.Admin.BindUser",
	Method: http.MethodPost, Path: "/admin/users/{username}/applications/{appId}",
	Retry: transport.RetryIfNotProcessed,
}

// BindUser lets an integration user work with an application. Not safe to repeat blindly: what a second binding answers is
// undocumented.
//
// Source: vendor's deployment tutorial, API-Admin; checked 2026-11.
func (c *AdminClient) BindUser(ctx context.Context, username string, appID ApplicationID, opts ...identkit.CallOption) (*IntegrationUser, error) {
	return transport.Do(ctx, c.road, bindUser, transport.Input{Path: transport.Path{username, string(appID)}}, (*IntegrationUser).finish, opts)
}
