package powerauth_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/powerauth"
)

const registrationBody = `{"registrationId":"3b9edfd2-4d82-477c-b4b3-20fa5c99c993","registrationStatus":"ACTIVE","userId":"u-1","applicationId":"app",
"name":"My phone","platform":"ios","deviceInfo":"iPhone16,1","flags":["PRIMARY"],"timestampCreated":1701426030500,"timestampLastUsed":1701426030500}`

const pendingBody = `{"operationId":"0e5b3a1c-55a4-4b83-8f0e-27a3f2d2a001","userId":"u-1","status":"PENDING","template":"payment","parameters":{"amount":"100.00","currency":"EUR"},
"timestampCreated":1701426030500,"timestampExpires":1701426330500,"failureCount":0,"maxFailureCount":5}`

// loopback serves a registration for every GET and an operation for every POST, counting connections.
func loopback(tb testing.TB) (base string, connections *atomic.Int64) {
	tb.Helper()
	connections = new(atomic.Int64)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := registrationBody
		if r.Method == http.MethodPost {
			body = pendingBody
			_, _ = io.Copy(io.Discard, r.Body)
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = io.WriteString(w, body)
	}))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	srv.Start()
	tb.Cleanup(srv.Close)
	return srv.URL, connections
}

const registrationID = "3b9edfd2-4d82-477c-b4b3-20fa5c99c993"

// request is one call as the SDK makes it, and as it is written by hand.
type request struct {
	sdk  func(context.Context, *powerauth.Client) error
	hand func(context.Context, *http.Client, string) error
}

var get = request{
	func(ctx context.Context, client *powerauth.Client) error {
		r, err := client.Registrations.Get(ctx, registrationID)
		if err == nil && r.Status != powerauth.RegistrationActive {
			err = fmt.Errorf("status %s", r.Status)
		}
		return err
	},
	func(ctx context.Context, client *http.Client, base string) error {
		var r handRegistration
		err := handCall(ctx, client, http.MethodGet, base+"/v2/registrations/"+url.PathEscape(registrationID), nil, &r)
		if err == nil && r.Status != "ACTIVE" {
			err = fmt.Errorf("status %s", r.Status)
		}
		return err
	},
}

var post = request{
	func(ctx context.Context, client *powerauth.Client) error {
		o, err := client.Operations.Create(ctx, powerauth.CreateOperationParams{
			UserID: "u-1", Template: "payment", Parameters: map[string]string{"amount": "100.00", "currency": "EUR"},
		})
		if err == nil && o.Status != powerauth.OperationPending {
			err = fmt.Errorf("status %s", o.Status)
		}
		return err
	},
	func(ctx context.Context, client *http.Client, base string) error {
		var o handOperation
		in := handParams{"u-1", "payment", map[string]string{"amount": "100.00", "currency": "EUR"}}
		err := handCall(ctx, client, http.MethodPost, base+"/v2/operations", in, &o)
		if err == nil && o.Status != "PENDING" {
			err = fmt.Errorf("status %s", o.Status)
		}
		return err
	},
}

type handRegistration struct {
	ID       string   `json:"registrationId"`
	Status   string   `json:"registrationStatus"`
	UserID   string   `json:"userId"`
	App      string   `json:"applicationId"`
	Name     string   `json:"name"`
	Platform string   `json:"platform"`
	Device   string   `json:"deviceInfo"`
	Flags    []string `json:"flags"`
	Created  int64    `json:"timestampCreated"`
	LastUsed int64    `json:"timestampLastUsed"`
}

type handParams struct {
	UserID     string            `json:"userId"`
	Template   string            `json:"template"`
	Parameters map[string]string `json:"parameters"`
}

type handOperation struct {
	ID          string            `json:"operationId"`
	UserID      string            `json:"userId"`
	Status      string            `json:"status"`
	Template    string            `json:"template"`
	Parameters  map[string]string `json:"parameters"`
	Created     int64             `json:"timestampCreated"`
	Expires     int64             `json:"timestampExpires"`
	Failures    int               `json:"failureCount"`
	MaxFailures int               `json:"maxFailureCount"`
}

