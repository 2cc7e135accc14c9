package webhooktest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"time"

	"github.com/identkit/identkit/identkittest"
)

// Clock gives a [Sender] its time; package identkittest has one.
type Clock interface {
	Now() time.Time
	// Advance moves the clock by d and returns the new time.
	Advance(d time.Duration) time.Time
}

// Sender delivers as a provider does: signed anew at each attempt, with the same id, until it gets a 2xx. Handler
// or URL, and Sign, are required. It is safe for concurrent use.
type Sender struct {
	// Handler gets the deliveries directly. URL is then the request's URL; empty means "http://example.test/".
	Handler http.Handler
	// URL gets the deliveries over the network when there is no Handler.
	URL string
	// Client sends to the URL. Nil means a client with a timeout of 30 s. Redirects are not followed, because a signature
	// or credential belongs to one address.
	Client *http.Client
	// Sign authenticates the delivery.
	Sign Signer
	// Clock gives timestamps and is moved by every wait. Nil means a clock per message that starts at the present, so that
	// nothing really waits; share one with the receiver to have its timestamps judged by the same time.
	Clock Clock
	// Attempts is how often a message is delivered until it is accepted. Zero means 3.
	Attempts int
	// Backoff is the wait before the next attempt, after n failed ones. Nil means 5 s, then twice as long each time.
	Backoff func(n int) time.Duration
}

// Message is something to deliver.
type Message struct {
	ID     string      // empty: "msg_" and a random number
	Body   []byte      // the raw body
	Header http.Header // added to the request; Content-Type is application/json when it is not here
	// Delay is how long the message travels: it is delivered that much later than it was signed.
	Delay time.Duration
	// Copies are sent after the message was accepted, as by senders that missed the response.
	Copies int
	// Faults make the first attempts inauthentic, one each; "" is none.
	Faults []Fault
}

// Attempt is one delivery and its response.
type Attempt struct {
	Time   time.Time
	Fault  Fault
	Copy   bool // sent after the message had been accepted
	Status int  // 0 when no response came
	Header http.Header
	Body   []byte // at most 64 KiB
	Err    error
}

// Report says what became of a message.
type Report struct {
	ID       string
	Attempts []Attempt
}

// Accepted reports whether an attempt got a 2xx.
func (r Report) Accepted() bool {
	return slices.ContainsFunc(r.Attempts, func(a Attempt) bool { return a.Status/100 == 2 })
}

// Statuses lists the statuses of the responses in order.
func (r Report) Statuses() []int {
	var all []int
	for _, a := range r.Attempts {
		all = append(all, a.Status)
	}
	return all
}

// Send delivers one message, with its faults, retries and copies. The error says that the message could not
// be made; refusals and lost responses stand in the report.
func (s *Sender) Send(ctx context.Context, m Message) (Report, error) {
	if (s.Handler == nil && s.URL == "") || s.Sign == nil {
		return Report{}, errors.New("webhooktest: a sender needs Handler or URL, and Sign")
	}
	m.ID = cmp.Or(m.ID, newID())
	clock := s.Clock
	if clock == nil {
		clock = identkittest.NewClock(time.Now())
	}
	report := Report{ID: m.ID}
	for n := 0; n < cmp.Or(s.Attempts, 3) && !report.Accepted(); n++ {
		if n > 0 {
			clock.Advance(s.backoff(n))
		}
		var fault Fault
		if n < len(m.Faults) {
			fault = m.Faults[n]
		}
		if err := s.attempt(ctx, clock, m, Attempt{Fault: fault}, &report); err != nil {
			return report, err
		}
	}
	for n := 0; n < m.Copies && report.Accepted(); n++ {
		if err := s.attempt(ctx, clock, m, Attempt{Copy: true}, &report); err != nil {
			return report, err
		}
	}
	return report, nil
}

// SendAll delivers messages one after the other. Use [Shuffle] or [slices.Reverse] on them to deliver them out
// of order.
func (s *Sender) SendAll(ctx context.Context, messages ...Message) ([]Report, error) {
	var reports []Report
	for _, m := range messages {
		r, err := s.Send(ctx, m)
		if err != nil {
			return reports, err
		}
		reports = append(reports, r)
	}
	return reports, nil
}

// SendConcurrently delivers the same message n times at the same time, without retries, and reports all attempts together.
func (s *Sender) SendConcurrently(ctx context.Context, m Message, n int) (Report, error) {
	m.ID = cmp.Or(m.ID, newID())
	single := *s
	single.Attempts = 1
	reports, errs := make([]Report, n), make([]error, n)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			reports[i], errs[i] = single.Send(ctx, m)
		})
	}
	close(start)
	all.Wait()
	sum := Report{ID: m.ID}
	for _, r := range reports {
		sum.Attempts = append(sum.Attempts, r.Attempts...)
	}
	return sum, errors.Join(errs...)
}

// Shuffle returns the messages in a random order that depends on the seed alone.
func Shuffle(seed uint64, messages ...Message) []Message {
	shuffled := slices.Clone(messages)
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(shuffled), func(i, j int) {
		shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
	})
	return shuffled
}

func newID() string { return fmt.Sprintf("msg_%016x", rand.Uint64()) }

func (s *Sender) backoff(n int) time.Duration {
	if s.Backoff != nil {
		return s.Backoff(n)
	}
	return 5 * time.Second << (n - 1)
}

func (s *Sender) attempt(ctx context.Context, clock Clock, m Message, a Attempt, report *Report) error {
	request, err := s.request(ctx, clock.Now(), m, a.Fault)
	if err != nil {
		return err
	}
	if m.Delay > 0 {
		clock.Advance(m.Delay)
	}
	a.Time = clock.Now()
	response, err := s.deliver(request)
	if err != nil {
		a.Err = err
	} else {
		a.Status, a.Header = response.StatusCode, response.Header
		a.Body, a.Err = io.ReadAll(io.LimitReader(response.Body, 64<<10))
		_ = response.Body.Close()
	}
	report.Attempts = append(report.Attempts, a)
	return nil
}

func (s *Sender) request(ctx context.Context, now time.Time, m Message, fault Fault) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, cmp.Or(s.URL, "http://example.test/"), bytes.NewReader(m.Body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	for name, values := range m.Header {
		request.Header[http.CanonicalHeaderKey(name)] = slices.Clone(values)
	}
	sign := s.Sign
	if fault != "" {
		sign = SignWithFault(sign, fault)
	}
	return request, sign(&Outgoing{Request: request, Body: m.Body, ID: m.ID, Time: now})
}

func (s *Sender) deliver(request *http.Request) (*http.Response, error) {
	if s.Handler != nil {
		request.RequestURI = request.URL.RequestURI()
		request.RemoteAddr = cmp.Or(request.RemoteAddr, "192.0.2.1:1234")
		recorder := httptest.NewRecorder()
		s.Handler.ServeHTTP(recorder, request)
		return recorder.Result(), nil
	}
	client := http.Client{Timeout: 30 * time.Second}
	if s.Client != nil {
		client = *s.Client
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return client.Do(request)
}
