package powerauthtest_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/internal/providertest/leaktest"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
	"github.com/identkit/identkit/powerauth/protocol"
	"github.com/identkit/identkit/webhook"
)

// bank is an example of a backend: a protected endpoint that starts a payment, one to read by token, and a receiver of
// callbacks.
type bank struct {
	*httptest.Server
	client *powerauth.Client

	mu       sync.Mutex
	payments []powerauth.OperationID
	callers  []powerauth.Identity
	received []powerauth.OperationCallback
}

const paymentURI = "/payment/create"

func newBank(t *testing.T, client *powerauth.Client) *bank {
	t.Helper()
	b := &bank{client: client}
	pays, err := powerauth.Protect(client, powerauth.ProtectConfig{
		URIID: paymentURI, Require: powerauth.RequireFactors(protocol.Possession, protocol.Knowledge),
	})
	require.NoError(t, err)
	reads, err := powerauth.ProtectToken(client, powerauth.ProtectTokenConfig{})
	require.NoError(t, err)
	passwords, err := webhook.NewKeyring(webhook.Key{Secret: "callback-password"})
	require.NoError(t, err)
	verifier, err := webhook.NewBasicAuth("pac", passwords)
	require.NoError(t, err)
	callbacks, err := powerauth.NewCallbackHandler(powerauth.CallbackConfig{
		Verify: verifier, Client: client,
		HandleOperation: func(_ context.Context, c powerauth.OperationCallback) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.received = append(b.received, c)
			return nil
		},
		HandleUnknown: func(context.Context, powerauth.UnknownCallback) error { return nil },
	})
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("POST /payments", pays(http.HandlerFunc(b.pay)))
	mux.Handle("GET /payments", reads(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, _ := powerauth.IdentityFrom(r.Context())
		_, _ = io.WriteString(w, string(who.UserID))
	})))
	mux.Handle("POST /hook", callbacks)
	b.Server = httptest.NewServer(mux)
	t.Cleanup(b.Close)
	return b
}

func (b *bank) pay(w http.ResponseWriter, r *http.Request) {
	who, ok := powerauth.IdentityFrom(r.Context())
	body, err := io.ReadAll(r.Body)
	if !ok || err != nil {
		http.Error(w, "unprotected", http.StatusInternalServerError)
		return
	}
	o, err := b.client.Operations.Create(r.Context(), powerauth.CreateOperationParams{
		UserID: who.UserID, Template: "payment", Parameters: map[string]string{"request": string(body)},
	})
	if err != nil {
		http.Error(w, "no operation", http.StatusBadGateway)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.payments, b.callers = append(b.payments, o.ID), append(b.callers, who)
	w.WriteHeader(http.StatusCreated)
}

// request is a payment, signed and ready to be sent.
func (b *bank) request(t *testing.T, phone *powerauthtest.Device, user ...powerauthtest.UserInput) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.URL+"/payments", bytes.NewReader([]byte(`{"amount":"100"}`)))
	require.NoError(t, err)
	require.NoError(t, phone.SignRequest(r, paymentURI, user...))
	return r
}

func (b *bank) send(t *testing.T, r *http.Request) int {
	t.Helper()
	resp, err := b.Client().Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	if resp.StatusCode >= http.StatusBadRequest {
		assert.Empty(t, text, "a rejection has no body")
	}
	return resp.StatusCode
}

func TestPhoneCallsAProtectedBackend(t *testing.T) {
	t.Parallel()
	leaktest.Check(t)
	srv := powerauthtest.NewServer(t)
	b := newBank(t, srv.Client())
	srv.AddCallback(powerauthtest.Callback{
		Type: powerauth.CallbackOperation, URL: b.URL + "/hook", Username: "pac", Password: "callback-password", Attributes: []string{"status"},
	})
	phone := activated(t, srv)

	assert.Equal(t, http.StatusCreated, b.send(t, b.request(t, phone, powerauthtest.PIN(rightPIN))), "right PIN")
	require.Len(t, b.payments, 1)
	assert.Equal(t, powerauth.UserID("u-1"), b.callers[0].UserID)
	assert.Equal(t, phone.RegistrationID(), b.callers[0].RegistrationID)
	assert.True(t, b.callers[0].Has(protocol.Possession, protocol.Knowledge))

	assert.Equal(t, http.StatusUnauthorized, b.send(t, b.request(t, phone)), "possession alone")
	unsigned := b.request(t, phone)
	unsigned.Header.Del(protocol.AuthorizationHeaderName)
	assert.Equal(t, http.StatusUnauthorized, b.send(t, unsigned), "no header")

	// An approved payment arrives as a callback, and its state is read again.
	require.NoError(t, phone.Approve(b.payments[0], powerauthtest.PIN(rightPIN)))
	_, err := srv.Deliver(t.Context())
	require.NoError(t, err)
	require.Len(t, b.received, 2)
	assert.Equal(t, powerauth.OperationPending, b.received[0].Payload.Status)
	assert.Equal(t, powerauth.OperationApproved, b.received[0].Operation.Status, "the state was read again")
	assert.True(t, b.received[1].Operation.IsApproved())
	assert.Equal(t, b.payments[0], b.received[1].OperationID)

	token, err := phone.CreateToken()
	require.NoError(t, err)
	read, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.URL+"/payments", http.NoBody)
	require.NoError(t, err)
	assert.Equal(t, http.StatusUnauthorized, b.send(t, read))
	token.SignRequest(read)
	assert.Equal(t, http.StatusOK, b.send(t, read))

	t.Run("a replayed header is rejected", func(t *testing.T) {
		first := b.request(t, phone, powerauthtest.PIN(rightPIN))
		again := first.Clone(t.Context())
		again.Body, _ = first.GetBody()
		assert.Equal(t, http.StatusCreated, b.send(t, first))
		assert.Equal(t, http.StatusUnauthorized, b.send(t, again))
	})
	t.Run("a changed byte is rejected", func(t *testing.T) {
		r := b.request(t, phone, powerauthtest.PIN(rightPIN))
		r.Body = io.NopCloser(bytes.NewReader([]byte(`{"amount":"900"}`)))
		assert.Equal(t, http.StatusUnauthorized, b.send(t, r))
	})
	t.Run("a skipped code is tolerated", func(t *testing.T) {
		phone.SkipCounter(10)
		assert.Equal(t, http.StatusCreated, b.send(t, b.request(t, phone, powerauthtest.PIN(rightPIN))))
	})
	t.Run("the fifth wrong PIN blocks", func(t *testing.T) {
		for range 5 {
			assert.Equal(t, powerauth.RegistrationActive, phone.Status())
			assert.Equal(t, http.StatusUnauthorized, b.send(t, b.request(t, phone, powerauthtest.PIN(wrongPIN))))
		}
		assert.Equal(t, powerauth.RegistrationBlocked, phone.Status())
		assert.Equal(t, http.StatusUnauthorized, b.send(t, b.request(t, phone, powerauthtest.PIN(rightPIN))))
		require.NoError(t, b.client.Registrations.Unblock(t.Context(), phone.RegistrationID()))
		assert.Equal(t, http.StatusCreated, b.send(t, b.request(t, phone, powerauthtest.PIN(rightPIN))))
	})
	t.Run("a lost response is no verdict", func(t *testing.T) {
		srv.Fault(identkittest.On("powerauth.Signatures.Verify").LoseResponse())
		assert.Equal(t, http.StatusServiceUnavailable, b.send(t, b.request(t, phone, powerauthtest.PIN(rightPIN))))
		srv.ClearFaults()
	})
}
