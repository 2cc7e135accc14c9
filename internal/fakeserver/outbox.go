package fakeserver

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/internal/fault"
	"github.com/identkit/identkit/webhook/webhooktest"
)

// The limits of deliveries.
const (
	dispatchEvery   = 3 * time.Second // how often Auto looks for due deliveries
	connectTimeout  = 5 * time.Second
	responseTimeout = 60 * time.Second
	maxDeliveries   = 1000
)

// Deliveries configures how a fake sends webhooks and callbacks.
type Deliveries struct {
	// Target is their name in fault rules, such as "powerauth.Callbacks.Deliver".
	Target string
	// Auto sends them when they are due; otherwise they wait for Deliver.
	Auto bool
	// Client sends to URLs; nil means one of the engine's own. It is copied; redirects are not followed.
	Client *http.Client
	// Accepted reports whether a status means that the receiver accepted it. Nil means 2xx.
	Accepted func(status int) bool
}

// Receiver gets webhooks or callbacks.
type Receiver struct {
	// URL is where they go; empty means "http://receiver.test/". Handler gets them without a network.
	URL     string
	Handler http.Handler
	// Sign authenticates them. Nil does nothing.
	Sign webhooktest.Signer
	// Attempts is how often each is tried. Zero means once.
	Attempts int
	// Backoff is the wait after n attempts. Nil means none.
	Backoff func(n int) time.Duration
	// After so many failures in a row nothing is sent for BreakerPause, and what falls due is dropped. Zero means never.
	BreakerFailures int
	BreakerPause    time.Duration

	failures int
	open     time.Time // until when nothing is sent
}

// Outgoing is a webhook or callback.
type Outgoing struct {
	// ID is the same on every attempt. Empty means a random one.
	ID string
	To *Receiver
	// Body writes the body of an attempt, counted from 1, and Header what goes with it; a nil one adds nothing. Neither may use the
	// fake's state.
	Body   func(attempt int) []byte
	Header func(id string) http.Header

	attempts  int
	allowed   int // attempts
	due       time.Time
	overtaken bool // by the next one, until that was sent
	ruled     bool // fault rules were applied
}

// errBreaker is the error of a delivery that is dropped after too many failures.
var errBreaker = errors.New("fakeserver: dropped, too many failures before it")

// errFault is the error of a delivery that a fault rule makes fail.
var errFault = errors.New("fakeserver: failed by a fault rule")

// outbox delivers webhooks and callbacks. Locks are taken in the order sending, the fake's, mu.
type outbox struct {
	Deliveries
	server *Server
	client *http.Client
	cancel context.CancelFunc // nil without Auto
	wake   chan struct{}
	ended  chan struct{}
	once   sync.Once

	sending sync.Mutex // one delivery at a time

	mu    sync.Mutex
	queue []*Outgoing
	sent  []attempt
}

type attempt struct {
	identkittest.Delivery
	of *Outgoing
}

