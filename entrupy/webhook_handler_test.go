package entrupy_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
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
)

// received is what a handler of deliveries handed over.
type received struct {
	mu     sync.Mutex
	all    []string // in order, such as "item A", "unreadable 2", "other support.message"
	items  []entrupy.Delivered
	other  []*entrupy.OtherEvent
	broken []*entrupy.ItemError
	infos  []identkit.DeliveryInfo
	fails  func(what string) error // by what is in all; nil never
}

func (r *received) add(what string) error {
	r.all = append(r.all, what)
	if r.fails == nil {
		return nil
	}
	return r.fails(what)
}

func (r *received) Handle(_ context.Context, d entrupy.Delivered) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.items = append(r.items, d)
	return r.add("item " + string(d.ID))
}

func (r *received) OnOther(_ context.Context, e *entrupy.OtherEvent) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.other = append(r.other, e)
	return r.add("other " + string(e.Event))
}

func (r *received) OnUnreadable(_ context.Context, e *entrupy.ItemError) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken = append(r.broken, e)
	return r.add(fmt.Sprint("unreadable ", e.Position))
}

// take returns what was handed over since the last time.
func (r *received) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.all
	r.all = nil
	return all
}

func (r *received) last() identkit.DeliveryInfo {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.infos[len(r.infos)-1]
}

// hooks is a handler of deliveries.
func hooks(t *testing.T, client *entrupy.Client, adjust ...func(*entrupy.WebhookConfig)) (*webhook.Handler, *received) {
	t.Helper()
	got := new(received)
	cfg := entrupy.WebhookConfig{
		Keys: keyring(t, hookSecret), Client: client, Handle: got.Handle, OnOther: got.OnOther, OnUnreadable: got.OnUnreadable,
		Observer: identkit.Observer{Delivery: func(_ context.Context, d identkit.DeliveryInfo) {
			got.mu.Lock()
			defer got.mu.Unlock()
			got.infos = append(got.infos, d)
		}},
	}
	for _, f := range adjust {
		f(&cfg)
	}
	h, err := entrupy.NewWebhookHandler(cfg)
	require.NoError(t, err)
	return h, got
}

