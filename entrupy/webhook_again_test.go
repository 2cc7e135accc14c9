package entrupy_test

import (
	"context"
	"fmt"
	"strings"
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

func TestALateDeliveryIsHandedOverAsItIsNow(t *testing.T) {
	t.Parallel()
	bubble(t, entrupytest.Options{}, func(t *testing.T, srv *entrupytest.Server) {
		h, got := hooks(t, srv.Client(), func(cfg *entrupy.WebhookConfig) { cfg.Include = entrupy.GetParams{Images: true} })
		id := srv.Capture(entrupytest.Item{ID: "A", CustomerItemID: "inv-A"})
		require.NoError(t, srv.Complete(id, entrupy.ResultAuthentic))
		time.Sleep(time.Hour)
		require.NoError(t, srv.Reverse(id, entrupy.ResultInvalid))
		now := time.Now().Unix()
		for _, body := range []string{
			`{"items":[` + itemOf("A", "authentic", now-3600) + `]}`, // late
			`{"items":[` + itemOf("A", "invalid", now) + `]}`,
			`{"items":[` + itemOf("A", "authentic", 0) + `]}`, // in the format of 1.4
			`{"items":[` + itemOf("a", "authentic", now-3600) + `]}`,
		} {
			assert.Equal(t, 200, deliver(h, body))
		}
		require.Len(t, got.items, 1, "the state that was handled is not handled again")
		d := got.items[0]
		assert.Equal(t, entrupy.ResultInvalid, d.Authentication.Status.Result.ID)
		assert.False(t, d.Authentication.IsAuthentic())
		assert.Len(t, d.Authentication.Images, 1)
		assert.True(t, d.Payload.IsAuthentic(), "the payload is as it was delivered")
		assert.Equal(t, 3, srv.Journal().Count("entrupy.Authentications.Get"), "what was handled as it was delivered is not read again")
	})
}

func TestWhatTheAPIDoesNotFindIsHandedOverAsGone(t *testing.T) {
	t.Parallel()
	h, got := hooks(t, unlimited(entrupytest.New(entrupytest.Options{})))
	body := `{"items":[` + itemOf("A", "authentic", 1) + `,` + itemOf("B", "authentic", 0) + `]}`
	assert.Equal(t, 200, deliver(h, body))
	assert.Equal(t, []string{"item A", "item B"}, got.take())
	for _, d := range got.items {
		assert.True(t, d.Gone)
		assert.Nil(t, d.Authentication)
		assert.Equal(t, "inv-"+string(d.ID), string(d.Payload.CustomerItemID()))
	}
	assert.Equal(t, 200, deliver(h, body))
	assert.Equal(t, []string{"item B"}, got.take(), "without an update, nothing says that it is the same")
}

func TestAnAPIBehindItsOwnDeliveryUndoesNothing(t *testing.T) {
	t.Parallel()
	at := func(text string) string {
		return `{"item":{"entrupy_id":"A","status":{"result":{"id":"invalid","final":true}},"timestamp":{"last_updated_at":"` + text + `"}}}`
	}
	delivered := strings.Replace(itemOf("A", "authentic", 1000), "00:16:40Z", "00:16:40.5Z", 1)
	for body, want := range map[string]entrupy.ResultID{
		at("1970-01-01T00:16:39.9Z"): entrupy.ResultAuthentic,
		at("1970-01-01T00:16:40Z"):   entrupy.ResultInvalid, // by whole seconds it is not older
		at("1970-01-01T00:16:41Z"):   entrupy.ResultInvalid,
		`{"item":{"entrupy_id":"A","status":{"result":{"id":"invalid","final":true}}}}`: entrupy.ResultInvalid,
	} {
		_, client := stubbed(t, 200, body)
		h, got := hooks(t, client)
		assert.Equal(t, 200, deliver(h, `{"items":[`+delivered+`]}`))
		require.Len(t, got.items, 1)
		assert.Equal(t, want, got.items[0].Authentication.Status.Result.ID, body)
	}
}

func TestAnIDThatCannotBeReadAgainIsUnreadable(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 404, `{}`)
	for _, id := range []string{".", ".."} {
		h, got := hooks(t, client)
		assert.Equal(t, 200, deliver(h, `{"items":[`+itemOf("A", "authentic", 1)+`,`+itemOf(id, "authentic", 1)+`]}`))
		assert.Equal(t, []string{"item A", "unreadable 1"}, got.take())
		require.ErrorIs(t, got.broken[0], identkit.ErrInvalidRequest)
		assert.Contains(t, string(got.broken[0].RawJSON()), `"`+id+`"`)
	}
	for id, path := range map[string]string{"A/B": "A%2FB", "A#?": "A%23%3F", "A B": "A%20B"} {
		h, _ := hooks(t, client)
		assert.Equal(t, 200, deliver(h, `{"items":[`+itemOf(id, "authentic", 1)+`]}`))
		assert.Equal(t, "/v2/authentications/"+path, s.last(t).path)
	}
}

