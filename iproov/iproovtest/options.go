package iproovtest

import (
	"cmp"
	"crypto/rand"
	"net/http"
	"strings"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/iproov"
)

// Options configures a [Server]. The zero value simulates the API of the vendor's Swagger file 2.13, for a service provider with
// signals, reasons and frames enabled and without risk profiles.
type Options struct {
	// BasePath is the path of the REST API; empty means /api/v2. A proxy may add a prefix.
	BasePath string
	// Clock is the fake's clock; nil means one that runs. Moving it lets claims and access tokens expire.
	Clock *identkittest.Clock
	// APIKey and Secret are the service provider's; empty means random ones. Client uses them.
	APIKey, Secret identkit.Secret
	// OAuthUsername and OAuthPassword are the OAuth user's; empty means "oauth-user" and a random one. Client uses them.
	OAuthUsername string
	OAuthPassword identkit.Secret
	// OAuthScopes are what the OAuth user may have; empty means all.
	OAuthScopes []iproov.Scope
	// AssuranceTypes are those enabled; empty means both.
	AssuranceTypes []iproov.AssuranceType
	// RiskProfiles are those provisioned; a claim must then name one.
	RiskProfiles []string
	// RatePerSecond limits the two token calls together; zero means no limit.
	RatePerSecond int
	// RetryAfter is sent with a 429; empty sends none, as it is undocumented.
	RetryAfter string
	// TokenUses and TokenLifetime limit access tokens; zero means 50 uses and an hour.
	TokenUses     int
	TokenLifetime time.Duration
	// MaxImage is the largest photo in bytes; zero means 2 MiB.
	MaxImage int
	// RefusePhotos responds to photos with success: false.
	RefusePhotos bool
	// WithoutExtras leaves reasons, signals and frames out of verdicts, as for a service provider that has none enabled.
	WithoutExtras bool
	// Seed makes rules with Probability repeatable.
	Seed uint64

	// Dialect chooses among the variants on which the vendor's documents disagree or are silent.
	Dialect Dialect
}

func (o *Options) complete() {
	key := func() identkit.Secret { return identkit.Secret(random(keyLength)) }
	o.BasePath = cmp.Or(o.BasePath, "/api/v2")
	o.APIKey = cmp.Or(o.APIKey, key())
	o.Secret = cmp.Or(o.Secret, key())
	o.OAuthUsername = cmp.Or(o.OAuthUsername, "oauth-user")
	o.OAuthPassword = cmp.Or(o.OAuthPassword, key())
	o.TokenUses = cmp.Or(o.TokenUses, 50)
	o.TokenLifetime = cmp.Or(o.TokenLifetime, time.Hour)
	o.MaxImage = cmp.Or(o.MaxImage, 2<<20)
	d := &o.Dialect
	d.KeyStatus = cmp.Or(d.KeyStatus, http.StatusUnauthorized)
	d.OAuthStatus = cmp.Or(d.OAuthStatus, http.StatusUnauthorized)
	d.QuotaStatus = cmp.Or(d.QuotaStatus, http.StatusUnauthorized)
	d.UnknownTokenStatus = cmp.Or(d.UnknownTokenStatus, http.StatusBadRequest)
	d.LargeImageStatus = cmp.Or(d.LargeImageStatus, http.StatusRequestEntityTooLarge)
	if len(o.OAuthScopes) == 0 {
		o.OAuthScopes = []iproov.Scope{iproov.ScopeUserRead, iproov.ScopeUserWrite, iproov.ScopeUserWriteStatus}
	}
	if len(o.AssuranceTypes) == 0 {
		o.AssuranceTypes = []iproov.AssuranceType{iproov.GenuinePresence, iproov.Liveness}
	}
}

// The lengths of keys and tokens.
const (
	keyLength    = 40
	claimLength  = 64
	accessLength = 60
)

// random is a text in iProov's form: lower-case letters and digits.
func random(length int) string {
	var b strings.Builder
	for b.Len() < length {
		b.WriteString(strings.ToLower(rand.Text()))
	}
	return b.String()[:length]
}
