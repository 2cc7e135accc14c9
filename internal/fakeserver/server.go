// Package fakeserver is the engine under all fakes of this module. It routes requests by the same operation data
// that drive the clients, keeps the journal, plays faults and delivers answers over a socket
// ([Server.Start]), without one ([Server.Transport], [Server.Responder]) or as an [http.Handler].
//
// A fake brings one handler an operation. The handler acts on its own state and writes a buffered reply; the
// engine then delivers that reply, well or badly.
package fakeserver

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
)

// defaultMaxBody caps request bodies of fakes that say nothing else.
const defaultMaxBody = 16 << 20

// Config is what a fake tells its engine. The zero value works.
type Config struct {
	// BasePath stands in front of every operation's path, such as "/powerauth-cloud".
	BasePath string
	// Clock is the time of the fake's state. Nil means one that runs.
	Clock *identkittest.Clock
	// Seed decides the dice of fault rules.
	Seed uint64
	// MaxBody caps request bodies. Zero means 16 MiB.
	MaxBody int64
	// JournalEntries and JournalBytes bound the journal. Zero means its own defaults.
	JournalEntries, JournalBytes int
	// HasTokens says that the fake honours Plan.ExpireToken, HasCallbacks that it honours Plan.DuplicateDelivery
	// and Plan.Reorder. Rules with effects that are not honoured are refused.
	HasTokens, HasCallbacks bool

	// NotFound answers a path that belongs to no operation. Nil means 404 without a body.
	NotFound func(*Call)
	// MethodNotAllowed answers a path whose operations have other methods; Allow is set already. Nil means 405 without a body.
	MethodNotAllowed func(*Call)
	// TooLarge answers a body over MaxBody. Nil means 413 without a body.
	TooLarge func(*Call)
}

// Server is the engine of one fake. All its methods are safe for concurrent use.
type Server struct {
	config  Config
	faults  *identkittest.Faults
	journal *identkittest.Journal

	mu     sync.RWMutex
	routes []route
	points []string // fault points that are no operations

	socket    socket
	transport transport
}

// New returns an engine without operations. It panics when the base path cannot be one, which is a fault of the fake.
func New(config Config) *Server {
	base := strings.TrimSuffix(config.BasePath, "/")
	if base != "" && (base[0] != '/' || strings.ContainsAny(base, "?#{}")) {
		panic("fakeserver: base path " + config.BasePath + " must start with a slash and be plain")
	}
	config.BasePath = base
	if config.Clock == nil {
		config.Clock = new(identkittest.Clock)
	}
	if config.MaxBody <= 0 {
		config.MaxBody = defaultMaxBody
	}
	s := &Server{
		config:  config,
		faults:  identkittest.NewFaults(config.Seed),
		journal: identkittest.NewJournal(config.JournalEntries, config.JournalBytes),
	}
	s.transport.server = s
	return s
}

// Handle registers the handler of an operation. It panics when the operation cannot be routed: bad template, no name or
// method, or a name or a method and path registered before. That is a fault of the fake, met at its construction.
func (s *Server) Handle(op identkit.OperationInfo, handler func(*Call)) {
	r, err := newRoute(s.config.BasePath, op, handler)
	if err != nil {
		panic("fakeserver: " + err.Error())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, other := range s.routes {
		if other.op.Name == op.Name {
			panic("fakeserver: operation " + op.Name + " is registered twice")
		}
		if other.op.Method == op.Method && other.sameShape(r) {
			panic("fakeserver: operations " + other.op.Name + " and " + op.Name + " cannot be told apart")
		}
	}
	s.routes = append(s.routes, r)
	slices.SortStableFunc(s.routes, moreSpecific)
}

// AddFaultTarget names something that is no operation but can be the subject of a fault rule, such as the sending of a
// callback. The fake asks for its faults with [Server.Plan].
func (s *Server) AddFaultTarget(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.points = append(s.points, name)
}

// Plan counts a request of a fault point and returns what a rule wants done to it.
func (s *Server) Plan(point string, r *http.Request) identkittest.Plan {
	return s.faults.Next(point, r)
}

// Operations lists what is routed, sorted by name, so that a test can hold it against the provider's Catalog.
func (s *Server) Operations() []identkit.OperationInfo {
	s.mu.RLock()
	defer s.mu.RUnlock()
	ops := make([]identkit.OperationInfo, len(s.routes))
	for i, r := range s.routes {
		ops[i] = r.op
	}
	slices.SortFunc(ops, func(a, b identkit.OperationInfo) int { return strings.Compare(a.Name, b.Name) })
	return ops
}

// Fault puts rules to work. It panics when one is wrong or names an operation this fake does not have: a fault
// that silently never happens makes a test pass for no reason. Programs that take rules from others use [Server.AddFaults].
func (s *Server) Fault(rules ...identkittest.Rule) {
	if err := s.AddFaults(rules...); err != nil {
		panic(err.Error())
	}
}

// AddFaults puts rules to work, or none of them and returns everything that is wrong with them.
func (s *Server) AddFaults(rules ...identkittest.Rule) error {
	var errs []error
	for _, r := range rules {
		if r.Err() == nil { // else Add says so below
			errs = append(errs, s.playable(r))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return s.faults.Add(rules...)
}

// ClearFaults ends all rules.
func (s *Server) ClearFaults() { s.faults.Clear() }

// UnusedFaults returns the texts of the rules that have not hit anything yet.
func (s *Server) UnusedFaults() []string { return s.faults.Unused() }

// Journal returns what came in.
func (s *Server) Journal() *identkittest.Journal { return s.journal }

// Clock returns the clock the fake lives by.
func (s *Server) Clock() *identkittest.Clock { return s.config.Clock }

// playable reports why this fake cannot play a rule, or nil.
func (s *Server) playable(r identkittest.Rule) error {
	plan := r.Plan()
	if plan.ExpireToken && !s.config.HasTokens {
		return fmt.Errorf("fakeserver: rule %v: this fake knows no access tokens", r)
	}
	if (plan.DuplicateDelivery || plan.Reorder) && !s.config.HasCallbacks {
		return fmt.Errorf("fakeserver: rule %v: this fake sends no callbacks", r)
	}
	name := r.Operation()
	if name == "" {
		return nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	known := slices.Clone(s.points)
	for _, route := range s.routes {
		known = append(known, route.op.Name)
	}
	if slices.Contains(known, name) {
		return nil
	}
	slices.Sort(known)
	return fmt.Errorf("fakeserver: rule %v: no such operation; there are %s", r, strings.Join(known, ", "))
}
