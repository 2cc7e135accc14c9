package entrupy_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/entrupy"
	"github.com/identkit/identkit/entrupy/entrupytest"
	"github.com/identkit/identkit/identkittest"
)

var ada = entrupy.User{ID: "shop42.user-90817", Email: "ada@example.org", FirstName: " Ada ", LastName: "Lovelace"}

// sessions is the backend around a handler that authorizes.
type sessions struct {
	user     entrupy.User
	err      error // of User
	stored   []entrupy.Username
	storeErr error
	log      bytes.Buffer
}

func (s *sessions) User(*http.Request) (entrupy.User, error) { return s.user, s.err }

func (s *sessions) Store(_ context.Context, _ entrupy.User, name entrupy.Username) error {
	s.stored = append(s.stored, name)
	return s.storeErr
}

func authorizer(t *testing.T, client *entrupy.Client, adjust ...func(*entrupy.AuthorizeConfig)) (http.Handler, *sessions) {
	t.Helper()
	s := &sessions{user: ada}
	cfg := entrupy.AuthorizeConfig{User: s.User, Store: s.Store, Logger: slog.New(slog.NewTextHandler(&s.log, nil))}
	for _, f := range adjust {
		f(&cfg)
	}
	h, err := entrupy.NewAuthorizeHandler(client, cfg)
	require.NoError(t, err)
	return h, s
}

// ask is the app's request.
func ask(h http.Handler, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/authorize-entrupy-sdk-user", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	return serve(h, r)
}

const appRequest = `{"sdk_authorization_request":" opaque\n"}`

func TestAnAppIsAuthorized(t *testing.T) {
	t.Parallel()
	srv := entrupytest.New(entrupytest.Options{})
	h, backend := authorizer(t, unlimited(srv))
	w := ask(h, appRequest)
	assert.Equal(t, 200, w.Code)
	assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
	var out map[string]string
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &out))
	require.Len(t, out, 1, "the app gets nothing else")
	id, err := srv.Login(identkit.Secret(out["signed_authorization_request"]))
	require.NoError(t, err)
	assert.Equal(t, ada.ID, id)
	assert.Equal(t, []entrupy.Username{"Shop-shop42.user-90817"}, backend.stored)
	u, _ := srv.User(ada.ID)
	assert.Equal(t, "Ada Lovelace", u.FirstName+" "+u.LastName)
	assert.Empty(t, backend.log.String())
	assert.Equal(t, 200, ask(h, appRequest).Code, "a renewal")
	assert.Len(t, backend.stored, 2)
}

func TestNothingButTheRequestOfTheSDKIsTakenFromTheApp(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 200, `{"signed_authorization_request":"signed","username":"Shop-1"}`)
	h, backend := authorizer(t, client)
	r := httptest.NewRequest(http.MethodPost, "/?unique_user_id=mallory-1", strings.NewReader(`{"sdk_authorization_request":"opaque","unique_user_id":"mallory-1","user_id":"mallory-1",
		"email":"mallory@example.org","first_name":"Mallory","last_name":"M","User":{"ID":"mallory-1"},"username":"Shop-mallory-1"}`))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Token mallory")
	r.Header.Set("Api-Version", "9")
	w := serve(h, r)
	assert.Equal(t, 200, w.Code)
	assert.JSONEq(t, `{"signed_authorization_request":"signed"}`, w.Body.String())
	s.sends(t, `{"sdk_authorization_request":"opaque","unique_user_id":"shop42.user-90817","email":"ada@example.org","first_name":"Ada","last_name":"Lovelace"}`)
	assert.Equal(t, "Token token", s.last(t).header.Get("Authorization"))
	assert.Empty(t, s.last(t).header.Get("Api-Version"))
	assert.Equal(t, []entrupy.Username{"Shop-1"}, backend.stored)
	ask(h, appRequest)
	assert.Contains(t, string(s.last(t).body), `" opaque\n"`, "as it came")
}

