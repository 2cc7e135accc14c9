package entrupy

import (
	"context"
	"net/http"
	"strings"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

const provider = "entrupy"

const defaultBaseURL = "https://api.entrupy.com"

// Config is what a [Client] is made from.
type Config struct {
	// Credentials are the API token of the partner organization; make them with [Token] or [TokenFrom].
	Credentials Credentials
	// BaseURL is the address of a proxy or of a fake. Empty means https://api.entrupy.com; no other environment is documented.
	BaseURL string
	// APIVersion is sent as Api-Version with every call that does not name a version itself. Empty sends none: the vendor's examples of v2
	// have none, a public integration sends 2.0 (EN-002).
	APIVersion string
	// Language is sent as Accept-Language and selects that of display texts: en or ja. Empty sends none, which means English.
	Language string
	// SearchNames replaces undocumented names in searches.
	SearchNames SearchNames
	// WebhookNames replaces undocumented names in requests about webhook subscriptions.
	WebhookNames WebhookNames
	// Header is sent with every call of this client, Client.Call included, such as the key of a proxy. Its values are secrets. Names that the
	// client sets itself are refused, such as Authorization, Api-Version and Content-Type; a call refuses identkit.WithHeader with a name of
	// these.
	Header map[string]identkit.Secret
	// Options tunes the client; the zero value is the recommended setting. Without a Limiter it makes at most 10 requests a second, the
	// documented rate. Whether that is per token, organization or address is not: share one Limiter between clients of one organization.
	Options identkit.Options
}

// Credentials say how calls authenticate. The zero value is none and is refused by [New].
type Credentials struct {
	token  identkit.SecretSource
	scheme string
	faults []identkit.FieldError
}

// Token authenticates with an API token.
func Token(token identkit.Secret) Credentials {
	c := TokenFrom(identkit.Static(token))
	var check transport.Check
	check.Secret("Credentials.Token", token)
	c.faults = check.Faults
	return c
}

// TokenFrom is [Token] with a token that can be rotated: the source is asked for every attempt, so it should cache, and once more after a
// 401.
func TokenFrom(token identkit.SecretSource) Credentials {
	var check transport.Check
	check.That(token != nil, "Credentials.Token", "has no source")
	return Credentials{token, "Token", check.Faults}
}

// WithScheme replaces the word before the token in the Authorization header. It is Token; one page of the vendor speaks of a bearer token
// (EN-001).
func (c Credentials) WithScheme(scheme string) Credentials {
	if scheme == "" || strings.ContainsFunc(scheme, func(r rune) bool { return r <= ' ' || r > '~' }) {
		c.faults = append(c.faults[:len(c.faults):len(c.faults)], identkit.FieldError{Field: "Credentials.Scheme", Reason: "is not a word"})
	}
	c.scheme = scheme
	return c
}

// authorizer sends the token, and the headers of the configuration that the call does not set itself.
func (c Credentials) authorizer(header http.Header) transport.Authorizer {
	if c.token == nil {
		return nil
	}
	return authorizer{transport.Header("Authorization", c.scheme+" ", c.token), header}
}

type authorizer struct {
	transport.Authorizer
	header http.Header
}

// Authorize implements [transport.Authorizer].
func (a authorizer) Authorize(ctx context.Context, out *transport.Outgoing) error {
	for name, values := range a.header {
		if _, given := out.Header[name]; !given {
			out.Header[name] = values
		}
	}
	return a.Authorizer.Authorize(ctx, out)
}

// The headers that select version and language.
const (
	headerVersion  = "Api-Version"
	headerLanguage = "Accept-Language"
)

// Client calls Entrupy. It is safe for concurrent use; make one and keep it. One that was not made by [New] refuses every call.
type Client struct {
	Users           Users           // lets users' apps log in
	Authentications Authentications // reads results and disputes them
	Webhooks        Webhooks        // subscribes to deliveries
	Domains         Domains         // reads verified domains
	Configuration   Configuration   // reads what can be authenticated
	Brands          Brands          // reads the brands of the catalog

	client *transport.Client
}

// New makes a client. It does no I/O and reads no environment. A bad configuration is an [identkit.ErrInvalidRequest] that
// names every faulty field.
func New(cfg Config) (*Client, error) {
	check := transport.Check{Faults: cfg.Credentials.faults}
	check.That(cfg.Credentials.token != nil || cfg.Credentials.faults != nil, "Credentials", "are missing")
	header := http.Header{}
	for _, h := range [...]struct{ field, name, value string }{{"APIVersion", headerVersion, cfg.APIVersion}, {"Language", headerLanguage, cfg.Language}} {
		checkWord(&check, h.field, h.value)
		if h.value != "" {
			header[h.name] = []string{h.value}
		}
		for name := range cfg.Header {
			check.That(http.CanonicalHeaderKey(name) != h.name, "Header["+h.name+"]", "cannot be set; "+h.field+" is")
		}
	}
	baseURL := cfg.BaseURL
	if baseURL == "" {
		baseURL = defaultBaseURL
	}
	client := transport.New(transport.Config{
		Provider:   provider,
		BaseURL:    baseURL,
		Operations: catalog,
		Options:    cfg.Options,
		Auth:       cfg.Credentials.authorizer(header),
		Header:     cfg.Header,
		Limiter:    transport.NewLimiter(10, 1), // burst 1: the documented rate has none
		Codec:      codec,
		Failure:    readFailure,
	}, &check)
	if err := check.Err(provider, "entrupy.New"); err != nil {
		return nil, err
	}
	return &Client{
		Users:           Users{client},
		Authentications: Authentications{client, cfg.SearchNames},
		Webhooks:        Webhooks{client, cfg.WebhookNames},
		Domains:         Domains{client, cfg.SearchNames},
		Configuration:   Configuration{client, newConfigurationCache()},
		Brands:          Brands{client},
		client:          client,
	}, nil
}

// checkWord refuses the value of a header that is not a word: one of blanks alone is sent as none.
func checkWord(c *transport.Check, field, value string) {
	c.That(!strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }), field, "must be printable ASCII without blanks")
}