// handCall is a call with net/http and encoding/json: nothing but the happy path, no cap, no retry, no limiter.
func handCall(ctx context.Context, client *http.Client, method, address string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return err
	}
	req.SetBasicAuth("integration", "password")
	req.Header.Set("Accept", "application/json")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("HTTP %d", resp.StatusCode)
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, out)
}

// sdk makes the request through a client with retry policy, auth and limiter, and no observer.
func sdk(tb testing.TB, r request, base string) func(context.Context) error {
	tb.Helper()
	client, err := powerauth.New(powerauth.Config{
		BaseURL:     base,
		Credentials: powerauth.BasicAuth("integration", "password"),
		Options:     identkit.Options{Limiter: rate.NewLimiter(rate.Inf, 1)},
	})
	require.NoError(tb, err)
	tb.Cleanup(client.CloseIdleConnections)
	return func(ctx context.Context) error { return r.sdk(ctx, client) }
}

// byHand makes the request with the pool sized as well as ours. A timeout is http.Client's, which every service should have.
func byHand(tb testing.TB, r request, base string, timeout time.Duration) func(context.Context) error {
	tb.Helper()
	pool := http.DefaultTransport.(*http.Transport).Clone()
	pool.MaxIdleConns, pool.MaxIdleConnsPerHost = 0, 1024
	tb.Cleanup(pool.CloseIdleConnections)
	client := &http.Client{Transport: pool, Timeout: timeout}
	return func(ctx context.Context) error { return r.hand(ctx, client, base) }
}

func BenchmarkGet(b *testing.B)  { one(b, get) }
func BenchmarkPost(b *testing.B) { one(b, post) }

