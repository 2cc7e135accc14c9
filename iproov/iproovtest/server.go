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

// Server is a stateful fake of iProov. It is safe for concurrent use. What it shares with all fakes is [identkittest.Server].
type Server struct {
	*identkittest.Server
	opts   Options
	engine *fakeserver.Server

	mu        sync.Mutex
	secrets   []identkit.Secret
	passwords []identkit.Secret
	users     map[iproov.UserID]*user
	claims    map[iproov.ClaimToken]*claim
	access    []*access
	second    time.Time // of the last token call
	inSecond  int       // token calls in it
}

// New makes a fake without a socket, for programs; reach it by Client, Transport or as an http.Handler, or give it a socket with
// Start. Close it when done.
func New(opts Options) *Server {
	opts.complete()
	s := &Server{
		opts:      opts,
		secrets:   []identkit.Secret{opts.Secret},
		passwords: []identkit.Secret{opts.OAuthPassword},
		users:     make(map[iproov.UserID]*user),
		claims:    make(map[iproov.ClaimToken]*claim),
	}
	s.engine = fakeserver.New(fakeserver.Config{
		Name: "iproovtest.Server", BasePath: opts.BasePath, Clock: opts.Clock, Seed: opts.Seed, HasTokens: true,
		Secrets:  []string{"api_key", "secret", "token", "access_token"},
		Lock:     &s.mu,
		State:    s.state,
		NotFound: func(c *fakeserver.Call) { refuse(c, http.StatusNotFound, "not_found") },
	})
	s.Server = s.engine.Server
	s.engine.Register(iproov.Catalog(), s.handlers())
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
	return map[string]func(*fakeserver.Call){
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
	options := func(cfg *iproov.Config) *identkit.Options { return &cfg.Options }
	return fakeserver.NewClient(s.engine, s.Config(), options, iproov.New, adjust)
}

// Config is the configuration of a client of the fake.
func (s *Server) Config() iproov.Config {
	cfg := s.ConfigFor(s.URL())
	s.engine.Reach(&cfg.Options)
	return cfg
}

// ConfigFor is the configuration of a client that reaches the fake over the network at another base URL, such as that of a server that
// mounts it.
func (s *Server) ConfigFor(baseURL string) iproov.Config {
	return iproov.Config{
		BaseURL:     baseURL,
		Credentials: iproov.Keys(s.opts.APIKey, s.opts.Secret),
		OAuth:       iproov.OAuthUser(s.opts.OAuthUsername, s.opts.OAuthPassword),
	}
}

// Keys are the API key and secret that the fake was made with.
func (s *Server) Keys() (apiKey, secret identkit.Secret) { return s.opts.APIKey, s.opts.Secret }

// OAuthUser is the OAuth user that the fake was made with.
func (s *Server) OAuthUser() (username string, password identkit.Secret) {
	return s.opts.OAuthUsername, s.opts.OAuthPassword
}

// SetSecrets replaces the accepted secrets; iProov accepts two while one is rotated.
func (s *Server) SetSecrets(secrets ...identkit.Secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secrets = slices.Clone(secrets)
}

// SetOAuthPasswords replaces the accepted OAuth passwords. Access tokens issued for others end; whether iProov ends them is
// undocumented.
func (s *Server) SetOAuthPasswords(passwords ...identkit.Secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.passwords = slices.Clone(passwords)
	for _, a := range s.access {
		a.ended = a.ended || !slices.Contains(passwords, a.password)
	}
}
