package entrupytest

import (
	"cmp"
	"crypto/rand"
	"net/http"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
)

// Options configures a [Server]. The zero value simulates the API as the contract has it.
type Options struct {
	// BasePath stands in front of every path, as a proxy may put it there.
	BasePath string
	// Clock is the fake's clock; nil means one that runs.
	Clock *identkittest.Clock
	// Token is the partner organization's; empty means a random one. Client uses it.
	Token identkit.Secret
	// Organization is the name of the partner organization, the beginning of all usernames; empty means Shop.
	Organization string
	// RatePerSecond limits all calls together; zero means no limit. The documented rate is 10.
	RatePerSecond int
	// RetryAfter is sent with a 429; empty means 1.
	RetryAfter string
	// ConfigurationLife is how long a configuration holds; zero means an hour.
	ConfigurationLife time.Duration
	// Seed makes rules with Probability repeatable.
	Seed uint64

	// SendDeliveries sends deliveries by itself as they fall due. Otherwise they wait for Deliver.
	SendDeliveries bool
	// DeliveryHandler receives the deliveries of all subscriptions, in place of the network.
	DeliveryHandler http.Handler
	// DeliveryClient sends deliveries to their URLs; nil means a client of the fake's own. It is copied; redirects are not followed.
	DeliveryClient *http.Client
	// DeliveryAttempts is how often a delivery is tried, and DeliveryBackoff the wait after the first failure, which doubles. Zero means 5
	// attempts and a minute; the vendor's are not documented.
	DeliveryAttempts int
	DeliveryBackoff  time.Duration

	// Dialect chooses among the variants on which the sources disagree or are silent.
	Dialect Dialect
}

func (o *Options) complete() {
	o.Token = cmp.Or(o.Token, identkit.Secret(rand.Text()))
	o.Organization = cmp.Or(o.Organization, "Shop")
	o.RetryAfter = cmp.Or(o.RetryAfter, "1")
	o.ConfigurationLife = cmp.Or(o.ConfigurationLife, time.Hour)
	o.DeliveryAttempts = cmp.Or(o.DeliveryAttempts, 5)
	o.DeliveryBackoff = cmp.Or(o.DeliveryBackoff, time.Minute)
	d := &o.Dialect
	d.Scheme = cmp.Or(d.Scheme, "Token")
	d.SuccessStatus = cmp.Or(d.SuccessStatus, http.StatusOK)
	d.UsernameKey = cmp.Or(d.UsernameKey, "owner.user.username")
	d.CursorName = cmp.Or(d.CursorName, "cursor")
	d.FromName, d.ToName = cmp.Or(d.FromName, "start"), cmp.Or(d.ToName, "end")
	d.WebhookNames.URL = cmp.Or(d.WebhookNames.URL, "url")
	d.WebhookNames.SecretKey = cmp.Or(d.WebhookNames.SecretKey, "secret_key")
	d.WebhookNames.Channel = cmp.Or(d.WebhookNames.Channel, "channel")
	d.Signature.Prefix = cmp.Or(d.Signature.Prefix, "SHA256:")
}
