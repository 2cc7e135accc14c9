package powerauth_test

import (
	"context"
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
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/webhook"
)

// received is what a callback handler handed over.
type received struct {
	mu            sync.Mutex
	registrations []powerauth.RegistrationCallback
	operations    []powerauth.OperationCallback
	unknown       []powerauth.UnknownCallback
	err           error
}

func (r *received) HandleRegistration(_ context.Context, c powerauth.RegistrationCallback) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.registrations = append(r.registrations, c)
	return r.err
}

func (r *received) HandleOperation(_ context.Context, c powerauth.OperationCallback) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.operations = append(r.operations, c)
	return r.err
}

func (r *received) HandleUnknown(_ context.Context, c powerauth.UnknownCallback) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unknown = append(r.unknown, c)
	return r.err
}

func (r *received) total() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.registrations) + len(r.operations) + len(r.unknown)
}

func basicAuth(t testing.TB) webhook.Verifier {
	t.Helper()
	keys, err := webhook.NewKeyring(webhook.Key{Secret: "hook-password"})
	require.NoError(t, err)
	v, err := webhook.NewBasicAuth("pac", keys)
	require.NoError(t, err)
	return v
}

func callbacks(t *testing.T, client *powerauth.Client, adjust ...func(*powerauth.CallbackConfig)) (http.Handler, *received) {
	t.Helper()
	got := new(received)
	cfg := powerauth.CallbackConfig{
		Verify: basicAuth(t), Client: client, HandleRegistration: got.HandleRegistration, HandleOperation: got.HandleOperation, HandleUnknown: got.HandleUnknown,
	}
	for _, f := range adjust {
		f(&cfg)
	}
	h, err := powerauth.NewCallbackHandler(cfg)
	require.NoError(t, err)
	return h, got
}

func trusting(cfg *powerauth.CallbackConfig) { cfg.TrustBody, cfg.Client = true, nil }

