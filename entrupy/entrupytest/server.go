package entrupytest

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/entrupy"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/internal/fakeserver"
)

// Server is a stateful fake of Entrupy. It is safe for concurrent use. What it shares with all fakes is [identkittest.Server].
type Server struct {
	*identkittest.Server
	opts   Options
	engine *fakeserver.Server

	mu       sync.Mutex
	token    identkit.Secret
	users    map[entrupy.UserID]*User
	signed   map[identkit.Secret]entrupy.UserID // until the app logs in
	requests map[identkit.Secret]bool           // of the SDK, used
	items    []*Item                            // in the order of their creation
	webhooks []*subscription
	domains  []*domain
	second   time.Time // of the last call
	inSecond int       // calls in it
}

// New makes a fake without a socket, for programs; reach it by Client, Transport or as an http.Handler, or give it a socket with
// Start. Close it when done.
func New(opts Options) *Server {
	opts.complete()
	s := &Server{
		opts: opts, token: opts.Token,
		users: map[entrupy.UserID]*User{}, signed: map[identkit.Secret]entrupy.UserID{}, requests: map[identkit.Secret]bool{},
	}
	var paths map[string]string
	if opts.Dialect.ConfigurationUnderConfig {
		paths = map[string]string{configurationOperation: strings.TrimSuffix(opts.BasePath, "/") + configurationPath}
	}
	s.engine = fakeserver.New(fakeserver.Config{
		Paths: paths,
		Name:  "entrupytest.Server", BasePath: opts.BasePath, Clock: opts.Clock, Seed: opts.Seed,
		Secrets: []string{"sdk_authorization_request", "signed_authorization_request", opts.Dialect.WebhookNames.SecretKey, "token"},
		Lock:    &s.mu,
		State:   s.state,
		Deliveries: fakeserver.Deliveries{
			Target: DeliveryTarget, Auto: opts.SendDeliveries, Client: opts.DeliveryClient,
		},
		NotFound: func(c *fakeserver.Call) { s.refuse(c, http.StatusNotFound, "no such route") },
	})
	s.Server = s.engine.Server
	s.engine.Register(entrupy.Catalog(), s.handlers())
	s.pages()
	return s
}

// NewServer makes a fake on a loopback socket and closes it when the test ends. Inside testing/synctest use [New].
func NewServer(tb testing.TB, adjust ...func(*Options)) *Server {
	tb.Helper()
	s := New(fakeserver.Adjusted(adjust))
	s.engine.Serve(tb)
	return s
}

func (s *Server) handlers() map[string]func(*fakeserver.Call) {
	all := map[string]func(*fakeserver.Call){
		"entrupy.Ping":                   s.health,
		"entrupy.Users.Authorize":        s.authorizeUser,
		"entrupy.Authentications.Get":    func(c *fakeserver.Call) { s.getAuthentication(c, s.opts.Dialect.Format14) },
		"entrupy.Authentications.Lookup": func(c *fakeserver.Call) { s.lookupAuthentication(c, s.opts.Dialect.Format14) },
		"entrupy.Authentications.Search": func(c *fakeserver.Call) { s.searchAuthentications(c, s.opts.Dialect.Format14) },
		"entrupy.Authentications.Flag":   s.flagAuthentication,
		"entrupy.Webhooks.Create":        s.createWebhook,
		"entrupy.Webhooks.List":          s.listWebhooks,
		"entrupy.Webhooks.Update":        s.updateWebhook,
		"entrupy.Webhooks.Delete":        s.deleteWebhook,
		"entrupy.Domains.Search":         s.searchDomains,
		configurationOperation:           s.getConfiguration,
		"entrupy.Brands.List":            s.listBrands,
	}
	for name, handler := range all {
		all[name] = func(c *fakeserver.Call) {
			if s.admitted(c) {
				handler(c)
			}
		}
	}
	return all
}

// The configuration, and where one public file has it.
const (
	configurationOperation = "entrupy.Configuration.Get"
	configurationPath      = "/v2/config"
)

// pages are the reads of v1.4, which no operation of the package makes.
func (s *Server) pages() {
	for name, page := range map[string]struct {
		method, path string
		handler      func(*fakeserver.Call, bool)
	}{
		"entrupytest.V1.Get":    {http.MethodGet, "/v1/authentications/{entrupy_id}", s.getAuthentication},
		"entrupytest.V1.Lookup": {http.MethodGet, "/v1/lookup/authentications/{lookup_value}", s.lookupAuthentication},
		"entrupytest.V1.Search": {http.MethodPost, "/v1/search/authentications", s.searchAuthentications},
	} {
		s.engine.Page(name, page.method, strings.TrimSuffix(s.opts.BasePath, "/")+page.path, func(c *fakeserver.Call) {
			if s.admitted(c) && s.versioned(c) {
				page.handler(c, true)
			}
		})
	}
}

