package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/identkit/identkit"
)

// Version is the SDK's, as sent in the User-Agent.
const Version = "0.1.0"

// Config is what a provider's road is built from.
type Config struct {
	Provider   string // "powerauth"
	BaseURL    string
	Operations []*Operation
	Options    identkit.Options
	Auth       Authorizer       // nil: calls carry no credentials
	Limiter    identkit.Limiter // the provider's documented rate, used when Options has none; nil: none
	// Failure reads the body of a failed answer into e, whose Kind and Status are set from the HTTP status. It must
	// leave e usable whatever the body is.
	Failure func(e *identkit.Error, body []byte)
	// Unwrap takes the envelope off a 2xx body. An *identkit.Error it returns is the call's.
	Unwrap func(body []byte) ([]byte, error)
}

// Road carries the calls of one client. It is safe for concurrent use.
type Road struct {
	provider  string
	base      *url.URL
	loop      *retryablehttp.Client
	transport http.RoundTripper
	own       *http.Transport // nil: the caller brought one
	retry     identkit.RetryPolicy
	budget    *budget
	limiter   identkit.Limiter
	timeout   time.Duration
	maxBody   int64
	agent     []string
	auth      Authorizer
	observer  identkit.Observer
	logger    *slog.Logger
	templates map[*Operation]template
	failure   func(*identkit.Error, []byte)
	unwrap    func([]byte) ([]byte, error)
}