// one makes calls one after the other. The variants alternate in one run, so that other load on the machine affects all alike; the ratio
// is that of the medians.
func one(b *testing.B, r request) {
	b.Helper()
	base, _ := loopback(b)
	hand, timed, ours := byHand(b, r, base, 0), byHand(b, r, base, 30*time.Second), sdk(b, r, base)
	const calls = 200
	block := func(call func(context.Context) error) float64 {
		start := time.Now()
		for range calls {
			if err := call(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
		return float64(time.Since(start).Nanoseconds()) / calls
	}
	alternate(b, func() float64 { return block(hand) }, func() float64 { return block(timed) }, func() float64 { return block(ours) })
}

func BenchmarkGetConcurrent(b *testing.B)  { concurrent(b, get, 128, 512) }
func BenchmarkPostConcurrent(b *testing.B) { concurrent(b, post, 128) }

func concurrent(b *testing.B, r request, goroutines ...int) {
	b.Helper()
	for _, goroutines := range goroutines {
		b.Run(strconv.Itoa(goroutines), func(b *testing.B) {
			handBase, _ := loopback(b)
			ourBase, connections := loopback(b)
			hand, timed, ours := byHand(b, r, handBase, 0), byHand(b, r, handBase, 30*time.Second), sdk(b, r, ourBase)
			const each = 20
			block := func(call func(context.Context) error) float64 {
				start := time.Now()
				spread(b, call, goroutines, each)
				return float64(time.Since(start).Nanoseconds()) / float64(goroutines*each)
			}
			block(ours)
			first := connections.Load()
			alternate(b, func() float64 { return block(hand) }, func() float64 { return block(timed) }, func() float64 { return block(ours) })
			b.ReportMetric(float64(first)/float64(goroutines), "conns/goroutine")
			b.ReportMetric(100*float64(connections.Load()-first)/float64(b.N*goroutines), "%new-conns/round")
		})
	}
}

// alternate reports the medians of variants run in alternation: by hand, by hand with a timeout, and ours.
func alternate(b *testing.B, hand, timed, ours func() float64) {
	b.Helper()
	variants := [...]func() float64{hand, timed, ours}
	var durations [len(variants)][]float64
	for _, variant := range variants {
		variant() // connections
	}
	for b.Loop() {
		for i, variant := range variants {
			durations[i] = append(durations[i], variant())
		}
	}
	var median [len(variants)]float64
	for i := range durations {
		slices.Sort(durations[i])
		median[i] = durations[i][len(durations[i])/2]
	}
	b.ReportMetric(0, "ns/op") // the sum of all variants is meaningless
	b.ReportMetric(median[0], "ns-hand")
	b.ReportMetric(median[1], "ns-hand+timeout")
	b.ReportMetric(median[2], "ns-identkit")
	b.ReportMetric(median[2]/median[0], "x-hand")
	b.ReportMetric(median[2]/median[1], "x-hand+timeout")
}

// spread makes n calls on each of some goroutines.
func spread(tb testing.TB, get func(context.Context) error, goroutines, n int) {
	tb.Helper()
	var wg sync.WaitGroup
	var failed atomic.Pointer[error]
	for range goroutines {
		wg.Go(func() {
			for range n {
				if err := get(context.Background()); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		tb.Fatal(*err)
	}
}

// A ceiling, so that the transport does not grow unnoticed. Not parallel: allocations are counted process-wide.
func TestGetAllocationCeiling(t *testing.T) {
	base, _ := loopback(t)
	hand, ours := allocations(t, byHand(t, get, base, 0)), allocations(t, sdk(t, get, base))
	t.Logf("by hand %v, identkit %v", hand, ours)
	assert.LessOrEqual(t, ours, hand+12)
}

func allocations(t *testing.T, get func(context.Context) error) float64 {
	t.Helper()
	require.NoError(t, get(t.Context()))
	return testing.AllocsPerRun(300, func() {
		if err := get(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

type cannedResponse struct{ http.Response }

func (c *cannedResponse) RoundTrip(*http.Request) (*http.Response, error) {
	resp := c.Response
	resp.Body = io.NopCloser(strings.NewReader(registrationBody))
	return &resp, nil
}

// The same without a socket: what the SDK itself allocates. Other Go releases may allocate otherwise.
func TestAllocationCeilings(t *testing.T) {
	if !strings.HasPrefix(runtime.Version(), "go1.26") {
		t.Skip("the ceilings are those of the Go release in go.mod")
	}
	canned := &cannedResponse{http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, ContentLength: int64(len(registrationBody))}}
	client := clientOf(t, stubURL, canned)
	typed := allocations(t, func(ctx context.Context) error {
		_, err := client.Registrations.Get(ctx, registrationID)
		return err
	})
	call := allocations(t, func(ctx context.Context) error {
		var out handRegistration
		return client.Call(ctx, identkit.Request{Path: "/v2/registrations/{id}", PathValues: map[string]string{"id": registrationID}}, &out)
	})
	t.Logf("typed %v, Call %v", typed, call)
	assert.LessOrEqual(t, typed, 34.0)
	assert.LessOrEqual(t, call, 44.0)
}

func TestManyGoroutinesShareTheirConnections(t *testing.T) {
	for _, goroutines := range []int{128, 512} {
		// How many connections a burst takes depends on what else the machine does: the best of a few bursts counts.
		first, next := math.Inf(1), math.Inf(1)
		for range 5 {
			base, connections := loopback(t)
			get := sdk(t, get, base)
			spread(t, get, goroutines, 10)
			opened := connections.Load()
			spread(t, get, goroutines, 10)
			first = min(first, float64(opened)/float64(goroutines))
			next = min(next, float64(connections.Load()-opened)/float64(goroutines))
			if first <= 1.3 && next <= 0.05 {
				break
			}
		}
		assert.LessOrEqual(t, first, 1.3, "connections a goroutine in the first round of %d", goroutines)
		assert.LessOrEqual(t, next, 0.05, "new ones a goroutine in the next round of %d", goroutines)
	}
}