func TestAppsThatAreRefused(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 200, `{"signed_authorization_request":"signed","username":"Shop-1"}`)
	for name, c := range map[string]struct {
		body   string
		change func(*http.Request)
		want   int
	}{
		"GET":                         {``, func(r *http.Request) { r.Method = http.MethodGet }, 405},
		"PUT":                         {appRequest, func(r *http.Request) { r.Method = http.MethodPut }, 405},
		"a form of another site":      {appRequest, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 415},
		"no content type":             {appRequest, func(r *http.Request) { r.Header.Del("Content-Type") }, 415},
		"a content type that is none": {appRequest, func(r *http.Request) { r.Header.Set("Content-Type", "application/json; =") }, 415},
		"a large body":                {`{"sdk_authorization_request":"` + strings.Repeat("x", 64<<10) + `"}`, nil, 413},
		"a large body, no length":     {`{"sdk_authorization_request":"` + strings.Repeat("x", 64<<10) + `"}`, func(r *http.Request) { r.ContentLength = -1 }, 413},
		"no body":                     {``, nil, 400},
		"no JSON":                     {`sdk_authorization_request=opaque`, nil, 400},
		"no object":                   {`"opaque"`, nil, 400},
		"null":                        {`null`, nil, 400},
		"nothing in it":               {`{}`, nil, 400},
		"an empty request":            {`{"sdk_authorization_request":""}`, nil, 400},
		"a null request":              {`{"sdk_authorization_request":null}`, nil, 400},
		"a request of another type":   {`{"sdk_authorization_request":7}`, nil, 400},
		"another letter case":         {`{"SDK_authorization_request":"opaque"}`, nil, 400},
		"two requests":                {`{"sdk_authorization_request":"a","sdk_authorization_request":"b"}`, nil, 400},
		"a masked request":            {`{"sdk_authorization_request":"` + identkit.Secret("x").String() + `"}`, nil, 400},
		"something after it":          {appRequest + `{}`, nil, 400},
		"bytes that are not UTF-8":    {"{\"sdk_authorization_request\":\"\xff\"}", nil, 400},
	} {
		h, backend := authorizer(t, client)
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(c.body))
		r.Header.Set("Content-Type", "application/json")
		if c.change != nil {
			c.change(r)
		}
		w := serve(h, r)
		assert.Equal(t, c.want, w.Code, name)
		assert.Empty(t, w.Body.String(), name)
		assert.Equal(t, "no-store", w.Header().Get("Cache-Control"), name)
		assert.Equal(t, c.want == 405, w.Header().Get("Allow") == "POST", name)
		assert.Empty(t, backend.stored, name)
		assert.Contains(t, backend.log.String(), "WARN", name)
	}
	assert.Zero(t, s.count(), "nothing is sent")
	h, _ := authorizer(t, client, func(cfg *entrupy.AuthorizeConfig) { cfg.MaxBytes = 8 })
	assert.Equal(t, 413, ask(h, appRequest).Code)
	h, _ = authorizer(t, client)
	assert.Equal(t, 200, ask(h, `{"sdk_authorization_request":"`+strings.Repeat("x", 64<<10-100)+`"}`).Code)
}

func TestUsersThatCannotBeAuthorized(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 200, `{"signed_authorization_request":"signed","username":"Shop-1"}`)
	with := func(change func(*entrupy.User)) entrupy.User {
		u := ada
		change(&u)
		return u
	}
	for name, c := range map[string]struct {
		user entrupy.User
		err  error
		want int
	}{
		"nobody":                   {entrupy.User{}, nil, 401},
		"nobody, as an error":      {ada, identkit.ErrUnauthorized, 401},
		"without an id":            {with(func(u *entrupy.User) { u.ID = "" }), nil, 401},
		"the sessions are away":    {ada, errors.New("sessions are away"), 503},
		"a short id":               {with(func(u *entrupy.User) { u.ID = "1234567" }), nil, 500},
		"a long id":                {with(func(u *entrupy.User) { u.ID = entrupy.UserID(strings.Repeat("x", 41)) }), nil, 500},
		"an id with a slash":       {with(func(u *entrupy.User) { u.ID = "shop42/90817" }), nil, 500},
		"an id with a line end":    {with(func(u *entrupy.User) { u.ID = "shop42.user\n" }), nil, 500},
		"an id with a letter more": {with(func(u *entrupy.User) { u.ID = "shop42-ünïcode" }), nil, 500},
		"no e-mail":                {with(func(u *entrupy.User) { u.Email = "" }), nil, 500},
		"an e-mail with blanks":    {with(func(u *entrupy.User) { u.Email = " ada@example.org" }), nil, 500},
	} {
		h, backend := authorizer(t, client)
		backend.user, backend.err = c.user, c.err
		w := ask(h, appRequest)
		assert.Equal(t, c.want, w.Code, name)
		assert.Empty(t, w.Body.String(), name)
		assert.Empty(t, backend.stored, name)
		assert.Equal(t, c.want >= 500, strings.Contains(backend.log.String(), "ERROR"), name)
		assert.NotContains(t, backend.log.String(), "ada@", name)
	}
	assert.Zero(t, s.count(), "nothing is sent")
	h, backend := authorizer(t, client)
	backend.user = entrupy.User{}
	assert.Equal(t, 401, ask(h, `not even JSON`).Code, "a body of nobody is not read")
}

