package powerauthtest

import (
	"crypto/ecdsa"
	"maps"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/internal/fakeserver"
	"github.com/identkit/identkit/internal/pacrypto"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/protocol"
)

// Server is a stateful fake of PAC. It is safe for concurrent use. What it shares with all fakes is [identkittest.Server].
type Server struct {
	*identkittest.Server
	opts   Options
	engine *fakeserver.Server
	key    *ecdsa.PrivateKey // the master key of every application

	mu            sync.Mutex
	registrations map[powerauth.RegistrationID]*registration
	operations    map[powerauth.OperationID]*operation
	applications  map[powerauth.ApplicationID]*application
	users         map[string]*user
	tokens        map[protocol.TokenID]*token
	usedNonces    map[string]time.Time // token and nonce → until when it is remembered
	messages      []Message
	inbox         []InboxMessage
	audit         []auditItem
	health        powerauth.HealthState
	callbacks     []*callback
	sequence      int
}

// New makes a fake without a socket, for programs; reach it by Client, Transport or as an http.Handler, or give it a socket with
// Start. Close it when done.
func New(opts Options) *Server {
	opts.fill()
	s := &Server{
		opts:          opts,
		key:           must(pacrypto.GenerateKey()),
		registrations: make(map[powerauth.RegistrationID]*registration),
		operations:    make(map[powerauth.OperationID]*operation),
		applications:  make(map[powerauth.ApplicationID]*application),
		users:         make(map[string]*user),
		tokens:        make(map[protocol.TokenID]*token),
		usedNonces:    make(map[string]time.Time),
		health:        powerauth.HealthUp,
	}
	s.users[opts.AdminUsername] = &user{name: opts.AdminUsername, password: opts.AdminPassword, role: roleAdmin, everywhere: true}
	s.users[opts.Username] = &user{name: opts.Username, password: opts.Password, role: roleUser, everywhere: true}
	for _, id := range opts.Applications {
		s.addApplication(id, nil)
	}
	config := fakeserver.Config{
		Name: "powerauthtest.Server", BasePath: opts.BasePath, Clock: opts.Clock, Seed: opts.Seed,
		Secrets: []string{"otp", "activationOtp", "clientSecret", "privateKey"},
		Lock:    &s.mu, Tick: s.tick, State: s.state,
		Deliveries: fakeserver.Deliveries{
			Target: CallbackTarget, Auto: opts.SendCallbacks, Client: opts.CallbackClient,
			Accepted: func(status int) bool { return status < http.StatusBadRequest }, // redirects too
		},
		NotFound: func(c *fakeserver.Call) {
			refuse(c, http.StatusNotFound, powerauth.CodeNotFound, "Resource not found")
		},
	}
	if opts.Dialect.AuditUnderV2 {
		config.Paths = map[string]string{auditOperation: opts.BasePath + auditPathV2}
	}
	s.engine = fakeserver.New(config)
	s.Server = s.engine.Server
	s.engine.Register(powerauth.Catalog(), s.handlers())
	return s
}

// NewServer makes a fake on a loopback socket and closes it when the test ends. Inside testing/synctest use [New].
func NewServer(tb testing.TB, adjust ...func(*Options)) *Server {
	tb.Helper()
	s := New(fakeserver.Adjusted(adjust))
	s.engine.Serve(tb)
	return s
}

// Client returns a client of the fake, over the socket if there is one. Its first retry waits a millisecond at most; adjust
// changes the configuration.
func (s *Server) Client(adjust ...func(*powerauth.Config)) *powerauth.Client {
	options := func(cfg *powerauth.Config) *identkit.Options { return &cfg.Options }
	return fakeserver.NewClient(s.engine, s.Config(), options, powerauth.New, adjust)
}

// AdminClient returns an administrator's client of the fake, as Client does an integration user's.
func (s *Server) AdminClient(adjust ...func(*powerauth.AdminConfig)) *powerauth.AdminClient {
	cfg := powerauth.AdminConfig{BaseURL: s.URL(), Credentials: powerauth.BasicAuth(s.opts.AdminUsername, s.opts.AdminPassword)}
	options := func(cfg *powerauth.AdminConfig) *identkit.Options { return &cfg.Options }
	return fakeserver.NewClient(s.engine, cfg, options, powerauth.NewAdmin, adjust)
}

// Config is the configuration of a client of the fake, with the variants that the dialect chose. Its Options.Notifier is the fake's own, which
// makes waits read again as soon as a registration or an operation changes, without a callback.
func (s *Server) Config() powerauth.Config {
	cfg := s.ConfigFor(s.URL())
	s.engine.Reach(&cfg.Options)
	return cfg
}

// ConfigFor is the configuration of a client that reaches the fake over the network at another base URL, such as that of a server that
// mounts it.
func (s *Server) ConfigFor(baseURL string) powerauth.Config {
	cfg := powerauth.Config{BaseURL: baseURL, Credentials: powerauth.BasicAuth(s.opts.Username, s.opts.Password)}
	if s.opts.Dialect.AuditUnderV2 {
		cfg.Options.Paths = map[string]string{auditOperation: auditPathV2}
	}
	if s.opts.Dialect.PasskeyBase64URL {
		cfg.Passkeys.Base64 = powerauth.PasskeyBase64URL
	}
	cfg.Passkeys.WrapRequests = s.opts.Dialect.PasskeyRequestObject
	return cfg
}

// Credentials are the integration user's.
func (s *Server) Credentials() (username string, password identkit.Secret) {
	return s.opts.Username, s.opts.Password
}

// AdminCredentials are the admin user's.
func (s *Server) AdminCredentials() (username string, password identkit.Secret) {
	return s.opts.AdminUsername, s.opts.AdminPassword
}

// MasterPublicKey is the key that activation codes are signed for, the same in every application, as the Base64 of its 65-byte point.
func (s *Server) MasterPublicKey() string { return publicKeyText(&s.key.PublicKey) }

func publicKeyText(key *ecdsa.PublicKey) string {
	return pacrypto.EncodeBase64(must(pacrypto.PublicKeyBytes(key)))
}

// now is the present on the fake's clock, with everything that has expired by then. It is called with the lock held.
func (s *Server) now() time.Time {
	now := s.engine.Clock().Now()
	s.tick(now)
	return now
}

// tick applies the clock to everything that expires, in the order of creation, so that callbacks have one.
func (s *Server) tick(now time.Time) {
	for _, r := range inOrder(s.registrations, func(r *registration) bool { return r.expire(now) }) {
		s.registrationChanged(r)
	}
	for _, o := range inOrder(s.operations, func(o *operation) bool { return o.expire(now) }) {
		s.operationChanged(o)
	}
	maps.DeleteFunc(s.usedNonces, func(_ string, until time.Time) bool { return !now.Before(until) })
}
