package entrupy

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"unicode"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// Users authorizes users of the partner's app.
type Users struct{ client *transport.Client }

// UserID is the partner's own id of a user: 8 to 40 characters of A-Z, a-z, 0-9 and @.+_-. It must be stable: Entrupy ties it to the user
// for good.
type UserID string

var userID = regexp.MustCompile(`^[A-Za-z0-9@.+_-]{8,40}$`)

func (id UserID) check(c *transport.Check) {
	c.That(userID.MatchString(string(id)), "unique_user_id", "must be 8 to 40 characters of A-Z, a-z, 0-9 and @.+_-")
}

// AuthorizeUserParams authorizes a user's app.
type AuthorizeUserParams struct {
	// SDKRequest is what the mobile SDK in the user's app made. It is passed on as it came. Required.
	SDKRequest identkit.Secret `json:"sdk_authorization_request"`
	// UserID is the user's. Required. Take it from the session of your own backend, never from the app.
	UserID UserID `json:"unique_user_id"`
	Email  string `json:"email"` // required
	// FirstName and LastName are printed on certificates. The first call for a UserID fixes them for ever, so white space and other invisible
	// characters around them are taken off, and what is then empty is not sent.
	FirstName string `json:"first_name,omitzero"`
	LastName  string `json:"last_name,omitzero"`
}

func (in *AuthorizeUserParams) request(r *transport.Request) {
	r.That(in.SDKRequest != "", "sdk_authorization_request", "is empty")
	in.UserID.check(&r.Check)
	r.Text("email", in.Email, 0)
	r.That(strings.TrimSpace(in.Email) == in.Email, "email", "has white space at an end")
	r.Optional("first_name", in.FirstName, 0)
	r.Optional("last_name", in.LastName, 0)
	body := *in
	body.FirstName, body.LastName = strings.TrimFunc(in.FirstName, isInvisible), strings.TrimFunc(in.LastName, isInvisible)
	r.JSON(body)
}

// isInvisible reports what shows nothing at the end of a name: white space, control and format characters, fillers.
func isInvisible(r rune) bool {
	return unicode.IsSpace(r) || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point)
}

// Authorization lets a user's app log in.
type Authorization struct {
	identkit.Raw `json:"-"`

	// SignedRequest is for the app, which hands it to the mobile SDK. It can be used once.
	SignedRequest identkit.Secret `json:"signed_authorization_request"`
	// Username is Entrupy's name of the user. Store it with the user: searches for the user's authentications need it.
	Username Username `json:"username"`
}

func (a *Authorization) check() error {
	switch {
	case a.SignedRequest == "":
		return transport.Missing("signed_authorization_request")
	case a.Username == "":
		return transport.Missing("username")
	}
	return nil
}

// AuthorizeConflict is in the chain of the error when Users.Authorize is refused with 409, whose meaning is not documented (EN-012).
//
//	var conflict *entrupy.AuthorizeConflict
//	if errors.As(err, &conflict) && conflict.Authorization != nil {
//		// the response holds an authorization all the same
//	}
type AuthorizeConflict struct {
	// Authorization is what the body of the response holds; nil when it holds none.
	Authorization *Authorization
}

// Error says whether there is an authorization.
func (c *AuthorizeConflict) Error() string {
	if c.Authorization == nil {
		return "entrupy: conflict without an authorization"
	}
	return "entrupy: conflict with an authorization in the response"
}

// MarshalText writes the same text; the authorization stays where it is.
func (c *AuthorizeConflict) MarshalText() ([]byte, error) { return []byte(c.Error()), nil }

// readConflict reads the body of a 409.
func readConflict(body []byte) *AuthorizeConflict {
	a := new(Authorization)
	if codec.Unmarshal(body, a) != nil || a.SignedRequest == "" {
		return &AuthorizeConflict{}
	}
	transport.KeepRaw(a, body)
	return &AuthorizeConflict{a}
}

var authorizeUser = transport.Op[AuthorizeUserParams, Authorization]{
	Name: "entrupy.Users.Authorize", Method: http.MethodPost, Path: "/v2/integrations/authorize-user",
	Retry:     identkit.RetryIfNotProcessed, // whether a request of the SDK can be used again is not documented
	AfterLoss: "have the app make a new authorization request",
	Request:   (*AuthorizeUserParams).request,
	Check:     (*Authorization).check,
}

// Authorize registers the user with the first call and lets the user's app log in. Each renewal of the app's session, about daily, needs
// another call with a new request of the SDK.
//
// The first call for a UserID fixes the names on the user's certificates for ever. A 409 is an [identkit.ErrConflict] with an
// [AuthorizeConflict] in its chain. It is repeated only if it was surely not processed; after [identkit.ErrOutcomeUnknown] have the app make
// a new request.
// Source: backend tasks of the iOS SDK, user authorization of the Android SDK; checked 2026-11.
func (s Users) Authorize(ctx context.Context, in AuthorizeUserParams, opts ...identkit.CallOption) (*Authorization, error) {
	a, err := authorizeUser.Do(ctx, s.client, in, opts)
	var e *identkit.Error
	if errors.As(err, &e) && e.Status == http.StatusConflict && e.Err == nil {
		e.Err = &AuthorizeConflict{}
	}
	return a, err
}
