package powerauth_test

import (
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

// loopback serves a registration for every request, counting connections.
func loopback(tb testing.TB) (base string, connections *atomic.Int64) {
	tb.Helper()
	connections = new(atomic.Int64)
	body := []byte(registrationBody)
	length := strconv.Itoa(len(body))
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", length)
		_, _ = w.Write(body)
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

// sdkGet is a GET through a client with retry policy, auth and limiter, and no observer.
func sdkGet(tb testing.TB, base string) func(context.Context) error {
	tb.Helper()
	client, err := powerauth.New(powerauth.Config{
		BaseURL:     base,
		Credentials: powerauth.BasicAuth("integration", "password"),
		Options:     identkit.Options{Limiter: rate.NewLimiter(rate.Inf, 1)},
	})
	require.NoError(tb, err)
	tb.Cleanup(client.CloseIdleConnections)
	return func(ctx context.Context) error {
		r, err := client.Registrations.Get(ctx, registrationID)
		if err == nil && r.Status != powerauth.RegistrationActive {
			err = fmt.Errorf("status %s", r.Status)
		}
		return err
	}
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

// handGet is the same with net/http and encoding/json written by hand, with the pool sized as well as ours and nothing but the
// happy path: no timeout, no cap, no retry, no limiter.
func handGet(tb testing.TB, base string) func(context.Context) error {
	tb.Helper()
	return handGetWithin(tb, base, 0)
}

// handGetWithin is handGet with http.Client's Timeout, which every service should have.
func handGetWithin(tb testing.TB, base string, timeout time.Duration) func(context.Context) error {
	tb.Helper()
	pool := http.DefaultTransport.(*http.Transport).Clone()
	pool.MaxIdleConns, pool.MaxIdleConnsPerHost = 0, 1024
	tb.Cleanup(pool.CloseIdleConnections)
	client := &http.Client{Transport: pool, Timeout: timeout}
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/v2/registrations/"+url.PathEscape(registrationID), nil)
		if err != nil {
			return err
		}
		req.SetBasicAuth("integration", "password")
		req.Header.Set("Accept", "application/json")
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("HTTP %d", resp.StatusCode)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return err
		}
		r := new(handRegistration)
		if err := json.Unmarshal(body, r); err != nil {
			return err
		}
		if r.Status != "ACTIVE" {
			return fmt.Errorf("status %s", r.Status)
		}
		return nil
	}
}

// The variants alternate in one run, so that other load on the machine affects all alike; the ratio is that of the medians.
func BenchmarkGet(b *testing.B) {
	base, _ := loopback(b)
	hand, timed, ours := handGet(b, base), handGetWithin(b, base, 30*time.Second), sdkGet(b, base)
	const calls = 200
	block := func(get func(context.Context) error) float64 {
		start := time.Now()
		for range calls {
			if err := get(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
		return float64(time.Since(start).Nanoseconds()) / calls
	}
	alternate(b, func() float64 { return block(hand) }, func() float64 { return block(timed) }, func() float64 { return block(ours) })
}

func BenchmarkGetConcurrent(b *testing.B) {
	for _, goroutines := range []int{128, 512} {
		b.Run(strconv.Itoa(goroutines), func(b *testing.B) {
			handBase, _ := loopback(b)
			ourBase, connections := loopback(b)
			hand, timed, ours := handGet(b, handBase), handGetWithin(b, handBase, 30*time.Second), sdkGet(b, ourBase)
			const each = 20
			block := func(get func(context.Context) error) float64 {
				start := time.Now()
				spread(b, get, goroutines, each)
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
	hand, ours := allocations(t, handGet(t, base)), allocations(t, sdkGet(t, base))
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
			get := sdkGet(t, base)
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
