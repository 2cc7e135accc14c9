package powerauthtest

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/internal/fakeserver"
	"github.com/identkit/identkit/internal/pacrypto"
	"github.com/identkit/identkit/powerauth"
)

// Options shapes a [Server]. The zero value plays PAC 1.9 as the vendor's tutorial shows it.
type Options struct {
	// BasePath is the context path; empty means /powerauth-cloud.
	BasePath string
	// Clock is the fake's own; nil means time.Now. With an *identkittest.ManualClock a test lets codes and operations expire.
	Clock identkittest.Clock
	// Username and Password are the integration user's; empty means "integration" and a random password. Client uses them.
	Username string
	Password identkit.Secret
	// BearerToken is accepted beside the password when it is set.
	BearerToken identkit.Secret
	// Applications are the appIds that exist; empty means any.
	Applications []string
	// Templates are the operation templates that exist, by name; empty means that any name is a template with the defaults.
	Templates map[string]Template
	// CodeValidity is how long an activation code can be used when the request does not say. Zero means 5 minutes; the engine's
	// documentation says 2.
	CodeValidity time.Duration
	// Seed makes rules with Probability repeatable.
	Seed uint64

	// The following play the other side of a point on which sources disagree.

	// UnknownRegistrationIsRemoved answers an unknown id with a REMOVED registration instead of ERROR_REGISTRATION_NOT_FOUND.
	UnknownRegistrationIsRemoved bool
	// EnvelopeSuccess wraps successful answers into {"status":"OK","responseObject":…}.
	EnvelopeSuccess bool
	// UnauthorizedCode is the code of a 401; empty means HTTP_401, one-page references say ERROR_UNAUTHORIZED.
	UnauthorizedCode string
	// FractionalTimes writes times as fractional numbers (1.7e12).
	FractionalTimes bool
	// ListWithUserID puts userId into list items, where the vendor's sample has none.
	ListWithUserID bool
	// ListOnlyUsable leaves CREATED and PENDING_COMMIT out of lists without removed=true.
	ListOnlyUsable bool
	// QRDataOnly leaves activationCode and its signature out of the create answer, as old deployments may.
	QRDataOnly bool
	// CommitOTPField is the member of the commit body that holds the OTP; empty means "otp". The engine says "activationOtp".
	CommitOTPField string
}

// Template is an operation template.
type Template struct {
	OperationType  string        // empty: the template's name
	Validity       time.Duration // zero: 5 minutes
	MaxFailures    int           // zero: 5
	ProximityCheck bool
}

// Server is a stateful fake of PAC. It is safe for concurrent use.
type Server struct {
	opts   Options
	engine *fakeserver.Server
	key    *ecdsa.PrivateKey
	tb     testing.TB

	mu            sync.Mutex
	registrations map[powerauth.RegistrationID]*registration
	operations    map[powerauth.OperationID]*operation
	sequence      int
}

// New makes a fake without a socket, for programs; reach it by Client, Transport or as an http.Handler, or give it a socket with
// Start. Close it when done.
func New(opts Options) *Server {
	if opts.BasePath == "" {
		opts.BasePath = "/powerauth-cloud"
	}
	if opts.Username == "" {
		opts.Username = "integration"
	}
	if opts.Password == "" {
		opts.Password = identkit.Secret(rand.Text())
	}
	if opts.UnauthorizedCode == "" {
		opts.UnauthorizedCode = powerauth.CodeUnauthorized
	}
	if opts.CodeValidity == 0 {
		opts.CodeValidity = 5 * time.Minute
	}
	if opts.CommitOTPField == "" {
		opts.CommitOTPField = "otp"
	}
	key, err := pacrypto.GenerateKey()
	if err != nil {
		panic("powerauthtest: " + err.Error()) // the system's randomness is broken
	}
	s := &Server{
		opts: opts,
		key:  key,
		engine: fakeserver.New(fakeserver.Config{
			BasePath: opts.BasePath, Clock: opts.Clock, Seed: opts.Seed,
			NotFound: func(c *fakeserver.Call) {
				refuse(c, http.StatusNotFound, powerauth.CodeNotFound, "Resource not found")
			},
		}),
		registrations: make(map[powerauth.RegistrationID]*registration),
		operations:    make(map[powerauth.OperationID]*operation),
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
		tb.Fatalf("powerauthtest: %v", err)
	}
	tb.Cleanup(s.Close)
	return s
}

