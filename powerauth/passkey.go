package powerauth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
	"github.com/identkit/identkit/internal/wire"
)

// Passkeys registers passkeys and verifies what they sign: client.Passkeys. A passkey is a registration, an assertion an operation.
// PAC 1.8 and later.
type Passkeys struct {
	road *transport.Road
	form PasskeyConfig
}

// PasskeyConfig says how a deployment writes passkeys. Sources disagree; the zero value is what a client of a live PAC sends.
type PasskeyConfig struct {
	// Base64 is the form of binary members in requests. In answers every form is read.
	Base64 PasskeyBase64
	// WrapRequests puts requests into {"requestObject": …}, as a migration note to 2.1 suggests. Answers are read either way.
	WrapRequests bool
}

// PasskeyBase64 is a form of Base64.
type PasskeyBase64 string

// The forms.
const (
	PasskeyBase64Standard PasskeyBase64 = ""    // with + and /, padded: the default
	PasskeyBase64URL      PasskeyBase64 = "url" // with - and _, not padded
)

func (c PasskeyConfig) check(check *transport.Check) {
	check.That(c.Base64 == PasskeyBase64Standard || c.Base64 == PasskeyBase64URL, "Passkeys.Base64", "is not a known form")
}

func (c PasskeyConfig) text(b PasskeyBytes) string {
	if c.Base64 == PasskeyBase64URL {
		return base64.RawURLEncoding.EncodeToString(b)
	}
	return base64.StdEncoding.EncodeToString(b)
}

func (c PasskeyConfig) body(v any) transport.Body {
	if c.WrapRequests {
		v = struct {
			RequestObject any `json:"requestObject"`
		}{v}
	}
	return transport.JSON(v)
}

// PasskeyBytes are binary data. They are read from JSON in every form of Base64, with or without padding, and written as browsers
// have it: Base64URL without padding.
type PasskeyBytes []byte

var (
	errPasskeyBytes = errors.New("powerauth: not Base64")
	toStandard      = strings.NewReplacer("-", "+", "_", "/", "=", "")
)

// UnmarshalJSON implements json.Unmarshaler.
func (p *PasskeyBytes) UnmarshalJSON(b []byte) error {
	var text *string
	if err := json.Unmarshal(b, &text); err != nil {
		return errPasskeyBytes
	}
	if text == nil {
		*p = nil
		return nil
	}
	if strings.ContainsAny(*text, "\r\n") {
		return errPasskeyBytes
	}
	decoded, err := base64.RawStdEncoding.DecodeString(toStandard.Replace(*text))
	if err != nil {
		return errPasskeyBytes
	}
	*p = decoded
	return nil
}

// MarshalJSON implements json.Marshaler.
func (p PasskeyBytes) MarshalJSON() ([]byte, error) {
	if p == nil {
		return []byte("null"), nil
	}
	return json.Marshal(base64.RawURLEncoding.EncodeToString(p))
}

// ListPasskeysParams asks for the passkeys of a user.
type ListPasskeysParams struct {
	// UserID is the user. Required; 1 to 255 characters.
	UserID UserID `json:"userId"`
	// AppID is the application's identifier. Required.
	AppID ApplicationID `json:"appId"`
}

func (in *ListPasskeysParams) check(c *transport.Check) { checkOwner(c, in.UserID, in.AppID) }

func checkOwner(c *transport.Check, user UserID, appID ApplicationID) {
	c.Text("userId", string(user), maxUserID)
	c.Text("appId", string(appID), 0)
}

// Passkey is a passkey bound to a user.
type Passkey struct {
	identkit.Raw `json:"-"`

	RegistrationID     RegistrationID     `json:"registrationId"`
	RegistrationStatus RegistrationStatus `json:"registrationStatus"`
	ApplicationID      ApplicationID      `json:"appId"`
	Name               string             `json:"registrationName"`
	CredentialID       PasskeyBytes       `json:"credentialId"`
	Platform           string             `json:"platform"` // platform or cross-platform
	DeviceInfo         string             `json:"deviceInfo"`
	BlockedReason      string             `json:"blockedReason"`
	FailedAttempts     int                `json:"failedAttempts"`
	MaxFailedAttempts  int                `json:"maxFailedAttempts"`
	ApplicationRoles   []string           `json:"applicationRoles"`
	Flags              []string           `json:"registrationFlags"`
	PublicKey          PasskeyBytes       `json:"publicKeyBytes"`
	Extras             json.RawMessage    `json:"extras"` // of no documented form
}