func TestWhatTheAppGetsWhenEntrupyRefuses(t *testing.T) {
	t.Parallel()
	const signed = `{"signed_authorization_request":"signed","username":"Shop-1","error":"vendor text"}`
	for name, c := range map[string]struct {
		status     int
		body       string
		want       int
		retryAfter string
		stored     int
	}{
		"400":                           {400, `{"error":"vendor text"}`, 502, "", 0},
		"401":                           {401, `{"error":"vendor text"}`, 502, "", 0},
		"403":                           {403, `vendor text`, 502, "", 0},
		"404":                           {404, `{"error":"vendor text"}`, 502, "", 0},
		"409 with an authorization":     {409, signed, 200, "", 1},
		"409 without a username":        {409, `{"signed_authorization_request":"signed"}`, 200, "", 0},
		"409 without one":               {409, `{"error":"vendor text","username":"Shop-1"}`, 502, "", 0},
		"422":                           {422, `{"detail":[{"loc":["body","email"],"msg":"vendor text"}]}`, 502, "", 0},
		"429":                           {429, `{"error":"vendor text"}`, 503, "1", 0},
		"500":                           {500, `vendor text`, 502, "", 0},
		"503":                           {503, `vendor text`, 502, "", 0},
		"a response that says nothing":  {200, `{"username":"Shop-1"}`, 502, "", 0},
		"a response without a username": {200, `{"signed_authorization_request":"signed"}`, 502, "", 0},
		"no JSON":                       {200, `vendor text`, 502, "", 0},
		"another 2xx":                   {201, signed, 200, "", 1},
		"a masked authorization":        {409, `{"signed_authorization_request":"` + identkit.Secret("x").String() + `","username":"u"}`, 502, "", 0},
	} {
		_, client := stubbed(t, c.status, c.body, func(cfg *entrupy.Config) { cfg.Options.Retry.MaxAttempts = 1 })
		h, backend := authorizer(t, client)
		w := ask(h, appRequest)
		assert.Equal(t, c.want, w.Code, name)
		assert.Equal(t, c.retryAfter, w.Header().Get("Retry-After"), name)
		assert.Len(t, backend.stored, c.stored, name)
		assert.NotContains(t, w.Body.String()+backend.log.String(), "vendor text", name)
		assert.NotContains(t, backend.log.String(), "opaque", name)
		if c.want == 200 {
			assert.JSONEq(t, `{"signed_authorization_request":"signed"}`, w.Body.String(), name)
		} else {
			assert.Empty(t, w.Body.String(), name)
			assert.Contains(t, backend.log.String(), "entrupy.Users.Authorize", name)
		}
	}
}

func TestTheAppLearnsWhenToTryAgain(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{"30": "30", "1": "1", "0": "1"} {
		bubble(t, entrupytest.Options{}, func(t *testing.T, srv *entrupytest.Server) {
			srv.Fault(identkittest.On("entrupy.Users.Authorize").RetryAfter(429, value))
			client := srv.Client(func(cfg *entrupy.Config) { cfg.Options.Retry.MaxAttempts = 2 })
			h, backend := authorizer(t, client)
			w := ask(h, appRequest)
			assert.Equal(t, 503, w.Code)
			assert.Equal(t, want, w.Header().Get("Retry-After"))
			assert.Empty(t, backend.stored)
		})
	}
	bubble(t, entrupytest.Options{}, func(t *testing.T, srv *entrupytest.Server) { // a queue that is too long
		client := srv.Client()
		h, _ := authorizer(t, client, func(cfg *entrupy.AuthorizeConfig) { cfg.Timeout = 50 * time.Millisecond })
		assert.Equal(t, 200, ask(h, appRequest).Code)
		w := ask(h, appRequest)
		assert.Equal(t, 503, w.Code)
		assert.Equal(t, "1", w.Header().Get("Retry-After"))
	})
}

