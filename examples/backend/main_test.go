package main

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
)

func TestWithoutConfigurationItWalksItsOwnAPI(t *testing.T) {
	var out, logs strings.Builder
	require.NoError(t, run(t.Context(), nil, &out, &logs))
	assert.Regexp(t, `All \d+ steps succeeded\.\n$`, out.String())
	assert.NotContains(t, out.String(), "FAILED")
	assert.NotContains(t, logs.String(), "alice")
}

func TestAStepThatFailsFailsTheWalk(t *testing.T) {
	s := onFake(t)
	s.mobile.fake.Fault(identkittest.On("powerauth.Registrations.Commit").HTML(502))
	srv := httptest.NewServer(s.handler(slog.New(slog.DiscardHandler)))
	t.Cleanup(srv.Close)
	var out strings.Builder
	err := walk(t.Context(), srv.URL, s, &out)
	require.ErrorContains(t, err, "commit")
	assert.Contains(t, out.String(), "FAILED")
	assert.NotContains(t, out.String(), "All ")
}

func TestServeRunsUntilTheContextEnds(t *testing.T) {
	t.Setenv("BACKEND_LOG_LEVEL", "info")
	ctx, cancel := context.WithCancel(t.Context())
	logs, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"-serve"}, io.Discard, w)
		_ = w.Close()
	}()
	lines := bufio.NewScanner(logs)
	var url string
	for url == "" && lines.Scan() {
		if m := regexp.MustCompile(`url=(\S+)`).FindStringSubmatch(lines.Text()); m != nil {
			url = m[1]
		}
	}
	go func() { _, _ = io.Copy(io.Discard, logs) }()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/healthz", nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	cancel()
	select {
	case err := <-done:
		require.NoError(t, err, "a graceful stop is a success")
	case <-time.After(10 * time.Second):
		t.Fatal("it did not stop")
	}
}

func TestInvalidConfigurationFailsAtTheStart(t *testing.T) {
	t.Setenv("POWERAUTH_BASE_URL", "https://pac.internal.example")
	err := run(t.Context(), nil, io.Discard, io.Discard)
	require.ErrorIs(t, err, identkit.ErrInvalidRequest)
	assert.ErrorContains(t, err, "POWERAUTH_PASSWORD")
}

func TestTheVendorsRequestBodiesGoThroughUnchanged(t *testing.T) {
	s := onFake(t)
	h := s.handler(slog.New(slog.DiscardHandler))
	expires := time.Now().Add(time.Hour).UnixMilli()
	for _, c := range []struct{ name, method, path, operation, body string }{
		{"registration", "POST", "/registrations", "powerauth.Registrations.Create", `{"userId":"u-1","appId":"my-app"}`},
		{"registration with all fields", "POST", "/registrations", "powerauth.Registrations.Create",
			`{"userId":"u-1","appId":"my-app","otp":"123456","commitPhase":"ON_KEY_EXCHANGE","flags":["A"],"timestampRegistrationExpire":` + strconv.FormatInt(expires, 10) + `}`},
		{"registration, older", "POST", "/registrations", "powerauth.Registrations.Create", `{"userId":"u-1","appId":"my-app","otp":"123456","otpValidation":"ON_COMMIT"}`},
		{"commit", "POST", "/registrations/ID/commit", "powerauth.Registrations.Commit", `{"externalUserId":"clerk"}`},
		{"empty commit", "POST", "/registrations/ID/commit", "powerauth.Registrations.Commit", `{}`},
		{"block", "PUT", "/registrations/ID", "powerauth.Registrations.Change", `{"change":"BLOCK"}`},
		{"unblock", "PUT", "/registrations/ID", "powerauth.Registrations.Change", `{"change":"UNBLOCK"}`},
		{"login", "POST", "/operations", "powerauth.Operations.Create", `{"userId":"u-1","template":"login"}`},
		{"payment", "POST", "/operations", "powerauth.Operations.Create",
			`{"userId":"u-1","template":"payment","language":"en","externalId":"x","flag":"A","timestampExpires":` + strconv.FormatInt(expires, 10) + `,
			  "parameters":{"amount":"100.00","currency":"EUR","note":"a & b <c>\nd"},"proximityCheckEnabled":false,"silent":true,"registrationId":"r"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
			h.ServeHTTP(httptest.NewRecorder(), req)
			entry, ok := s.mobile.fake.Journal().Last(c.operation)
			require.True(t, ok)
			assert.JSONEq(t, c.body, string(entry.Body))
		})
	}
}

func TestNoResponseHoldsAMask(t *testing.T) {
	s := onFake(t)
	h := s.handler(slog.New(slog.DiscardHandler))
	var bodies strings.Builder
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		bodies.Write(rec.Body.Bytes())
		maps.Copy(w.Header(), rec.Header())
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	}))
	t.Cleanup(srv.Close)
	walked := walk(t.Context(), srv.URL, s, io.Discard)
	resp, err := http.Post(srv.URL+"/operations", "application/json", strings.NewReader(`{"template":"t","proximityCheckEnabled":true}`))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	for _, secret := range []string{"activationCode", "activationQrCodeData", "proximityOtp"} {
		assert.Contains(t, bodies.String(), `"`+secret+`":"`)
	}
	assert.NotContains(t, bodies.String(), identkit.Secret("x").String())
	require.NoError(t, walked)
}

func TestFailuresOfTheProviderBecomeTheServicesOwnErrors(t *testing.T) {
	for _, c := range []struct {
		name   string
		fault  identkittest.Rule
		status int
		body   string
	}{
		{"outcome unknown", identkittest.Any().LoseResponse(), http.StatusBadGateway, `{"error":"network failure","outcomeUnknown":true}`},
		{"gateway page", identkittest.Any().HTML(502), http.StatusServiceUnavailable, `{"error":"unavailable","outcomeUnknown":true}`},
		{"asked to wait", identkittest.Any().RetryAfter(429, "100"), http.StatusServiceUnavailable, `{"error":"rate limited"}`},
		{"credentials", identkittest.Any().Status(401), http.StatusBadGateway, `{"error":"unauthorized"}`},
		{"invalid response", identkittest.Any().JSON(200, nil), http.StatusBadGateway, `{"error":"bad response","outcomeUnknown":true}`},
		{"refusal", identkittest.Any().Status(400), http.StatusUnprocessableEntity, `{"error":"rejected"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := onFake(t)
			s.mobile.fake.Fault(c.fault)
			rec := httptest.NewRecorder()
			s.handler(slog.New(slog.DiscardHandler)).ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/operations", strings.NewReader(`{"userId":"u","template":"t"}`)))
			assert.Equal(t, c.status, rec.Code)
			assert.JSONEq(t, c.body, rec.Body.String())
		})
	}
	s := onFake(t)
	for _, body := range []string{`{`, `[]`, `{"template":1}`, strings.Repeat(" ", maxBody) + `{}`} {
		rec := httptest.NewRecorder()
		s.handler(slog.New(slog.DiscardHandler)).ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/operations", strings.NewReader(body)))
		assert.Equal(t, http.StatusBadRequest, rec.Code)
	}
	for query, want := range map[string]int{"wait=x": http.StatusBadRequest, "wait=2m": http.StatusBadRequest, "wait=": http.StatusBadRequest, "wait=1s": http.StatusNotFound} {
		rec := httptest.NewRecorder()
		s.handler(slog.New(slog.DiscardHandler)).ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/operations/unknown?"+query, nil))
		assert.Equal(t, want, rec.Code, query)
	}
}

func onFake(t *testing.T) *service {
	t.Helper()
	s, err := newService(identkit.Options{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(s.close)
	return s
}