func deliver(h http.Handler, body string, headers ...string) int {
	r := httptest.NewRequest(http.MethodPost, "/hooks/pac", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth("pac", "hook-password")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return serve(h, r).Code
}

func TestEveryFormOfACallbackIsRead(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"type":"ACTIVATION","activationId":"r-1"}`:                                  "registration r-1",
		`{"type":"REGISTRATION","activationId":"r-1"}`:                                "registration r-1",
		`{"type":"ACTIVATION_STATUS_CHANGE","activationId":"r-1"}`:                    "registration r-1",
		`{"type":"REGISTRATION_STATUS_CHANGE","activationId":"r-1"}`:                  "registration r-1",
		`{"type":"REGISTRATION_STATUS_CHANGE","registrationId":"r-1"}`:                "registration r-1",
		`{"type":"OPERATION","operationId":"o-1"}`:                                    "operation o-1",
		`{"type":"OPERATION_STATUS_CHANGE","operationId":"o-1"}`:                      "operation o-1",
		`{"operationId":"o-1"}`:                                                       "operation o-1",
		`{"activationId":"r-1"}`:                                                      "registration r-1",
		`{"type":"SOMETHING_NEW","activationId":"r-1"}`:                               "registration r-1",
		`{"type":null,"operationId":"o-1"}`:                                           "operation o-1",
		`{"type":"OPERATION","operationId":"o-1","activationId":"r-1"}`:               "operation o-1",
		`{"type":"OPERATION","operationId":"o-1","status":7,"timestampCreated":"??"}`: "operation o-1",
		`{"type":"SOMETHING_NEW","activationId":"r-1","operationId":"o-1"}`:           "unknown SOMETHING_NEW",
		`{"type":"SOMETHING_NEW"}`:                                                    "unknown SOMETHING_NEW",
		`{}`:                                                                          "unknown ",
		`{"type":"OPERATION"}`:                                                        "400",
		`{"type":"OPERATION","operationId":{}}`:                                       "400",
		`{"type":"ACTIVATION","operationId":"o-1"}`:                                   "400",
		`[]`:   "400",
		`null`: "400",
		`{`:    "400",
	} {
		h, got := callbacks(t, nil, trusting)
		status := deliver(h, body)
		var what string
		switch {
		case status != 200:
			what = fmt.Sprint(status)
		case len(got.registrations) == 1:
			what = "registration " + string(got.registrations[0].RegistrationID)
			assert.JSONEq(t, body, string(got.registrations[0].RawJSON()))
		case len(got.operations) == 1:
			what = "operation " + string(got.operations[0].OperationID)
			assert.JSONEq(t, body, string(got.operations[0].RawJSON()))
		case len(got.unknown) == 1:
			what = "unknown " + got.unknown[0].Type
			assert.JSONEq(t, body, string(got.unknown[0].RawJSON()))
		}
		assert.Equal(t, want, what, body)
	}
}

func TestEveryAttributeOfACallbackIsRead(t *testing.T) {
	t.Parallel()
	created, expires := time.UnixMilli(1701426030500).UTC(), time.UnixMilli(1701426330500).UTC()
	for name, times := range map[string][3]string{
		"numbers, as on the first try": {`1701426030500`, `1701426330500`, `null`},
		"texts, as on a retry":         {`"2023-12-01T10:20:30.500+0000"`, `"2023-12-01T10:25:30.5Z"`, `""`},
	} {
		for _, applications := range []string{`"applications":["app"]`, `"applications":"[\"app\"]"`, `"applications":"app"`, `"applicationId":"app"`} {
			h, got := callbacks(t, nil, trusting)
			require.Equal(t, 200, deliver(h, `{"type":"OPERATION","operationId":"o-1","userId":"u-1",`+applications+`,"operationType":"payment","parameters":{"amount":100},
				"additionalData":{"a":{"b":1}},"activationFlag":"F","status":"APPROVED","data":"A1*A100CZK","failureCount":1,"maxFailureCount":"5",
				"authenticationCodeType":"POSSESSION_KNOWLEDGE","externalId":"x","timestampCreated":`+times[0]+`,"timestampExpires":`+times[1]+`,"timestampFinalized":`+times[2]+`}`))
			require.Len(t, got.operations, 1, name)
			payload := got.operations[0].Payload
			assert.True(t, created.Equal(payload.Created) && expires.Equal(payload.Expires) && payload.Finalized.IsZero(), "%s: %v", name, payload)
			payload.Created, payload.Expires = time.Time{}, time.Time{}
			assert.JSONEq(t, `{"b":1}`, string(payload.AdditionalData["a"]))
			payload.AdditionalData = nil
			assert.Equal(t, powerauth.OperationPayload{
				Status: powerauth.OperationApproved, UserID: "u-1", OperationType: "payment", ExternalID: "x", Data: "A1*A100CZK", Flag: "F",
				Factors: "possession_knowledge", Applications: []powerauth.ApplicationID{"app"}, Parameters: map[string]string{"amount": "100"}, FailureCount: 1, MaxFailureCount: 5,
			}, payload, name)
		}
	}
	h, got := callbacks(t, nil, trusting)
	require.Equal(t, 200, deliver(h, `{"type":"ACTIVATION","activationId":"r-1","userId":"u-1","activationName":"Phone","deviceInfo":"Pixel","platform":"android",
		"protocol":"powerauth","activationFlags":["F"],"activationStatus":"BLOCKED","blockedReason":"DEVICE_LOST","applicationId":"app"}`))
	require.Len(t, got.registrations, 1)
	assert.Nil(t, got.registrations[0].Registration)
	assert.Equal(t, powerauth.RegistrationPayload{
		Status: powerauth.RegistrationBlocked, BlockedReason: "DEVICE_LOST", UserID: "u-1", Name: "Phone", Platform: "android", DeviceInfo: "Pixel",
		Protocol: "powerauth", Flags: []string{"F"}, ApplicationID: "app",
	}, got.registrations[0].Payload)
}

func TestCallbacksAreReadByTheRulesOfJSONv2(t *testing.T) {
	t.Parallel()
	const plain = `{"type":"OPERATION","operationId":"o-1","userId":"u-1","status":"APPROVED"}`
	for name, c := range map[string]struct {
		body   string
		status int
		want   powerauth.OperationPayload
	}{
		"as PAC writes it":          {plain, 200, powerauth.OperationPayload{Status: "APPROVED", UserID: "u-1"}},
		"a byte order mark":         {"\xef\xbb\xbf" + plain, 200, powerauth.OperationPayload{Status: "APPROVED", UserID: "u-1"}},
		"another letter case":       {strings.Replace(plain, "status", "Status", 1), 200, powerauth.OperationPayload{UserID: "u-1"}},
		"letters that fold to it":   {strings.Replace(plain, `"status`, `"ſtatus`, 1), 200, powerauth.OperationPayload{UserID: "u-1"}},
		"2^53+1":                    {strings.Replace(plain, `"u-1"`, `9007199254740993`, 1), 200, powerauth.OperationPayload{Status: "APPROVED", UserID: "9007199254740993"}},
		"members of another type":   {`{"operationId":"o-1","status":[],"userId":{},"failureCount":"x","parameters":[],"applications":{},"timestampCreated":true}`, 200, powerauth.OperationPayload{}},
		"an id in another case":     {strings.Replace(plain, "operationId", "OperationId", 1), 400, powerauth.OperationPayload{}},
		"a duplicate id":            {strings.Replace(plain, "{", `{"operationId":"o-2",`, 1), 400, powerauth.OperationPayload{}},
		"a duplicate member deep":   {strings.Replace(plain, "{", `{"additionalData":{"a":[{"b":1,"b":2}]},`, 1), 400, powerauth.OperationPayload{}},
		"bytes that are not UTF-8":  {strings.Replace(plain, "u-1", "J\xf6rg", 1), 400, powerauth.OperationPayload{}},
		"the same in unknown ones":  {strings.Replace(plain, "{", "{\"new\":[\"J\xf6rg\"],", 1), 400, powerauth.OperationPayload{}},
		"half of a surrogate pair":  {strings.Replace(plain, "u-1", `\ud800`, 1), 400, powerauth.OperationPayload{}},
		"something after the value": {plain + "{}", 400, powerauth.OperationPayload{}},
	} {
		h, got := callbacks(t, nil, trusting)
		assert.Equal(t, c.status, deliver(h, c.body), name)
		parsed, err := powerauth.ParseOperationCallback([]byte(c.body))
		if c.status != 200 {
			assert.ErrorIs(t, err, webhook.ErrInvalidEvent, name)
			assert.Nil(t, parsed, name)
			assert.Zero(t, got.total(), name)
			continue
		}
		require.NoError(t, err, name)
		require.Len(t, got.operations, 1, name)
		assert.Equal(t, c.want, got.operations[0].Payload, name)
		assert.Equal(t, strings.TrimPrefix(c.body, "\xef\xbb\xbf"), string(got.operations[0].RawJSON()), name)
		assert.Equal(t, got.operations[0], *parsed, "%s: stored and read back", name)
	}
}

func TestStoredCallbacksAreReadBack(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 200, `{"registrationId":"r-1","registrationStatus":"BLOCKED"}`)
	h, got := callbacks(t, client)
	require.Equal(t, 200, deliver(h, `{"type":"ACTIVATION","activationId":"r-1","activationStatus":"BLOCKED"}`))
	stored := got.registrations[0]
	parsed, err := powerauth.ParseRegistrationCallback(stored.RawJSON())
	require.NoError(t, err)
	assert.Equal(t, stored.Payload, parsed.Payload)
	assert.Nil(t, parsed.Registration)
	assert.Equal(t, 1, s.count(), "nothing is asked")
	_, err = powerauth.ParseOperationCallback(stored.RawJSON())
	require.ErrorIs(t, err, webhook.ErrInvalidEvent)
	_, err = powerauth.ParseRegistrationCallback([]byte(`{"operationId":"o-1"}`))
	require.ErrorIs(t, err, webhook.ErrInvalidEvent)
}

const operationBody = `{"operationId":"o-1","status":"PENDING","userId":"u-1"}`

func TestCallbackStateIsReadAgain(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 200, operationBody)
	h, got := callbacks(t, client)
	assert.Equal(t, 200, deliver(h, `{"type":"OPERATION","operationId":"o-1","status":"APPROVED"}`))
	require.Len(t, got.operations, 1)
	assert.Equal(t, powerauth.OperationPending, got.operations[0].Operation.Status, "what PAC says now")
	assert.Equal(t, powerauth.OperationApproved, got.operations[0].Payload.Status)
	assert.Equal(t, "/powerauth-cloud/v2/operations/o-1", s.last(t).path)

	s.respond(200, `{"registrationId":"r-1","registrationStatus":"BLOCKED"}`)
	assert.Equal(t, 200, deliver(h, `{"type":"ACTIVATION","activationId":"r-1","activationStatus":"ACTIVE"}`))
	require.Len(t, got.registrations, 1)
	assert.Equal(t, powerauth.RegistrationBlocked, got.registrations[0].Registration.Status)
}

func TestCallbackIs503WhenItsStateCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
	}{
		"PAC is down":       {500, ``},
		"our credentials":   {401, ``},
		"a wrong base URL":  {404, ``},
		"another operation": {200, strings.Replace(operationBody, "o-1", "o-2", 1)},
		"an empty response": {200, `{}`},
	} {
		s, client := stubbed(t, c.status, c.body)
		h, got := callbacks(t, client)
		body := `{"type":"OPERATION","operationId":"o-1","status":"APPROVED"}`
		assert.Equal(t, 503, deliver(h, body, "Idempotency-Key", "k-1"), name)
		assert.Zero(t, got.total(), name)
		s.respond(200, operationBody)
		assert.Equal(t, 200, deliver(h, body, "Idempotency-Key", "k-1"), "the next try is no duplicate")
		assert.Equal(t, 1, got.total(), name)
	}
}

func TestCallbackAboutAMissingRegistration(t *testing.T) {
	t.Parallel()
	gone := `{"status":"ERROR","responseObject":{"code":"ERROR_REGISTRATION_NOT_FOUND"}}`
	for status, removed := range map[string]bool{`,"activationStatus":"REMOVED"`: true, ``: false, `,"activationStatus":"ACTIVE"`: false, `,"activationStatus":"NEW"`: false} {
		_, client := stubbed(t, 400, gone)
		h, got := callbacks(t, client)
		assert.Equal(t, 200, deliver(h, `{"type":"ACTIVATION","activationId":"r-1"`+status+`}`), status)
		require.Len(t, got.registrations, 1)
		assert.Equal(t, powerauth.RegistrationID("r-1"), got.registrations[0].RegistrationID)
		assert.Equal(t, removed, got.registrations[0].Registration != nil, "only when the callback says so too")
		if removed {
			assert.Equal(t, powerauth.RegistrationRemoved, got.registrations[0].Registration.Status)
		}
		assert.Equal(t, !removed, got.registrations[0].NotFound)
	}
	_, missing := stubbed(t, 400, `{"status":"ERROR","responseObject":{"code":"ERROR_OPERATION_NOT_FOUND"}}`)
	operations, received := callbacks(t, missing)
	assert.Equal(t, 200, deliver(operations, `{"type":"OPERATION","operationId":"o-1","status":"APPROVED"}`))
	require.Len(t, received.operations, 1)
	assert.True(t, received.operations[0].NotFound)
	assert.Nil(t, received.operations[0].Operation)
	_, client := stubbed(t, 404, ``)
	h, _ := callbacks(t, client)
	assert.Equal(t, 503, deliver(h, `{"type":"ACTIVATION","activationId":"r-1","activationStatus":"REMOVED"}`), "a wrong base URL unbinds no device")
}

func TestNoCallbackWithoutAKeyIsMissed(t *testing.T) { // PAC before 1.9
	t.Parallel()
	s, client := stubbed(t, 200, "")
	clock := identkittest.NewClock(time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)) // stands still: all in one moment
	h, got := callbacks(t, client, func(cfg *powerauth.CallbackConfig) { cfg.Clock = clock.Now })
	states := []powerauth.RegistrationStatus{powerauth.RegistrationBlocked, powerauth.RegistrationActive, powerauth.RegistrationBlocked}
	for i, state := range states {
		s.respond(200, `{"registrationId":"r-1","registrationStatus":"`+string(state)+`"}`)
		assert.Equal(t, 200, deliver(h, `{"type":"ACTIVATION","activationId":"r-1","activationStatus":"BLOCKED"}`))
		require.Len(t, got.registrations, i+1)
		assert.Equal(t, state, got.registrations[i].Registration.Status, "the last state handed over is the device's")
	}
}

func TestRepeatedCallbacksAreDuplicates(t *testing.T) {
	t.Parallel()
	const approved = `{"type":"OPERATION","operationId":"o-1","status":"APPROVED"}`
	type try struct {
		body, key string
		later     time.Duration
	}
	for name, c := range map[string]struct {
		tries []try
		want  int
	}{
		"the same key":                      {[]try{{approved, "k", 0}, {approved, "k", time.Hour}}, 1},
		"the same key, written another way": {[]try{{approved, "k", 0}, {`{"operationId":"o-1","status":"APPROVED","timestampCreated":"2023-12-01T10:20:30Z"}`, "k", time.Minute}}, 1},
		"the same key about something else": {[]try{{approved, "k", 0}, {strings.Replace(approved, "o-1", "o-2", 1), "k", 0}}, 2},
		"another key":                       {[]try{{approved, "k", 0}, {approved, "l", 0}}, 2},
		"no key":                            {[]try{{approved, "", 0}, {strings.Replace(approved, "OPERATION", "OPERATION_STATUS_CHANGE", 1), "", 5 * time.Second}}, 2},
		"unknown ones: never the same":      {[]try{{`{"type":"A"}`, "", 0}, {`{"type":"B"}`, "", 0}}, 2},
		"an invalid key":                    {[]try{{approved, strings.Repeat("k", 300), 0}, {approved, strings.Repeat("k", 300), 0}}, 2},
	} {
		clock := identkittest.NewClock(time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC))
		h, got := callbacks(t, nil, trusting, func(cfg *powerauth.CallbackConfig) { cfg.Clock = clock.Now })
		for _, try := range c.tries {
			clock.Advance(try.later)
			headers := []string{"Idempotency-Key", try.key}
			if try.key == "" {
				headers = nil
			}
			assert.Equal(t, 200, deliver(h, try.body, headers...), name)
		}
		assert.Equal(t, c.want, got.total(), name)
	}
}

func TestCallbacksAreAuthenticated(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 200, operationBody)
	secret, err := webhook.NewKeyring(webhook.Key{Secret: "an-unguessable-segment"})
	require.NoError(t, err)
	path, err := webhook.NewPathSecret(secret)
	require.NoError(t, err)
	bearer, err := webhook.NewBearerFunc(func(_ context.Context, token identkit.Secret) (webhook.Receipt, error) {
		if token != "good" {
			return webhook.Receipt{}, errors.New("no")
		}
		return webhook.Receipt{}, nil
	})
	require.NoError(t, err)
	for name, c := range map[string]struct {
		verify webhook.Verifier
		sign   func(*http.Request)
		want   int
	}{
		"basic":              {basicAuth(t), func(r *http.Request) { r.SetBasicAuth("pac", "hook-password") }, 200},
		"a wrong password":   {basicAuth(t), func(r *http.Request) { r.SetBasicAuth("pac", "hook-passwore") }, 401},
		"no credentials":     {basicAuth(t), func(*http.Request) {}, 401},
		"a bearer token":     {bearer, func(r *http.Request) { r.Header.Set("Authorization", "Bearer good") }, 200},
		"a wrong token":      {bearer, func(r *http.Request) { r.Header.Set("Authorization", "Bearer bad") }, 401},
		"a secret path":      {path, func(r *http.Request) { r.URL.Path = "/hooks/an-unguessable-segment" }, 200},
		"a path without one": {path, func(*http.Request) {}, 401},
	} {
		before := s.count()
		h, got := callbacks(t, client, func(cfg *powerauth.CallbackConfig) { cfg.Verify = c.verify })
		r := httptest.NewRequest(http.MethodPost, "/hooks/pac", strings.NewReader(`{"operationId":"o-1"}`))
		r.Header.Set("Content-Type", "application/json")
		c.sign(r)
		assert.Equal(t, c.want, serve(h, r).Code, name)
		assert.Equal(t, c.want == 200, got.total() == 1, name)
		assert.Equal(t, c.want == 200, s.count() > before, "%s: nothing is read for an unauthenticated sender", name)
	}
}

func TestFailedCallbackIsDeliveredAgain(t *testing.T) {
	t.Parallel()
	h, got := callbacks(t, nil, trusting)
	got.err = errors.New("database is away")
	body := `{"operationId":"o-1","status":"APPROVED"}`
	assert.Equal(t, 503, deliver(h, body, "Idempotency-Key", "k"))
	got.err = nil
	assert.Equal(t, 200, deliver(h, body, "Idempotency-Key", "k"))
	assert.Equal(t, 200, deliver(h, body, "Idempotency-Key", "k"))
	assert.Equal(t, 2, got.total())
}

func TestCallbacksWithoutAFunctionReachTheFallback(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 200, operationBody)
	h, got := callbacks(t, client, func(cfg *powerauth.CallbackConfig) { cfg.HandleOperation, cfg.HandleRegistration = nil, nil })
	assert.Equal(t, 200, deliver(h, `{"type":"OPERATION","operationId":"o-1"}`))
	assert.Equal(t, 200, deliver(h, `{"type":"ACTIVATION","activationId":"r-1"}`))
	assert.Len(t, got.unknown, 2)
	assert.Zero(t, s.count(), "nothing is read without a function")
}

func TestCallbackHandlerReportsEveryConfigurationFault(t *testing.T) {
	t.Parallel()
	_, err := powerauth.NewCallbackHandler(powerauth.CallbackConfig{Retention: -1})
	require.ErrorIs(t, err, identkit.ErrInvalidRequest)
	for _, text := range []string{"HandleUnknown", "Client is nil", "Verify is nil", "negative"} {
		require.ErrorContains(t, err, text)
	}
	for _, trust := range []bool{false, true} {
		_, err = powerauth.NewCallbackHandler(powerauth.CallbackConfig{Client: new(powerauth.Client), TrustBody: trust})
		require.ErrorContains(t, err, "Client was not made by New")
	}
}

func TestNothingOfACallbackIsLogged(t *testing.T) {
	t.Parallel()
	leaks := identkittest.NewLeakCheck(t)
	_, client := stubbed(t, 500, `{"leak":"`+leaks.Personal("response")+`"}`)
	h, _ := callbacks(t, client, func(cfg *powerauth.CallbackConfig) {
		cfg.Logger = leaks.Logger()
		cfg.Observer.Delivery = func(_ context.Context, d identkit.DeliveryInfo) { leaks.Error(d.Err) }
	})
	user := leaks.Personal("user")
	deliver(h, `{"operationId":"o-1","userId":"`+user+`","status":"APPROVED"}`)
	deliver(h, `{"type":"OPERATION","operationId":7,"userId":["`+user+`"]`)
	deliver(h, `{"type":"ACTIVATION","userId":"`+user+`"}`)
	leaks.Check()
}
