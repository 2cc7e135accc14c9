package powerauth

import (
	"context"
	"strings"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

const provider = "powerauth"

// Config is what a [Client] is made from.
type Config struct {
	// BaseURL is the deployment's address with its context path, such as https://pac.internal.example/powerauth-cloud.
	BaseURL string
	// Credentials are those of an integration user; make them with [BasicAuth], [BasicAuthFrom] or [BearerAuth].
	Credentials Credentials
	// Passkeys says how the deployment writes passkeys.
	Passkeys PasskeyConfig
	// Header is sent with every call of this client, Client.Call included, such as the key of a gateway before PAC. Its values are
	// secrets. Names that the client sets itself are refused, such as Authorization, User-Agent and Content-Type; a call refuses
	// identkit.WithHeader with a name of these.
	Header map[string]identkit.Secret
	// Options tunes the client; the zero value is the recommended setting. PAC documents no rate, so there is no default limiter.
	Options identkit.Options
}

// Credentials say how calls authenticate. The zero value is none and is refused by [New].
type Credentials struct {
	auth   transport.Authorizer
	faults []identkit.FieldError
}

// BasicAuth authenticates with the user name and password of an integration user.
func BasicAuth(username string, password identkit.Secret) Credentials {
	c := BasicAuthFrom(username, identkit.Static(password))
	check := transport.Check{Faults: c.faults}
	check.Secret("Credentials.Password", password)
	c.faults = check.Faults
	return c
}

// BasicAuthFrom is [BasicAuth] with a password that can be rotated: the source is asked for every attempt, and once more after a 401.
func BasicAuthFrom(username string, password identkit.SecretSource) Credentials {
	var c transport.Check
	c.Username("Credentials.Username", username)
	c.That(!strings.Contains(username, ":"), "Credentials.Username", "holds a colon")
	c.That(password != nil, "Credentials.Password", "has no source")
	return Credentials{auth: transport.Basic(username, password), faults: c.Faults}
}

// BearerAuth authenticates with an OAuth 2.0 / OIDC access token, which deployments since about 1.10 can be switched to. Tokens
// expire, so there is only a source; it is asked for every attempt, and once more after a 401.
func BearerAuth(token identkit.SecretSource) Credentials {
	if token == nil {
		return Credentials{faults: []identkit.FieldError{{Field: "Credentials.Token", Reason: "has no source"}}}
	}
	return Credentials{auth: transport.Bearer(token)}
}

// Client calls PAC. It is safe for concurrent use; make one and keep it. One that was not made by [New] refuses every call.
type Client struct {
	// Registrations binds devices to users.
	Registrations Registrations
	// Operations asks users for approval.
	Operations Operations
	// Signatures verifies the requests of phones. Protect does it for one's own endpoints.
	Signatures Signatures
	// Tokens verifies the tokens of phones. ProtectToken does it for one's own endpoints.
	Tokens Tokens
	// Passkeys registers passkeys and verifies what they sign.
	Passkeys Passkeys
	// Messages sends push messages.
	Messages Messages
	// Inbox puts messages into users' inboxes.
	Inbox Inbox
	// Audit reads what users' devices did.
	Audit Audit
	// Health asks for the state of PAC itself, without credentials.
	Health Health

	client *transport.Client
}

// New makes a client. It does no I/O and reads no environment. A bad configuration is an [identkit.ErrInvalidRequest] that
// names every faulty field.
func New(cfg Config) (*Client, error) {
	client, err := newTransport("powerauth.New", cfg)
	if err != nil {
		return nil, err
	}
	return &Client{
		Registrations: Registrations{client},
		Operations:    Operations{client},
		Signatures:    Signatures{client},
		Tokens:        Tokens{client},
		Passkeys:      Passkeys{client, cfg.Passkeys},
		Messages:      Messages{client},
		Inbox:         Inbox{client},
		Audit:         Audit{client},
		Health:        Health{client.WithAuth(nil)},
		client:        client,
	}, nil
}

// check notes a client that could make no call: its failures would look like refusals of the request that it is asked about.
func (c *Client) check(field string, check *transport.Check) {
	check.That(c != nil, field, "is nil")
	check.That(c == nil || c.client != nil, field, "was not made by New")
}

// transport is nil, which refuses every call, for a client that New did not make.
func (c *Client) transport() *transport.Client {
	if c == nil {
		return nil
	}
	return c.client
}

// newTransport builds the transport of either client, or reports every fault of its configuration.
func newTransport(constructor string, cfg Config) (*transport.Client, error) {
	check := transport.Check{Faults: cfg.Credentials.faults}
	check.That(cfg.Credentials.auth != nil || cfg.Credentials.faults != nil, "Credentials", "are missing")
	cfg.Passkeys.check(&check)
	client := transport.New(transport.Config{
		Provider:   provider,
		BaseURL:    cfg.BaseURL,
		Operations: catalog,
		Options:    cfg.Options,
		Auth:       cfg.Credentials.auth,
		Header:     cfg.Header,
		Codec:      codec,
		Failure:    readFailure,
		Unwrap:     unwrap,
	}, &check)
	if err := check.Err(provider, constructor); err != nil {
		return nil, err
	}
	return client, nil
}

// ConfigFromEnv reads a configuration from the environment:
//
//	POWERAUTH_BASE_URL      address with context path
//	POWERAUTH_USERNAME      integration user, for Basic authentication
//	POWERAUTH_PASSWORD      its password
//	POWERAUTH_BEARER_TOKEN  an access token, in place of user and password
//
// A secret can also come from a file: POWERAUTH_PASSWORD_FILE and POWERAUTH_BEARER_TOKEN_FILE name one, which is read once. One
// line end after the content is taken off.
//
// The error names the variables that are missing, contradict each other, or hold white space or a control character at an end.
func ConfigFromEnv() (Config, error) {
	baseURL, credentials, err := fromEnv("powerauth.ConfigFromEnv", "POWERAUTH_")
	return Config{BaseURL: baseURL, Credentials: credentials}, err
}

// fromEnv reads the address, and the variables of the user with the prefix.
func fromEnv(operation, prefix string) (baseURL string, credentials Credentials, err error) {
	var env transport.Env
	baseURL, hasURL := env.Text("POWERAUTH_BASE_URL")
	user, hasUser := env.Text(prefix + "USERNAME")
	password, hasPassword := env.Secret(prefix + "PASSWORD")
	token, hasToken := env.Secret(prefix + "BEARER_TOKEN")
	switch {
	case hasToken && (hasUser || hasPassword):
		env.Refuse(prefix+"BEARER_TOKEN", "contradicts "+prefix+"USERNAME and "+prefix+"PASSWORD")
	case hasToken:
		credentials = BearerAuth(identkit.Static(token))
	default:
		env.That(hasUser, prefix+"USERNAME", "is not set")
		if !hasPassword {
			env.Missing(prefix + "PASSWORD")
		}
		credentials = BasicAuth(user, password)
	}
	env.That(hasURL, "POWERAUTH_BASE_URL", "is not set")
	return baseURL, credentials, env.Err(provider, operation)
}

// Call makes a call that this package does not wrap, such as one that a deployment adds. out receives the JSON response, whose
// member names match exactly; nil ignores it. Authentication, limits, retries by in.Retry, errors and observers are those of every call.
func (c *Client) Call(ctx context.Context, in identkit.Request, out any, opts ...identkit.CallOption) error {
	return c.transport().Call(ctx, in, out, opts)
}

// Ping checks that BaseURL and Credentials are good, without effect: it lists the registrations of a made-up user, and fails as
// [Registrations.List] does on everything but a list. What the user may do with an application it does not check, and how PAC's parts
// are it does not ask; see [Health]. Safe to repeat.
//
// That the registrations of an unknown user are an empty list is assumed (PA-078); reading a made-up registration would have two
// documented outcomes.
func (c *Client) Ping(ctx context.Context, opts ...identkit.CallOption) error {
	_, err := Registrations{c.transport()}.List(ctx, ListRegistrationsParams{UserID: "identkit-ping"}, opts...)
	return err
}

// CloseIdleConnections closes connections that no call is using, for a clean shutdown. It leaves the pool of an
// Options.HTTPClient alone, which belongs to the caller.
func (c *Client) CloseIdleConnections() { c.transport().CloseIdleConnections() }

// Catalog lists every operation of the package, those of [AdminClient] included, for documentation, gateways and Options.Paths.
func Catalog() []identkit.OperationInfo { return transport.Catalog(catalog) }

var catalog = []transport.Operation{
	&createRegistration, &listRegistrations, &getRegistration, &changeRegistration, &commitRegistration, &deleteRegistration,
	&createOperation, &getOperation, &cancelOperation, &offlineQR, &verifyOfflineOTP,
	&verifySignature, &verifyToken,
	&listPasskeys, &challengePasskeyRegistration, &registerPasskey, &challengeAssertion, &verifyAssertion,
	&sendMessage, &createInboxMessage, &auditLog, &getHealth, &getLiveness, &getReadiness,
	&createApplication, &getApplication, &createUser, &bindUser, &setAPNs, &setFCM, &createCallback,
}
