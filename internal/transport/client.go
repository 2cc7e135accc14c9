package transport

import (
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/seal"
	"github.com/identkit/identkit/internal/wire"
)

// Version is the SDK's, as sent in the User-Agent.
const Version = "0.1.0"

// Config is what a provider's transport is built from.
type Config struct {
	Provider string // "powerauth"
	BaseURL  string
	// BaseURLRefused says that the provider refused the address already; the rest is checked all the same.
	BaseURLRefused bool

	Operations []Operation
	Options    identkit.Options
	Auth       Authorizer                 // nil: calls carry no credentials
	Header     map[string]identkit.Secret // sent with every call
	Limiter    identkit.Limiter           // the provider's documented rate, used when Options has none; nil: none
	Codec      *wire.Codec                // nil: that of package wire, with nothing of the provider's own
	// Failure reads a failed response into e, whose Kind and Status are set from the HTTP status. It must leave e usable whatever
	// the body is. A RequestID that it sets is that of the attempt, also for observers and logs.
	Failure func(e *identkit.Error, r FailedResponse)
	// Unwrap takes the envelope off a 2xx body. An *identkit.Error it returns is the call's.
	Unwrap func(body []byte) ([]byte, error)
}

// Client carries the calls of one client of a provider. It is safe for concurrent use.
type Client struct {
	provider  string
	base      *url.URL
	host      string
	transport http.RoundTripper
	own       *http.Transport // nil: the caller brought one
	jar       http.CookieJar
	retry     identkit.RetryPolicy
	budget    *budget
	gate      *pauseGate
	limiter   identkit.Limiter
	notifier  identkit.Notifier // of all waits; nil: they only poll
	timeout   time.Duration
	maxBody   int64
	agent     []string
	auth      Authorizer
	ownHeader seal.Hidden[http.Header]
	observer  identkit.Observer
	logger    *slog.Logger
	paths     map[string]*template
	codec     *wire.Codec
	failure   func(*identkit.Error, FailedResponse)
	unwrap    func([]byte) ([]byte, error)
	http1     *atomic.Bool // the last response came over HTTP/1
	drifts    *drifts
	noExpect  *atomic.Bool // the server let an Expect: 100-continue pass
}

// New builds a client. Every fault of the configuration is added to check, and the client is then nil.
func New(cfg Config, check *Check) *Client {
	faults := len(check.Faults)
	o := cfg.Options
	c := &Client{
		provider: cfg.Provider,
		retry:    retryPolicy(o.Retry, check),
		limiter:  o.Limiter,
		notifier: o.Notifier,
		timeout:  or(o.Timeout, 2*time.Minute),
		maxBody:  or(o.MaxResponseBytes, 16<<20),
		agent:    []string{strings.TrimSpace(o.UserAgent + " identkit/" + Version + " (" + cfg.Provider + ")")},
		auth:     cfg.Auth,
		observer: o.Observer,
		logger:   o.Logger,
		paths:    make(map[string]*template, len(cfg.Operations)),
		codec:    cfg.Codec,
		failure:  cfg.Failure,
		unwrap:   cfg.Unwrap,
		http1:    new(atomic.Bool),
		drifts:   new(drifts),
		noExpect: new(atomic.Bool),
	}
	if !cfg.BaseURLRefused {
		c.base = baseURL("BaseURL", cfg.BaseURL, o.AllowPlainHTTP, check)
	}
	c.ownHeader = configured(cfg.Header, cfg.Auth, check)
	checkConnections(o, check)
	check.That(o.Timeout >= 0, "Options.Timeout", "is negative")
	check.That(o.MaxResponseBytes >= 0, "Options.MaxResponseBytes", "is negative")
	check.That(validHeaderValue(o.UserAgent), "Options.UserAgent", "must be printable ASCII")
	c.parsePaths(cfg.Operations, o.Paths, check)
	if cfg.BaseURLRefused || len(check.Faults) > faults {
		return nil
	}
	c.host = hostPort(c.base)
	c.budget, c.gate = newBudget(c.retry.Budget), newPauseGate(c.retry.MaxBackoff)
	if c.limiter == nil {
		c.limiter = cfg.Limiter
	}
	if c.limiter == identkit.NoLimit {
		c.limiter = nil
	}
	if c.codec == nil {
		c.codec = wire.NewCodec(nil, nil)
	}
	if o.HTTPClient == nil {
		c.own = pooled()
		connectAs(c.own, o, c.base.Hostname())
		c.transport = c.own
		return c
	}
	c.jar = o.HTTPClient.Jar
	if c.transport = o.HTTPClient.Transport; c.transport == nil {
		c.transport = http.DefaultTransport
	}
	// The client's own timeout becomes the attempt's: left in place it could not be distinguished from the caller's context.
	if t := o.HTTPClient.Timeout; t > 0 {
		c.retry.AttemptTimeout = min(c.retry.AttemptTimeout, t)
	}
	return c
}

