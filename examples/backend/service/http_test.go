package service

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/entrupy"
	"github.com/identkit/identkit/entrupy/entrupytest"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/iproov/iproovtest"
	"github.com/identkit/identkit/powerauth/powerauthtest"
)

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
			h := onFakes(t)
			h.powerAuth.Fault(c.fault)
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/operations", strings.NewReader(`{"userId":"u","template":"t"}`)))
			assert.Equal(t, c.status, rec.Code)
			assert.JSONEq(t, c.body, rec.Body.String())
		})
	}
	h := onFakes(t)
	for _, body := range []string{`{`, `[]`, `{"template":1}`, strings.Repeat(" ", maxBody) + `{}`} {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/operations", strings.NewReader(body)))
		assert.Equal(t, http.StatusBadRequest, rec.Code)
	}
	for query, want := range map[string]int{"wait=x": http.StatusBadRequest, "wait=2m": http.StatusBadRequest, "wait=": http.StatusBadRequest, "wait=1s": http.StatusNotFound} {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/operations/unknown?"+query, nil))
		assert.Equal(t, want, rec.Code, query)
	}
}

// onFake is the service on fakes of its providers.
type onFake struct {
	*Service
	powerAuth *powerauthtest.Server
	iProov    *iproovtest.Server
	entrupy   *entrupytest.Server
}

func onFakes(t *testing.T) onFake {
	t.Helper()
	h := onFake{
		powerAuth: powerauthtest.New(powerauthtest.Options{}), iProov: iproovtest.New(iproovtest.Options{}), entrupy: entrupytest.New(entrupytest.Options{}),
	}
	t.Cleanup(h.powerAuth.Close)
	t.Cleanup(h.iProov.Close)
	t.Cleanup(h.entrupy.Close)
	domain, token := h.entrupy.StartDomainVerification("shop.example")
	var err error
	h.Service, err = New(Config{
		PowerAuth: PowerAuthConfig{Client: h.powerAuth.Client(), CallbackUser: "powerauth", CallbackPassword: "callback-password"},
		IProov:    IProovConfig{Client: h.iProov.Client()},
		Entrupy: EntrupyConfig{
			Client: h.entrupy.Client(), WebhookSecret: webhookSecret, DomainTokens: map[string]identkit.Secret{domain: token},
			User: func(r *http.Request) (entrupy.User, error) {
				return entrupy.User{ID: entrupy.UserID(r.Header.Get("X-Session")), Email: "ada@example.org"}, nil
			},
		},
	})
	require.NoError(t, err)
	h.entrupy.Subscribe(entrupytest.Subscription{URL: "https://shop.example/webhooks/entrupy", Handler: h, Secret: webhookSecret})
	return h
}

const webhookSecret identkit.Secret = "whsec-0123456789abcdef"

// send makes a request of a user's session; of nobody's if user is empty.
func (h onFake) send(method, path, body, user string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Session", user)
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}