// admitted checks token, rate and version, or refuses the call.
func (s *Server) admitted(c *fakeserver.Call) bool {
	scheme, token, _ := strings.Cut(c.Header().Get("Authorization"), " ")
	isV2 := !strings.HasPrefix(c.Operation().Path, "/v1/") && !strings.Contains(c.Operation().Name, ".V1.")
	switch {
	case scheme != s.opts.Dialect.Scheme || identkit.Secret(token) != s.token:
		s.refuse(c, http.StatusUnauthorized, "token missing or invalid")
	case !s.inRate(c.Now()):
		c.SetHeader("Retry-After", s.opts.RetryAfter)
		s.refuse(c, http.StatusTooManyRequests, "too many requests")
	case isV2 && s.opts.Dialect.RequireVersion && c.Header().Get("Api-Version") == "":
		s.refuse(c, http.StatusBadRequest, "Api-Version is missing")
	default:
		return true
	}
	return false
}

func (s *Server) inRate(now time.Time) bool {
	if second := now.Truncate(time.Second); !second.Equal(s.second) {
		s.second, s.inSecond = second, 0
	}
	s.inSecond++
	return s.opts.RatePerSecond == 0 || s.inSecond <= s.opts.RatePerSecond
}

// versioned demands a version of v1, or refuses the call.
func (s *Server) versioned(c *fakeserver.Call) bool {
	if strings.HasPrefix(c.Header().Get("Api-Version"), "1.") {
		return true
	}
	s.refuse(c, http.StatusBadRequest, "Api-Version is missing or wrong")
	return false
}

func (s *Server) health(c *fakeserver.Call) {
	if s.versioned(c) {
		c.JSON(http.StatusOK, map[string]string{"status": "ok"})
	}
}

// Client returns a client of the fake, over the socket if there is one. Its first retry waits a millisecond at most; adjust
// changes the configuration.
func (s *Server) Client(adjust ...func(*entrupy.Config)) *entrupy.Client {
	options := func(cfg *entrupy.Config) *identkit.Options { return &cfg.Options }
	return fakeserver.NewClient(s.engine, s.Config(), options, entrupy.New, adjust)
}

// Config is the configuration of a client of the fake, with the names that the dialect chose. Its Options.Notifier is the fake's own, which
// makes waits read again as soon as an authentication changes, without a delivery.
func (s *Server) Config() entrupy.Config {
	cfg := s.ConfigFor(s.URL())
	s.engine.Reach(&cfg.Options)
	return cfg
}

// ConfigFor is the configuration of a client that reaches the fake over the network at another base URL, such as that of a server that
// mounts it.
func (s *Server) ConfigFor(baseURL string) entrupy.Config {
	d := s.opts.Dialect
	cfg := entrupy.Config{
		BaseURL: baseURL, Credentials: entrupy.Token(s.opts.Token).WithScheme(d.Scheme),
		SearchNames:  entrupy.SearchNames{Username: d.UsernameKey, Cursor: d.CursorName, From: d.FromName, To: d.ToName},
		WebhookNames: d.WebhookNames,
	}
	if d.RequireVersion {
		cfg.APIVersion = "2.0"
	}
	if d.ConfigurationUnderConfig {
		cfg.Options.Paths = map[string]string{configurationOperation: configurationPath}
	}
	return cfg
}

// Token is the token that the fake was made with.
func (s *Server) Token() identkit.Secret { return s.opts.Token }

// SetToken replaces the accepted token.
func (s *Server) SetToken(token identkit.Secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = token
}

// refuse responds with an error of the dialect's shape.
func (s *Server) refuse(c *fakeserver.Call, status int, text string, location ...string) {
	type object = map[string]any
	code := "E" + strconv.Itoa(status)
	switch s.opts.Dialect.Errors {
	case ErrorObject:
		c.JSON(status, object{"error": object{"message": text, "show": false, "ecode": code}})
	case ErrorMessage:
		c.JSON(status, object{"message": text, "show": true, "ecode": code})
	case ErrorDetail:
		c.JSON(status, object{"detail": text})
	case ErrorList:
		c.JSON(status, object{"detail": []object{{"loc": append([]string{"body"}, location...), "msg": text, "type": "value_error"}}})
	case ErrorPlain:
		c.Raw(status, "text/plain; charset=utf-8", []byte(text))
	case ErrorNone:
		c.Empty(status)
	default:
		c.JSON(status, object{"error": text})
	}
}

// body reads a JSON request body, or refuses it.
func (s *Server) body(c *fakeserver.Call, v any) bool {
	problem := c.Decode(v)
	if c.HasJSON() && problem == nil {
		return true
	}
	location := ""
	if problem != nil {
		location = problem.Path
	}
	s.refuse(c, http.StatusBadRequest, "body is invalid", location)
	return false
}