// WithAuth is the same client, pool, gate and budget with other credentials, or with none.
func (c *Client) WithAuth(a Authorizer) *Client {
	if c == nil {
		return nil
	}
	other := *c
	other.auth = a
	return &other
}

// WithBase is the same client, pool and budget for another base URL, such as that of a token endpoint. It is checked like Config.BaseURL;
// field names it in faults. A 429 of one host does not hold back the calls to another, and
// Config.Header is not sent to it.
func (c *Client) WithBase(field, base string, o identkit.Options, check *Check) *Client {
	faults := len(check.Faults)
	u := baseURL(field, base, o.AllowPlainHTTP, check)
	if c == nil || len(check.Faults) > faults {
		return nil
	}
	other := *c
	other.base, other.host = u, hostPort(u)
	if other.host != c.host {
		other.gate, other.http1, other.noExpect = newPauseGate(c.retry.MaxBackoff), new(atomic.Bool), new(atomic.Bool)
		other.ownHeader = seal.Hidden[http.Header]{} // a gateway's key is a secret before every other host
	}
	return &other
}

// Codec reads and writes the provider's JSON.
func (c *Client) Codec() *wire.Codec { return c.codec }

// Observer is that of the client's options, for what a provider reports beside calls.
func (c *Client) Observer() identkit.Observer { return c.observer }

// Notifier is that of the client's options, for the handlers of a provider's webhooks.
func (c *Client) Notifier() identkit.Notifier { return c.notifier }

// CloseIdleConnections closes the idle connections of the client's own pool; a caller's pool is left alone.
func (c *Client) CloseIdleConnections() {
	if c != nil && c.own != nil {
		c.own.CloseIdleConnections()
	}
}

func or[T time.Duration | int64 | int](v, fallback T) T {
	if v == 0 {
		return fallback
	}
	return v
}

func hostPort(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	if u.Scheme == "http" {
		return u.Host + ":80"
	}
	return u.Host + ":443"
}

func retryPolicy(p identkit.RetryPolicy, check *Check) identkit.RetryPolicy {
	check.That(p.MaxAttempts >= 0, "Options.Retry.MaxAttempts", "is negative")
	check.That(p.InitialBackoff >= 0, "Options.Retry.InitialBackoff", "is negative")
	check.That(p.MaxBackoff >= 0, "Options.Retry.MaxBackoff", "is negative")
	check.That(p.AttemptTimeout >= 0, "Options.Retry.AttemptTimeout", "is negative")
	p.MaxAttempts = or(p.MaxAttempts, 3)
	p.InitialBackoff = or(p.InitialBackoff, 200*time.Millisecond)
	p.MaxBackoff = or(p.MaxBackoff, 10*time.Second)
	p.AttemptTimeout = or(p.AttemptTimeout, 30*time.Second)
	p.MinRate = min(or(p.MinRate, 1<<10), math.MaxInt64/int64(rateWindow/time.Second))
	p.Budget = or(p.Budget, 100)
	return p
}

func (c *Client) parsePaths(ops []Operation, replaced map[string]string, check *Check) {
	for name := range replaced {
		own := strings.HasPrefix(name, c.provider+".") // Options are shared with the clients of other providers
		if own && !slices.ContainsFunc(ops, func(o Operation) bool { return o.Info().Name == name }) {
			check.Refuse("Options.Paths["+name+"]", "names no operation of "+c.provider)
		}
	}
	for _, op := range ops {
		info := op.Info()
		t, fault := parseTemplate(info.Path)
		if path, ok := replaced[info.Name]; ok {
			own := t
			if t, fault = parseReplacement(path); fault == "" && !t.sameParts(own) {
				fault = "must hold the same {parts} as " + info.Path
			}
		}
		check.That(fault == "", "Options.Paths["+info.Name+"]", fault)
		c.paths[info.Name] = &t
	}
}

// template is the path of an operation, as it was parsed once.
func (c *Client) template(name, path string) *template {
	if t, ok := c.paths[name]; ok {
		return t
	}
	t, _ := parseTemplate(path)
	return &t
}
