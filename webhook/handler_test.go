package webhook_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/webhook"
	"github.com/identkit/identkit/webhook/webhooktest"
)

// accept is for tests about what comes after the verification.
var accept = webhook.VerifierFunc(func(context.Context, *webhook.Request) (webhook.Receipt, error) {
	return webhook.Receipt{Scheme: "none"}, nil
})

// counting makes a handler that counts its runs and remembers the outcomes.
func counting[E any](t testing.TB, cfg webhook.Config[E]) (*webhook.Handler, *outcomes, *atomic.Int64) {
	t.Helper()
	runs := new(atomic.Int64)
	handle := cfg.Handle
	cfg.Handle = func(ctx context.Context, e E) error {
		runs.Add(1)
		if handle == nil {
			return nil
		}
		return handle(ctx, e)
	}
	if cfg.Verify == nil {
		cfg.Verify = accept
	}
	seen := new(outcomes)
	cfg.Observer.Delivery = seen.add
	h, err := webhook.NewHandler(cfg)
	require.NoError(t, err)
	return h, seen, runs
}

type outcomes struct {
	mu  sync.Mutex
	all []identkit.DeliveryInfo
}

func (o *outcomes) add(_ context.Context, out identkit.DeliveryInfo) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = append(o.all, out)
}

func (o *outcomes) last() identkit.DeliveryInfo {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all[len(o.all)-1]
}

func (o *outcomes) reasons() map[string]int {
	o.mu.Lock()
	defer o.mu.Unlock()
	count := make(map[string]int)
	for _, d := range o.all {
		count[d.Reason]++
	}
	return count
}

func newPost(body string, header ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/hooks", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func post(h http.Handler, body string, header ...string) *httptest.ResponseRecorder {
	return serve(h, newPost(body, header...))
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestInvalidRequestsAreRefused(t *testing.T) {
	t.Parallel()
	with := func(change func(*http.Request)) *http.Request {
		r := newPost("{}")
		change(r)
		return r
	}
	for _, c := range []struct {
		rule    string
		request *http.Request
		want    int
		reason  webhook.Reason
	}{
		{"a delivery", newPost("{}"), 200, ""},
		{"JSON with a charset", newPost("{}", "Content-Type", "Application/JSON; charset=utf-8"), 200, ""},
		{"a JSON dialect", newPost("{}", "Content-Type", "application/cloudevents+json"), 200, ""},
		{"identity encoding", newPost("{}", "Content-Encoding", "identity"), 200, ""},
		{"GET", with(func(r *http.Request) { r.Method = http.MethodGet }), 405, webhook.ReasonMethod},
		{"another case of POST", with(func(r *http.Request) { r.Method = "post" }), 405, webhook.ReasonMethod},
		{"a form", newPost("{}", "Content-Type", "application/x-www-form-urlencoded"), 415, webhook.ReasonContentType},
		{"no type", with(func(r *http.Request) { r.Header.Del("Content-Type") }), 415, webhook.ReasonContentType},
		{"two types", with(func(r *http.Request) { r.Header.Add("Content-Type", "text/plain") }), 415, webhook.ReasonContentType},
		{"a broken type", newPost("{}", "Content-Type", "application/json; ="), 415, webhook.ReasonContentType},
		{"gzip", newPost("{}", "Content-Encoding", "gzip"), 415, webhook.ReasonContentEncoding},
		{"gzip behind identity", with(func(r *http.Request) {
			r.Header["Content-Encoding"] = []string{"identity", "gzip"}
		}), 415, webhook.ReasonContentEncoding},
		{"a list of encodings", newPost("{}", "Content-Encoding", "identity, gzip"), 415, webhook.ReasonContentEncoding},
		{"no body", with(func(r *http.Request) { r.Body = nil }), 400, webhook.ReasonInvalidEvent},
		{"an empty body", newPost(""), 400, webhook.ReasonInvalidEvent},
		{"not JSON", newPost("{"), 400, webhook.ReasonInvalidEvent},
		{"two values", newPost("{}{}"), 400, webhook.ReasonInvalidEvent},
		{"null", newPost(" null\n"), 400, webhook.ReasonInvalidEvent},
		{"another type", newPost("[1]"), 400, webhook.ReasonInvalidEvent},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			h, seen, runs := counting(t, webhook.Config[map[string]any]{})
			w := serve(h, c.request)
			assert.Equal(t, c.want, w.Code)
			assert.Empty(t, w.Body.String(), "responses have empty bodies")
			assert.Equal(t, string(c.reason), seen.last().Reason)
			assert.Equal(t, c.want, seen.last().Status)
			assert.Equal(t, c.want == 200, runs.Load() == 1)
			if c.want == 405 {
				assert.Equal(t, "POST", w.Header().Get("Allow"))
			}
		})
	}
}

