package identkittest

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/fault"
)

// Server is the part that all fakes of this module share; each embeds one. It is safe for concurrent use. Printing a
// fake shows its URL alone.
//
// A fake is reached over a loopback socket (NewServer of its package, [Server.Start]), without one ([Server.Transport], which also works
// inside testing/synctest), as an [http.Handler], or behind httpmock ([Server.Responder]).
type Server struct{ engine engine }

// engine is the implementation in internal/fakeserver.
type engine interface {
	http.Handler
	Name() string
	URL() string
	Start() error
	StartTLS() error
	RootCAs() *x509.CertPool
	Close()
	Transport() http.RoundTripper
	Operations() []identkit.OperationInfo
	AddFaults(rules ...Rule) error
	Faults() []ActiveRule
	RemoveFaults(ids ...int)
	State() []byte
	Clock() *Clock
	Changes(ctx context.Context) iter.Seq[Change]
	Deliver(ctx context.Context) ([]Delivery, error)
	Deliveries() []Delivery
	PendingDeliveries() int
	Redeliver(id string) error
	journal
}

func init() {
	fault.NewServer = func(e any) any { return &Server{e.(engine)} }
	fault.Of = func(rule any) fault.Rule { return rule.(Rule).spec }
}

// URL is the base URL of the provider's API in the fake. Without a socket it is a placeholder for [Server.Transport].
func (s *Server) URL() string { return s.engine.URL() }

// Start listens on a free port of the loopback interface. Inside testing/synctest it fails: a socket would stop the bubble's clock.
func (s *Server) Start() error { return s.engine.Start() }

// StartTLS listens like [Server.Start], with TLS and a certificate of its own for 127.0.0.1; see [Server.RootCAs].
func (s *Server) StartTLS() error { return s.engine.StartTLS() }

// RootCAs returns a pool with the certificate of a fake that was started with TLS; nil otherwise.
func (s *Server) RootCAs() *x509.CertPool { return s.engine.RootCAs() }

// Close closes the socket and its connections, and waits for everything in progress, deliveries included. It can be called again.
func (s *Server) Close() { s.engine.Close() }

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.engine.ServeHTTP(w, r) }

// Transport reaches the fake without a socket, for any host. It treats requests, contexts, bodies and compression as
// *http.Transport does, and calls the hooks of an httptrace.ClientTrace.
func (s *Server) Transport() http.RoundTripper { return s.engine.Transport() }

// Responder reaches the fake from httpmock: the function is an httpmock.Responder.
func (s *Server) Responder() func(*http.Request) (*http.Response, error) {
	return s.engine.Transport().RoundTrip
}

// Operations lists the operations that the fake simulates, sorted by name.
func (s *Server) Operations() []identkit.OperationInfo { return s.engine.Operations() }

// Fault adds fault rules; the first that hits a request applies. It panics when one is invalid or names an operation that the fake
// does not have: a fault that never happens would let a test pass for no reason.
func (s *Server) Fault(rules ...Rule) {
	if err := s.AddFaults(rules...); err != nil {
		panic(err.Error())
	}
}

// AddFaults adds rules like [Server.Fault], or none of them if one is invalid, and returns all that is invalid.
func (s *Server) AddFaults(rules ...Rule) error { return s.engine.AddFaults(rules...) }

// Faults lists the active rules.
func (s *Server) Faults() []ActiveRule { return s.engine.Faults() }

// UnusedFaults lists the rules that have not hit a request yet, so that a test can check that its faults happened.
func (s *Server) UnusedFaults() []string {
	var texts []string
	for _, r := range s.Faults() {
		if r.Hits == 0 {
			texts = append(texts, r.Rule.String())
		}
	}
	return texts
}

// RemoveFaults ends rules by their ids.
func (s *Server) RemoveFaults(ids ...int) { s.engine.RemoveFaults(ids...) }

// ClearFaults ends all rules.
func (s *Server) ClearFaults() {
	for _, r := range s.Faults() {
		s.RemoveFaults(r.ID)
	}
}

// Journal shows the requests that came in.
func (s *Server) Journal() *Journal { return &Journal{s.engine} }

// Clock is the clock of the fake's state. Moving it lets things expire.
func (s *Server) Clock() *Clock { return s.engine.Clock() }

// State is everything that the fake holds, as JSON, secrets masked.
func (s *Server) State() json.RawMessage { return secrets(s.engine.Secrets()).json(s.engine.State()) }

// Changes yields the changes of the fake from now on, until the context ends. A reader more than 1000 changes behind misses some, as
// their numbers show.
func (s *Server) Changes(ctx context.Context) iter.Seq[Change] { return s.engine.Changes(ctx) }

// Deliver sends every webhook and callback that is due on the fake's clock, first attempts and retries, one after the other, with
// those that their receivers cause, and returns the attempts. A failed delivery waits for its next attempt: move the clock
// and call again. A receiver must not call it. The error is that of the context.
func (s *Server) Deliver(ctx context.Context) ([]Delivery, error) {
	made, err := s.engine.Deliver(ctx)
	return s.withSecrets(made), err
}

// Deliveries returns the last 1000 attempts to deliver webhooks and callbacks, oldest first.
func (s *Server) Deliveries() []Delivery { return s.withSecrets(s.engine.Deliveries()) }

func (s *Server) withSecrets(all []Delivery) []Delivery {
	for i := range all {
		all[i].secrets = s.engine.Secrets()
	}
	return all
}

// PendingDeliveries is how many webhooks and callbacks wait for their first or next attempt.
func (s *Server) PendingDeliveries() int { return s.engine.PendingDeliveries() }

// Redeliver queues a webhook or callback of [Server.Deliveries] again, under its id.
func (s *Server) Redeliver(id string) error { return s.engine.Redeliver(id) }

// String returns the name and the URL of the fake.
func (s *Server) String() string { return fmt.Sprintf("%s(%s)", s.engine.Name(), s.engine.URL()) }

// Format prints the same for every verb: the rest holds passwords and keys.
func (s *Server) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue returns the same.
func (s *Server) LogValue() slog.Value { return slog.StringValue(s.String()) }
