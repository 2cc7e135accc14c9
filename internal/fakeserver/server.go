// Package fakeserver is the engine under all fakes of this module. It routes requests by the same operation data that drive the
// clients, keeps the journal, simulates faults, sends webhooks, and delivers responses over a socket, without one or as an
// [http.Handler]. What users see of it is identkittest.Server.
//
// A fake has one handler for each operation. The handler works on the fake's own state and writes a response; the engine then
// delivers that response, with the faults of the rules.
package fakeserver

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/internal/fault"
)

// defaultMaxBody is the limit of request bodies.
const defaultMaxBody = 16 << 20

// Config configures the engine of a fake. The zero value works.
type Config struct {
	// Name is what printing the fake shows, such as "powerauthtest.Server".
	Name string
	// BasePath stands in front of every operation's path, such as "/powerauth-cloud".
	BasePath string
	// Paths are whole paths of operations, by name, in place of BasePath and the catalogue's path.
	Paths map[string]string
	// Clock is the time of the fake's state. Nil means one that runs.
	Clock *identkittest.Clock
	// Seed is that of the random source of fault rules.
	Seed uint64
	// MaxBody caps request bodies. Zero means 16 MiB.
	MaxBody int64
	// JournalEntries, JournalBytes and JournalBody bound the journal: how many entries, how many bytes of bodies together, and the
	// largest body that an entry holds. Zero means 1000, 64 MiB and 1 MiB.
	JournalEntries, JournalBytes, JournalBody int
	// Secrets are the names of members of bodies, path and query values that JSON forms mask.
	Secrets []string
	// HasTokens means that the fake reads Call.ExpireToken. Other fakes refuse rules with that effect.
	HasTokens bool

	// Lock guards the fake's state. Handlers, Tick and State run with it. Nil means no lock.
	Lock sync.Locker
	// Tick applies the clock to the state, before handlers, deliveries and State. Nil does nothing.
	Tick func(now time.Time)
	// State returns the state, to be marshalled as JSON. Nil means none.
	State func() any

	// Deliveries configures the webhooks and callbacks of the fake. The zero value means none.
	Deliveries Deliveries

	// NotFound handles a path that belongs to no operation. Nil means 404 without a body.
	NotFound func(*Call)
	// MethodNotAllowed handles a path whose operations have other methods; Allow is set already. Nil means 405 without a body.
	MethodNotAllowed func(*Call)
	// TooLarge handles a body over MaxBody. Nil means 413 without a body.
	TooLarge func(*Call)
}

// Server is the engine of one fake. All its methods are safe for concurrent use.
type Server struct {
	*identkittest.Server // the face: a fake embeds it too

	config Config
	tb     testing.TB // that the fake was made for; nil in programs

	mu     sync.RWMutex
	routes []*route

	faults    faults
	entries   journal
	feed      feed
	notifier  identkit.LocalNotifier
	outbox    *outbox
	socket    socket
	transport transport
}

type noLock struct{}

func (noLock) Lock()   {}
func (noLock) Unlock() {}

// locked returns what f reads with a lock held.
func locked[T any](lock sync.Locker, f func() T) T {
	lock.Lock()
	defer lock.Unlock()
	return f()
}

// New returns an engine without operations. It panics when the base path is invalid, which is a bug of the fake.
func New(config Config) *Server {
	base := strings.TrimSuffix(config.BasePath, "/")
	if base != "" && (base[0] != '/' || strings.ContainsAny(base, "?#{}")) {
		panic("fakeserver: base path " + config.BasePath + " must start with a slash and have no query, fragment or {part}")
	}
	config.BasePath = base
	if config.Clock == nil {
		config.Clock = new(identkittest.Clock)
	}
	if config.Lock == nil {
		config.Lock = noLock{}
	}
	if config.Tick == nil {
		config.Tick = func(time.Time) {}
	}
	config.MaxBody = cmp.Or(config.MaxBody, defaultMaxBody)
	s := &Server{config: config, faults: faults{seed: config.Seed}, entries: newJournal(config)}
	s.Server = fault.NewServer(s).(*identkittest.Server)
	s.transport.server = s
	s.outbox = newOutbox(s)
	return s
}

// Register adds a catalogue and its handlers, by operation. It panics when they do not match exactly, or an operation cannot be routed:
// bugs of the fake.
func (s *Server) Register(catalog []identkit.OperationInfo, handlers map[string]func(*Call)) {
	unused := maps.Clone(handlers)
	for _, op := range catalog {
		handler, ok := handlers[op.Name]
		if !ok {
			panic("fakeserver: no handler for " + op.Name)
		}
		delete(unused, op.Name)
		s.Handle(op, handler)
	}
	for name := range unused {
		panic("fakeserver: a handler for " + name + ", which is no operation of the catalogue")
	}
}