func TestOtherMethodsAndTypesByChoice(t *testing.T) {
	t.Parallel()
	h, _, runs := counting(t, webhook.Config[any]{
		Methods: []string{"PUT"}, ContentTypes: []string{"text/plain"}, Store: webhook.NoStore,
	})
	r := newPost("{}", "Content-Type", "Text/Plain; charset=x")
	r.Method = "PUT"
	assert.Equal(t, 200, serve(h, r).Code)
	assert.Equal(t, 405, post(h, "{}").Code)
	anything, _, _ := counting(t, webhook.Config[any]{ContentTypes: []string{"*/*"}})
	r = newPost("{}")
	r.Header.Del("Content-Type")
	assert.Equal(t, 200, serve(anything, r).Code)
	assert.EqualValues(t, 1, runs.Load())
}

// TestNothingUnverifiedIsParsed sends every fault to a handler over HTTP.
func TestNothingUnverifiedIsParsed(t *testing.T) {
	t.Parallel()
	cfg := hmacForms["timestamp header"]
	var decoded atomic.Int64
	clock := identkittest.NewClock(time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC))
	h, seen, runs := counting(t, webhook.Config[any]{
		Verify: hmacVerifier(t, cfg),
		Decode: func(d *webhook.Delivery) ([]any, error) {
			decoded.Add(1)
			return webhook.JSON[any](d)
		},
		Clock: clock.Now,
	})
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	sender := &webhooktest.Sender{URL: server.URL, Sign: webhooktest.SignHMAC(cfg, secret), Clock: clock, Attempts: 1}
	for _, fault := range webhooktest.Faults() {
		if fault == webhooktest.FaultTooLong {
			continue // net/http itself refuses 100 KiB of header with 431; RunVerifierTests has it
		}
		report, err := sender.Send(t.Context(), webhooktest.Message{Body: []byte(`{"a":1}`), Faults: []webhooktest.Fault{fault}})
		require.NoError(t, err)
		assert.Equal(t, []int{401}, report.Statuses(), fault)
		assert.Empty(t, report.Attempts[0].Body, fault)
	}
	late, err := sender.Send(t.Context(), webhooktest.Message{Body: []byte(`{}`), Delay: 6 * time.Minute})
	require.NoError(t, err)
	assert.Equal(t, []int{401}, late.Statuses(), "6 minutes on the way")
	assert.Zero(t, decoded.Load())

	report, err := sender.Send(t.Context(), webhooktest.Message{Body: []byte(`{"a":1}`)})
	require.NoError(t, err)
	assert.True(t, report.Accepted())
	assert.EqualValues(t, 1, runs.Load())
	server.Close()
	assert.Equal(t, map[string]int{
		"": 1, string(webhook.ReasonMissing): 2, string(webhook.ReasonMalformed): 2, string(webhook.ReasonMismatch): 2, string(webhook.ReasonExpired): 4,
	}, seen.reasons())
}

