package powerauthtest_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
)

// receiver records callbacks and responds with its statuses in order, then with the last one.
type receiver struct {
	mu       sync.Mutex
	statuses []int
	headers  []http.Header
	bodies   []map[string]any
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, in *http.Request) {
	raw, _ := io.ReadAll(in.Body)
	var body map[string]any
	_ = json.Unmarshal(raw, &body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.headers, r.bodies = append(r.headers, in.Header), append(r.bodies, body)
	if len(r.statuses) > 0 {
		w.WriteHeader(r.statuses[0])
		if len(r.statuses) > 1 {
			r.statuses = r.statuses[1:]
		}
	}
}

func (r *receiver) got(name string) []any {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []any
	for _, b := range r.bodies {
		all = append(all, b[name])
	}
	return all
}

func (r *receiver) keys() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, h := range r.headers {
		all = append(all, h.Get("Idempotency-Key"))
	}
	return all
}

func deliver(t *testing.T, srv *powerauthtest.Server) []identkittest.Delivery {
	t.Helper()
	all, err := srv.Deliver(t.Context())
	require.NoError(t, err)
	return all
}

func TestEveryChangeOfARegistrationSendsACallback(t *testing.T) {
	t.Parallel()
	srv, clock := fake(t)
	r := &receiver{}
	srv.AddCallback(powerauthtest.Callback{
		Type: powerauth.CallbackRegistration, Handler: r, Username: "pac", Password: "secret",
		Attributes: []string{"activationStatus", "blockedReason", "userId", "platform", "activationFlags", "protocol", "applicationId"},
	})
	srv.AddCallback(powerauthtest.Callback{Type: powerauth.CallbackRegistration, Application: "other", Handler: &receiver{statuses: []int{500}}})
	client := srv.Client()
	phone := activated(t, srv)
	require.NoError(t, client.Registrations.Block(t.Context(), phone.RegistrationID()))
	require.NoError(t, client.Registrations.Block(t.Context(), phone.RegistrationID()), "changes nothing")
	require.NoError(t, client.Registrations.Unblock(t.Context(), phone.RegistrationID()))
	require.NoError(t, phone.Remove())
	require.NoError(t, client.Registrations.Delete(t.Context(), phone.RegistrationID()), "changes nothing")
	_, err := client.Registrations.Create(t.Context(), powerauth.CreateRegistrationParams{UserID: "u-2", AppID: "app"})
	require.NoError(t, err)
	clock.Advance(time.Hour)

	for _, d := range deliver(t, srv) {
		assert.True(t, d.Delivered)
		assert.Equal(t, 1, d.Attempt)
	}
	assert.Equal(t, []any{"CREATED", "ACTIVE", "BLOCKED", "ACTIVE", "REMOVED", "CREATED", "REMOVED"}, r.got("activationStatus"))
	assert.Equal(t, []any{nil, nil, "NOT_SPECIFIED", nil, nil, nil, nil}, r.got("blockedReason"))
	assert.Equal(t, "ACTIVATION", r.got("type")[0])
	assert.Equal(t, string(phone.RegistrationID()), r.got("activationId")[0])
	assert.Equal(t, []any{"android", "u-1", "powerauth", "app", []any{"vip"}}, []any{
		r.got("platform")[1], r.got("userId")[1], r.got("protocol")[1], r.got("applicationId")[1], r.got("activationFlags")[1],
	})
	assert.NotContains(t, r.bodies[0], "deviceInfo", "not asked for")
	user, password, ok := (&http.Request{Header: r.headers[0]}).BasicAuth()
	assert.Equal(t, []any{"pac", "secret", true}, []any{user, password, ok})
	assert.Regexp(t, `^[0-9a-f-]{36}$`, r.keys()[0])
	assert.Regexp(t, `^00-[0-9a-f]{32}-[0-9a-f]{16}-01$`, r.headers[0].Get("Traceparent"))
	assert.Equal(t, "application/json", r.headers[0].Get("Content-Type"))
	assert.Zero(t, srv.PendingDeliveries())
}

