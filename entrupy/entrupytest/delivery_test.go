package entrupytest_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/entrupy"
	"github.com/identkit/identkit/entrupy/entrupytest"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/webhook"
	"github.com/identkit/identkit/webhook/webhooktest"
)

const secret identkit.Secret = "whsec-0123456789abcdef"

// receiver records deliveries and responds with its statuses in order, then with 204.
type receiver struct {
	mu       sync.Mutex
	statuses []int
	headers  []http.Header
	bodies   []string
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, in *http.Request) {
	body, _ := io.ReadAll(in.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.headers, r.bodies = append(r.headers, in.Header), append(r.bodies, string(body))
	status := http.StatusNoContent
	if len(r.statuses) > 0 {
		status, r.statuses = r.statuses[0], r.statuses[1:]
	}
	w.WriteHeader(status)
}

func verifier(t *testing.T) webhook.Verifier {
	t.Helper()
	keys, err := webhook.NewKeyring(webhook.Key{ID: "k", Secret: secret})
	require.NoError(t, err)
	v, err := webhook.NewHMAC(webhook.HMACConfig{Keys: keys, Header: entrupytest.SignatureHeader, Prefixes: []string{"SHA256:", "sha256="}})
	require.NoError(t, err)
	return v
}

func TestDeliveriesAreSignedInEveryForm(t *testing.T) {
	t.Parallel()
	v := verifier(t)
	forms := append(entrupytest.SignatureForms(), entrupytest.SignatureForm{})
	assert.Len(t, forms, 37)
	for _, form := range forms {
		var got receiver
		srv := entrupytest.New(entrupytest.Options{DeliveryHandler: &got, Dialect: entrupytest.Dialect{Signature: form}})
		srv.Subscribe(entrupytest.Subscription{Secret: secret})
		require.NoError(t, srv.Complete(srv.Capture(entrupytest.Item{}), entrupy.ResultAuthentic))
		made, err := srv.Deliver(t.Context())
		require.NoError(t, err)
		require.Len(t, made, 1)
		assert.True(t, made[0].Delivered)
		_, err = v.Verify(t.Context(), &webhook.Request{Header: got.headers[0], Body: []byte(got.bodies[0]), Time: time.Now()})
		require.NoError(t, err, "%+v", form)
		_, err = v.Verify(t.Context(), &webhook.Request{Header: got.headers[0], Body: append([]byte(got.bodies[0]), ' '), Time: time.Now()})
		require.Error(t, err, "%+v", form)
	}
	require.Error(t, entrupytest.Sign(secret, entrupytest.SignatureForm{Encoding: "rot13"})(&webhooktest.Outgoing{}))
}

func TestTheFormatIsFrozenToTheVersionOfTheSubscription(t *testing.T) {
	t.Parallel()
	var v14, v2 receiver
	srv := entrupytest.New(entrupytest.Options{})
	srv.Subscribe(entrupytest.Subscription{Handler: &v14, Secret: secret, APIVersion: "1.4"})
	srv.Subscribe(entrupytest.Subscription{Handler: &v2, Secret: secret, APIVersion: "2.0"})
	srv.Subscribe(entrupytest.Subscription{Handler: http.NotFoundHandler(), Secret: secret, Channel: "another"})
	id := srv.Capture(entrupytest.Item{CustomerItemID: "inv-1", Username: "Shop-1"})
	require.NoError(t, srv.Complete(id, entrupy.ResultAuthentic))
	require.NoError(t, srv.Reverse(id, entrupy.ResultInvalid))
	_, err := srv.Deliver(t.Context())
	require.NoError(t, err)
	assert.Len(t, v14.bodies, 3, "1.4 announces what is created or changed")
	require.Len(t, v2.bodies, 2, "v2 announces what is completed, and what is reversed")
	assert.Contains(t, v14.bodies[1], `"epoch"`)
	assert.Contains(t, v2.bodies[0], `"created_at"`)
	assert.Contains(t, v2.bodies[1], `"invalid"`)
	assert.Equal(t, "application/json", v2.headers[0].Get("Content-Type"))
	assert.NotEqual(t, v2.bodies[0], v2.bodies[1])
}

func TestEnvelopesAndEvents(t *testing.T) {
	t.Parallel()
	for envelope, want := range map[entrupytest.Envelope][2]string{ // of one item and of two
		entrupytest.EnvelopeItems: {`{"items":[{`, `{"items":[{`}, entrupytest.EnvelopeItem: {`{"item":{`, `{"items":[{`},
		entrupytest.EnvelopeEvent:     {`{"data":{`, `{"data":[{`},
		entrupytest.EnvelopeType:      {`{"payload":{`, `{"payload":[{`},
		entrupytest.EnvelopeEventType: {`{"event_type":"session.completed","item":{`, `{"event_type":"session.completed","item":[{`},
	} {
		var got receiver
		srv := entrupytest.New(entrupytest.Options{DeliveryHandler: &got, Dialect: entrupytest.Dialect{Envelope: envelope}})
		one, two := srv.Capture(entrupytest.Item{}), srv.Capture(entrupytest.Item{})
		srv.Subscribe(entrupytest.Subscription{Secret: secret})
		require.NoError(t, srv.DeliverItems(one))
		require.NoError(t, srv.DeliverItems(one, two))
		require.NoError(t, srv.DeliverEvent(entrupytest.EventSupportMessage, map[string]any{"entrupy_id": one}))
		require.NoError(t, srv.DeliverBody([]byte(`[1]`)))
		_, err := srv.Deliver(t.Context())
		require.NoError(t, err)
		require.Len(t, got.bodies, 4)
		assert.Contains(t, got.bodies[0][:len(want[0])], want[0])
		assert.Contains(t, got.bodies[1][:len(want[1])], want[1])
		assert.JSONEq(t, `{"event":"support.message","data":{"entrupy_id":"`+string(one)+`"}}`, got.bodies[2])
		assert.Equal(t, `[1]`, got.bodies[3])
	}
}

func TestFailedDeliveriesAreTriedAgain(t *testing.T) {
	t.Parallel()
	clock := identkittest.NewClock(time.Now())
	got := receiver{statuses: []int{500, 302, 503}}
	srv := entrupytest.New(entrupytest.Options{Clock: clock, DeliveryHandler: &got, DeliveryAttempts: 4, DeliveryBackoff: time.Minute})
	srv.Subscribe(entrupytest.Subscription{Secret: secret})
	require.NoError(t, srv.Complete(srv.Capture(entrupytest.Item{}), entrupy.ResultAuthentic))
	for i, wait := range []time.Duration{0, time.Minute, 2 * time.Minute, 4 * time.Minute} {
		if wait > 0 {
			clock.Advance(wait - time.Second)
			made, err := srv.Deliver(t.Context())
			require.NoError(t, err)
			assert.Empty(t, made)
			clock.Advance(time.Second)
		}
		made, err := srv.Deliver(t.Context())
		require.NoError(t, err)
		require.Len(t, made, 1)
		assert.Equal(t, i == 3, made[0].Delivered)
	}
	assert.Zero(t, srv.PendingDeliveries())
	for _, body := range got.bodies {
		assert.Equal(t, got.bodies[0], body, "the same bytes")
	}
	assert.Equal(t, got.headers[0].Get(entrupytest.SignatureHeader), got.headers[3].Get(entrupytest.SignatureHeader))

	srv.Fault(identkittest.On(entrupytest.DeliveryTarget).First(1).DuplicateDelivery())
	require.NoError(t, srv.Complete(srv.Capture(entrupytest.Item{}), entrupy.ResultInvalid))
	_, err := srv.Deliver(t.Context())
	require.NoError(t, err)
	assert.Len(t, got.bodies, 6)
}

func TestDeliveriesGoOverTheNetwork(t *testing.T) {
	t.Parallel()
	var got receiver
	front := http.NewServeMux()
	front.Handle("/hooks", &got)
	hooks := httptest.NewServer(front)
	t.Cleanup(hooks.Close)
	srv := entrupytest.New(entrupytest.Options{Dialect: entrupytest.Dialect{AnyDomain: true}})
	t.Cleanup(srv.Close)
	_, err := srv.Client().Webhooks.Create(t.Context(), entrupy.CreateWebhookParams{APIVersion: "2.0", URL: hooks.URL + "/hooks", SecretKey: secret})
	require.NoError(t, err)
	require.NoError(t, srv.Complete(srv.Capture(entrupytest.Item{}), entrupy.ResultAuthentic))
	made, err := srv.Deliver(t.Context())
	require.NoError(t, err)
	require.Len(t, made, 1)
	assert.True(t, made[0].Delivered)
	_, err = verifier(t).Verify(t.Context(), &webhook.Request{Header: got.headers[0], Body: []byte(got.bodies[0]), Time: time.Now()})
	require.NoError(t, err)
	assert.Panics(t, func() { srv.Subscribe(entrupytest.Subscription{URL: "/nowhere"}) })
}

func TestDomainsAreVerified(t *testing.T) {
	t.Parallel()
	srv := entrupytest.New(entrupytest.Options{})
	id, token := srv.StartDomainVerification("shop.example")
	serve := func(status int, media string, body string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			assert.Equal(t, "shop.example"+entrupytest.DomainVerificationPath+id, r.Host+r.URL.Path)
			w.Header().Set("Content-Type", media)
			w.WriteHeader(status)
			_, _ = io.Copy(w, bytes.NewBufferString(body))
		})
	}
	require.Error(t, srv.VerifyDomain("shop.example", serve(302, "text/plain", token.Reveal())))
	require.Error(t, srv.VerifyDomain("shop.example", serve(200, "text/html", token.Reveal())))
	require.Error(t, srv.VerifyDomain("shop.example", serve(200, "text/plain", token.Reveal()+"\n")))
	require.Error(t, srv.VerifyDomain("another.example", serve(200, "text/plain", token.Reveal())))
	in := entrupy.CreateWebhookParams{APIVersion: "1.4", URL: "https://shop.example/hooks", SecretKey: secret}
	_, err := srv.Client().Webhooks.Create(t.Context(), in)
	require.ErrorIs(t, err, identkit.ErrRejected)
	require.NoError(t, srv.VerifyDomain("shop.example", serve(200, "text/plain; charset=utf-8", token.Reveal())))
	_, err = srv.Client().Webhooks.Create(t.Context(), in)
	require.NoError(t, err)
}
