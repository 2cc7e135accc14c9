package powerauth

import (
	"context"
	"net/http"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
	"github.com/identkit/identkit/powerauth/protocol"
)

// CreateApplicationParams asks for a new application.
type CreateApplicationParams struct {
	// ID is the application's identifier, the AppID of other calls. Required.
	ID ApplicationID `json:"id"`
	// Roles are free labels.
	Roles []string `json:"roles,omitempty"`
}

func (in *CreateApplicationParams) check(c *transport.Check) {
	c.Text("id", string(in.ID), 0)
	for _, role := range in.Roles {
		c.Text("roles", role, 0)
	}
}

// Application is an application: a mobile app and the keys it is configured with.
type Application struct {
	identkit.Raw `json:"-"`

	ID             ApplicationID `json:"id"`
	ServiceBaseURL string        `json:"serviceBaseUrl"`
	// MasterServerPublicKey is the key that activation codes are signed for, in Base64; [protocol.ParsePublicKey] reads both forms.
	MasterServerPublicKey string                  `json:"masterServerPublicKey"`
	AppKey                protocol.ApplicationKey `json:"appKey"`
	// AppSecret is built into the app.
	AppSecret identkit.Secret `json:"appSecret"`
	// MobileSDKConfig holds keys and secret for the phone's SDK in one text; [protocol.ParseMobileSDKConfig] takes it apart.
	MobileSDKConfig identkit.Secret `json:"mobileSdkConfig"`
	Roles           []string        `json:"roles"`
}

var createApplication = &transport.OldOperation{
	Name:   "powerauth.Admin.CreateApplication",
	Method: http.MethodPost, Path: "/admin/applications",
	Retry: transport.RetryIfNotProcessed,
}

// CreateApplication makes an application and its keys. Not safe to repeat: after [identkit.ErrOutcomeUnknown], GetApplication says
// whether it is there.
//
// Source: vendor's deployment tutorial, API-Admin; checked 2026-11.
func (c *AdminClient) CreateApplication(ctx context.Context, in CreateApplicationParams, opts ...identkit.CallOption) (*Application, error) {
	return transport.Do(ctx, c.road, createApplication, transport.Input{Body: transport.JSON(in), Check: in.check},
		func(a *Application, _ transport.Path) (*Application, error) { return a.check(in.ID) }, opts)
}

var getApplication = &transport.OldOperation{
	Name:   "powerauth.Admin.GetApplication",
	Method: http.MethodGet, Path: "/admin/applications/{appId}",
	Retry: transport.RetrySafe,
}

// GetApplication reads an application with its keys. Safe to repeat.
//
// Source: vendor's deployment tutorial, vendor test suites; checked 2026-11.
func (c *AdminClient) GetApplication(ctx context.Context, appID ApplicationID, opts ...identkit.CallOption) (*Application, error) {
	return transport.Do(ctx, c.road, getApplication, transport.Input{Path: transport.Path{string(appID)}},
		func(a *Application, _ transport.Path) (*Application, error) { return a.check(appID) }, opts)
}

func (a *Application) check(id ApplicationID) (*Application, error) {
	if a.ID == "" {
		return nil, transport.Missing("id")
	}
	return a, transport.Same("id", string(id), string(a.ID))
}
