package powerauthtest

import (
	"crypto/ecdsa"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
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

// Server is a stateful fake of PAC. It is safe for concurrent use. Printing it shows its URL alone.
type Server struct {
	opts   Options
	engine *fakeserver.Server
	key    *ecdsa.PrivateKey // the master key of every application
	tb     testing.TB
	sender *sender

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
	queue         []*event
	deliveries    []Delivery
	sequence      int
}

// New makes a fake without a socket, for programs; reach it by Client, Transport or as an http.Handler, or give it a socket with
// Start. Close it when done.
func New(opts Options) *Server {
	opts.fill()
	key, err := pacrypto.GenerateKey()
	if err != nil {
		panic("powerauthtest: " + err.Error()) // the system's randomness is broken
	}
	s := &Server{
		opts: opts,
		key:  key,
		engine: fakeserver.New(fakeserver.Config{
			BasePath: opts.BasePath, Clock: opts.Clock, Seed: opts.Seed, HasCallbacks: true,
			NotFound: func(c *fakeserver.Call) {
				refuse(c, http.StatusNotFound, powerauth.CodeNotFound, "Resource not found")
			},
		}),
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
	s.engine.AddFaultTarget(CallbackTarget)
	s.sender = newSender(s)
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
		tb.Fatalf("powerauthtest: %v", err)
	}
	tb.Cleanup(s.Close)
	return s
}

// Client returns a client of the fake, over the socket if there is one. Its first retry waits a millisecond at most; adjust
// changes the configuration.
func (s *Server) Client(adjust ...func(*powerauth.Config)) *powerauth.Client {
	cfg := s.Config()
	for _, f := range adjust {
		f(&cfg)
	}
	client, err := powerauth.New(cfg)
	s.keep(client, err)
	return client
}

// Config is the configuration of a client of the fake, with the forms that the options chose.
func (s *Server) Config() powerauth.Config {
	cfg := powerauth.Config{BaseURL: s.URL(), Credentials: powerauth.BasicAuth(s.opts.Username, s.opts.Password)}
	cfg.Options.Retry.InitialBackoff = time.Millisecond
	if !s.engine.Started() {
		cfg.Options.HTTPClient = &http.Client{Transport: s.Transport()}
	}
	if s.opts.Dialect.AuditUnderV2 {
		cfg.Options.Paths = map[string]string{auditOperation: auditPathV2}
	}
	if s.opts.Dialect.PasskeyBase64URL {
		cfg.Passkeys.Base64 = powerauth.PasskeyBase64URL
	}
	cfg.Passkeys.WrapRequests = s.opts.Dialect.PasskeyRequestObject
	return cfg
}

// AdminClient returns an administrator's client of the fake, as Client does an integration user's.
func (s *Server) AdminClient(adjust ...func(*powerauth.AdminConfig)) *powerauth.AdminClient {
	user := s.Config()
	cfg := powerauth.AdminConfig{
		BaseURL: user.BaseURL, Credentials: powerauth.BasicAuth(s.opts.AdminUsername, s.opts.AdminPassword), Options: user.Options,
	}
	for _, f := range adjust {
		f(&cfg)
	}
	client, err := powerauth.NewAdmin(cfg)
	s.keep(client, err)
	return client
}

// keep has a client closed at the end of the test. On a configuration that cannot be it ends the test, or panics where there is none.
func (s *Server) keep(client interface{ CloseIdleConnections() }, err error) {
	switch {
	case s.tb == nil && err != nil:
		panic("powerauthtest: " + err.Error())
	case s.tb == nil:
	case err != nil:
		s.tb.Helper()
		s.tb.Fatalf("powerauthtest: %v", err)
	default:
		s.tb.Cleanup(client.CloseIdleConnections)
	}
}

// Credentials are the integration user's.
func (s *Server) Credentials() (username string, password identkit.Secret) {
	return s.opts.Username, s.opts.Password
}

// AdminCredentials are the admin user's.
func (s *Server) AdminCredentials() (username string, password identkit.Secret) {
	return s.opts.AdminUsername, s.opts.AdminPassword
}

// URL is the base URL with the context path.
func (s *Server) URL() string { return s.engine.URL() }

// Start gives the fake a loopback socket.
func (s *Server) Start() error { return s.engine.Start() }

// Close closes the socket and waits for all that runs, callbacks included. It can be called again.
func (s *Server) Close() {
	s.sender.close()
	s.engine.Close()
}

// ServeHTTP plays PAC for a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.engine.ServeHTTP(w, r) }

// Transport reaches the fake without a socket, whatever host a request names. It works inside testing/synctest.
func (s *Server) Transport() http.RoundTripper { return s.engine.Transport() }

// Responder reaches the fake from httpmock: the function is an httpmock.Responder.
func (s *Server) Responder() func(*http.Request) (*http.Response, error) {
	return s.engine.Responder() //nolint:bodyclose // the caller does
}

// Fault adds rules; the first that fits an attempt shapes its answer. A rule about an operation that the fake does not play is a
// panic that names those it does. [CallbackTarget] is one more name: a rule about it shapes the delivery of a callback.
func (s *Server) Fault(rules ...identkittest.Rule) { s.engine.Fault(rules...) }

// ClearFaults removes all rules.
func (s *Server) ClearFaults() { s.engine.ClearFaults() }

// Journal shows what came in.
func (s *Server) Journal() *identkittest.Journal { return s.engine.Journal() }

// Operations lists the calls that the fake plays.
func (s *Server) Operations() []identkit.OperationInfo { return s.engine.Operations() }

// Format prints the fake's URL, whatever the verb: the rest holds passwords and keys.
func (s *Server) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "powerauthtest.Server("+s.URL()+")")
}

// MasterPublicKey is the key that activation codes are signed for, the same in every application, as the Base64 of its 65-byte point.
func (s *Server) MasterPublicKey() string { return publicKeyText(&s.key.PublicKey) }

func publicKeyText(key *ecdsa.PublicKey) string {
	b, err := pacrypto.PublicKeyBytes(key)
	if err != nil {
		panic("powerauthtest: " + err.Error()) // our own P-256 key
	}
	return pacrypto.EncodeBase64(b)
}

// now is the present on the fake's clock, with everything that has expired by then. It is called with the lock held.
func (s *Server) now() time.Time {
	now := s.engine.Clock().Now()
	s.tick(now)
	return now
}

// tick applies the clock to everything that expires, in the order of creation, so that callbacks have one.
func (s *Server) tick(now time.Time) {
	var registrations []*registration
	for _, r := range s.registrations {
		if r.expire(now) {
			registrations = append(registrations, r)
		}
	}
	slices.SortFunc(registrations, func(a, b *registration) int { return a.sequence - b.sequence })
	for _, r := range registrations {
		s.registrationChanged(r)
	}
	var operations []*operation
	for _, o := range s.operations {
		if o.expire(now) {
			operations = append(operations, o)
		}
	}
	slices.SortFunc(operations, func(a, b *operation) int { return a.sequence - b.sequence })
	for _, o := range operations {
		s.operationChanged(o)
	}
	maps.DeleteFunc(s.usedNonces, func(_ string, until time.Time) bool { return !now.Before(until) })
}