func (s *Server) route() {
	handlers := map[string]func(*fakeserver.Call){
		"powerauth.Registrations.Create": s.createRegistration,
		"powerauth.Registrations.List":   s.listRegistrations,
		"powerauth.Registrations.Get":    s.getRegistration,
		"powerauth.Registrations.Change": s.changeRegistration,
		"powerauth.Registrations.Commit": s.commitRegistration,
		"powerauth.Registrations.Delete": s.deleteRegistration,
		"powerauth.Operations.Create":    s.createOperation,
		"powerauth.Operations.Get":       s.getOperation,
		"powerauth.Operations.Cancel":    s.cancelOperation,
	}
	for _, op := range powerauth.Catalog() {
		handle, ok := handlers[op.Name]
		if !ok {
			panic("powerauthtest: no route for " + op.Name)
		}
		s.engine.Handle(op, func(c *fakeserver.Call) {
			if !s.authorized(c) {
				refuse(c, http.StatusUnauthorized, s.opts.UnauthorizedCode, "Unauthorized")
				return
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			s.tick(c.Now())
			handle(c)
		})
	}
}

func (s *Server) authorized(c *fakeserver.Call) bool {
	got := c.Header().Get("Authorization")
	equal := func(want string) bool { return subtle.ConstantTimeCompare([]byte(got), []byte(want)) == 1 }
	if equal("Basic " + base64.StdEncoding.EncodeToString([]byte(s.opts.Username+":"+s.opts.Password.Reveal()))) {
		return true
	}
	return s.opts.BearerToken != "" && equal("Bearer "+s.opts.BearerToken.Reveal())
}

// Client returns a client of the fake, over the socket if there is one. Its first retry waits a millisecond at most; adjust
// changes the configuration.
func (s *Server) Client(adjust ...func(*powerauth.Config)) *powerauth.Client {
	cfg := s.Config()
	for _, f := range adjust {
		f(&cfg)
	}
	client, err := powerauth.New(cfg)
	if err != nil {
		if s.tb != nil {
			s.tb.Helper()
			s.tb.Fatalf("powerauthtest: %v", err)
		}
		panic("powerauthtest: " + err.Error())
	}
	if s.tb != nil {
		s.tb.Cleanup(client.CloseIdleConnections)
	}
	return client
}

// Config is the configuration of a client of the fake.
func (s *Server) Config() powerauth.Config {
	cfg := powerauth.Config{BaseURL: s.URL(), Credentials: powerauth.BasicAuth(s.opts.Username, s.opts.Password)}
	cfg.Options.Retry.MinWait = time.Millisecond
	if !s.hasSocket() {
		cfg.Options.HTTPClient = &http.Client{Transport: s.Transport()}
	}
	return cfg
}

func (s *Server) hasSocket() bool { return !strings.HasPrefix(s.URL(), "https://fake.test") }

// Credentials are the integration user's.
func (s *Server) Credentials() (username string, password identkit.Secret) {
	return s.opts.Username, s.opts.Password
}

// URL is the base URL with the context path.
func (s *Server) URL() string { return s.engine.URL() }

// Start gives the fake a loopback socket.
func (s *Server) Start() error { return s.engine.Start() }

// Close closes the socket and waits for all that runs. It can be called again.
func (s *Server) Close() { s.engine.Close() }

// ServeHTTP plays PAC for a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.engine.ServeHTTP(w, r) }

// Transport reaches the fake without a socket, whatever host a request names. It works inside testing/synctest.
func (s *Server) Transport() http.RoundTripper { return s.engine.Transport() }

// Responder reaches the fake from httpmock: the function is an httpmock.Responder.
func (s *Server) Responder() func(*http.Request) (*http.Response, error) { return s.engine.Responder() }

// Fault adds rules; the first that fits an attempt shapes its answer. A rule about an operation that the fake does not play is a
// panic that names those it does.
func (s *Server) Fault(rules ...identkittest.Rule) { s.engine.Fault(rules...) }

// ClearFaults removes all rules.
func (s *Server) ClearFaults() { s.engine.ClearFaults() }

// Journal shows what came in.
func (s *Server) Journal() *identkittest.Journal { return s.engine.Journal() }

// Operations lists the calls that the fake plays.
func (s *Server) Operations() []identkit.OperationInfo { return s.engine.Operations() }

// MasterPublicKey is the key that activation codes are signed for, as the Base64 of its 65-byte point.
func (s *Server) MasterPublicKey() string {
	b, err := pacrypto.PublicKeyBytes(&s.key.PublicKey)
	if err != nil {
		panic("powerauthtest: " + err.Error()) // our own P-256 key
	}
	return pacrypto.EncodeBase64(b)
}

func (s *Server) hasApplication(id string) bool {
	return len(s.opts.Applications) == 0 || slices.Contains(s.opts.Applications, id)
}

// tick applies the clock to everything that expires.
func (s *Server) tick(now time.Time) {
	for _, r := range s.registrations {
		r.tick(now)
	}
	for _, o := range s.operations {
		o.tick(now)
	}
}