func newOutbox(s *Server) *outbox {
	o := &outbox{Deliveries: s.config.Deliveries, server: s, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	client := http.Client{
		Timeout:   connectTimeout + responseTimeout,
		Transport: &http.Transport{DialContext: (&net.Dialer{Timeout: connectTimeout}).DialContext},
	}
	if o.Client != nil {
		client = *o.Client
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	o.client = &client
	if o.Accepted == nil {
		o.Accepted = func(status int) bool { return status/100 == 2 }
	}
	if !o.Auto {
		close(o.ended)
		return o
	}
	ctx, cancel := context.WithCancel(context.Background())
	o.cancel = cancel
	go o.run(ctx)
	return o
}

// run sends what is due, when something was queued and every few seconds.
func (o *outbox) run(ctx context.Context) {
	defer close(o.ended)
	ticker := time.NewTicker(dispatchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.wake:
		case <-ticker.C:
		}
		_, _ = o.server.Deliver(ctx) // Deliveries shows it
	}
}

func (o *outbox) close() {
	o.once.Do(func() {
		if o.cancel != nil {
			o.cancel()
		}
		<-o.ended
		if o.Client == nil {
			o.client.CloseIdleConnections()
		}
	})
}

// Send queues a webhook or callback for now. It may be called with the fake's lock held.
func (s *Server) Send(e Outgoing) {
	e.ID = cmp.Or(e.ID, rand.Text())
	s.outbox.enqueue(&e)
}

// Redeliver queues a webhook or callback again, under its id.
func (s *Server) Redeliver(id string) error {
	again := locked(&s.outbox.mu, func() *Outgoing {
		i := slices.IndexFunc(s.outbox.sent, func(a attempt) bool { return a.ID == id })
		if i < 0 {
			return nil
		}
		e := s.outbox.sent[i].of
		return &Outgoing{ID: id, To: e.To, Body: e.Body, Header: e.Header, attempts: e.attempts}
	})
	if again == nil {
		return fmt.Errorf("fakeserver: no webhook or callback %q was sent", id)
	}
	s.outbox.enqueue(again)
	return nil
}

func (o *outbox) enqueue(e *Outgoing) {
	o.mu.Lock()
	e.due, e.allowed = o.server.config.Clock.Now(), e.attempts+max(e.To.Attempts, 1)
	o.queue = append(o.queue, e)
	o.mu.Unlock()
	o.server.changed(identkittest.ChangeDelivery, o.Target, e.ID)
	select {
	case o.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// Deliver sends what is due on the fake's clock, one after the other, and returns the attempts.
func (s *Server) Deliver(ctx context.Context) ([]identkittest.Delivery, error) {
	s.outbox.sending.Lock()
	defer s.outbox.sending.Unlock()
	var all []identkittest.Delivery
	for ctx.Err() == nil {
		e, plan := s.outbox.next()
		if e == nil {
			return all, nil
		}
		all = append(all, s.outbox.deliver(ctx, e, plan)...)
	}
	return all, ctx.Err()
}

// Deliveries returns the last attempts, oldest first.
func (s *Server) Deliveries() []identkittest.Delivery {
	return locked(&s.outbox.mu, func() (all []identkittest.Delivery) {
		for _, a := range s.outbox.sent {
			all = append(all, a.Delivery)
		}
		return all
	})
}

// PendingDeliveries is how many wait for their first or next attempt.
func (s *Server) PendingDeliveries() int {
	s.tick()
	return locked(&s.outbox.mu, func() int { return len(s.outbox.queue) })
}

// tick applies the clock to the fake's state.
func (s *Server) tick() time.Time {
	now := s.config.Clock.Now()
	s.handling(now, func() {})
	return now
}

// next takes the next due delivery from the queue. An overtaken one stays until another was sent.
func (o *outbox) next() (*Outgoing, fault.Plan) {
	now := o.server.tick()
	o.mu.Lock()
	defer o.mu.Unlock()
	slices.SortStableFunc(o.queue, func(a, b *Outgoing) int { return a.due.Compare(b.due) })
	for i, e := range o.queue {
		if e.overtaken || e.due.After(now) {
			continue
		}
		var plan fault.Plan
		request, err := http.NewRequest(http.MethodPost, e.To.address(), nil) //nolint:noctx // never sent; fault rules look at it
		if err == nil && !e.ruled {
			plan = o.server.faults.next(o.Target, request)
		}
		e.overtaken, e.ruled = plan.Reorder, plan.Reorder
		if e.overtaken {
			continue
		}
		e.attempts++
		o.queue = slices.Delete(o.queue, i, i+1)
		return e, plan
	}
	return nil, fault.Plan{}
}

func (r *Receiver) address() string { return cmp.Or(r.URL, "http://receiver.test/") }

// deliver makes one attempt, with two requests where a fault repeats it, and queues the next attempt if it failed.
func (o *outbox) deliver(ctx context.Context, e *Outgoing, plan fault.Plan) []identkittest.Delivery {
	made := []identkittest.Delivery{o.attempt(ctx, e, plan)}
	if plan.DuplicateDelivery {
		made = append(made, o.attempt(ctx, e, plan))
		made[1].Repeated = true
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	now, to, last := o.server.config.Clock.Now(), e.To, &made[len(made)-1]
	switch {
	case last.Delivered:
		to.failures = 0
	case errors.Is(last.Err, errBreaker): // never sent again
	default:
		if to.failures++; to.failures == to.BreakerFailures {
			to.failures, to.open = 0, now.Add(to.BreakerPause)
		}
		if e.attempts < e.allowed {
			e.due, last.Pending = now, true
			if to.Backoff != nil {
				e.due = now.Add(to.Backoff(e.attempts))
			}
			o.queue = append(o.queue, e)
		}
	}
	for _, waiting := range o.queue {
		waiting.overtaken = false
	}
	for _, d := range made {
		o.sent = append(o.sent, attempt{d, e})
	}
	o.sent = o.sent[max(0, len(o.sent)-maxDeliveries):]
	o.server.changed(identkittest.ChangeDelivery, o.Target, e.ID)
	return made
}

// attempt sends one request, as its fault has it.
func (o *outbox) attempt(ctx context.Context, e *Outgoing, plan fault.Plan) identkittest.Delivery {
	d := identkittest.Delivery{
		ID: e.ID, URL: e.To.address(), Attempt: e.attempts, Time: o.server.config.Clock.Now(), Header: make(http.Header), Body: e.Body(e.attempts),
	}
	if d.Time.Before(locked(&o.mu, func() time.Time { return e.To.open })) {
		d.Err = errBreaker
		return d
	}
	if plan.Processes() {
		o.send(ctx, e, &d)
	}
	switch {
	case plan.Connection != "":
		d.Status, d.Err = 0, errFault
	case plan.Reply != nil:
		d.Status, d.Err = plan.Reply.Status, nil
	}
	d.Delivered = d.Err == nil && d.Status > 0 && o.Accepted(d.Status)
	return d
}

// send hands a delivery to the receiver, whose panic counts as a transport error.
func (o *outbox) send(ctx context.Context, e *Outgoing, d *identkittest.Delivery) {
	defer func() {
		if v := recover(); v != nil {
			d.Err = fmt.Errorf("fakeserver: the receiver panicked: %v", v)
		}
	}()
	m := webhooktest.Message{ID: d.ID, Body: d.Body}
	if e.Header != nil {
		m.Header = e.Header(d.ID)
	}
	sign := func(out *webhooktest.Outgoing) error {
		d.Header = out.Request.Header
		if e.To.Sign == nil {
			return nil
		}
		return e.To.Sign(out)
	}
	by := webhooktest.Sender{Handler: e.To.Handler, URL: e.To.address(), Client: o.client, Sign: sign, Clock: o.server.config.Clock, Attempts: 1}
	report, err := by.Send(ctx, m)
	d.Err = err
	for _, a := range report.Attempts {
		d.Status, d.Err = a.Status, a.Err
	}
}
