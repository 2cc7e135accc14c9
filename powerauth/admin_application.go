package powerauth

import (
	"context"
	"net/http"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// CreateApplicationParams is a new application.
type CreateApplicationParams struct {
	// ID is the application's identifier, the AppID of other calls. Required.
	ID string `json:"id"`
	// Roles are free labels.
	Roles []string `json:"roles,omitempty"`
}

func (in *CreateApplicationParams) check(c *transport.Check) {
	c.Text("id", in.ID, 0)
	for _, role := range in.Roles {
		c.Text("roles", role, 0)
	}
}

// Application is an application: a mobile app and the keys it is configured with.
type Application struct {
	identkit.Raw `json:"-"`

	ID             string `json:"id"`
	ServiceBaseURL string `json:"serviceBaseUrl"`
	// MasterServerPublicKey is the key that activation codes are signed for, in Base64; [ParseMasterPublicKey] reads both forms.
	MasterServerPublicKey string `json:"masterServerPublicKey"`
	AppKey                string `json:"appKey"`
	// AppSecret is built into the app.
	AppSecret identkit.Secret `json:"appSecret"`
	// MobileSDKConfig holds keys and secret for the phone's SDK in one text; [ParseMobileSDKConfig] takes it apart.
	MobileSDKConfig identkit.Secret `json:"mobileSdkConfig"`
	Roles           []string        `json:"roles"`
}

var createApplication = &transport.Operation{
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

var getApplication = &transport.Operation{
	Name:   "powerauth.Admin.GetApplication",
	Method: http.MethodGet, Path: "/admin/applications/{appId}",
	Retry: transport.RetrySafe,
}

// GetApplication reads an application with its keys. Safe to repeat.
//
// Source: vendor's deployment tutorial, vendor test suites; checked 2026-11.
func (c *AdminClient) GetApplication(ctx context.Context, appID string, opts ...identkit.CallOption) (*Application, error) {
	return transport.Do(ctx, c.road, getApplication, transport.Input{Path: transport.Path{appID}},
		func(a *Application, path transport.Path) (*Application, error) { return a.check(path[0]) }, opts)
}

func (a *Application) check(id string) (*Application, error) {
	if a.ID == "" {
		return nil, transport.Missing("id")
	}
	return a, transport.Same("id", id, a.ID)
}
