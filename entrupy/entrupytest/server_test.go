package entrupytest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/entrupy"
	"github.com/identkit/identkit/entrupy/entrupytest"
	"github.com/identkit/identkit/identkittest"
)

var ada = entrupy.AuthorizeUserParams{SDKRequest: "opaque", UserID: "shop42.user-90817", Email: "ada@example.org"}

func TestEveryTransportReachesIt(t *testing.T) {
	t.Parallel()
	check := func(t *testing.T, client *entrupy.Client) {
		require.NoError(t, client.Ping(t.Context()))
	}
	t.Run("socket", func(t *testing.T) { t.Parallel(); check(t, entrupytest.NewServer(t).Client()) })
	t.Run("transport", func(t *testing.T) { t.Parallel(); check(t, entrupytest.New(entrupytest.Options{}).Client()) })
	t.Run("base path", func(t *testing.T) {
		t.Parallel()
		check(t, entrupytest.NewServer(t, func(o *entrupytest.Options) { o.BasePath = "/proxy/entrupy" }).Client())
	})
	t.Run("handler", func(t *testing.T) {
		t.Parallel()
		srv := entrupytest.New(entrupytest.Options{})
		front := httptest.NewServer(srv)
		t.Cleanup(front.Close)
		check(t, srv.Client(func(cfg *entrupy.Config) { cfg.BaseURL, cfg.Options.HTTPClient = front.URL, nil }))
	})
	t.Run("httpmock", func(t *testing.T) {
		t.Parallel()
		srv := entrupytest.New(entrupytest.Options{})
		mock := httpmock.NewMockTransport()
		mock.RegisterNoResponder(srv.Responder())
		check(t, srv.Client(func(cfg *entrupy.Config) { cfg.Options.HTTPClient = &http.Client{Transport: mock} }))
	})
}

func TestTokensVersionsAndRateAreChecked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := entrupytest.New(entrupytest.Options{RatePerSecond: 3, RetryAfter: "7", Dialect: entrupytest.Dialect{Scheme: "Bearer", RequireVersion: true}})
		defer srv.Close()
		unlimited := func(adjust func(*entrupy.Config)) *entrupy.Client {
			return srv.Client(func(cfg *entrupy.Config) {
				cfg.Options.Limiter = identkit.NoLimit
				adjust(cfg)
			})
		}
		client := unlimited(func(*entrupy.Config) {})
		wrong := unlimited(func(cfg *entrupy.Config) { cfg.Credentials = entrupy.Token(srv.Token()) })
		require.ErrorIs(t, wrong.Ping(t.Context()), identkit.ErrUnauthorized, "another scheme")
		require.NoError(t, client.Ping(t.Context()))
		require.ErrorIs(t, client.Ping(t.Context(), identkit.WithHeader("Api-Version", "2.0")), identkit.ErrRejected)
		_, err := client.Webhooks.List(t.Context())
		require.NoError(t, err, "Config names a version")
		bare := unlimited(func(cfg *entrupy.Config) { cfg.APIVersion = "" })
		_, err = bare.Webhooks.List(t.Context(), identkit.WithAttempts(1))
		var e *identkit.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, identkit.ErrRateLimited, e.Kind)
		assert.Equal(t, 7*time.Second, e.RetryAfter)
		time.Sleep(time.Second)
		_, err = bare.Webhooks.List(t.Context(), identkit.WithAttempts(1))
		require.ErrorIs(t, err, identkit.ErrRejected)
		srv.SetToken("another")
		require.ErrorIs(t, client.Ping(t.Context()), identkit.ErrUnauthorized)
	})
}