// New builds a road. Every fault of the configuration is added to check, and the road is then nil.
func New(cfg Config, check *Check) *Road {
	faults := len(check.Faults)
	o := cfg.Options
	r := &Road{
		provider:  cfg.Provider,
		base:      baseURL(cfg.BaseURL, o.AllowPlainHTTP, check),
		retry:     retryPolicy(o.Retry, check),
		limiter:   o.Limiter,
		timeout:   or(o.Timeout, 2*time.Minute),
		maxBody:   or(o.MaxResponseBytes, 16<<20),
		agent:     []string{strings.TrimSpace(o.UserAgent + " identkit/" + Version + " (" + cfg.Provider + ")")},
		auth:      cfg.Auth,
		observer:  o.Observer,
		logger:    o.Logger,
		templates: make(map[*Operation]template, len(cfg.Operations)),
		failure:   cfg.Failure,
		unwrap:    cfg.Unwrap,
	}
	check.That(o.Timeout >= 0, "Options.Timeout", "is negative")
	check.That(o.MaxResponseBytes >= 0, "Options.MaxResponseBytes", "is negative")
	check.That(validHeaderValue(o.UserAgent), "Options.UserAgent", "must be printable ASCII")
	r.paths(cfg.Operations, o.Paths, check)
	if len(check.Faults) > faults {
		return nil
	}
	r.budget = newBudget(r.retry.Budget)
	if r.limiter == nil {
		r.limiter = cfg.Limiter
	}
	client := &http.Client{
		Transport:     roundTripper{},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if o.HTTPClient == nil {
		r.own = pooled()
		r.transport = r.own
	} else {
		client.Jar = o.HTTPClient.Jar
		if r.transport = o.HTTPClient.Transport; r.transport == nil {
			r.transport = http.DefaultTransport
		}
		// The client's own timeout becomes the attempt's: left in place it could not be told from the caller's context.
		if t := o.HTTPClient.Timeout; t > 0 {
			r.retry.AttemptTimeout = min(r.retry.AttemptTimeout, t)
		}
	}
	r.loop = &retryablehttp.Client{
		HTTPClient:   client,
		RetryMax:     math.MaxInt32, // checkRetry counts
		CheckRetry:   checkRetry,
		Backoff:      func(_, _ time.Duration, _ int, _ *http.Response) time.Duration { return 0 },
		PrepareRetry: pause, // waits, with the call at hand, which Backoff has not
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	return r
}

// WithAuth is the same road, pool and budget with other credentials, or with none.
func (r *Road) WithAuth(a Authorizer) *Road {
	c := *r
	c.auth = a
	return &c
}

// CloseIdleConnections closes the idle connections of the road's own pool; a caller's pool is left alone.
func (r *Road) CloseIdleConnections() {
	if r.own != nil {
		r.own.CloseIdleConnections()
	}
}

func or[T time.Duration | int64 | int](v, fallback T) T {
	if v == 0 {
		return fallback
	}
	return v
}

func baseURL(text string, plain bool, check *Check) *url.URL {
	const field = "BaseURL"
	if text == "" {
		check.Refuse(field, "is empty")
		return nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		check.Refuse(field, "is not a URL")
		return nil
	case u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Hostname() == "":
		check.Refuse(field, "must be absolute, with https://")
	case u.User != nil:
		check.Refuse(field, "must not hold credentials")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		check.Refuse(field, "must hold neither a query nor a fragment")
	case u.Scheme == "http" && !plain && !isLoopback(u.Hostname()):
		check.Refuse(field, "must be https:// outside loopback (Options.AllowPlainHTTP allows http://)")
	}
	for _, part := range strings.Split(u.Path, "/") {
		if part == "." || part == ".." {
			check.Refuse(field, "must not contain . or .. as a path part")
			break
		}
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimRight(u.Path, "/"), RawPath: strings.TrimRight(u.RawPath, "/")}
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
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
	p.Budget = or(p.Budget, 100)
	return p
}

func (r *Road) paths(ops []*Operation, replaced map[string]string, check *Check) {
	for name := range replaced {
		own := strings.HasPrefix(name, r.provider+".") // Options are shared with the clients of other providers
		if own && !slices.ContainsFunc(ops, func(o *Operation) bool { return o.Name == name }) {
			check.Refuse("Options.Paths["+name+"]", "names no operation of "+r.provider)
		}
	}
	for _, op := range ops {
		t, fault := parseTemplate(op.Path)
		if path, ok := replaced[op.Name]; ok {
			own := t
			if t, fault = parseTemplate(path); fault == "" && !t.sameParts(own) {
				fault = "must hold the same {parts} as " + op.Path
			}
			t.order = own.order
		}
		check.That(fault == "", "Options.Paths["+op.Name+"]", fault)
		r.templates[op] = t
	}
}

// template is the path of an operation, as it was parsed once.
func (r *Road) template(op *Operation) template {
	if op.adhoc != nil {
		return *op.adhoc
	}
	if t, ok := r.templates[op]; ok {
		return t
	}
	t, _ := parseTemplate(op.Path) // a variant of a catalogued operation
	return t
}

// pooled is the transport of clients who bring none. Its pool is sized for hundreds of goroutines against one host. It has no
// ResponseHeaderTimeout: the attempt's timeout, which is never off, covers the header and everything else.
func pooled() *http.Transport {
	t, ok := http.DefaultTransport.(*http.Transport)
	if ok {
		t = t.Clone()
	} else {
		t = &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 10 * time.Second}
	}
	t.DialContext = paced(t.DialContext)
	t.MaxIdleConns = 0
	t.MaxIdleConnsPerHost = 1024
	t.IdleConnTimeout = 90 * time.Second
	t.MaxResponseHeaderBytes = 1 << 20
	if t.TLSClientConfig == nil {
		t.TLSClientConfig = new(tls.Config)
	}
	t.TLSClientConfig.MinVersion = max(t.TLSClientConfig.MinVersion, tls.VersionTLS12)
	return t
}

var errServed = errors.New("transport: the attempt has a connection already")

const (
	dialsAtOnce  = 16
	dialPatience = 5 * time.Millisecond
)

// paced dials a few connections at a time, and none for an attempt that has meanwhile got one which another attempt gave back.
// net/http starts a dial for every attempt that finds no idle connection; in a burst against a fast server most of these
// connections come too late and are surplus. Pacing never holds a dial back for longer than dialPatience, so that a slow
// network costs no more than that.
func paced(dial func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	slots := make(chan struct{}, dialsAtOnce)
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		patience := time.NewTimer(dialPatience)
		defer patience.Stop()
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		case <-patience.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if c := callOf(ctx); c != nil {
			if p := c.progress.Load(); p != nil && p.has.Load() {
				return nil, errServed // nobody waits for this connection
			}
		}
		return dial(ctx, network, addr)
	}
}
