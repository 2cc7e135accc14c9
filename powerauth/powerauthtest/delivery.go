package powerauthtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/webhook/webhooktest"
)

// The rhythm of the vendor's engine.
const (
	backoffGrowth    = 1.5
	maxBackoff       = 32 * time.Second
	dispatchEvery    = 3 * time.Second
	breakerFailures  = 200
	breakerPause     = time.Minute
	connectTimeout   = 5 * time.Second
	responseTimeout  = 60 * time.Second
	rememberedSends  = 1000
	firstErrorStatus = 400 // redirects count as success
)

// Delivery is one attempt to deliver a callback.
type Delivery struct {
	IdempotencyKey string // the same on every attempt
	Attempt        int    // from 1
	Repeated       bool   // once more, by a fault rule
	Time           time.Time
	Body           []byte
	Status         int // 0 when no answer arrived
	Err            error
	// Pending says that another attempt follows; a callback that is neither delivered nor pending is lost.
	Pending bool
}

// Delivered reports whether the receiver took it.
func (d Delivery) Delivered() bool {
	return d.Err == nil && d.Status > 0 && d.Status < firstErrorStatus
}

// event is a callback on its way.
type event struct {
	callback *callback
	key      string
	members  map[string]any
	attempts int
	due      time.Time
	held     bool // until another one was sent
	late     bool // was held; its fault rule has been asked
}

// errBreaker is the error of what is dropped while the breaker of a callback is open.
var errBreaker = errors.New("powerauthtest: dropped, too many failures before it")

// errLost is the error of a delivery that a fault rule spoils.
var errLost = errors.New("powerauthtest: lost by a fault rule")

// sender delivers callbacks.
type sender struct {
	server *Server
	client *http.Client
	cancel context.CancelFunc // nil when callbacks wait to be asked for
	alarm  chan struct{}
	ended  chan struct{}
	once   sync.Once

	turn sync.Mutex // one delivery at a time
}

func newSender(s *Server) *sender {
	d := &sender{server: s, alarm: make(chan struct{}, 1), ended: make(chan struct{})}
	if own := s.opts.CallbackClient; own != nil {
		copied := *own
		d.client = &copied
	} else {
		d.client = &http.Client{
			Timeout:   connectTimeout + responseTimeout,
			Transport: &http.Transport{DialContext: (&net.Dialer{Timeout: connectTimeout}).DialContext},
		}
	}
	d.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if !s.opts.SendCallbacks {
		close(d.ended)
		return d
	}
	ctx, cancel := context.WithCancel(context.Background())
	d.cancel = cancel
	go d.run(ctx)
	return d
}

// run sends what is due when something has changed, and every few seconds what has fallen due by itself.
func (d *sender) run(ctx context.Context) {
	defer close(d.ended)
	ticker := time.NewTicker(dispatchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.alarm:
		case <-ticker.C:
		}
		_, _ = d.server.DeliverCallbacks(ctx) // Deliveries tells
	}
}

// wake lets the sender look for callbacks. It is called without the lock.
func (d *sender) wake() {
	if d.cancel == nil {
		return
	}
	select {
	case d.alarm <- struct{}{}:
	default: // it will look anyway
	}
}

func (d *sender) close() {
	d.once.Do(func() {
		if d.cancel != nil {
			d.cancel()
		}
		<-d.ended
		if d.server.opts.CallbackClient == nil {
			d.client.CloseIdleConnections()
		}
	})
}

// DeliverCallbacks sends every callback that is due on the fake's clock, first attempts and retries, one after the other, with
// those that their receivers cause, and returns what became of them. What failed waits for its next attempt: move the clock
// and call again. A receiver must not call it. The error is that of the context.
func (s *Server) DeliverCallbacks(ctx context.Context) ([]Delivery, error) {
	s.sender.turn.Lock()
	defer s.sender.turn.Unlock()
	var all []Delivery
	for ctx.Err() == nil {
		e, plan := s.nextEvent()
		if e == nil {
			return all, nil
		}
		all = append(all, s.deliver(ctx, e, plan)...)
	}
	return all, ctx.Err()
}

// Deliveries returns the last 1000 attempts to deliver callbacks, oldest first.
func (s *Server) Deliveries() []Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.deliveries)
}

// PendingCallbacks is how many callbacks wait for their first or next attempt.
func (s *Server) PendingCallbacks() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now()
	return len(s.queue)
}

// nextEvent takes the next event that is due from the queue. One that is to be overtaken stays until another was sent.
func (s *Server) nextEvent() (*event, identkittest.Plan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	slices.SortStableFunc(s.queue, func(a, b *event) int { return a.due.Compare(b.due) })
	for i, e := range s.queue {
		if e.held || e.due.After(now) {
			continue
		}
		request, err := http.NewRequest(http.MethodPost, e.callback.address(), nil) //nolint:noctx // never sent; fault rules look at it
		if err != nil {
			continue // cannot happen: the URL was parsed
		}
		var plan identkittest.Plan
		if !e.late {
			plan = s.engine.Plan(CallbackTarget, request)
		}
		e.held, e.late = plan.Reorder, plan.Reorder
		if e.held {
			continue
		}
		s.queue = slices.Delete(s.queue, i, i+1)
		return e, plan
	}
	return nil, identkittest.Plan{}
}

