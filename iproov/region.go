package iproov

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// Region is where a service provider lives: the first label of its host, as shown under Service Location in iPortal. Tenants with a
// host of their own use its label, such as Region("gds").
type Region string

// The public regions. Source: prepare-environment page of the implementation guide (28 October 2024); an older page lists the
// first four only. Checked 2026-11.
const (
	RegionEU        Region = "eu"
	RegionUSA       Region = "us"
	RegionSingapore Region = "sg"
	RegionAustralia Region = "au"
	RegionJakarta   Region = "jkt"
	RegionLATAM     Region = "latam"
)

// Regions lists the public regions.
func Regions() []Region {
	return []Region{RegionEU, RegionUSA, RegionSingapore, RegionAustralia, RegionJakarta, RegionLATAM}
}

// Known reports whether this version of the package lists the region.
func (r Region) Known() bool { return slices.Contains(Regions(), r) }

const (
	hostSuffix  = ".rp.secure.iproov.me"
	wrongSuffix = ".rp.iproov.me" // circulates in samples; no server is there
	apiPath     = "/api/v2"
)

// Endpoint returns the region's addresses.
func (r Region) Endpoint() Endpoint {
	return endpointAt("https", strings.ToLower(string(r))+hostSuffix, "")
}

func (r Region) isLabel() bool {
	s := strings.ToLower(string(r))
	return s != "" && len(s) <= 63 && s[0] != '-' && s[len(s)-1] != '-' &&
		!strings.ContainsFunc(s, func(c rune) bool { return c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') })
}

// Platform is an SDK that scans faces. It decides which streaming address the app needs.
type Platform string

// The platforms.
const (
	PlatformAndroid     Platform = "android"      // 8 and later
	PlatformIOS         Platform = "ios"          // 10 and later
	PlatformFlutter     Platform = "flutter"      //
	PlatformReactNative Platform = "react_native" //
	PlatformDotNet      Platform = "dotnet"       // MAUI and Xamarin
	PlatformWeb         Platform = "web"          // the base_url attribute of <iproov-me>
)

// Known reports whether this version of the package knows the platform.
func (p Platform) Known() bool {
	return slices.Contains([]Platform{PlatformAndroid, PlatformIOS, PlatformFlutter, PlatformReactNative, PlatformDotNet, PlatformWeb}, p)
}

// Endpoint is a set of addresses of one region, tenant or proxy. All three must be of the same: a token works nowhere else.
type Endpoint struct {
	BaseURL   string // the REST API's, ending in /api/v2
	NativeURL string // where native SDKs stream to, such as wss://eu.rp.secure.iproov.me/ws
	// WebURL is what the Web SDK is given. It is the https:// origin, as in all examples; one table of the vendor's names the
	// wss:// address, which is taken for a mistake.
	WebURL string
}

// StreamingURL returns the address that the SDK of a platform is given, or "" for a platform that is not known.
func (e Endpoint) StreamingURL(p Platform) string {
	switch {
	case p == PlatformWeb:
		return e.WebURL
	case p.Known():
		return e.NativeURL
	}
	return ""
}

// ParseEndpoint reads an address in any form that circulates: a host, an origin, a REST base URL with or without /api/v2 and a
// trailing slash, with a path in front of it for proxies. {tenant}.rp.iproov.me, which lacks "secure", is corrected.
func ParseEndpoint(address string) (Endpoint, error) {
	var check transport.Check
	e := parseEndpoint(address, &check)
	return e, check.Err(provider, "iproov.ParseEndpoint")
}

func parseEndpoint(address string, check *transport.Check) Endpoint {
	const field = "BaseURL"
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	u := check.URL(field, address, "https", "http", "wss", "ws")
	switch {
	case u == nil:
	case strings.ContainsFunc(u.Host, func(r rune) bool { return r > '~' }):
		check.Refuse(field, "has a host that is not plain ASCII")
	case u.Scheme == "wss" || u.Scheme == "ws":
		check.Refuse(field, "is a streaming address; give the https:// one")
	case u.User != nil:
		check.Refuse(field, "must not hold credentials")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		check.Refuse(field, "must hold neither a query nor a fragment")
	default:
		host := strings.ToLower(u.Host)
		if tenant, wrong := strings.CutSuffix(strings.TrimSuffix(strings.ToLower(u.Hostname()), "."), wrongSuffix); wrong {
			host = tenant + hostSuffix
			if u.Port() != "" {
				host += ":" + u.Port()
			}
		}
		prefix := strings.TrimRight(strings.TrimSuffix(strings.TrimRight(u.EscapedPath(), "/"), apiPath), "/")
		return endpointAt(u.Scheme, host, prefix)
	}
	return Endpoint{}
}

func endpointAt(scheme, host, prefix string) Endpoint {
	stream := "wss://"
	if scheme == "http" {
		stream = "ws://"
	}
	web := scheme + "://" + host + prefix
	return Endpoint{BaseURL: web + apiPath, NativeURL: stream + host + prefix + "/ws", WebURL: web}
}

// Launch is what an app needs to start a scan, ready to be sent to it as JSON.
type Launch struct {
	Token        ClaimToken `json:"token"`
	StreamingURL string     `json:"streamingUrl"`
	Type         ClaimType  `json:"type"`
	// StartBefore is the claim's, in whole seconds of UTC, which every platform can parse. An app that starts later needs another claim.
	StartBefore time.Time `json:"startBefore,omitzero"`
}

// Launch puts a claim's token together with the streaming address of the same endpoint.
func (c *Client) Launch(claim *Claim, p Platform) Launch {
	return Launch{
		Token: claim.Token, StreamingURL: c.Endpoint().StreamingURL(p), Type: claim.Type,
		StartBefore: claim.StartBefore.UTC().Truncate(time.Second),
	}
}

// Endpoint returns the addresses that the client's claims belong to.
func (c *Client) Endpoint() Endpoint { return c.made().endpoint }

// endpoint is where a configuration points; its BaseURL is empty when it was refused.
func (cfg *Config) endpoint(check *transport.Check) Endpoint {
	var e Endpoint
	switch {
	case cfg.Region == "" && cfg.BaseURL == "":
		check.Refuse("Region", "is missing, and so is BaseURL")
	case cfg.Region != "" && cfg.BaseURL != "":
		check.Refuse("BaseURL", "contradicts Region; give one of them")
	case cfg.BaseURL != "":
		e = parseEndpoint(cfg.BaseURL, check)
	case !cfg.Region.isLabel():
		check.Refuse("Region", "is not a host label; use BaseURL for an address")
	default:
		e = cfg.Region.Endpoint()
	}
	for _, o := range []struct {
		field, url string
		into       *string
	}{{"NativeStreamingURL", cfg.NativeStreamingURL, &e.NativeURL}, {"WebStreamingURL", cfg.WebStreamingURL, &e.WebURL}} {
		if o.url == "" {
			continue
		}
		u := check.URL(o.field, o.url, "wss", "https", "ws", "http")
		check.That(u == nil || u.User == nil, o.field, "must not hold credentials")
		*o.into = o.url
	}
	return e
}

// hint says where a client calls, for errors that a wrong region causes.
func (e Endpoint) hint(err *identkit.Error) {
	host := "the client's"
	if u, perr := url.Parse(e.BaseURL); perr == nil {
		host = u.Host
	}
	err.Detail = "key or secret is wrong, or belongs to another region than " + host
}