func TestAFailureToReadAgainMakesTheDeliveryComeAgain(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 401, 403, 409, 429, 500, 503, 200} { // the last: a response that says nothing
		bubble(t, entrupytest.Options{}, func(t *testing.T, _ *entrupytest.Server) {
			s, client := stubbed(t, status, `{"error":"no"}`)
			h, got := hooks(t, client)
			body := `{"items":[` + itemOf("A", "authentic", 1) + `]}`
			assert.Equal(t, 503, deliver(h, body), status)
			assert.Empty(t, got.take(), status)
			assert.Equal(t, string(webhook.ReasonResolveFailed), got.last().Reason, status)
			require.ErrorContains(t, got.last().Err, "entrupy.Authentications.Get", status)
			time.Sleep(time.Minute)
			s.respond(200, `{"item":`+itemOf("A", "invalid", 2)+`}`)
			assert.Equal(t, 200, deliver(h, body), status)
			assert.Equal(t, []string{"item A"}, got.take(), status)
		})
	}
}

func TestALargeDeliveryGoesOnWithTheNext(t *testing.T) {
	t.Parallel()
	const items = 60
	for name, updated := range map[string]bool{"items with times": true, "items without them": false} {
		for _, d := range []entrupytest.Dialect{{}, {WithoutUpdated: true}} {
			bubble(t, entrupytest.Options{Dialect: d}, func(t *testing.T, srv *entrupytest.Server) {
				h, got := hooks(t, srv.Client(), func(cfg *entrupy.WebhookConfig) { cfg.Timeout = 2 * time.Second })
				bodies := make([]string, items)
				for i := range bodies {
					id := srv.Capture(entrupytest.Item{ID: entrupy.ID(fmt.Sprint("I", i))})
					require.NoError(t, srv.Complete(id, entrupy.ResultAuthentic))
					bodies[i] = itemOf(string(id), "authentic", time.Now().Unix())
					if !updated {
						bodies[i] = itemOf(string(id), "authentic", 0)
					}
				}
				body := `{"items":[` + strings.Join(bodies, ",") + `]}`
				deliveries := 1
				for began := time.Now(); deliver(h, body) == 503; began = time.Now() {
					assert.LessOrEqual(t, time.Since(began), 2*time.Second, "within the time of the handler")
					assert.NotEmpty(t, got.take(), "%s: the others are committed", name)
					time.Sleep(time.Minute)
					deliveries++
					require.Less(t, deliveries, 20, name)
				}
				assert.Greater(t, deliveries, 2, name)
				require.Len(t, got.items, items, "%s: each is handed over once", name)
				seen := map[entrupy.ID]bool{}
				for _, item := range got.items {
					seen[item.ID] = true
				}
				assert.Len(t, seen, items, name)
				reads := srv.Journal().Count("entrupy.Authentications.Get")
				assert.GreaterOrEqual(t, reads, items, name)
				assert.Less(t, reads, items+deliveries, "%s: and read once, but for what the end of a delivery cut", name)
			})
		}
	}
}

func TestARateLimitInTheMiddleOfADelivery(t *testing.T) {
	t.Parallel()
	bubble(t, entrupytest.Options{RetryAfter: "2"}, func(t *testing.T, srv *entrupytest.Server) {
		h, got := hooks(t, unlimited(srv))
		srv.Fault(identkittest.On("entrupy.Authentications.Get").Nth(2).Status(429).Header("Retry-After", "1"))
		srv.Fault(identkittest.On("entrupy.Authentications.Get").Nth(4).Status(429).Header("Retry-After", "60"))
		var items []string
		for i := range 5 {
			id := srv.Capture(entrupytest.Item{ID: entrupy.ID(fmt.Sprint("I", i))})
			items = append(items, itemOf(string(id), "received", 1))
		}
		body := `{"items":[` + strings.Join(items, ",") + `]}`
		began := time.Now()
		assert.Equal(t, 503, deliver(h, body), "a minute is too long")
		assert.Less(t, time.Since(began), 10*time.Second)
		assert.Equal(t, []string{"item I0", "item I1"}, got.take())
		time.Sleep(time.Minute)
		assert.Equal(t, 200, deliver(h, body))
		assert.Equal(t, []string{"item I2", "item I3", "item I4"}, got.take())
	})
}

func TestAnItemWhoseHandlerFailsComesAlone(t *testing.T) {
	t.Parallel()
	srv := entrupytest.New(entrupytest.Options{})
	h, got := hooks(t, unlimited(srv))
	for _, id := range []entrupy.ID{"A", "B", "C"} {
		srv.Capture(entrupytest.Item{ID: id})
	}
	body := `{"items":[` + itemOf("A", "received", 1) + `,` + itemOf("B", "received", 1) + `,` + itemOf("C", "received", 0) + `]}`
	got.fails = func(what string) error {
		if what == "item B" {
			panic("boom")
		}
		return nil
	}
	for _, want := range [][]string{{"item A", "item B", "item C"}, {"item B"}} {
		assert.Equal(t, 503, deliver(h, body))
		assert.Equal(t, want, got.take())
	}
	got.fails = nil
	assert.Equal(t, 200, deliver(h, body))
	assert.Equal(t, []string{"item B"}, got.take())
	assert.Equal(t, 200, deliver(h, body))
	assert.Empty(t, got.take(), "the API has a time of the last update for all of them")
}

func TestTheClientsObserverSeesDeliveries(t *testing.T) {
	t.Parallel()
	srv := entrupytest.New(entrupytest.Options{})
	seen := 0
	client := srv.Client(func(cfg *entrupy.Config) {
		cfg.Options.Observer.Delivery = func(context.Context, identkit.DeliveryInfo) { seen++ }
	})
	h, _ := hooks(t, client, func(cfg *entrupy.WebhookConfig) { cfg.Observer = identkit.Observer{} })
	assert.Equal(t, 200, deliver(h, `{"items":[]}`))
	assert.Equal(t, 1, seen)
}