// deliver posts a signed body.
func deliver(h http.Handler, body string) int {
	r := httptest.NewRequest(http.MethodPost, "/hooks/entrupy", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(entrupy.SignatureHeader, "SHA256:"+hex.EncodeToString(digest(hookSecret.Reveal(), body)))
	return serve(h, r).Code
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// itemOf is an item of a delivery, with a time of its last update in seconds of the epoch; 0 means without one, as in 1.4.
func itemOf(id, result string, updated int64) string {
	times := ""
	if updated != 0 {
		times = `,"timestamp":{"last_updated_at":"` + time.Unix(updated, 0).UTC().Format(time.RFC3339) + `"}`
	}
	return `{"entrupy_id":"` + id + `","status":{"result":{"id":"` + result + `","final":true}},"text_fields":{"customer_item_id":"inv-` + id + `"}` + times + `}`
}

func TestNothingIsReadWithoutASignature(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 200, `{}`)
	h, got := hooks(t, client)
	body := `{"items":[` + itemOf("A", "authentic", 1) + `]}`
	for name, signature := range map[string]string{"none": "", "another secret": hex.EncodeToString(digest("another-0123456789", body)), "malformed": "SHA256:"} {
		r := httptest.NewRequest(http.MethodPost, "/hooks/entrupy", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		if signature != "" {
			r.Header.Set(entrupy.SignatureHeader, signature)
		}
		assert.Equal(t, 401, serve(h, r).Code, name)
	}
	assert.Empty(t, got.take())
	assert.Zero(t, s.count())
	for _, contentType := range []string{"", "text/plain", "application/x-www-form-urlencoded"} { // the signature covers the body
		h, got := hooks(t, nil)
		r := httptest.NewRequest(http.MethodPost, "/hooks/entrupy", strings.NewReader(body))
		r.Header.Set(entrupy.SignatureHeader, hex.EncodeToString(digest(hookSecret.Reveal(), body)))
		r.Header["Content-Type"] = []string{contentType}
		assert.Equal(t, 200, serve(h, r).Code)
		assert.Len(t, got.take(), 1)
	}
}

func TestAReversedResultIsDelivered(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]entrupytest.Dialect{"with times": {}, "without them": {WithoutUpdated: true}, "the format of 1.4": {Format14: true}} {
		for _, again := range []bool{true, false} {
			bubble(t, entrupytest.Options{Dialect: d}, func(t *testing.T, srv *entrupytest.Server) {
				var client *entrupy.Client
				if again {
					client = srv.Client()
				}
				h, got := hooks(t, client)
				srv.Subscribe(entrupytest.Subscription{Handler: h, Secret: hookSecret})
				id := srv.Capture(entrupytest.Item{CustomerItemID: "inv-1"})
				var results []entrupy.ResultID
				for i, result := range []entrupy.ResultID{entrupy.ResultAuthentic, entrupy.ResultInvalid, entrupy.ResultAuthentic} {
					time.Sleep(time.Minute)
					if i == 0 {
						require.NoError(t, srv.Complete(id, result))
					} else {
						require.NoError(t, srv.Reverse(id, result))
					}
					_, err := srv.Deliver(t.Context())
					require.NoError(t, err)
				}
				for _, d := range got.items {
					results = append(results, d.Authentication.Status.Result.ID)
				}
				assert.Equal(t, []entrupy.ResultID{"authentic", "invalid", "authentic"}, results, name)
			})
		}
	}
}

func TestDeliveriesOfEveryDialectAreReceived(t *testing.T) {
	t.Parallel()
	for _, envelope := range []entrupytest.Envelope{
		entrupytest.EnvelopeItems, entrupytest.EnvelopeItem, entrupytest.EnvelopeEvent, entrupytest.EnvelopeType, entrupytest.EnvelopeEventType,
	} {
		for _, version := range []string{"1.4", "2.0"} {
			for _, form := range entrupytest.SignatureForms() {
				h, got := hooks(t, nil)
				srv := entrupytest.New(entrupytest.Options{Dialect: entrupytest.Dialect{Envelope: envelope, Signature: form}})
				srv.Subscribe(entrupytest.Subscription{Handler: h, Secret: hookSecret, APIVersion: version})
				one, two := srv.Capture(entrupytest.Item{ID: "A"}), srv.Capture(entrupytest.Item{ID: "B"})
				_, err := srv.Deliver(t.Context())
				require.NoError(t, err)
				got.take()
				require.NoError(t, srv.DeliverItems(one, two))
				require.NoError(t, srv.DeliverEvent(entrupytest.EventCertificateTransfer, map[string]any{"entrupy_id": one, "status": "pending"}))
				made, err := srv.Deliver(t.Context())
				require.NoError(t, err)
				for _, d := range made {
					assert.True(t, d.Delivered)
				}
				all := got.take()
				assert.Equal(t, "other certificate.transfer", all[len(all)-1])
				if version == "1.4" { // which says each time what it says
					assert.Equal(t, []string{"item A", "item B"}, all[:2])
				}
			}
		}
	}
}

func TestADeliveryWakesBothKindsOfWaits(t *testing.T) {
	t.Parallel()
	for name, adjust := range map[string]func(*entrupy.WebhookConfig, identkit.Notifier){
		"by the client's notifier":  func(*entrupy.WebhookConfig, identkit.Notifier) {},
		"by the handler's own":      func(cfg *entrupy.WebhookConfig, n identkit.Notifier) { cfg.Client, cfg.Notifier = nil, n },
		"by an item it cannot read": func(*entrupy.WebhookConfig, identkit.Notifier) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, entrupytest.Options{}, func(t *testing.T, srv *entrupytest.Server) {
				n := identkit.NewNotifier() // not the fake's: only the delivery notifies it
				client := srv.Client(func(cfg *entrupy.Config) { cfg.Options.Notifier = n })
				h, _ := hooks(t, client, func(cfg *entrupy.WebhookConfig) { adjust(cfg, n) })
				id := srv.Capture(entrupytest.Item{CustomerItemID: "inv-1", Created: time.Now()})
				began := time.Now()
				var completed time.Time
				time.AfterFunc(2*time.Hour+time.Second, func() {
					completed = time.Now()
					assert.NoError(t, srv.Complete(id, entrupy.ResultAuthentic))
					if name == "by an item it cannot read" {
						assert.Equal(t, 200, deliver(h, `{"items":[{"entrupy_id":"`+strings.ToLower(string(id))+`"}]}`))
						return
					}
					item := strings.ReplaceAll(itemOf(string(id), "authentic", 9), "inv-"+string(id), "inv-1")
					assert.Equal(t, 200, deliver(h, `{"items":[`+item+`]}`))
				})
				var waits sync.WaitGroup
				waits.Go(func() {
					a, err := client.Authentications.Wait(t.Context(), id, identkit.WaitPolicy{})
					if assert.NoError(t, err) {
						assert.True(t, a.IsAuthentic())
						assert.LessOrEqual(t, time.Since(completed), time.Second)
					}
				})
				if name != "by an item it cannot read" {
					waits.Go(func() {
						a, err := client.Authentications.WaitLookup(t.Context(), entrupy.WaitLookupParams{Item: "inv-1", Since: began}, identkit.WaitPolicy{})
						if assert.NoError(t, err) {
							assert.True(t, a.IsAuthentic())
							assert.LessOrEqual(t, time.Since(completed), time.Second)
						}
					})
				}
				waits.Wait()
			})
		})
	}
}

