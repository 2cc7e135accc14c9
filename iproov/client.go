package iproov

import (
	"cmp"
	"context"
	"net/http"
	"strings"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

const provider = "iproov"

// Config is what a [Client] is made from.
type Config struct {
	// Region is the service provider's. Give this or BaseURL; there is no default, because a wrong region refuses every call with
	// invalid_key.
	Region Region
	// BaseURL is the address of a proxy or of a tenant outside the usual hosts; [ParseEndpoint] says which forms are understood.
	BaseURL string
	// NativeStreamingURL and WebStreamingURL replace the addresses that apps are given, for proxies that stream elsewhere.
	NativeStreamingURL, WebStreamingURL string
	// Credentials are the API key and secret; make them with [Keys] or [KeysFrom].
	Credentials Credentials
	// OAuth are the credentials of the user endpoints; make them with [OAuthUser] or [OAuthUserFrom]. Optional.
	OAuth OAuth
	// Scopes are asked for with access tokens. Empty asks for all that the OAuth user may have.
	Scopes []Scope
	// ScopeEncoding says how several scopes are sent, which is not documented. Empty means one form field a scope.
	ScopeEncoding ScopeEncoding
	// InvalidateAuth says how Claims.Invalidate authenticates, on which sources disagree. Empty means an access token if OAuth is
	// given, else nothing.
	InvalidateAuth InvalidateAuth
	// MaxImageBytes is the largest photo to send. Zero means 2 MiB (2,097,152); the vendor says "2 MB" without saying which.
	MaxImageBytes int64
	// AcceptTextVerdicts also reads the texts "true" and "false" as passed. Every known deployment sends a boolean.
	AcceptTextVerdicts bool
	// Header is sent with every call of this client to its base URL, access tokens and Client.Call included, such as the key of a proxy.
	// Its values are secrets. Names that the client sets itself are refused, such as Authorization, User-Agent and Content-Type; a call
	// refuses identkit.WithHeader with a name of these.
	Header map[string]identkit.Secret
	// Options tunes the client; the zero value is the recommended setting. iProov limits the two token calls to a contracted rate
	// that only the customer knows: set Limiter to it, such as rate.NewLimiter(10, 1). Other calls never wait for it, but Client.Call does.
	Options identkit.Options
}

// InvalidateAuth says how Claims.Invalidate authenticates.
type InvalidateAuth string

// The ways to authenticate Claims.Invalidate.
const (
	InvalidateWithToken   InvalidateAuth = "token"   // an OAuth access token
	InvalidateWithNothing InvalidateAuth = "nothing" // no credentials: the claim token in the path is enough
)

const defaultMaxImage = 2 << 20

// Client calls iProov. It is safe for concurrent use; make one and keep it. One that was not made by [New] refuses every call.
type Client struct {
	Enrol    Enrol    // makes faces known
	Verify   Verify   // compares faces with the known ones
	Claims   Claims   // stops claims
	Users    Users    // manages enrolled users
	Journeys Journeys // takes users through their attempts

	endpoint  Endpoint
	tokens    accessTokens
	general   *transport.Client // with an access token, if there is OAuth
	keyed     *transport.Client // with key and secret in the body
	available *transport.Client // with the key in the query
}

// New makes a client. It does no I/O and reads no environment. A bad configuration is an [identkit.ErrInvalidRequest] that
// names every faulty field.
func New(cfg Config) (*Client, error) {
	var check transport.Check
	cfg.Credentials.check(&check)
	check.Faults = append(check.Faults, cfg.OAuth.faults...)
	check.That(cfg.MaxImageBytes >= 0, "MaxImageBytes", "is negative")
	check.That(cfg.InvalidateAuth == "" || cfg.InvalidateAuth == InvalidateWithNothing || cfg.InvalidateAuth == InvalidateWithToken, "InvalidateAuth", "is not token or nothing")
	check.That(cfg.InvalidateAuth != InvalidateWithToken || cfg.OAuth.given(), "InvalidateAuth", "needs OAuth")
	checkScopes(cfg.Scopes, cfg.ScopeEncoding, &check)
	e := cfg.endpoint(&check)
	base := transport.New(transport.Config{
		Provider:       provider,
		BaseURL:        e.BaseURL,
		BaseURLRefused: e.BaseURL == "",
		Operations:     catalog,
		Options:        cfg.Options,
		Header:         cfg.Header,
		Codec:          codec,
		Failure:        func(err *identkit.Error, r transport.FailedResponse) { readFailure(err, r, e) },
	}, &check)
	if err := check.Err(provider, "iproov.New"); err != nil {
		return nil, err
	}
	c := &Client{
		endpoint:  e,
		tokens:    accessTokens{base, cfg.Credentials.key, cfg.OAuth, cfg.Scopes, cfg.ScopeEncoding},
		general:   base,
		keyed:     base.WithAuth(cfg.Credentials.inBody()),
		available: base.WithAuth(keyInQuery(cfg.Credentials.key)),
		Users:     Users{base.WithAuth(noOAuth)},
		Claims:    Claims{base},
	}
	if cfg.OAuth.given() {
		c.general = base.WithAuth(c.tokens.cached())
		c.Users = Users{c.general}
		if cfg.InvalidateAuth != InvalidateWithNothing {
			c.Claims = Claims{c.general}
		}
	}
	c.Enrol = Enrol{c.keyed, cfg.AcceptTextVerdicts, cmp.Or(cfg.MaxImageBytes, defaultMaxImage)}
	c.Verify = Verify{c.keyed, cfg.AcceptTextVerdicts}
	c.Journeys = Journeys{c.Enrol, c.Verify}
	return c, nil
}

// made is the zero client, which refuses every call, for a nil one.
func (c *Client) made() *Client {
	if c == nil {
		return new(Client)
	}
	return c
}

// ConfigFromEnv reads a configuration from the environment:
//
//	IPROOV_REGION          such as eu; or
//	IPROOV_BASE_URL        the address of a proxy or tenant
//	IPROOV_API_KEY         API key of the service provider
//	IPROOV_SECRET          its secret
//	IPROOV_OAUTH_USERNAME  OAuth user, for the user endpoints; optional
//	IPROOV_OAUTH_PASSWORD  its password
//
// A secret can also come from a file: IPROOV_API_KEY_FILE, IPROOV_SECRET_FILE and IPROOV_OAUTH_PASSWORD_FILE name one, which is read
// once. One line end after the content is taken off.
//
// The error names the variables that are missing, contradict each other, or hold white space or a control character at an end.
func ConfigFromEnv() (Config, error) {
	var env transport.Env
	region, hasRegion := env.Text("IPROOV_REGION")
	baseURL, hasURL := env.Text("IPROOV_BASE_URL")
	key, hasKey := env.Secret("IPROOV_API_KEY")
	secret, hasSecret := env.Secret("IPROOV_SECRET")
	user, hasUser := env.Text("IPROOV_OAUTH_USERNAME")
	password, hasPassword := env.Secret("IPROOV_OAUTH_PASSWORD")
	env.That(hasRegion || hasURL, "IPROOV_REGION", "is not set, and neither is IPROOV_BASE_URL")
	env.That(!hasRegion || !hasURL, "IPROOV_BASE_URL", "contradicts IPROOV_REGION")
	if !hasKey {
		env.Missing("IPROOV_API_KEY")
	}
	if !hasSecret {
		env.Missing("IPROOV_SECRET")
	}
	env.That(hasUser || !hasPassword, "IPROOV_OAUTH_USERNAME", "is not set, but IPROOV_OAUTH_PASSWORD is")
	env.That(!hasUser || hasPassword, "IPROOV_OAUTH_PASSWORD", "is not set, but IPROOV_OAUTH_USERNAME is")
	cfg := Config{Region: Region(region), BaseURL: baseURL, Credentials: Keys(key, secret)}
	if hasUser {
		cfg.OAuth = OAuthUser(user, password)
	}
	return cfg, env.Err(provider, "iproov.ConfigFromEnv")
}

// Call makes a call that this package does not wrap. out receives the JSON response; nil ignores it. It carries an access token if
// Config.OAuth is given, and no keys; limits, retries by in.Retry, errors and observers are those of every call.
func (c *Client) Call(ctx context.Context, in identkit.Request, out any, opts ...identkit.CallOption) error {
	return c.made().general.Call(ctx, in, out, opts)
}

// CloseIdleConnections closes connections that no call is using, for a clean shutdown. It leaves the pool of an
// Options.HTTPClient alone, which belongs to the caller.
func (c *Client) CloseIdleConnections() { c.made().general.CloseIdleConnections() }

// Catalog lists every operation of the package, for documentation, gateways and Options.Paths.
func Catalog() []identkit.OperationInfo { return transport.Catalog(catalog) }

var catalog = []transport.Operation{
	&enrolToken, &enrolImage, &enrolValidate, &verifyToken, &verifyValidate, &invalidateClaim,
	&accessToken, &getUser, &updateUser, &deleteUser, &activateUser, &suspendUser, &availability,
}

// Health says whether the platform serves the service provider.
type Health struct {
	identkit.Raw `json:"-"`

	Up bool `json:"up"`
}

var availability = transport.Op[transport.None, Health]{
	Name: "iproov.Availability", Method: http.MethodGet, Path: "/availability",
	Retry:     identkit.RetrySafe,
	Unmetered: true,
	Verdicts:  []string{"up"},
}

// Availability asks whether the platform is up for this service provider. Not up is a result, not an error. The API key travels
// in the query. Safe to repeat.
// Source: Swagger file 2.13, operations page; checked 2026-11.
func (c *Client) Availability(ctx context.Context, opts ...identkit.CallOption) (*Health, error) {
	return availability.Do(ctx, c.made().available, transport.None{}, opts)
}

// ping is Verify.Validate for a token that does not exist. The refusal of the token is its result.
var ping = transport.Op[transport.None, failureBody]{
	Name: verifyValidate.Name, Method: verifyValidate.Method, Path: verifyValidate.Path,
	Retry:     identkit.RetrySafe, // there is no verdict to lose
	Unmetered: true,
	Request: func(_ *transport.None, r *transport.Request) {
		r.JSON(ValidateParams{Token: ClaimToken(strings.Repeat("0", 64)), UserID: "identkit-ping", Client: "identkit"})
	},
	Result: func(status int, body []byte) bool {
		return status/100 == 4 && readFailureBody(body).Code == CodeInvalidToken
	},
	Check: func(f *failureBody) error {
		if f.Code != CodeInvalidToken {
			return transport.Contradiction("response has no refusal of a token that does not exist")
		}
		return nil
	},
}

// Ping checks address, API key and secret, without effect: it asks for the verdict of a claim that does not exist, and succeeds
// only with the refusal invalid_token. Any other response is an error, such as [identkit.ErrUnauthorized] with invalid_key. It is
// assumed that iProov checks the keys first. It does not check Config.OAuth; [Client.AccessToken] does.
//
// Safe to repeat. Errors and observers name it iproov.Verify.Validate.
func (c *Client) Ping(ctx context.Context, opts ...identkit.CallOption) error {
	return ping.Exec(ctx, c.made().keyed, transport.None{}, opts)
}