// address is where requests say that they go.
func (cb *callback) address() string {
	if cb.URL == "" {
		return "http://receiver.test/"
	}
	return cb.URL
}

// deliver makes one attempt, or two where a fault repeats it, and decides what becomes of the event.
func (s *Server) deliver(ctx context.Context, e *event, plan identkittest.Plan) []Delivery {
	e.attempts++
	var made []Delivery
	times := 1
	if plan.DuplicateDelivery {
		times = 2
	}
	for n := range times {
		d := s.attempt(ctx, e, plan)
		d.Repeated = n > 0
		made = append(made, d)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.engine.Clock().Now()
	cb, last := e.callback, &made[len(made)-1]
	switch {
	case last.Delivered():
		cb.failures = 0
	case errors.Is(last.Err, errBreaker): // never sent again
	default:
		if cb.failures++; cb.failures >= breakerFailures {
			cb.failures, cb.broken = 0, now.Add(breakerPause)
		}
		if e.attempts < cb.MaxAttempts {
			e.due, last.Pending = now.Add(cb.backoff(e.attempts)), true
			s.queue = append(s.queue, e)
		}
	}
	for _, waiting := range s.queue {
		waiting.held = false
	}
	s.deliveries = append(s.deliveries, made...)
	s.deliveries = s.deliveries[max(0, len(s.deliveries)-rememberedSends):]
	return made
}

// backoff is the wait after n attempts.
func (cb *callback) backoff(n int) time.Duration {
	wait := float64(cb.InitialBackoff) * math.Pow(backoffGrowth, float64(n-1))
	return time.Duration(min(wait, float64(maxBackoff)))
}

// attempt sends an event once.
func (s *Server) attempt(ctx context.Context, e *event, plan identkittest.Plan) (d Delivery) {
	cb, now := e.callback, s.engine.Clock().Now()
	d = Delivery{IdempotencyKey: e.key, Attempt: e.attempts, Time: now, Body: s.callbackBody(e)}
	s.mu.Lock()
	broken := now.Before(cb.broken)
	s.mu.Unlock()
	if broken {
		d.Err = errBreaker
		return d
	}
	if plan.Acts() {
		s.sender.send(ctx, cb, &d)
	}
	switch {
	case plan.Refuse, plan.Reset, plan.LoseResponse:
		d.Status, d.Err = 0, errLost
	case plan.Reply != nil:
		d.Status, d.Err = plan.Reply.Status, nil
	}
	return d
}

// send hands a delivery to the receiver, whose panic counts as a lost answer.
func (d *sender) send(ctx context.Context, cb *callback, out *Delivery) {
	defer func() {
		if v := recover(); v != nil {
			out.Err = fmt.Errorf("powerauthtest: the receiver panicked: %v", v)
		}
	}()
	sign := webhooktest.Unsigned()
	switch {
	case cb.BearerToken != "":
		sign = webhooktest.SignBearer(cb.BearerToken)
	case cb.Username != "":
		sign = webhooktest.SignBasic(cb.Username, cb.Password)
	}
	receiver := cb.Handler
	if receiver == nil {
		receiver = d.server.opts.CallbackHandler
	}
	by := webhooktest.Sender{Handler: receiver, URL: cb.address(), Client: d.client, Sign: sign, Attempts: 1}
	header := http.Header{"Traceparent": {fmt.Sprintf("00-%x-%x-01", randomBytes(16), randomBytes(8))}}
	if !d.server.opts.Dialect.CallbacksWithoutKey {
		header.Set("Idempotency-Key", out.IdempotencyKey)
	}
	report, err := by.Send(ctx, webhooktest.Message{ID: out.IdempotencyKey, Body: out.Body, Header: header})
	if err != nil {
		out.Err = err
		return
	}
	for _, a := range report.Attempts {
		out.Status, out.Err = a.Status, a.Err
	}
}

// callbackBody writes an event, whose times have another form when it is written again from what was stored.
func (s *Server) callbackBody(e *event) []byte {
	iso := s.opts.Dialect.CallbackTimes == TimesISO || s.opts.Dialect.CallbackTimes == TimesMixed && e.attempts > 1
	out := make(map[string]any, len(e.members))
	for name, member := range e.members {
		if at, ok := member.(time.Time); ok {
			switch {
			case at.IsZero():
				member = nil
			case iso:
				member = at.UTC().Format("2006-01-02T15:04:05.000+00:00")
			default:
				member = at.UnixMilli()
			}
		}
		out[name] = member
	}
	b, err := json.Marshal(out)
	if err != nil {
		panic("powerauthtest: " + err.Error()) // members of our making
	}
	return b
}

var durationForm = regexp.MustCompile(`^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$`)

// parseDuration reads an ISO 8601 duration of days and less; an empty text is zero.
func parseDuration(text string) (time.Duration, bool) {
	if text == "" {
		return 0, true
	}
	m := durationForm.FindStringSubmatch(text)
	if m == nil || text == "P" || text[len(text)-1] == 'T' {
		return 0, false
	}
	var sum float64
	for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second} {
		if n, err := strconv.ParseFloat(m[i+1], 64); err == nil {
			sum += n * float64(unit)
		}
	}
	return time.Duration(sum), true
}
