package service

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/entrupy"
	"github.com/identkit/identkit/entrupy/entrupytest"
	"github.com/identkit/identkit/identkittest"
)

const item entrupy.CustomerItemID = "inv-1"

// seen is what the service shows of the item.
func (h onFake) seen(t *testing.T, query string) (v ItemView) {
	t.Helper()
	rec := h.send(http.MethodGet, "/items/"+string(item)+query, "", "")
	require.Equal(t, http.StatusOK, rec.Code, rec.Body)
	require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &v))
	return v
}

func (h onFake) deliver(t *testing.T) {
	t.Helper()
	_, err := h.entrupy.Deliver(t.Context())
	require.NoError(t, err)
}

func TestAFinalResultIsTakenBackWhenItIsReversed(t *testing.T) {
	h := onFakes(t)
	id := h.entrupy.Capture(entrupytest.Item{CustomerItemID: item})
	require.NoError(t, h.entrupy.Complete(id, entrupy.ResultAuthentic))
	h.deliver(t)
	assert.Equal(t, ItemView{item, id, entrupy.ResultAuthentic, true, true}, h.seen(t, ""))
	require.NoError(t, h.entrupy.Reverse(id, entrupy.ResultUnidentified))
	h.deliver(t)
	assert.Equal(t, ItemView{item, id, entrupy.ResultUnidentified, true, false}, h.seen(t, ""))
	require.NoError(t, h.entrupy.Reverse(id, entrupy.ResultAuthentic))
	h.deliver(t)
	assert.True(t, h.seen(t, "").Authentic, "reversed again")
}

func TestOnlyALaterResultIsStored(t *testing.T) {
	table := &results{rows: make(map[entrupy.ID]*entrupy.Authentication)}
	at := func(id entrupy.ID, result entrupy.ResultID, updated time.Time) *entrupy.Authentication {
		a := &entrupy.Authentication{ID: id, Status: entrupy.Status{Result: entrupy.Result{ID: result, Final: true}}}
		a.Properties.CustomerItemID, a.Created, a.Updated = item, updated, updated
		return a
	}
	noon := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	require.NoError(t, table.put(at("A", entrupy.ResultInvalid, noon)))
	require.NoError(t, table.put(at("A", entrupy.ResultAuthentic, noon.Add(-time.Second))))
	require.NoError(t, table.put(at("A", entrupy.ResultAuthentic, noon)))
	assert.Equal(t, entrupy.ResultInvalid, table.latest(item).Status.Result.ID)
	require.Error(t, table.put(at("A", entrupy.ResultAuthentic, time.Time{})), "nothing says whether it is later")
	require.NoError(t, table.put(at("B", entrupy.ResultAuthentic, noon.Add(time.Minute))))
	assert.Equal(t, entrupy.ID("B"), table.latest(item).ID, "the last capture of the item")
	table.remove("B")
	assert.Equal(t, entrupy.ID("A"), table.latest(item).ID)
	table.remove("A")
	assert.Nil(t, table.latest(item))
}

// What was delivered is not what is stored, and an item that cannot be read now comes again.
func TestDeliveredItemsAreReadAgain(t *testing.T) {
	h := onFakes(t)
	id := h.entrupy.Capture(entrupytest.Item{CustomerItemID: item})
	require.NoError(t, h.entrupy.DeliverBody([]byte(`{"items":[{"entrupy_id":"`+string(id)+`","status":{"result":{"id":"authentic","final":true}}}]}`)))
	h.deliver(t)
	assert.False(t, h.seen(t, "").Authentic)

	h.entrupy.Fault(identkittest.On("entrupy.Authentications.Get").Status(http.StatusForbidden))
	require.NoError(t, h.entrupy.Complete(id, entrupy.ResultAuthentic))
	h.deliver(t)
	assert.False(t, h.seen(t, "").Authentic)
	h.entrupy.ClearFaults()
	for _, d := range h.entrupy.Deliveries() {
		require.NoError(t, h.entrupy.Redeliver(d.ID))
	}
	h.deliver(t)
	assert.True(t, h.seen(t, "").Authentic)

	h.entrupy.Fault(identkittest.On("entrupy.Authentications.Get").Status(http.StatusNotFound))
	require.NoError(t, h.entrupy.Reverse(id, entrupy.ResultInvalid))
	h.deliver(t)
	assert.Equal(t, http.StatusNotFound, h.send(http.MethodGet, "/items/inv-1", "", "").Code, "what Entrupy does not know any more is not offered")
}

