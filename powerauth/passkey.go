package powerauth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
	"github.com/identkit/identkit/internal/wire"
)

// Passkeys registers passkeys and verifies what they sign: client.Passkeys. A passkey is a registration, an assertion an operation.
// PAC 1.8 and later.
type Passkeys struct {
	client *transport.Client
	form   PasskeyConfig
}

// PasskeyConfig says how a deployment wants requests about passkeys. The vendor's documents disagree; the zero value is what a client
// of a live PAC sends. Responses are read in every form.
type PasskeyConfig struct {
	// Base64 is the form of binary members.
	Base64 PasskeyBase64
	// WrapRequests puts requests into {"requestObject": …}, as a migration note to 2.1 suggests.
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

// body is what a request with v sends.
func (c PasskeyConfig) body(v any) any {
	if c.WrapRequests {
		return map[string]any{"requestObject": v}
	}
	return v
}

// passkeyInput is the input of a call about passkeys.
type passkeyInput[Params any] struct {
	form   PasskeyConfig
	params Params
}

// PasskeyBytes are binary data. They are read from JSON in every form of Base64, with or without padding, and written as browsers
// do: Base64URL without padding.
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
	if *p = nil; text == nil {
		return nil
	}
	decoded, err := base64.RawStdEncoding.DecodeString(toStandard.Replace(*text))
	if err != nil || strings.ContainsAny(*text, "\r\n") { // which the decoder skips
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

// readBinary reads Base64 in every form; anything else gives nil. What decides something is [PasskeyBytes].
func readBinary(dec *jsontext.Decoder, b *[]byte) error {
	*b = nil
	value, err := dec.ReadValue()
	if err != nil {
		return err
	}
	var read PasskeyBytes
	if read.UnmarshalJSON(value) == nil {
		*b = read
	}
	return nil
}

// ListPasskeysParams asks for the passkeys of a user.
type ListPasskeysParams struct {
	// UserID is the user. Required; 1 to 255 characters.
	UserID UserID `json:"userId"`
	// AppID is the application's identifier. Required.
	AppID ApplicationID `json:"appId"`
}

func checkOwner(c *transport.Check, user UserID, appID ApplicationID) {
	c.Text("userId", string(user), maxUserID)
	c.Text("appId", string(appID), 0)
}

// Passkey is a passkey bound to a user.
type Passkey struct {
	identkit.Raw `json:"-"`

	RegistrationID     RegistrationID     `json:"registrationId"`
	RegistrationStatus RegistrationStatus `json:"registrationStatus"`
	ApplicationID      ApplicationID      `json:"appId"` // or applicationId
	Name               string             `json:"registrationName"`
	CredentialID       PasskeyBytes       `json:"credentialId"`
	Platform           string             `json:"platform"` // platform or cross-platform
	DeviceInfo         string             `json:"deviceInfo"`
	BlockedReason      string             `json:"blockedReason"`
	FailedAttempts     int                `json:"failedAttempts"`
	MaxFailedAttempts  int                `json:"maxFailedAttempts"`
	ApplicationRoles   []string           `json:"applicationRoles"`
	Flags              []string           `json:"registrationFlags"`
	PublicKey          []byte             `json:"publicKeyBytes"` // nil when it is not Base64
	Extras             json.RawMessage    `json:"extras"`         // of no documented form
}

func (p *Passkey) check() error {
	if err := required("registrationId", string(p.RegistrationID), "registrationStatus", string(p.RegistrationStatus)); err != nil {
		return err
	}
	return otherName(&p.ApplicationID, p.Raw, "applicationId")
}

// otherName reads a member that some responses name differently. The usual name comes first.
func otherName[T ~string](v *T, raw identkit.Raw, name string) error {
	member := wire.Member(raw.RawJSON(), name)
	if *v != "" || member == nil {
		return nil
	}
	return codec.Unmarshal(member, v)
}

// ParsePasskey reads the stored RawJSON of a [Passkey], by the rules of the calls that return one.
func ParsePasskey(raw []byte) (*Passkey, error) { return registerPasskey.Parse(codec, raw) }

// PasskeyList is the result of [Passkeys.List].
type PasskeyList struct {
	identkit.Raw `json:"-"`

	Passkeys []Passkey `json:"authenticators"`
}

func (l *PasskeyList) check() error {
	return requiredList("authenticators", l.Passkeys, (*Passkey).check)
}

var listPasskeys = transport.Op[passkeyInput[ListPasskeysParams], PasskeyList]{
	Name: "powerauth.Passkeys.List", Method: http.MethodPost, Path: "/v2/fido2/registrations/list",
	Retry: identkit.RetrySafe, // only reads, although it is a POST
	Request: func(in *passkeyInput[ListPasskeysParams], r *transport.Request) {
		checkOwner(&r.Check, in.params.UserID, in.params.AppID)
		r.AddQuery("userId", string(in.params.UserID))
		r.AddQuery("appId", string(in.params.AppID))
		r.JSON(in.form.body(in.params))
	},
	Check: (*PasskeyList).check,
}

// List reads the passkeys of a user in an application. Safe to repeat.
//
// The vendor's page shows query parameters where its engine takes a body; both are sent.
//
// Source: API-Passkeys, FIDO2-API of the engine; checked 2026-11.
func (s Passkeys) List(ctx context.Context, in ListPasskeysParams, opts ...identkit.CallOption) (*PasskeyList, error) {
	return listPasskeys.Do(ctx, s.client, passkeyInput[ListPasskeysParams]{s.form, in}, opts)
}

// PasskeyPolicy says what a browser's response is checked against. What is left out is up to the deployment; a list that is empty and
// not nil is sent as it is.
type PasskeyPolicy struct {
	// RelyingPartyID is the domain the passkey belongs to, such as example.com.
	RelyingPartyID string `json:"relyingPartyId,omitzero"`
	// AllowedOrigins are the origins of pages and apps that may use it, such as https://login.example.com.
	AllowedOrigins []string `json:"allowedOrigins,omitzero"`
	// AllowedTopOrigins are the origins of pages that may embed those in a frame.
	AllowedTopOrigins []string `json:"allowedTopOrigins,omitzero"`
	// RequiresUserVerification asks for the user's PIN or biometry on the authenticator, not just a touch.
	RequiresUserVerification bool `json:"requiresUserVerification"`
}

const passkeyType = "public-key"

// checkCredential refuses a credential without what every browser gives.
func checkCredential(c *transport.Check, id PasskeyBytes, kind, attachment string, clientData PasskeyBytes) {
	c.That(len(id) > 0, "credentialId", "is empty")
	c.That(kind == "" || kind == passkeyType, "type", "is not public-key")
	c.Optional("authenticatorAttachment", attachment, 0)
	c.That(len(clientData) > 0, "response.clientDataJSON", "is empty")
}