func TestUnavailableKeysAreTriedAgain(t *testing.T) {
	t.Parallel()
	ring, err := webhook.NewKeyring(webhook.Key{Source: func(context.Context) (identkit.Secret, error) {
		return "", errors.New("vault is sealed, its root token is " + secret.Reveal())
	}})
	require.NoError(t, err)
	v, err := webhook.NewBearer(ring)
	require.NoError(t, err)
	var log bytes.Buffer
	h, _, runs := counting(t, webhook.Config[any]{Verify: v, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	assert.Equal(t, 503, post(h, "{}", "Authorization", "Bearer x").Code)
	assert.Zero(t, runs.Load())
	assert.Contains(t, log.String(), "key key-1: its source failed")
	assert.NotContains(t, log.String(), secret.Reveal())
}

func TestDeeplyNestedJSON(t *testing.T) {
	t.Parallel()
	h, _, _ := counting(t, webhook.Config[any]{})
	nested := func(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }
	assert.Equal(t, 200, post(h, nested(9_999)).Code)
	assert.Equal(t, 400, post(h, nested(10_001)).Code)
	assert.Equal(t, 400, post(h, nested(500_000)).Code)
	typed, _, _ := counting(t, webhook.Config[struct{ A int }]{})
	assert.Equal(t, 400, post(typed, `{"a":`+nested(10_000)+`}`).Code)
}

func TestLogsHoldNothingSecret(t *testing.T) {
	t.Parallel()
	const personal = "canary-jane-doe"
	cfg := webhook.HMACConfig{Header: "X-Signature"}
	var log bytes.Buffer
	var mu sync.Mutex
	logger := slog.New(slog.NewJSONHandler(writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return log.Write(p)
	}), &slog.HandlerOptions{Level: slog.LevelDebug}))
	leaky := webhook.VerifierFunc(func(context.Context, *webhook.Request) (webhook.Receipt, error) {
		return webhook.Receipt{}, fmt.Errorf("want %s", secret.Reveal())
	})
	sign := webhooktest.SignHMAC(cfg, secret)
	var right []string
	for name, c := range map[string]struct {
		verify webhook.Verifier
		fault  webhooktest.Fault
		handle func(context.Context, map[string]any) error
		decode func(*webhook.Delivery) ([]map[string]any, error)
	}{
		"accepted":     {},
		"refused":      {fault: webhooktest.FaultTampered},
		"leaky":        {verify: leaky},
		"panic":        {handle: func(_ context.Context, e map[string]any) error { panic(e["name"]) }},
		"decode panic": {decode: func(d *webhook.Delivery) ([]map[string]any, error) { panic(string(d.Request.Body)) }},
	} {
		if c.verify == nil {
			c.verify = hmacVerifier(t, cfg)
		}
		h, _, _ := counting(t, webhook.Config[map[string]any]{
			Name: "case-" + strings.ReplaceAll(name, " ", "-"), Verify: c.verify, Logger: logger, Handle: c.handle, Decode: c.decode,
		})
		spy := func(o *webhooktest.Outgoing) error {
			err := sign(o)
			right = append(right, o.Request.Header.Get("X-Signature"))
			return err
		}
		sender := &webhooktest.Sender{Handler: h, URL: "http://example.test/" + personal, Sign: spy, Attempts: 1}
		_, err := sender.Send(t.Context(), webhooktest.Message{Body: []byte(`{"name":"` + personal + `"}`), Faults: []webhooktest.Fault{c.fault}})
		require.NoError(t, err)
	}
	for _, canary := range append(right, secret.Reveal(), personal) {
		assert.NotContains(t, log.String(), canary)
	}
	for _, part := range []string{
		`"reason":"authentication mismatch"`, `"key_id":"key-1"`, `"reason":"panic"`, "panic (string)", `"stack"`, "matches none of the keys",
	} {
		assert.Contains(t, log.String(), part)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestHandlerConfigurations(t *testing.T) {
	t.Parallel()
	good := webhook.Config[int]{Verify: accept, Handle: func(context.Context, int) error { return nil }}
	for rule, change := range map[string]func(*webhook.Config[int]){
		"no Verify":           func(c *webhook.Config[int]) { c.Verify = nil },
		"no Handle":           func(c *webhook.Config[int]) { c.Handle = nil },
		"a name with a colon": func(c *webhook.Config[int]) { c.Name = "a:b" },
		"an unprintable name": func(c *webhook.Config[int]) { c.Name = "a b" },
		"a negative cap":      func(c *webhook.Config[int]) { c.MaxBytes = -1 },
		"a negative timeout":  func(c *webhook.Config[int]) { c.Timeout = -1 },
		"two rules for ids": func(c *webhook.Config[int]) {
			c.DeliveryID = webhook.UnsignedIDHeader("X-Id")
			c.EventID = func(*webhook.Delivery, int) (string, error) { return "x", nil }
		},
	} {
		cfg := good
		change(&cfg)
		h, err := webhook.NewHandler(cfg)
		require.Error(t, err, rule)
		assert.Nil(t, h, rule)
	}
	_, err := webhook.NewHandler(webhook.Config[int]{Name: "a:b"})
	for _, part := range []string{"Verify", "Handle", "Name"} {
		assert.ErrorContains(t, err, part, "all faults at once")
	}
}

type brokenLog struct{ slog.Handler }

func (brokenLog) Handle(context.Context, slog.Record) error { panic("log") }

func TestObserverAndLoggerCannotBreakTheResponse(t *testing.T) {
	t.Parallel()
	batch, _, runs := counting(t, webhook.Config[int]{
		Decode: webhook.JSONList[int], Logger: slog.New(brokenLog{slog.NewTextHandler(io.Discard, nil)}),
		Handle: func(context.Context, int) error { return errors.New("down") },
	})
	assert.Equal(t, 503, post(batch, "[1,2,3]").Code)
	assert.EqualValues(t, 3, runs.Load())
	h, err := webhook.NewHandler(webhook.Config[any]{
		Verify: accept, Handle: func(context.Context, any) error { return nil },
		Observer: identkit.Observer{Delivery: func(context.Context, identkit.DeliveryInfo) { panic("metrics") }},
	})
	require.NoError(t, err)
	assert.Equal(t, 200, post(h, "{}").Code)
}