type passkeyAnswer struct {
	Passkey
	OtherApplicationID ApplicationID `json:"applicationId"`
	FailedAttempts     wire.Number   `json:"failedAttempts"`
	MaxFailedAttempts  wire.Number   `json:"maxFailedAttempts"`
}

func (w *passkeyAnswer) finish(transport.Path) (*Passkey, error) {
	p := &w.Passkey
	switch {
	case p.RegistrationID == "":
		return nil, transport.Missing("registrationId")
	case p.RegistrationStatus == "":
		return nil, transport.Missing("registrationStatus")
	}
	if p.ApplicationID == "" {
		p.ApplicationID = w.OtherApplicationID
	}
	p.FailedAttempts, p.MaxFailedAttempts = int(w.FailedAttempts), int(w.MaxFailedAttempts)
	return p, nil
}

// PasskeyList is what [Passkeys.List] gives.
type PasskeyList struct {
	identkit.Raw `json:"-"`

	Passkeys []Passkey
}

type passkeyListAnswer struct {
	Authenticators *[]json.RawMessage `json:"authenticators"`
}

func (w *passkeyListAnswer) finish(path transport.Path) (*PasskeyList, error) {
	if w.Authenticators == nil {
		return nil, transport.Missing("authenticators")
	}
	list := &PasskeyList{Passkeys: make([]Passkey, 0, len(*w.Authenticators))}
	for _, raw := range *w.Authenticators {
		var item passkeyAnswer
		if err := json.Unmarshal(raw, &item); err != nil {
			return nil, err
		}
		p, err := item.finish(path)
		if err != nil {
			return nil, err
		}
		transport.KeepRaw(&p, raw)
		list.Passkeys = append(list.Passkeys, *p)
	}
	return list, nil
}

var listPasskeys = &transport.OldOperation{
	Name:   "powerauth.Passkeys.List",
	Method: http.MethodPost, Path: "/v2/fido2/registrations/list",
	Retry: transport.RetrySafe, // only reads, although it is a POST
}

// List reads the passkeys of a user in an application. Safe to repeat.
//
// The vendor's page shows query parameters where its engine takes a body; both are sent.
//
// Source: API-Passkeys, FIDO2-API of the engine; checked 2026-11.
func (s *Passkeys) List(ctx context.Context, in ListPasskeysParams, opts ...identkit.CallOption) (*PasskeyList, error) {
	return transport.Do(ctx, s.road, listPasskeys, transport.Input{
		Query: url.Values{"userId": {string(in.UserID)}, "appId": {string(in.AppID)}},
		Body:  s.form.body(in),
		Check: in.check,
	}, (*passkeyListAnswer).finish, opts)
}

// PasskeyPolicy says what an authenticator's answer is checked against. What is left out is up to the deployment.
type PasskeyPolicy struct {
	// RelyingPartyID is the domain the passkey belongs to, such as example.com.
	RelyingPartyID string `json:"relyingPartyId,omitzero"`
	// AllowedOrigins are the origins of pages and apps that may use it, such as https://login.example.com.
	AllowedOrigins []string `json:"allowedOrigins,omitempty"`
	// AllowedTopOrigins are the origins of pages that may embed those in a frame.
	AllowedTopOrigins []string `json:"allowedTopOrigins,omitempty"`
	// RequiresUserVerification asks for the user's PIN or biometry on the authenticator, not just a touch.
	RequiresUserVerification bool `json:"requiresUserVerification"`
}

const passkeyType = "public-key"

// checkCredential refuses what every credential from a browser has and this one lacks.
func checkCredential(c *transport.Check, id PasskeyBytes, kind, attachment string, clientData PasskeyBytes) {
	c.That(len(id) > 0, "credentialId", "is empty")
	c.That(kind == "" || kind == passkeyType, "type", "is not public-key")
	c.Text("authenticatorAttachment", attachment, 0)
	c.That(len(clientData) > 0, "response.clientDataJSON", "is empty")
}