// ConfigFromEnv reads a configuration from the environment:
//
//	ENTRUPY_TOKEN        API token of the partner organization
//	ENTRUPY_BASE_URL     address of a proxy; optional
//	ENTRUPY_API_VERSION  Api-Version of every call; optional
//	ENTRUPY_LANGUAGE     en or ja; optional
//
// The token can also come from a file: ENTRUPY_TOKEN_FILE names one, which is read once. One line end after the content is taken off.
//
// The error names the variables that are missing, or hold white space or a control character at an end.
func ConfigFromEnv() (Config, error) {
	var env transport.Env
	token, ok := env.Secret("ENTRUPY_TOKEN")
	if !ok {
		env.Missing("ENTRUPY_TOKEN")
	}
	cfg := Config{Credentials: Token(token)}
	cfg.BaseURL, _ = env.Text("ENTRUPY_BASE_URL")
	cfg.APIVersion, _ = env.Text("ENTRUPY_API_VERSION")
	cfg.Language, _ = env.Text("ENTRUPY_LANGUAGE")
	return cfg, env.Err(provider, "entrupy.ConfigFromEnv")
}

// transport is nil, which refuses every call, for a client that New did not make.
func (c *Client) transport() *transport.Client {
	if c == nil {
		return nil
	}
	return c.client
}

// Call makes a call that this package does not wrap. out receives the JSON response, whose member names match exactly; an [Authentication]
// in it is read from either format, and nil ignores the response. Authentication, headers, limits, retries by in.Retry, errors and
// observers are those of every call.
//
// It reaches version 1.4 of the API, which needs the header Api-Version:
//
//	var read struct {
//		Item entrupy.Authentication `json:"item"`
//	}
//	err := client.Call(ctx, identkit.Request{
//		Path: "/v1/authentications/{entrupy_id}", PathValues: map[string]string{"entrupy_id": "7QK2M9X"},
//		Header: http.Header{"Api-Version": {"1.4"}}, Retry: identkit.RetrySafe,
//	}, &read)
func (c *Client) Call(ctx context.Context, in identkit.Request, out any, opts ...identkit.CallOption) error {
	return c.transport().Call(ctx, in, out, opts)
}

// CloseIdleConnections closes connections that no call is using, for a clean shutdown. It leaves the pool of an
// Options.HTTPClient alone, which belongs to the caller.
func (c *Client) CloseIdleConnections() { c.transport().CloseIdleConnections() }

// Catalog lists every operation of the package, for documentation, gateways and Options.Paths.
func Catalog() []identkit.OperationInfo { return transport.Catalog(catalog) }

var catalog = []transport.Operation{
	&ping, &authorizeUser, &getAuthentication, &lookupAuthentication, &searchAuthentications, &flagAuthentication,
	&createWebhook, &listWebhooks, &updateWebhook, &deleteWebhook, &searchDomains, &getConfiguration, &listBrands,
}

// health is the response to Ping.
type health struct {
	Status string `json:"status"`
}

var ping = transport.Op[transport.None, health]{
	Name: "entrupy.Ping", Method: http.MethodGet, Path: "/v1/health",
	Retry: identkit.RetrySafe,
	Request: func(_ *transport.None, r *transport.Request) {
		r.Header = http.Header{headerVersion: {"1.4"}} // whatever the client's version: the route is one of v1
	},
	Check: func(h *health) error {
		if h.Status == "" {
			return transport.Missing("status")
		}
		return nil
	},
}

// Ping checks that BaseURL and Credentials are good, without effect: it asks for the state of the service. A wrong token is an
// [identkit.ErrUnauthorized]. It sends Api-Version 1.4, whatever [Config].APIVersion is; identkit.WithHeader replaces that. Safe to repeat.
//
// Never probe a token with Users.Authorize: a call that succeeds by accident fixes the names of a user for ever.
// Source: API reference v1.4; checked 2026-11. That it holds for tokens used with v2 is assumed (EN-003).
func (c *Client) Ping(ctx context.Context, opts ...identkit.CallOption) error {
	return ping.Exec(ctx, c.transport(), transport.None{}, opts)
}