func TestAWaitIsForTheCaptureThatWasBegun(t *testing.T) { synctest.Test(t, waitForCapture) }

func waitForCapture(t *testing.T) {
	h := onFakes(t)
	assert.Equal(t, http.StatusNotFound, h.send(http.MethodGet, "/items/inv-1?wait=10s", "", "").Code, "no capture was begun")
	begin := func() {
		t.Helper()
		require.Equal(t, http.StatusNoContent, h.send(http.MethodPost, "/items/inv-1/captures", "", "").Code)
	}
	begin()
	assert.Equal(t, ItemView{ItemID: item}, h.seen(t, "?wait=10s"), "there is no authentication yet")
	first := h.entrupy.Capture(entrupytest.Item{CustomerItemID: item})
	require.NoError(t, h.entrupy.Complete(first, entrupy.ResultInvalid))
	assert.Equal(t, first, h.seen(t, "?wait=30s").AuthenticationID)
	assert.Equal(t, first, h.seen(t, "").AuthenticationID, "what was read is stored, without a delivery")

	begin()
	assert.Equal(t, ItemView{ItemID: item}, h.seen(t, "?wait=10s"), "the old result is not the new one")
	second := h.entrupy.Capture(entrupytest.Item{CustomerItemID: item})
	require.NoError(t, h.entrupy.Complete(second, entrupy.ResultAuthentic))
	assert.Equal(t, ItemView{item, second, entrupy.ResultAuthentic, true, true}, h.seen(t, "?wait=30s"))

	h.entrupy.Fault(identkittest.On("entrupy.Authentications.Lookup").Status(http.StatusForbidden))
	assert.Equal(t, http.StatusBadGateway, h.send(http.MethodGet, "/items/inv-1?wait=1s", "", "").Code)
	assert.Equal(t, http.StatusBadGateway, h.send(http.MethodPost, "/items/inv-1/captures", "", "").Code, "what was there before is needed")
}

func TestAUserSeesWhatTheUserCaptured(t *testing.T) {
	h := onFakes(t)
	const ada = "shop42.ada"
	assert.Equal(t, http.StatusUnauthorized, h.send(http.MethodGet, "/items", "", "").Code)
	assert.JSONEq(t, `{"items":[]}`, h.send(http.MethodGet, "/items", "", ada).Body.String(), "never authorized")
	assert.Zero(t, h.entrupy.Journal().Count("entrupy.Authentications.Search"), "a search without a name would find everything")

	request := `{"sdk_authorization_request":"opaque","unique_user_id":"shop42.bob"}`
	assert.Equal(t, http.StatusUnauthorized, h.send(http.MethodPost, "/authorize-entrupy-sdk-user", request, "").Code)
	require.Equal(t, http.StatusOK, h.send(http.MethodPost, "/authorize-entrupy-sdk-user", request, ada).Code)
	_, bob := h.entrupy.User("shop42.bob")
	assert.False(t, bob, "who the user is says the session")
	user, _ := h.entrupy.User(ada)
	for range 26 {
		h.entrupy.Capture(entrupytest.Item{Username: user.Username})
	}
	h.entrupy.Capture(entrupytest.Item{Username: "Shop-shop42.bob"})
	var list struct{ Items []ItemView }
	require.NoError(t, json.Unmarshal(h.send(http.MethodGet, "/items", "", ada).Body.Bytes(), &list))
	assert.Len(t, list.Items, 26)

	h.entrupy.Fault(identkittest.On("entrupy.Authentications.Search").Nth(2).Status(http.StatusForbidden))
	assert.Equal(t, http.StatusBadGateway, h.send(http.MethodGet, "/items", "", ada).Code, "half a list is none")
}

func TestEntrupyFindsTheTokenBeforeTheCatchAll(t *testing.T) {
	h := onFakes(t)
	require.NoError(t, h.entrupy.VerifyDomain("shop.example", h))
	rec := h.send(http.MethodGet, "/.well-known/other", "", "")
	assert.Equal(t, http.StatusNotFound, rec.Code)
	assert.True(t, strings.HasPrefix(rec.Body.String(), `{"error"`), "the catch-all")
}