func TestErrorsOfEachShapeAreUnderstood(t *testing.T) {
	t.Parallel()
	for shape, want := range map[entrupytest.ErrorShape]string{
		entrupytest.ErrorText: "no such authentication", entrupytest.ErrorObject: "no such authentication E404", entrupytest.ErrorMessage: "no such authentication E404",
		entrupytest.ErrorDetail: "no such authentication", entrupytest.ErrorList: "no such authentication", entrupytest.ErrorPlain: "no such authentication", entrupytest.ErrorNone: "",
	} {
		srv := entrupytest.New(entrupytest.Options{Dialect: entrupytest.Dialect{Errors: shape}})
		_, err := srv.Client().Authentications.Get(t.Context(), "A", entrupy.GetParams{})
		var e *identkit.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, identkit.ErrNotFound, e.Kind)
		assert.Equal(t, want, string(append([]byte(e.Message), map[bool]string{true: " " + e.Code}[e.Code != ""]...)), shape)
	}
}

func TestVersion14HasRoutesOfItsOwn(t *testing.T) {
	t.Parallel()
	srv := entrupytest.New(entrupytest.Options{BasePath: "/proxy", Dialect: entrupytest.Dialect{RequireVersion: true}})
	client := srv.Client()
	id := srv.Capture(entrupytest.Item{CustomerItemID: "inv-1", Username: "Shop-1", Category: entrupy.CategoryApparel})
	require.NoError(t, srv.Complete(id, entrupy.ResultInvalid))
	header := http.Header{"Api-Version": {"1.4"}}
	for _, in := range []identkit.Request{
		{Path: "/v1/authentications/" + string(id), Header: header}, {Path: "/v1/lookup/authentications/inv-1", Header: header},
	} {
		var read struct {
			Item entrupy.Authentication `json:"item"`
		}
		require.NoError(t, client.Call(t.Context(), in, &read))
		assert.Equal(t, entrupy.Username("Shop-1"), read.Item.Owner.User.Username)
		assert.Equal(t, "blurry", read.Item.Status.Result.Reason)
		assert.Equal(t, "Shirt", read.Item.Properties.ItemType.Display)
		in.Header = nil
		require.NoError(t, client.Call(t.Context(), in, nil, identkit.WithHeader("Api-Version", "1.3")))
		require.ErrorIs(t, client.Call(t.Context(), in, nil, identkit.WithHeader("Api-Version", "2.0")), identkit.ErrRejected)
	}
	var page entrupy.Page
	require.NoError(t, client.Call(t.Context(), identkit.Request{Method: "POST", Path: "/v1/search/authentications", Header: header, Body: map[string]any{}}, &page))
	require.Len(t, page.Items, 1)
	assert.Equal(t, id, page.Items[0].ID)
}

func TestItemsChangeAsTheContractSays(t *testing.T) {
	t.Parallel()
	srv := entrupytest.New(entrupytest.Options{})
	id := srv.Capture(entrupytest.Item{})
	require.Error(t, srv.Reverse(id, entrupy.ResultInvalid), "there is no final result yet")
	require.NoError(t, srv.Complete(id, entrupy.ResultAuthentic))
	require.Error(t, srv.Complete(id, entrupy.ResultInvalid))
	require.Error(t, srv.Reverse(id, entrupy.ResultAuthentic), "the same result")
	require.NoError(t, srv.Reverse(id, entrupy.ResultUnidentified))
	item, ok := srv.Item(id)
	require.True(t, ok)
	assert.Equal(t, entrupy.ResultUnidentified, item.Result.ID)
	assert.Equal(t, entrupy.ResultAuthentic, item.InitialResult.ID)
	require.Error(t, srv.Reverse(id, ""), "no result")
	require.Error(t, srv.Complete(srv.Capture(entrupytest.Item{}), ""), "no result")
	srv.Capture(entrupytest.Item{ID: "COPY", TextFields: map[string]string{"a": "b"}})
	item, _ = srv.Item("COPY")
	item.TextFields["a"] = "changed"
	item, _ = srv.Item("COPY")
	assert.Equal(t, "b", item.TextFields["a"], "an Item is the caller's own")
	require.Error(t, srv.Complete("NOTHERE", entrupy.ResultAuthentic))
	require.Error(t, srv.SetFlag("NOTHERE", entrupy.FlagResolved))
	require.Error(t, srv.DeliverItems("NOTHERE"))
	_, ok = srv.Item("NOTHERE")
	assert.False(t, ok)
	_, ok = srv.User("12345678")
	assert.False(t, ok)
}

