package iproovtest

import (
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/internal/fakeserver"
	"github.com/identkit/identkit/iproov"
)

// Server is a stateful fake of iProov. It is safe for concurrent use.
type Server struct {
	opts   Options
	engine *fakeserver.Server
	tb     testing.TB

	mu        sync.Mutex
	secrets   []identkit.Secret
	passwords []identkit.Secret
	users     map[iproov.UserID]*user
	claims    map[iproov.ClaimToken]*claim
	access    []*access
	second    time.Time // that tokens were last asked for in
	asked     int       // in that second
}

// New makes a fake without a socket, for programs; reach it by Client, Transport or as an http.Handler, or give it a socket with
// Start. Close it when done.
func New(opts Options) *Server {
	opts.complete()
	s := &Server{
		opts: opts,
		engine: fakeserver.New(fakeserver.Config{
			BasePath: opts.BasePath, Clock: opts.Clock, Seed: opts.Seed, HasTokens: true,
			NotFound: func(c *fakeserver.Call) { refuse(c, http.StatusNotFound, "not_found") },
		}),
		secrets:   []identkit.Secret{opts.Secret},
		passwords: []identkit.Secret{opts.OAuthPassword},
		users:     make(map[iproov.UserID]*user),
		claims:    make(map[iproov.ClaimToken]*claim),
	}
	s.route()
	return s
}

// NewServer makes a fake on a loopback socket and closes it when the test ends.
func NewServer(tb testing.TB, adjust ...func(*Options)) *Server {
	tb.Helper()
	var opts Options
	for _, f := range adjust {
		f(&opts)
	}
	s := New(opts)
	s.tb = tb
	if err := s.Start(); err != nil {
		tb.Fatalf("iproovtest: %v", err)
	}
	tb.Cleanup(s.Close)
	return s
}

func (s *Server) route() {
	handlers := map[string]func(*fakeserver.Call){
		"iproov.Enrol.CreateToken":  func(c *fakeserver.Call) { s.token(c, iproov.TypeEnrol) },
		"iproov.Enrol.Image":        s.image,
		"iproov.Enrol.Validate":     func(c *fakeserver.Call) { s.validate(c, iproov.TypeEnrol) },
		"iproov.Verify.CreateToken": func(c *fakeserver.Call) { s.token(c, iproov.TypeVerify) },
		"iproov.Verify.Validate":    func(c *fakeserver.Call) { s.validate(c, iproov.TypeVerify) },
		"iproov.Claims.Invalidate":  s.invalidate,
		"iproov.AccessToken":        s.accessToken,
		"iproov.Users.Get":          s.getUser,
		"iproov.Users.Update":       s.updateUser,
		"iproov.Users.Delete":       s.deleteUser,
		"iproov.Users.Activate":     func(c *fakeserver.Call) { s.changeStatus(c, iproov.UserActive) },
		"iproov.Users.Suspend":      func(c *fakeserver.Call) { s.changeStatus(c, iproov.UserSuspended) },
		"iproov.Availability":       s.availability,
	}
	for _, op := range iproov.Catalog() {
		handle, ok := handlers[op.Name]
		if !ok {
			panic("iproovtest: no route for " + op.Name)
		}
		s.engine.Handle(op, func(c *fakeserver.Call) {
			s.mu.Lock()
			defer s.mu.Unlock()
			handle(c)
		})
	}
}

func (s *Server) availability(c *fakeserver.Call) {
	if identkit.Secret(c.Query().Get("api_key")) != s.opts.APIKey {
		refuse(c, http.StatusBadRequest, iproov.CodeInvalidKey)
		return
	}
	c.JSON(http.StatusOK, map[string]bool{"up": true})
}

// Client returns a client of the fake, over the socket if there is one. Its first retry waits a millisecond at most; adjust
// changes the configuration.
func (s *Server) Client(adjust ...func(*iproov.Config)) *iproov.Client {
	cfg := s.Config()
	for _, f := range adjust {
		f(&cfg)
	}
	client, err := iproov.New(cfg)
	if err != nil {
		if s.tb != nil {
			s.tb.Helper()
			s.tb.Fatalf("iproovtest: %v", err)
		}
		panic("iproovtest: " + err.Error())
	}
	if s.tb != nil {
		s.tb.Cleanup(client.CloseIdleConnections)
	}
	return client
}

// Config is the configuration of a client of the fake.
func (s *Server) Config() iproov.Config {
	cfg := iproov.Config{
		BaseURL:     s.URL(),
		Credentials: iproov.Keys(s.opts.APIKey, s.opts.Secret),
		OAuth:       iproov.OAuthUser(s.opts.OAuthUsername, s.opts.OAuthPassword),
	}
	cfg.Options.Retry.InitialBackoff = time.Millisecond
	if !s.engine.Started() {
		cfg.Options.HTTPClient = &http.Client{Transport: s.Transport()}
	}
	return cfg
}

// Keys are the API key and secret that the fake was made with.
func (s *Server) Keys() (apiKey, secret identkit.Secret) { return s.opts.APIKey, s.opts.Secret }

// OAuthUser is the OAuth user that the fake was made with.
func (s *Server) OAuthUser() (username string, password identkit.Secret) {
	return s.opts.OAuthUsername, s.opts.OAuthPassword
}

// SetSecrets replaces the secrets that are taken; iProov takes two while one is rotated.
func (s *Server) SetSecrets(secrets ...identkit.Secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secrets = slices.Clone(secrets)
}

// SetOAuthPasswords replaces the OAuth passwords that are taken. Access tokens bought with others end; whether iProov ends them is
// not documented.
func (s *Server) SetOAuthPasswords(passwords ...identkit.Secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.passwords = slices.Clone(passwords)
	for _, a := range s.access {
		a.ended = a.ended || !slices.Contains(passwords, a.boughtWith)
	}
}

// URL is the base URL with the API's path.
func (s *Server) URL() string { return s.engine.URL() }

// Start gives the fake a loopback socket.
func (s *Server) Start() error { return s.engine.Start() }

// Close closes the socket and waits for all that runs. It can be called again.
func (s *Server) Close() { s.engine.Close() }

// ServeHTTP plays iProov for a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.engine.ServeHTTP(w, r) }

// Transport reaches the fake without a socket, whatever host a request names. It works inside testing/synctest.
func (s *Server) Transport() http.RoundTripper { return s.engine.Transport() }

// Responder reaches the fake from httpmock: the function is an httpmock.Responder.
func (s *Server) Responder() func(*http.Request) (*http.Response, error) {
	return s.engine.Responder() //nolint:bodyclose // the caller does
}

// Fault adds rules; the first that fits an attempt shapes its answer. A rule about an operation that the fake does not play is a
// panic that names those it does.
func (s *Server) Fault(rules ...identkittest.Rule) { s.engine.Fault(rules...) }

// ClearFaults removes all rules.
func (s *Server) ClearFaults() { s.engine.ClearFaults() }

// Journal shows what came in.
func (s *Server) Journal() *identkittest.Journal { return s.engine.Journal() }

// Operations lists the calls that the fake plays.
func (s *Server) Operations() []identkit.OperationInfo { return s.engine.Operations() }
