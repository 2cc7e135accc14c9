package powerauth

import (
	"context"
	"encoding/base64"
	"net/http"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// APNsEnvironment says which of Apple's services sends.
type APNsEnvironment string

// The environments.
const (
	APNsDevelopment APNsEnvironment = "development"
	APNsProduction  APNsEnvironment = "production"
)

// Known reports whether this version of the package knows the environment.
func (e APNsEnvironment) Known() bool { return e == APNsDevelopment || e == APNsProduction }

// SetAPNsParams let PAC send push messages to iPhones. All of them are required.
type SetAPNsParams struct {
	// Topic is the app's bundle id.
	Topic string `json:"topic"`
	// KeyID is Apple's id of the key.
	KeyID string `json:"keyId"`
	// TeamID is Apple's id of the developer team.
	TeamID      string          `json:"teamId"`
	Environment APNsEnvironment `json:"environment"`
	// PrivateKey is the content of the .p8 file, in Base64.
	PrivateKey identkit.Secret `json:"privateKeyBase64"`
}

// SetFCMParams let PAC send push messages to Android phones. All of them are required.
type SetFCMParams struct {
	// ProjectID is the Firebase project.
	ProjectID string `json:"projectId"`
	// PrivateKey is the content of the service account's JSON file, in Base64.
	PrivateKey identkit.Secret `json:"privateKeyBase64"`
}

// ofApplication is the input of a call about an application.
type ofApplication[Params any] struct {
	appID  ApplicationID
	params Params
}

// checkPrivateKey refuses a key that was not put into Base64, which is easy to forget.
func checkPrivateKey(c *transport.Check, key identkit.Secret) {
	before := len(c.Faults)
	c.Secret("privateKeyBase64", key) // the decoder would pass over line breaks
	_, err := base64.StdEncoding.DecodeString(key.Reveal())
	c.That(err == nil || len(c.Faults) > before, "privateKeyBase64", "is not Base64")
}

var setAPNs = transport.Op[ofApplication[SetAPNsParams], transport.None]{
	Name: "powerauth.Admin.SetAPNs", Method: http.MethodPost, Path: "/admin/applications/{appId}/push/apns",
	Retry:    identkit.RetryIfNotProcessed, // what a second one does is undocumented
	Response: transport.ResponseOptional,   // undocumented
	Request: func(in *ofApplication[SetAPNsParams], r *transport.Request) {
		p := &in.params
		r.Path("appId", string(in.appID))
		r.Text("topic", p.Topic, 0)
		r.Text("keyId", p.KeyID, 0)
		r.Text("teamId", p.TeamID, 0)
		r.That(p.Environment.Known(), "environment", "is not development or production")
		checkPrivateKey(&r.Check, p.PrivateKey)
		r.JSON(p)
	},
}

// SetAPNs sets how an application sends push messages to iPhones. The response, and what a second call does, are undocumented: not
// safe to repeat blindly.
//
// Source: vendor's deployment tutorial; checked 2026-11.
func (c *AdminClient) SetAPNs(ctx context.Context, appID ApplicationID, in SetAPNsParams, opts ...identkit.CallOption) error {
	return setAPNs.Exec(ctx, c.transport(), ofApplication[SetAPNsParams]{appID, in}, opts)
}

var setFCM = transport.Op[ofApplication[SetFCMParams], transport.None]{
	Name: "powerauth.Admin.SetFCM", Method: http.MethodPost, Path: "/admin/applications/{appId}/push/fcm",
	Retry:    identkit.RetryIfNotProcessed, // what a second one does is undocumented
	Response: transport.ResponseOptional,   // undocumented
	Request: func(in *ofApplication[SetFCMParams], r *transport.Request) {
		r.Path("appId", string(in.appID))
		r.Text("projectId", in.params.ProjectID, 0)
		checkPrivateKey(&r.Check, in.params.PrivateKey)
		r.JSON(in.params)
	},
}

// SetFCM sets how an application sends push messages to Android phones. The response, and what a second call does, are undocumented:
// not safe to repeat blindly.
//
// Source: vendor's deployment tutorial; checked 2026-11.
func (c *AdminClient) SetFCM(ctx context.Context, appID ApplicationID, in SetFCMParams, opts ...identkit.CallOption) error {
	return setFCM.Exec(ctx, c.transport(), ofApplication[SetFCMParams]{appID, in}, opts)
}