// Handle adds one operation. It panics when it cannot be routed.
func (s *Server) Handle(op identkit.OperationInfo, handler func(*Call)) {
	path, whole := s.config.Paths[op.Name]
	if !whole {
		path = s.config.BasePath + op.Path
	}
	s.route(op, path, handler)
}

// Page adds a route that is no operation, such as a page for a user's browser, at a whole path. Its name is that of its entries in the journal
// and a target of fault rules. It panics as [Server.Register] does.
func (s *Server) Page(name, method, path string, handler func(*Call)) {
	s.route(identkit.OperationInfo{Name: name, Method: method, Path: path}, path, handler).page = true
}

func (s *Server) route(op identkit.OperationInfo, path string, handler func(*Call)) *route {
	r, err := newRoute(op, path, handler)
	if err != nil {
		panic("fakeserver: " + err.Error())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, other := range s.routes {
		if other.op.Name == op.Name {
			panic("fakeserver: operation " + op.Name + " is registered already")
		}
		if other.op.Method == op.Method && other.sameShape(r) {
			panic("fakeserver: operations " + other.op.Name + " and " + op.Name + " have the same route")
		}
	}
	s.routes = append(s.routes, r)
	slices.SortStableFunc(s.routes, moreSpecific)
	return r
}

// Name is what printing the fake shows.
func (s *Server) Name() string { return s.config.Name }

// Operations lists what was registered, sorted by name.
func (s *Server) Operations() []identkit.OperationInfo {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var ops []identkit.OperationInfo
	for _, r := range s.routes {
		if !r.page {
			ops = append(ops, r.op)
		}
	}
	slices.SortFunc(ops, func(a, b identkit.OperationInfo) int { return strings.Compare(a.Name, b.Name) })
	return ops
}

// AddFaults adds fault rules, or none of them if one is invalid, and returns all that is invalid.
func (s *Server) AddFaults(rules ...identkittest.Rule) error {
	var errs []error
	for _, r := range rules {
		err := r.Err()
		if err == nil {
			err = s.unsupported(r)
		}
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, id := range s.faults.add(rules) {
		s.changed(identkittest.ChangeFault, "", id)
	}
	return nil
}

// Faults lists the active rules.
func (s *Server) Faults() []identkittest.ActiveRule { return s.faults.active() }

// RemoveFaults ends rules by their ids.
func (s *Server) RemoveFaults(ids ...int) {
	s.faults.remove(ids)
	for _, id := range ids {
		s.changed(identkittest.ChangeFault, "", id)
	}
}

// unsupported reports why this fake cannot simulate a rule, or nil.
func (s *Server) unsupported(r identkittest.Rule) error {
	rule := fault.Of(r)
	if rule.ExpireToken && !s.config.HasTokens {
		return fmt.Errorf("fakeserver: rule %v: this fake has no access tokens", r)
	}
	if (rule.DuplicateDelivery || rule.Reorder) && s.config.Deliveries.Target == "" {
		return fmt.Errorf("fakeserver: rule %v: this fake sends no webhooks or callbacks", r)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	var targets []string
	if s.config.Deliveries.Target != "" {
		targets = append(targets, s.config.Deliveries.Target)
	}
	for _, route := range s.routes {
		targets = append(targets, route.op.Name)
	}
	if rule.Operation == "" || slices.Contains(targets, rule.Operation) {
		return nil
	}
	slices.Sort(targets)
	return fmt.Errorf("fakeserver: rule %v: no such operation; there are %s", r, strings.Join(targets, ", "))
}

// Clock is the clock of the fake's state.
func (s *Server) Clock() *identkittest.Clock { return s.config.Clock }

// Secrets are the names whose values JSON forms mask.
func (s *Server) Secrets() []string { return s.config.Secrets }

// State is the fake's state as JSON; secrets of type identkit.Secret are masked in it.
func (s *Server) State() []byte {
	if s.config.State == nil {
		return []byte("{}")
	}
	var b []byte
	s.handling(s.config.Clock.Now(), func() {
		var err error
		if b, err = json.Marshal(s.config.State()); err != nil {
			panic("fakeserver: state of " + s.config.Name + ": " + err.Error())
		}
	})
	return b
}

// Changed puts a change of the fake's state into the feed.
func (s *Server) Changed(name, id string) { s.changed(identkittest.ChangeState, name, id) }

// Notify wakes the waits of the fake's own clients for a key, as the provider's webhook would. It may be called with the fake's lock held.
func (s *Server) Notify(key string) { _ = s.notifier.Notify(context.Background(), key) }

func (s *Server) changed(kind identkittest.ChangeKind, name string, id any) {
	s.feed.add(identkittest.Change{Kind: kind, Name: name, ID: fmt.Sprint(id)})
}
