package entrupy_test

import (
	"context"
	"encoding/hex"
	"errors"
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

func TestEveryEnvelopeOfADeliveryIsRead(t *testing.T) {
	t.Parallel()
	a, b := itemOf("A", "authentic", 0), itemOf("B", "invalid", 0)
	for body, want := range map[string][]string{
		`{"items":[` + a + `]}`:                                                     {"item A"},
		`{"items":[` + a + `,` + b + `]}`:                                           {"item A", "item B"},
		`{"items":[]}`:                                                              nil,
		`{"items":null,"item":` + a + `}`:                                           {"item A"},
		`{"items":` + a + `}`:                                                       {"item A"},
		`{"item":` + a + `}`:                                                        {"item A"},
		`{"item":[` + a + `,` + b + `]}`:                                            {"item A", "item B"},
		`{"event":"session.completed","data":` + a + `}`:                            {"item A"},
		`{"type":"session.completed","payload":` + a + `}`:                          {"item A"},
		`{"event_type":"session.completed","item":` + a + `}`:                       {"item A"},
		`{"event":"session.completed","item":` + a + `}`:                            {"item A"},
		`{"type":"session.completed","data":[` + a + `,` + b + `]}`:                 {"item A", "item B"},
		`{"event_type":"session.completed","payload":{"item":` + a + `}}`:           {"item A"},
		`{"event":"session.completed","data":{"items":[` + a + `,` + b + `]}}`:      {"item A", "item B"},
		`{"event":"session.completed","items":[` + a + `]}`:                         {"item A"},
		`{"data":` + a + `}`:                                                        {"item A"},
		`{"event":"tomorrow","data":` + a + `}`:                                     {"item A"},
		`{"event":"tomorrow","items":[{},` + a + `]}`:                               {"unreadable 0", "item A"},
		`{"event":null,"type":7,"event_type":"session.completed","data":` + a + `}`: {"item A"},
		a:                                        {"item A"},
		"\xef\xbb\xbf" + `{"items":[` + a + `]}`: {"item A"},
		`{"items":[` + a + `],"meta":{"page":1}}`: {"item A"},

		`{"event":"support.message","data":{"entrupy_id":"A","text":"another picture, please"}}`: {"other support.message"},
		`{"event":"support.message","item":` + a + `}`:                                           {"other support.message"},
		`{"type":"certificate.transfer","payload":{"entrupy_id":"A","status":"pending"}}`:        {"other certificate.transfer"},
		`{"event_type":"tomorrow","data":{"entrupy_id":"A","status":{"id":"x"}}}`:                {"other tomorrow"},
		`{"event":"tomorrow","items":[]}`:                                                        {"other tomorrow"},
		`{"event":"tomorrow"}`:                                                                   {"other tomorrow"},
		`{"event":"session.completed"}`:                                                          {"other session.completed"},
		`{"event":"session.completed","entrupy_id":"A"}`:                                         {"other session.completed"},
		`{"data":{"entrupy_id":"A"}}`:                                                            {"other "},
		`{}`:                                                                                     {"other "},
		`{"Items":[` + a + `]}`:                                                                  {"other "},
		`{"event":"session.completed","data":"A"}`:                                               {"unreadable 0"},
		`{"event":"session.completed","data":{"id":"A"}}`:                                        {"unreadable 0"},
		`{"item":"A"}`:                 {"unreadable 0"},
		`{"items":[null,7,"A",[],{}]}`: {"unreadable 0", "unreadable 1", "unreadable 2", "unreadable 3", "unreadable 4"},
	} {
		h, got := hooks(t, nil)
		assert.Equal(t, 200, deliver(h, body), body)
		assert.Equal(t, want, got.take(), body)
		for _, e := range got.other {
			assert.JSONEq(t, strings.TrimPrefix(body, "\xef\xbb\xbf"), string(e.RawJSON()))
		}
		for _, d := range got.items {
			assert.Same(t, d.Payload, d.Authentication)
			assert.Equal(t, entrupy.CustomerItemID("inv-"+string(d.ID)), d.Authentication.CustomerItemID())
			read, err := entrupy.ParseAuthentication(d.Payload.RawJSON())
			require.NoError(t, err)
			assert.Equal(t, d.Payload, read)
		}
	}
}

func TestASignedBodyThatIsNoDelivery(t *testing.T) {
	t.Parallel()
	a := itemOf("A", "authentic", 0)
	for _, body := range []string{
		``, ` `, `hello`, `<html>no</html>`, `null`, `7`, `"items"`, `[]`, `[` + a + `]`, `{`, `{"items":[` + a, `{"items":[` + a + `]}{}`, `{"items":[` + a + `]}x`,
		`{"items":[],"items":[` + a + `]}`, `{"event":"support.message","data":{"a":1,"a":2}}`, "{\"event\":\"tomorrow\",\"data\":\"\xff\"}", `{"items":[` + a + `,]}`, `items=[]`,
	} {
		h, got := hooks(t, nil)
		assert.Equal(t, 400, deliver(h, body), body)
		assert.Empty(t, got.take(), body)
		assert.Equal(t, string(webhook.ReasonInvalidEvent), got.last().Reason)
		assert.NotContains(t, got.last().Err.Error(), "hello")
	}
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

func TestAnItemThatCannotBeReadIsHandedOverWithItsPosition(t *testing.T) {
	t.Parallel()
	for name, third := range map[string]string{
		"null":                     `null`,
		"a text":                   `"C"`,
		"an empty object":          `{}`,
		"no result":                `{"entrupy_id":"C"}`,
		"an id that is no text":    `{"entrupy_id":{},"status":{"result":{"id":"authentic","final":true}}}`,
		"final as a text":          `{"entrupy_id":"C","status":{"result":{"id":"authentic","final":"true"}}}`,
		"a duplicate member":       `{"entrupy_id":"C","status":{"result":{"id":"invalid","id":"authentic","final":true}}}`,
		"a duplicate member, deep": `{"entrupy_id":"C","status":{"result":{"id":"authentic","final":true}},"more":[{"a":1,"a":2}]}`,
		"bytes that are not UTF-8": "{\"entrupy_id\":\"C\",\"status\":{\"result\":{\"id\":\"authentic\",\"final\":true}},\"note\":\"J\xf6rg\"}",
	} {
		body := `{"items":[` + itemOf("A", "authentic", 1) + `,` + itemOf("B", "invalid", 1) + `,` + third + `,` + itemOf("D", "authentic", 1) + `]}`
		h, got := hooks(t, nil)
		assert.Equal(t, 200, deliver(h, body), name)
		assert.Equal(t, []string{"item A", "item B", "unreadable 2", "item D"}, got.take(), name)
		assert.Equal(t, third, string(got.broken[0].RawJSON()), name)
		require.ErrorIs(t, got.broken[0], identkit.ErrBadResponse, name)
		assert.NotContains(t, got.broken[0].Error(), "authentic", name)

		// the team's own failure makes it come again, and the others not
		h, got = hooks(t, nil)
		got.fails = func(what string) error {
			if what == "unreadable 2" {
				return errors.New("the queue is full")
			}
			return nil
		}
		assert.Equal(t, 503, deliver(h, body), name)
		assert.Len(t, got.take(), 4, name)
		got.fails = nil
		assert.Equal(t, 200, deliver(h, body), name)
		assert.Equal(t, []string{"unreadable 2"}, got.take(), name)

		h, got = hooks(t, nil, func(cfg *entrupy.WebhookConfig) { cfg.OnUnreadable = nil })
		assert.Equal(t, 200, deliver(h, body), name)
		assert.Equal(t, []string{"item A", "item B", "item D"}, got.take(), name)
		assert.Equal(t, string(webhook.ReasonGivenUp), got.last().Reason, name)
		require.ErrorContains(t, got.last().Err, "item 2", name)
	}
	h, got := hooks(t, nil, func(cfg *entrupy.WebhookConfig) { cfg.OnOther = nil })
	assert.Equal(t, 200, deliver(h, `{"event":"support.message"}`))
	assert.Empty(t, got.last().Reason, "ignored")
}

func TestWhatIsTheSameDelivery(t *testing.T) {
	t.Parallel()
	flagged := strings.Replace(itemOf("A", "authentic", 1), `"status":{`, `"status":{"flag":"flagged",`, 1)
	unflagged := strings.Replace(itemOf("A", "authentic", 1), `"status":{`, `"status":{"flag":"none",`, 1)
	pending := strings.Replace(itemOf("A", "authentic", 1), `true`, `false`, 1)
	for name, c := range map[string]struct {
		items []string
		want  int
	}{
		"again":                            {[]string{itemOf("A", "authentic", 1), itemOf("A", "authentic", 1)}, 1},
		"the id in another letter case":    {[]string{itemOf("A", "authentic", 1), itemOf("a", "authentic", 1)}, 1},
		"no flag, said in two ways":        {[]string{itemOf("A", "authentic", 1), unflagged}, 1},
		"another member":                   {[]string{itemOf("A", "authentic", 1), strings.Replace(itemOf("A", "authentic", 1), "inv-A", "inv-B", 1)}, 1},
		"another item":                     {[]string{itemOf("A", "authentic", 1), itemOf("B", "authentic", 1)}, 2},
		"another result":                   {[]string{itemOf("A", "authentic", 1), itemOf("A", "invalid", 1)}, 2},
		"another flag":                     {[]string{itemOf("A", "authentic", 1), flagged}, 2},
		"not final, final":                 {[]string{pending, itemOf("A", "authentic", 1)}, 2},
		"a later update":                   {[]string{itemOf("A", "authentic", 1), itemOf("A", "authentic", 2)}, 2},
		"reversed, and back":               {[]string{itemOf("A", "authentic", 1), itemOf("A", "invalid", 2), itemOf("A", "authentic", 3)}, 3},
		"without an update: always again":  {[]string{itemOf("A", "authentic", 0), itemOf("A", "authentic", 0)}, 2},
		"reversed, and back, without them": {[]string{itemOf("A", "authentic", 0), itemOf("A", "invalid", 0), itemOf("A", "authentic", 0)}, 3},
	} {
		h, got := hooks(t, nil)
		for _, item := range c.items {
			assert.Equal(t, 200, deliver(h, `{"items":[`+item+`]}`), name)
		}
		assert.Len(t, got.take(), c.want, name)
		one, got := hooks(t, nil)
		assert.Equal(t, 200, deliver(one, `{"items":[`+strings.Join(c.items, ",")+`]}`), name)
		assert.Len(t, got.take(), c.want, "%s, in one delivery", name)
	}
	h, got := hooks(t, nil)
	a := itemOf("A", "authentic", 1)
	for _, c := range []struct {
		body string
		want int
	}{
		{`{"items":[` + a + `]}`, 1},
		{`{"event":"session.completed","data":` + a + `}`, 0}, // the same in another envelope
		{`{"event":"tomorrow","data":` + a + `}`, 1},          // something else about it
		{`{"event":"tomorrow","data":` + a + `}`, 0},
		{`{"event":"support.message"}`, 1},
		{`{"event":"support.message"}`, 1},
	} {
		assert.Equal(t, 200, deliver(h, c.body), c.body)
		assert.Len(t, got.take(), c.want, c.body)
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
		"by an item it cannot read": func(cfg *entrupy.WebhookConfig, _ identkit.Notifier) {},
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

func FuzzDelivery(f *testing.F) {
	for _, seed := range []string{
		`{"items":[` + itemV14 + `]}`, `{"item":` + itemV2 + `}`, `{"event":"support.message","data":{}}`, `{"type":"x","payload":[1]}`, `{"items":[null]}`, `{"data":{"items":[{}]}}`, `{`, `[]`,
	} {
		f.Add([]byte(seed))
	}
	got := new(received)
	h, err := entrupy.NewWebhookHandler(entrupy.WebhookConfig{Keys: keyring(f, hookSecret), Handle: got.Handle, OnOther: got.OnOther, OnUnreadable: got.OnUnreadable, Store: webhook.NoStore})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, body []byte) {
		got.items = nil
		status := deliver(h, string(body))
		assert.Contains(t, []int{200, 400}, status)
		for _, d := range got.items {
			require.NotEmpty(t, d.ID)
			read, err := entrupy.ParseAuthentication(d.Payload.RawJSON())
			require.NoError(t, err)
			require.Equal(t, read.IsAuthentic(), d.Authentication.IsAuthentic())
		}
		if all := got.take(); status == 400 {
			require.Empty(t, all)
		}
	})
}