func TestRequestsAreCheckedStrictly(t *testing.T) {
	t.Parallel()
	srv := entrupytest.New(entrupytest.Options{Dialect: entrupytest.Dialect{AnyDomain: true}})
	client := srv.Client(func(cfg *entrupy.Config) { cfg.Options.Limiter = identkit.NoLimit })
	id := srv.Capture(entrupytest.Item{})
	require.NoError(t, srv.Complete(id, entrupy.ResultAuthentic))
	post := func(path, body string) error {
		return client.Call(t.Context(), identkit.Request{Method: "POST", Path: path, Body: json.RawMessage(body)}, nil)
	}
	authorize := func(request, user, email string) string {
		return fmt.Sprintf(`{"sdk_authorization_request":%q,"unique_user_id":%q,"email":%q,"first_name":""}`, request, user, email)
	}
	require.NoError(t, post("/v2/integrations/authorize-user", authorize("r", "12345678", "e")))
	u, _ := srv.User("12345678")
	assert.True(t, u.Named, "an empty name is one, for ever")
	for path, bodies := range map[string][]string{
		"/v2/integrations/authorize-user":             {authorize("", "12345678", "e"), authorize("r", "1234567", "e"), authorize("r", "12345678", ""), `[]`, `{"email":7}`},
		"/v2/search/authentications":                  {`{"limit":0}`, `{"limit":26}`, `{"unknown":1}`, `{"filters":{}}`, `{"cursor":"x"}`, `{"cursor":"p-5"}`, `{"cursor":-5}`, `{"cursor":["-5"]}`, `{"cursor":{"after":-5}}`, `{"start":"monday"}`, `{"filters":[{"key":"unknown"}]}`},
		"/v2/search/domains":                          {`{"limit":99}`},
		"/v2/authentications/" + string(id) + "/flag": {`{}`, `{"reason":""}`, `{"reason":7}`},
		"/v2/webhooks":                                {`{}`, `{"url":"/x"}`, `{"unknown":1}`, `{"url":"https://shop.example","secret_key":"s","channel":"authentications"}`},
	} {
		for _, body := range bodies {
			require.ErrorIs(t, post(path, body), identkit.ErrRejected, "%s %s", path, body)
		}
	}
	require.NoError(t, post("/v2/search/authentications", `{"limit":null,"filters":null,"format_options":null,"cursor":null}`))
	require.ErrorIs(t, client.Call(t.Context(), identkit.Request{Path: "/v2/nothing"}, nil), identkit.ErrNotFound)
}

func TestPrintsAndStateHideSecrets(t *testing.T) {
	t.Parallel()
	lc := identkittest.NewLeakCheck(t)
	srv := entrupytest.New(entrupytest.Options{Token: lc.Secret("token"), Dialect: entrupytest.Dialect{AnyDomain: true}})
	client := srv.Client()
	in := ada
	in.SDKRequest, in.FirstName = lc.Secret("request"), lc.Personal("name")
	a, err := client.Users.Authorize(t.Context(), in)
	require.NoError(t, err)
	lc.Seed("signed", a.SignedRequest.Reveal())
	srv.Subscribe(entrupytest.Subscription{URL: "https://shop.example/", Secret: lc.Secret("webhook secret")})
	_, token := srv.StartDomainVerification("shop.example")
	lc.Seed("verification", token.Reveal())
	srv.Capture(entrupytest.Item{})

	lc.Value(srv)
	lc.Value(reflect.ValueOf(srv).Elem().Interface())
	lc.Value(string(srv.State()))
	assert.Equal(t, "entrupytest.Server(https://fake.test)", fmt.Sprintf("%+v", srv))
	var state struct {
		Authentications []struct{ Result string }
		Webhooks        []struct{ URL string }
	}
	require.NoError(t, json.Unmarshal(srv.State(), &state))
	assert.Equal(t, "received", state.Authentications[0].Result)
	assert.Equal(t, "https://shop.example/", state.Webhooks[0].URL)
}