func TestWebhookHandlerReportsEveryConfigurationFault(t *testing.T) {
	t.Parallel()
	_, err := entrupy.NewWebhookHandler(entrupy.WebhookConfig{Client: new(entrupy.Client), Retention: -1, MaxBytes: -1})
	e := fails(t, err, identkit.ErrInvalidRequest)
	assert.Equal(t, "entrupy.NewWebhookHandler", e.Operation)
	for _, text := range []string{"Keys is nil", "Handle is nil", "Client was not made by New", "Retention is negative", "MaxBytes is negative"} {
		require.ErrorContains(t, err, text)
	}
	require.NotContains(t, err.Error(), "Verify")
	_, err = entrupy.NewWebhookHandler(entrupy.WebhookConfig{Keys: keyring(t, hookSecret), Handle: new(received).Handle, Store: webhook.NewMemoryStore(webhook.MemoryConfig{})})
	require.NoError(t, err, "a store needs no name, for there is one")
}

func TestNothingOfADeliveryIsLogged(t *testing.T) {
	t.Parallel()
	leaks := identkittest.NewLeakCheck(t)
	_, client := stubbed(t, 500, `{"error":"`+leaks.Personal("response")+`"}`)
	for _, c := range []*entrupy.Client{nil, client} {
		h, got := hooks(t, c, func(cfg *entrupy.WebhookConfig) {
			cfg.Logger, cfg.OnUnreadable = leaks.Logger(), nil
			cfg.Observer.Delivery = func(_ context.Context, d identkit.DeliveryInfo) { leaks.Error(d.Err) }
		})
		name := leaks.Personal("item")
		deliver(h, `{"items":[`+itemOf(name, "authentic", 1)+`]}`)
		deliver(h, `{"items":[{"entrupy_id":"`+name+`"},{"`+name+`":"`+name+`"},"`+name+`"]}`)
		deliver(h, `{"event":"`+name+`","data":{"`+name+`":1,"`+name+`":2}}`)
		deliver(h, `{"`+name+`":"`+name)
		for _, d := range got.items {
			assert.NotContains(t, fmt.Sprintf("%v %+v %#v %s", d, &d, d, d), "inv-"+name)
		}
	}
	leaks.Check()
}