func TestTimesOfAnAuthorization(t *testing.T) {
	t.Parallel()
	bubble(t, entrupytest.Options{}, func(t *testing.T, srv *entrupytest.Server) {
		srv.Fault(identkittest.On("entrupy.Users.Authorize").Nth(1).SlowHeader(time.Hour))
		h, backend := authorizer(t, srv.Client())
		began := time.Now()
		assert.Equal(t, 504, ask(h, appRequest).Code)
		assert.Equal(t, 10*time.Second, time.Since(began))
		assert.Empty(t, backend.stored)

		// the app hangs up while the username is stored, which was authorized
		ctx, hangUp := context.WithCancel(t.Context())
		stored := false
		h, _ = authorizer(t, srv.Client(), func(cfg *entrupy.AuthorizeConfig) {
			cfg.Store = func(ctx context.Context, user entrupy.User, name entrupy.Username) error {
				hangUp()
				deadline, ok := ctx.Deadline()
				assert.True(t, ok && time.Until(deadline) == 10*time.Second)
				assert.Equal(t, ada, user)
				stored = ctx.Err() == nil
				return nil
			}
		})
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(appRequest)).WithContext(ctx)
		r.Header.Set("Content-Type", "application/json")
		serve(h, r)
		assert.True(t, stored)

		// it hangs up before: nothing is sent
		before := srv.Journal().Count("entrupy.Users.Authorize")
		r = httptest.NewRequest(http.MethodPost, "/", strings.NewReader(appRequest)).WithContext(ctx)
		r.Header.Set("Content-Type", "application/json")
		assert.Equal(t, 503, serve(h, r).Code)
		assert.Equal(t, before, srv.Journal().Count("entrupy.Users.Authorize"))
	})
}

func TestTheAppGetsNothingBeforeTheUsernameIsStored(t *testing.T) {
	t.Parallel()
	h, backend := authorizer(t, unlimited(entrupytest.New(entrupytest.Options{})))
	backend.storeErr = errors.New("database is away")
	w := ask(h, appRequest)
	assert.Equal(t, 503, w.Code)
	assert.Empty(t, w.Body.String())
	assert.Len(t, backend.stored, 1)
	assert.Contains(t, backend.log.String(), "database is away")
	backend.storeErr = nil
	assert.Equal(t, 200, ask(h, appRequest).Code)
}

func TestATokenThatCannotBeHad(t *testing.T) {
	t.Parallel()
	srv := entrupytest.New(entrupytest.Options{})
	h, _ := authorizer(t, srv.Client(func(cfg *entrupy.Config) {
		cfg.Credentials = entrupy.TokenFrom(func(context.Context) (identkit.Secret, error) { return "", errors.New("vault is away") })
	}))
	assert.Equal(t, 503, ask(h, appRequest).Code)
	assert.Zero(t, srv.Journal().Count("entrupy.Users.Authorize"))
}

func TestAuthorizeHandlerReportsEveryConfigurationFault(t *testing.T) {
	t.Parallel()
	for _, client := range []*entrupy.Client{nil, new(entrupy.Client)} {
		_, err := entrupy.NewAuthorizeHandler(client, entrupy.AuthorizeConfig{Timeout: -1, MaxBytes: -1})
		e := fails(t, err, identkit.ErrInvalidRequest)
		assert.Equal(t, "entrupy.NewAuthorizeHandler", e.Operation)
		for _, text := range []string{"client was not made by New", "User is nil", "Store is nil", "Timeout is negative", "MaxBytes is negative"} {
			require.ErrorContains(t, err, text)
		}
	}
	_, client := stubbed(t, 200, `{"signed_authorization_request":"s","username":"u"}`)
	s := &sessions{user: ada}
	h, err := entrupy.NewAuthorizeHandler(client, entrupy.AuthorizeConfig{User: s.User, Store: s.Store})
	require.NoError(t, err)
	assert.Equal(t, 400, ask(h, ``).Code, "without a logger")
}
