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

// APNsSettings let PAC send push messages to iPhones.
type APNsSettings struct {
	// Topic is the app's bundle id. Required, as is all that follows.
	Topic string
	// KeyID and TeamID are Apple's ids of the key and of the developer team.
	KeyID, TeamID string
	Environment   APNsEnvironment
	// PrivateKey is the content of the .p8 file, in Base64.
	PrivateKey identkit.Secret
}

func (in *APNsSettings) body() transport.Body {
	return transport.JSON(struct {
		Topic       string          `json:"topic"`
		KeyID       string          `json:"keyId"`
		TeamID      string          `json:"teamId"`
		Environment APNsEnvironment `json:"environment"`
		PrivateKey  string          `json:"privateKeyBase64"`
	}{in.Topic, in.KeyID, in.TeamID, in.Environment, in.PrivateKey.Reveal()})
}

func (in *APNsSettings) check(c *transport.Check) {
	c.Text("topic", in.Topic, 0)
	c.Text("keyId", in.KeyID, 0)
	c.Text("teamId", in.TeamID, 0)
	c.That(in.Environment.Known(), "environment", "is not development or production")
	checkPrivateKey(c, in.PrivateKey)
}

// FCMSettings let PAC send push messages to Android phones.
type FCMSettings struct {
	// ProjectID is the Firebase project. Required.
	ProjectID string
	// PrivateKey is the content of the service account's JSON file, in Base64. Required.
	PrivateKey identkit.Secret
}

func (in *FCMSettings) body() transport.Body {
	return transport.JSON(struct {
		ProjectID  string `json:"projectId"`
		PrivateKey string `json:"privateKeyBase64"`
	}{in.ProjectID, in.PrivateKey.Reveal()})
}

func (in *FCMSettings) check(c *transport.Check) {
	c.Text("projectId", in.ProjectID, 0)
	checkPrivateKey(c, in.PrivateKey)
}

// checkPrivateKey refuses a key that was not put into Base64, which is easy to forget.
func checkPrivateKey(c *transport.Check, key identkit.Secret) {
	_, err := base64.StdEncoding.DecodeString(key.Reveal())
	c.That(key != "" && err == nil, "privateKeyBase64", "is not Base64")
}

var setAPNs = &transport.OldOperation{
	Name:   "powerauth.Admin.SetAPNs",
	Method: http.MethodPost, Path: "/admin/applications/{appId}/push/apns",
	Retry:       transport.RetryIfNotProcessed,
	EmptyAnswer: true, // its answer is undocumented
}

// SetAPNs sets how an application sends push messages to iPhones. What PAC answers, and what it does the second time, is
// undocumented: not safe to repeat blindly.
//
// Source: vendor's deployment tutorial; checked 2026-11.
func (c *AdminClient) SetAPNs(ctx context.Context, appID ApplicationID, in APNsSettings, opts ...identkit.CallOption) error {
	return transport.Exec(ctx, c.road, setAPNs, transport.Input{Path: transport.Path{string(appID)}, Body: in.body(), Check: in.check}, opts)
}

var setFCM = &transport.OldOperation{
	Name:   "powerauth.Admin.SetFCM",
	Method: http.MethodPost, Path: "/admin/applications/{appId}/push/fcm",
	Retry:       transport.RetryIfNotProcessed,
	EmptyAnswer: true, // its answer is undocumented
}

// SetFCM sets how an application sends push messages to Android phones. What PAC answers, and what it does the second time, is
// undocumented: not safe to repeat blindly.
//
// Source: vendor's deployment tutorial; checked 2026-11.
func (c *AdminClient) SetFCM(ctx context.Context, appID ApplicationID, in FCMSettings, opts ...identkit.CallOption) error {
	return transport.Exec(ctx, c.road, setFCM, transport.Input{Path: transport.Path{string(appID)}, Body: in.body(), Check: in.check}, opts)
}