func TestEveryChangeOfAnOperationSendsACallback(t *testing.T) {
	t.Parallel()
	srv, clock := fake(t, withTemplates)
	r := &receiver{}
	srv.AddCallback(powerauthtest.Callback{Type: powerauth.CallbackOperation, Handler: r, BearerToken: "jwt", Attributes: []string{
		"status", "failureCount", "data", "signatureType", "timestampCreated", "timestampFinalized", "applications", "parameters",
	}})
	phone := activated(t, srv)
	o := create(t, srv, "payment")
	require.Error(t, phone.Approve(o.ID, powerauthtest.PIN(wrongPIN)))
	clock.Advance(time.Second)
	require.NoError(t, phone.Approve(o.ID, powerauthtest.PIN(rightPIN)))
	create(t, srv, "payment")
	clock.Advance(time.Hour)
	deliver(t, srv)

	assert.Equal(t, []any{"PENDING", "PENDING", "APPROVED", "PENDING", "EXPIRED"}, r.got("status"))
	assert.Equal(t, []any{0.0, 1.0, 1.0, 0.0, 0.0}, r.got("failureCount"))
	assert.Equal(t, "possession_knowledge", r.got("signatureType")[2])
	assert.Equal(t, []any{"app"}, r.got("applications")[2])
	assert.InDelta(t, float64(start.UnixMilli()), r.got("timestampCreated")[0], 0)
	assert.Nil(t, r.got("timestampFinalized")[0])
	assert.InDelta(t, float64(start.Add(time.Second).UnixMilli()), r.got("timestampFinalized")[2], 0)
	assert.Equal(t, "Bearer jwt", r.headers[0].Get("Authorization"))
}

func TestCallbacksAreRetriedAtTheVendorsIntervals(t *testing.T) {
	t.Parallel()
	srv, clock := fake(t)
	r := &receiver{statuses: []int{500, 400, 503, 302}}
	srv.AddCallback(powerauthtest.Callback{
		Type: powerauth.CallbackOperation, Handler: r, MaxAttempts: 9, Attributes: []string{"timestampCreated"},
	})
	create(t, srv, "login")
	require.True(t, deliver(t, srv)[0].Pending)
	for _, wait := range []time.Duration{2 * time.Second, 3 * time.Second, 4500 * time.Millisecond} {
		clock.Advance(wait - 1)
		require.Empty(t, deliver(t, srv), "too early")
		clock.Advance(1)
		require.Len(t, deliver(t, srv), 1)
	}
	all := srv.Deliveries()
	require.Len(t, all, 4)
	assert.True(t, all[3].Delivered, "a redirect counts as success")
	assert.Equal(t, 4, all[3].Attempt)
	assert.Len(t, map[string]bool{r.keys()[0]: true, r.keys()[3]: true}, 1, "one key")
	assert.IsType(t, 0.0, r.got("timestampCreated")[0])
	assert.Equal(t, "2026-03-04T05:06:07.000+00:00", r.got("timestampCreated")[1], "a retry writes times as text")
	assert.Zero(t, srv.PendingDeliveries())
}

func TestBackoffGrowsToItsLimit(t *testing.T) {
	t.Parallel()
	srv, clock := fake(t)
	srv.AddCallback(powerauthtest.Callback{
		Type: powerauth.CallbackOperation, Handler: &receiver{statuses: []int{500}}, MaxAttempts: 3, InitialBackoff: 30 * time.Second,
	})
	create(t, srv, "login")
	deliver(t, srv)
	clock.Advance(30 * time.Second)
	deliver(t, srv)
	clock.Advance(32 * time.Second)
	last := deliver(t, srv)
	require.Len(t, last, 1)
	assert.False(t, last[0].Pending, "given up")
	assert.Zero(t, srv.PendingDeliveries())
}

func TestWithoutAttemptsThereIsNoRetry(t *testing.T) {
	t.Parallel()
	srv, clock := fake(t)
	srv.AddCallback(powerauthtest.Callback{Type: powerauth.CallbackOperation, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("oh") })})
	create(t, srv, "login")
	d := deliver(t, srv)
	require.Len(t, d, 1)
	require.Error(t, d[0].Err)
	assert.False(t, d[0].Pending)
	clock.Advance(time.Hour)
	assert.Empty(t, deliver(t, srv)[1:], "only the expiry follows")
}

func TestBreakerDropsCallbacks(t *testing.T) {
	t.Parallel()
	srv, clock := fake(t)
	r := &receiver{statuses: []int{500}}
	srv.AddCallback(powerauthtest.Callback{Type: powerauth.CallbackOperation, Handler: r})
	for range 200 {
		create(t, srv, "login")
	}
	deliver(t, srv)
	require.Equal(t, 200, len(r.keys()))
	create(t, srv, "login")
	dropped := deliver(t, srv)
	require.Len(t, dropped, 1)
	require.Error(t, dropped[0].Err)
	assert.False(t, dropped[0].Pending, "never sent again")
	assert.Equal(t, 200, len(r.keys()))
	clock.Advance(time.Minute)
	create(t, srv, "login")
	deliver(t, srv)
	assert.Equal(t, 201, len(r.keys()))
}

