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
	Roles []string `json:"roles,omitzero"`
}

func (in *CreateApplicationParams) request(r *transport.Request) {
	r.Text("id", string(in.ID), 0)
	for _, role := range in.Roles {
		r.Text("roles", role, 0)
	}
	r.JSON(in)
}

// Application is an application: a mobile app and the keys it is configured with. To store its secrets, store what their Reveal methods
// give, or its RawJSON.
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

func (a *Application) check() error { return required("id", string(a.ID)) }

// ParseApplication reads the stored RawJSON of an [Application], by the rules of [AdminClient.GetApplication].
func ParseApplication(raw []byte) (*Application, error) { return getApplication.Parse(codec, raw) }

var createApplication = transport.Op[CreateApplicationParams, Application]{
	Name: "powerauth.Admin.CreateApplication", Method: http.MethodPost, Path: "/admin/applications",
	Retry:     identkit.RetryIfNotProcessed, // another one fails
	AfterLoss: "GetApplication says whether it was created",
	Request:   (*CreateApplicationParams).request,
	Check:     (*Application).check,
	Same:      func(in *CreateApplicationParams, a *Application) error { return transport.Same("id", in.ID, a.ID) },
}

// CreateApplication makes an application and its keys. Not safe to repeat: after [identkit.ErrOutcomeUnknown], GetApplication says
// whether it was created.
//
// Source: vendor's deployment tutorial, API-Admin; checked 2026-11.
func (c *AdminClient) CreateApplication(ctx context.Context, in CreateApplicationParams, opts ...identkit.CallOption) (*Application, error) {
	return createApplication.Do(ctx, c.transport(), in, opts)
}

var getApplication = transport.Op[ApplicationID, Application]{
	Name: "powerauth.Admin.GetApplication", Method: http.MethodGet, Path: "/admin/applications/{appId}",
	Retry:   identkit.RetrySafe,
	Request: func(id *ApplicationID, r *transport.Request) { r.Path("appId", string(*id)) },
	Check:   (*Application).check,
	Same:    func(id *ApplicationID, a *Application) error { return transport.Same("id", *id, a.ID) },
}

// GetApplication reads an application with its keys. Safe to repeat.
//
// Source: vendor's deployment tutorial, vendor test suites; checked 2026-11.
func (c *AdminClient) GetApplication(ctx context.Context, appID ApplicationID, opts ...identkit.CallOption) (*Application, error) {
	return getApplication.Do(ctx, c.transport(), appID, opts)
}
