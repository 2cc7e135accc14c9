package powerauthtest

import (
	"cmp"
	"net/http"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/powerauth"
)

// Options configures a [Server]. The zero value simulates PAC 1.9 as the vendor's tutorial shows it.
type Options struct {
	// BasePath is the context path; empty means /powerauth-cloud.
	BasePath string
	// Clock is the fake's clock; nil means one that runs. Moving it lets codes and operations expire.
	Clock *identkittest.Clock
	// Username and Password are the integration user's; empty means "integration" and a random password. Client uses them.
	Username string
	Password identkit.Secret
	// BearerToken is accepted beside the password when it is set.
	BearerToken identkit.Secret
	// AdminUsername and AdminPassword are the admin user's; empty means "admin" and a random password.
	AdminUsername string
	AdminPassword identkit.Secret
	// Applications are the appIds that exist from the start; empty means that any appId exists as soon as it is used.
	Applications []powerauth.ApplicationID
	// Templates are the operation templates that exist, by name; empty means that any name is a template with the defaults.
	Templates map[string]Template
	// CodeValidity is how long an activation code can be used when the request does not set it. Zero means 5 minutes; the engine's
	// documentation has 2.
	CodeValidity time.Duration
	// MaxAttempts is how many invalid codes in a row block a device. Zero means 5.
	MaxAttempts int
	// Seed makes rules with Probability repeatable.
	Seed uint64

	// SendCallbacks sends callbacks by itself as they fall due. Otherwise they wait for Deliver.
	SendCallbacks bool
	// CallbackHandler receives the callbacks that name a URL, in place of the network.
	CallbackHandler http.Handler
	// CallbackClient sends callbacks to their URLs; nil means a client of the fake's own. It is copied; redirects are
	// not followed.
	CallbackClient *http.Client
	// CallbackToken is the bearer token of callbacks with OAuth 2.0 authentication: the fake calls no token endpoint.
	CallbackToken identkit.Secret

	// Dialect chooses among the variants on which the vendor's documents disagree or are silent.
	Dialect Dialect
}

func (o *Options) fill() {
	o.BasePath = cmp.Or(o.BasePath, "/powerauth-cloud")
	o.Username = cmp.Or(o.Username, "integration")
	o.Password = cmp.Or(o.Password, randomSecret())
	o.AdminUsername = cmp.Or(o.AdminUsername, "admin")
	o.AdminPassword = cmp.Or(o.AdminPassword, randomSecret())
	o.CallbackToken = cmp.Or(o.CallbackToken, randomSecret())
	o.CodeValidity = cmp.Or(o.CodeValidity, 5*time.Minute)
	o.MaxAttempts = cmp.Or(o.MaxAttempts, 5)
	o.Dialect.UnauthorizedCode = cmp.Or(o.Dialect.UnauthorizedCode, powerauth.CodeUnauthorized)
	o.Dialect.ForbiddenStatus = cmp.Or(o.Dialect.ForbiddenStatus, http.StatusForbidden)
	o.Dialect.CommitOTPField = cmp.Or(o.Dialect.CommitOTPField, "otp")
	o.Dialect.BlockReasonField = cmp.Or(o.Dialect.BlockReasonField, "reason")
	o.Dialect.ApplicationForm = cmp.Or(o.Dialect.ApplicationForm, ApplicationString)
	o.Dialect.TokenErrorCode = cmp.Or(o.Dialect.TokenErrorCode, powerauth.CodeTokenInvalid)
	o.Dialect.CallbackTypes = cmp.Or(o.Dialect.CallbackTypes, TypesShort)
	o.Dialect.CallbackApplications = cmp.Or(o.Dialect.CallbackApplications, ApplicationsArray)
	o.Dialect.CallbackTimes = cmp.Or(o.Dialect.CallbackTimes, TimesMixed)
}