func TestFaultsOfDeliveries(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		rule      identkittest.Rule
		arrived   []any // of operations 0, 1, 2 in order of creation
		deliverOK []bool
	}{
		"repeat":  {on().Nth(2).DuplicateDelivery(), []any{"0", "1", "1", "2"}, []bool{true, true, true, true}},
		"reorder": {on().Nth(1).Reorder(), []any{"1", "0", "2"}, []bool{true, true, true}},
		"refuse":  {on().Nth(1).Refuse(), []any{"1", "2"}, []bool{false, true, true}},
		"lose":    {on().Nth(1).LoseResponse(), []any{"0", "1", "2"}, []bool{false, true, true}},
		"status":  {on().Nth(1).Status(503), []any{"1", "2"}, []bool{false, true, true}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, _ := fake(t)
			r := &receiver{}
			srv.AddCallback(powerauthtest.Callback{Type: powerauth.CallbackOperation, Handler: r, Attributes: []string{"externalId"}})
			srv.Fault(c.rule)
			for _, id := range []string{"0", "1", "2"} {
				_, err := srv.Client().Operations.Create(t.Context(), powerauth.CreateOperationParams{UserID: "u", Template: "login", ExternalID: id})
				require.NoError(t, err)
			}
			var ok []bool
			for _, d := range deliver(t, srv) {
				ok = append(ok, d.Delivered)
			}
			assert.Equal(t, c.arrived, r.got("externalId"))
			assert.Equal(t, c.deliverOK, ok)
		})
	}
}

func on() identkittest.Rule { return identkittest.On(powerauthtest.CallbackTarget) }

func TestAReorderedCallbackWaitsForTheNext(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t)
	srv.AddCallback(powerauthtest.Callback{Type: powerauth.CallbackOperation, Handler: &receiver{}})
	srv.Fault(on().Nth(1).Reorder())
	create(t, srv, "login")
	assert.Empty(t, deliver(t, srv))
	assert.Equal(t, 1, srv.PendingDeliveries())
	create(t, srv, "login")
	assert.Len(t, deliver(t, srv), 2)
}

func TestFormsOfCallbacks(t *testing.T) {
	t.Parallel()
	all := []string{"applications", "timestampCreated", "activationFlag"}
	for name, c := range map[string]struct {
		adjust func(*powerauthtest.Options)
		want   map[string]any
		absent []string
	}{
		"short":        {func(*powerauthtest.Options) {}, map[string]any{"type": "OPERATION"}, []string{"activationFlag"}},
		"activation":   {func(o *powerauthtest.Options) { o.Dialect.CallbackTypes = powerauthtest.TypesActivationChange }, map[string]any{"type": "OPERATION_STATUS_CHANGE"}, nil},
		"registration": {func(o *powerauthtest.Options) { o.Dialect.CallbackTypes = powerauthtest.TypesRegistrationChange }, map[string]any{"type": "OPERATION_STATUS_CHANGE"}, nil},
		"missing":      {func(o *powerauthtest.Options) { o.Dialect.CallbackTypes = powerauthtest.TypesMissing }, nil, []string{"type"}},
		"text":         {func(o *powerauthtest.Options) { o.Dialect.CallbackApplications = powerauthtest.ApplicationsText }, map[string]any{"applications": "[app, b]"}, nil},
		"single":       {func(o *powerauthtest.Options) { o.Dialect.CallbackApplications = powerauthtest.ApplicationsSingle }, map[string]any{"applicationId": "app"}, []string{"applications"}},
		"iso":          {func(o *powerauthtest.Options) { o.Dialect.CallbackTimes = powerauthtest.TimesISO }, map[string]any{"timestampCreated": "2026-03-04T05:06:07.000+00:00"}, nil},
		"flag":         {func(o *powerauthtest.Options) { o.Dialect.ActivationFlagAlways = true }, map[string]any{"activationFlag": "vip"}, nil},
	} {
		srv, _ := fake(t, c.adjust, func(o *powerauthtest.Options) { o.Applications = []powerauth.ApplicationID{"b", "app"} })
		r := &receiver{}
		srv.AddCallback(powerauthtest.Callback{Type: powerauth.CallbackOperation, Handler: r, Attributes: all})
		_, err := srv.Client().Operations.Create(t.Context(), powerauth.CreateOperationParams{Template: "login", Flag: "vip"})
		require.NoError(t, err)
		deliver(t, srv)
		for member, want := range c.want {
			assert.Equal(t, want, r.bodies[0][member], name)
		}
		for _, member := range c.absent {
			assert.NotContains(t, r.bodies[0], member, name)
		}
	}
}

