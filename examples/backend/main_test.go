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
	b := onFakes(t)
	b.phones.fake.Fault(identkittest.On("powerauth.Registrations.Commit").HTML(502))
	srv := httptest.NewServer(b)
	t.Cleanup(srv.Close)
	var out strings.Builder
	err := walk(t.Context(), srv.URL, b, &out)
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

func TestWithARealEntrupyNobodyIsLoggedIn(t *testing.T) {
	t.Setenv("ENTRUPY_TOKEN", "token")
	b := onFakes(t)
	assert.False(t, b.onFakes(), "it serves, in place of the walk")
	for method, path := range map[string]string{http.MethodPost: "/authorize-entrupy-sdk-user", http.MethodGet: "/items"} {
		r := httptest.NewRequest(method, path, strings.NewReader(`{"sdk_authorization_request":"opaque"}`))
		r.Header.Set("Authorization", "Bearer "+b.goods.session)
		rec := httptest.NewRecorder()
		b.ServeHTTP(rec, r)
		assert.Equal(t, http.StatusUnauthorized, rec.Code)
	}
}

func TestNoResponseHoldsAMask(t *testing.T) {
	b := onFakes(t)
	var bodies strings.Builder
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		b.ServeHTTP(rec, r)
		bodies.Write(rec.Body.Bytes())
		maps.Copy(w.Header(), rec.Header())
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	}))
	t.Cleanup(srv.Close)
	walked := walk(t.Context(), srv.URL, b, io.Discard)
	resp, err := http.Post(srv.URL+"/operations", "application/json", strings.NewReader(`{"template":"t","proximityCheckEnabled":true}`))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	for _, secret := range []string{"activationCode", "activationQrCodeData", "proximityOtp"} {
		assert.Contains(t, bodies.String(), `"`+secret+`":"`)
	}
	assert.NotContains(t, bodies.String(), identkit.Secret("x").String())
	require.NoError(t, walked)
}

func onFakes(t *testing.T) *backend {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	b, err := newBackend(identkit.Options{Logger: logger}, logger)
	require.NoError(t, err)
	t.Cleanup(b.close)
	return b
}