func TestRegistrationCallbackTypes(t *testing.T) {
	t.Parallel()
	for spelling, want := range map[powerauthtest.CallbackTypes]string{
		powerauthtest.TypesActivationChange: "ACTIVATION_STATUS_CHANGE", powerauthtest.TypesRegistrationChange: "REGISTRATION_STATUS_CHANGE",
	} {
		srv, _ := fake(t, func(o *powerauthtest.Options) { o.Dialect.CallbackTypes = spelling })
		r := &receiver{}
		srv.AddCallback(powerauthtest.Callback{Type: powerauth.CallbackRegistration, Handler: r})
		activated(t, srv)
		deliver(t, srv)
		assert.Equal(t, want, r.bodies[0]["type"])
	}
}

func TestActivationFlagNeedsTheWordInTheURL(t *testing.T) {
	t.Parallel()
	r := &receiver{}
	srv, _ := fake(t, func(o *powerauthtest.Options) { o.CallbackHandler = r })
	srv.AddCallback(powerauthtest.Callback{
		Type: powerauth.CallbackOperation, URL: "https://backend.test/hook?for=activationFlag", Attributes: []string{"activationFlag"},
	})
	_, err := srv.Client().Operations.Create(t.Context(), powerauth.CreateOperationParams{Template: "login", Flag: "vip"})
	require.NoError(t, err)
	deliver(t, srv)
	assert.Equal(t, []any{"vip"}, r.got("activationFlag"))
}

func TestCallbackWithoutTypeOrReceiverPanics(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t)
	assert.Panics(t, func() { srv.AddCallback(powerauthtest.Callback{Handler: &receiver{}}) })
	assert.Panics(t, func() { srv.AddCallback(powerauthtest.Callback{Type: powerauth.CallbackOperation, URL: "/hook"}) })
}

func TestSendCallbacksSendsWithoutDeliver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := powerauthtest.New(powerauthtest.Options{SendCallbacks: true})
		defer srv.Close()
		r := &receiver{statuses: []int{500, 204}}
		srv.AddCallback(powerauthtest.Callback{Type: powerauth.CallbackOperation, Handler: r, MaxAttempts: 2, Attributes: []string{"status"}})
		create(t, srv, "login")
		synctest.Wait()
		assert.Equal(t, []any{"PENDING"}, r.got("status"), "at once")
		time.Sleep(3 * time.Second)
		synctest.Wait()
		assert.Equal(t, []any{"PENDING", "PENDING"}, r.got("status"), "again")
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		assert.Equal(t, []any{"PENDING", "PENDING", "EXPIRED"}, r.got("status"), "by the clock alone")
	})
}

func TestCloseEndsDeliveriesInProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := powerauthtest.New(powerauthtest.Options{SendCallbacks: true})
		srv.AddCallback(powerauthtest.Callback{
			Type:    powerauth.CallbackOperation,
			Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }),
		})
		create(t, srv, "login")
		synctest.Wait()
		srv.Close()
		srv.Close()
	})
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	target := &receiver{}
	elsewhere := httptest.NewServer(target)
	t.Cleanup(elsewhere.Close)
	hook := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	t.Cleanup(hook.Close)
	srv, _ := fake(t, func(o *powerauthtest.Options) { o.CallbackClient = hook.Client() })
	srv.AddCallback(powerauthtest.Callback{Type: powerauth.CallbackOperation, URL: hook.URL, Username: "pac", Password: "p"})
	create(t, srv, "login")
	d := deliver(t, srv)
	require.Len(t, d, 1)
	assert.True(t, d[0].Delivered, "counts as success")
	assert.Empty(t, target.keys(), "credentials do not travel")
	assert.Nil(t, hook.Client().CheckRedirect, "the caller's client is as it was")
}

func TestUnreachableReceiver(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	srv, _ := fake(t)
	srv.AddCallback(powerauthtest.Callback{Type: powerauth.CallbackOperation, URL: gone.URL, MaxAttempts: 2, Username: "pac", Password: "canary"})
	create(t, srv, "login")
	d := deliver(t, srv)
	require.Len(t, d, 1)
	require.Error(t, d[0].Err)
	assert.True(t, d[0].Pending)
	assertSilent(t, d[0], "canary")

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := srv.Deliver(ended)
	require.ErrorIs(t, err, context.Canceled)
}

func TestCallbacksWithoutAKey(t *testing.T) {
	t.Parallel()
	srv := powerauthtest.New(powerauthtest.Options{Dialect: powerauthtest.Dialect{CallbacksWithoutKey: true}})
	r := &receiver{}
	srv.AddCallback(powerauthtest.Callback{Type: powerauth.CallbackRegistration, Handler: r, Username: "pac", Password: "secret"})
	_ = activated(t, srv)
	deliver(t, srv)
	require.NotEmpty(t, r.keys())
	for _, key := range r.keys() {
		assert.Empty(t, key)
	}
}
