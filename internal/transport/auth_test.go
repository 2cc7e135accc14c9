package transport

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/internal/fakeserver"
)

// pairAuth sends a key and a secret in the body, and the key in the path where the operation leaves it to authentication.
type pairAuth struct {
	key, secret identkit.SecretSource
	asked       atomic.Int32
}

func (a *pairAuth) pair(ctx context.Context) (key, secret string, err error) {
	a.asked.Add(1)
	if key, err = Reveal(ctx, a.key); err == nil {
		secret, err = Reveal(ctx, a.secret)
	}
	return key, secret, err
}

func (a *pairAuth) Authorize(ctx context.Context, out *Outgoing) error {
	key, secret, err := a.pair(ctx)
	if err != nil {
		return err
	}
	out.Used = key + "\x00" + secret
	out.Path("key", key)
	out.Body = out.Body.WithFields(Field{"api_key", key}, Field{"secret", secret})
	return nil
}

func (a *pairAuth) Renew(ctx context.Context, used string, e *identkit.Error) bool {
	key, secret, err := a.pair(ctx)
	return err == nil && e.Kind == identkit.ErrUnauthorized && used != key+"\x00"+secret
}

type keyedParams struct{ body Body }

var keyed = Op[keyedParams, None]{
	Name: "test.Keyed", Method: http.MethodPost, Path: "/keyed/{key}/end",
	Request: func(in *keyedParams, r *Request) { r.PathFromAuth("key"); r.Body = in.body },
}

func keyedServer(t *testing.T, auth Authorizer, adjust ...func(*Config)) (*fakeserver.Server, *Client) {
	t.Helper()
	srv, _ := things(t)
	srv.Handle(keyed.Info(), func(c *fakeserver.Call) { c.JSON(200, map[string]string{}) })
	cfg := Config{Provider: "test", BaseURL: srv.URL(), Operations: []Operation{&readThing, &writeThing, &keyed}, Auth: auth, Options: identkit.Options{HTTPClient: &http.Client{Transport: srv.Transport()}}}
	for _, f := range adjust {
		f(&cfg)
	}
	var check Check
	c := New(cfg, &check)
	require.NoError(t, check.Err("test", "test.New"))
	return srv, c
}

func TestKeysTravelInBodiesAndPaths(t *testing.T) {
	t.Parallel()
	auth := &pairAuth{key: identkit.Static(`k "1"`), secret: identkit.Static("s/2")}
	srv, c := keyedServer(t, auth)
	for name, test := range map[string]struct {
		body Body
		want func(t *testing.T, e identkittest.Entry)
	}{
		"JSON": {jsonBody(testCodec, map[string]string{"a": "b"}), func(t *testing.T, e identkittest.Entry) {
			t.Helper()
			assert.JSONEq(t, `{"api_key":"k \"1\"","secret":"s/2","a":"b"}`, string(e.Body))
		}},
		"empty JSON": {jsonBody(testCodec, struct{}{}), func(t *testing.T, e identkittest.Entry) {
			t.Helper()
			assert.JSONEq(t, `{"api_key":"k \"1\"","secret":"s/2"}`, string(e.Body))
		}},
		"form": {Form(url.Values{"a": {"b"}}), func(t *testing.T, e identkittest.Entry) {
			t.Helper()
			form, err := url.ParseQuery(string(e.Body))
			require.NoError(t, err)
			assert.Equal(t, url.Values{"a": {"b"}, "api_key": {`k "1"`}, "secret": {"s/2"}}, form)
		}},
		"multipart": {Multipart([]Field{{"a", "b"}}, "image", "x.png", Bytes("image/png", []byte("pixels"))), func(t *testing.T, e identkittest.Entry) {
			t.Helper()
			for _, part := range []string{`name="api_key"`, `k "1"`, `name="secret"`, "s/2", `name="a"`, "pixels"} {
				assert.Contains(t, string(e.Body), part)
			}
		}},
	} {
		require.NoError(t, keyed.Exec(t.Context(), c, keyedParams{test.body}, nil), name)
		entry, ok := srv.Journal().Last("test.Keyed")
		require.True(t, ok)
		assert.Equal(t, "/api/keyed/k%20%221%22/end", entry.Path, name)
		test.want(t, entry)
	}
	before := srv.Journal().Len()
	for name, body := range map[string]Body{"no body": {}, "opaque": Bytes("text/plain", []byte("x")), "a field of that name": jsonBody(testCodec, map[string]string{"secret": "x"}), "in a form": Form(url.Values{"api_key": {"x"}})} {
		require.ErrorIs(t, keyed.Exec(t.Context(), c, keyedParams{body}, nil), identkit.ErrInvalidRequest, name)
	}
	assert.Equal(t, before, srv.Journal().Len(), "nothing was sent")
}

func TestARefusedPairIsRenewedOnceUnlessTheCallMayHaveBeenProcessed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status  int
		rotated bool
		sent    int
		unknown bool
	}{
		"rotated":                        {401, true, 2, false},
		"not rotated":                    {401, false, 1, false},
		"rotated, but it may be process": {500, true, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var n atomic.Int32
			auth := &pairAuth{key: identkit.Static("k"), secret: func(context.Context) (identkit.Secret, error) {
				if n.Add(1) > 1 && c.rotated {
					return "new", nil
				}
				return "old", nil
			}}
			ends := 0
			srv, client := keyedServer(t, auth, func(cfg *Config) {
				cfg.Failure = func(e *identkit.Error, _ FailedResponse) { e.Kind = identkit.ErrUnauthorized } // whatever the status was
				cfg.Options.Observer.CallEnd = func(context.Context, identkit.CallResult) { ends++ }
			})
			srv.Fault(identkittest.Any().Nth(1).Status(c.status))
			err := keyed.Exec(t.Context(), client, keyedParams{jsonBody(testCodec, struct{}{})}, nil)
			assert.Equal(t, c.sent, srv.Journal().Len())
			assert.Equal(t, c.unknown, errors.Is(err, identkit.ErrOutcomeUnknown))
			assert.Equal(t, c.sent == 2, err == nil)
			assert.Equal(t, 1, ends, "one call, one observation")
		})
	}
}

func TestHeaderSchemes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		auth Authorizer
		want map[string]string
	}{
		"token scheme":  {Header("Authorization", "Token ", identkit.Static("t-1")), map[string]string{"Authorization": "Token t-1"}},
		"bearer":        {Bearer(identkit.Static("t-1")), map[string]string{"Authorization": "Bearer t-1"}},
		"basic":         {Basic("u", identkit.Static("p")), map[string]string{"Authorization": "Basic dTpw"}},
		"header key":    {Header("X-Api-Key", "", identkit.Static("k-1")), map[string]string{"X-Api-Key": "k-1"}},
		"two at once":   {Join(Header("X-Api-Key", "", identkit.Static("k-1")), Header("X-Tenant-Key", "", identkit.Static("k-2"))), map[string]string{"X-Api-Key": "k-1", "X-Tenant-Key": "k-2"}},
		"none":          {nil, map[string]string{"Authorization": ""}},
		"input's own":   {inputAuth{Bearer(identkit.Static("of the input"))}, map[string]string{"Authorization": "Bearer of the input"}},
		"query, as any": {queryAuth{}, map[string]string{"Authorization": ""}},
	} {
		srv, client := keyedServer(t, c.auth)
		op := readThing
		if own, ok := c.auth.(inputAuth); ok {
			op.Request = func(in *thingParams, r *Request) { in.request(r); r.Auth = own.Authorizer }
		}
		_, err := op.Do(t.Context(), client, thingParams{id: "1"}, nil)
		require.NoError(t, err, name)
		entry, _ := srv.Journal().Last("test.Read")
		for header, want := range c.want {
			assert.Equal(t, want, entry.Header.Get(header), name)
		}
		if name == "query, as any" {
			assert.Equal(t, "a&b", entry.Query.Get("key"))
		}
	}
}

type inputAuth struct{ Authorizer }

type queryAuth struct{}

func (queryAuth) Authorize(_ context.Context, out *Outgoing) error {
	out.AddQuery("key", "a&b")
	return nil
}
func (queryAuth) Renew(context.Context, string, *identkit.Error) bool { return false }

func TestJoinedCredentialsRenewTogether(t *testing.T) {
	t.Parallel()
	var n atomic.Int32
	rotating := func(context.Context) (identkit.Secret, error) { return identkit.Secret(fmt.Sprint("k", n.Load())), nil }
	srv, client := keyedServer(t, Join(Header("X-Api-Key", "", identkit.Static("fixed")), Header("X-Tenant-Key", "", rotating)))
	srv.Fault(identkittest.Any().Nth(1).Status(401).When(func(*http.Request) bool { n.Store(1); return true }))
	_, err := readOne(t.Context(), client, "1")
	require.NoError(t, err)
	entry, _ := srv.Journal().Last("test.Read")
	assert.Equal(t, "k1", entry.Header.Get("X-Tenant-Key"))
}

func TestACredentialThatIsAMaskOrEmptyIsNotSent(t *testing.T) {
	t.Parallel()
	for _, secret := range []identkit.Secret{"", " ", "[secret]", "line\nbreak", "trailing\n", "trailing\r\n", " leading", "tab\t"} {
		srv, client := keyedServer(t, Bearer(identkit.Static(secret)))
		_, err := readOne(t.Context(), client, "1")
		require.ErrorIs(t, err, identkit.ErrCredential)
		assert.Zero(t, srv.Journal().Len())
	}
}

// A source may make calls of its own, whose failures are not the provider's.
func TestAFailingSecretSourceIsItsOwnKind(t *testing.T) {
	t.Parallel()
	for _, kind := range []identkit.Kind{identkit.ErrUnauthorized, identkit.ErrNotFound, identkit.ErrUnavailable, identkit.ErrRateLimited} {
		asked := 0
		failed := &identkit.Error{Kind: kind, Operation: "vault.Read", Status: 400, Code: "sealed"}
		srv, client := keyedServer(t, Bearer(func(context.Context) (identkit.Secret, error) { asked++; return "", failed }))
		_, err := readOne(t.Context(), client, "1")
		require.EqualError(t, err, "test.Read: credential unavailable: the source of the credential failed")
		require.ErrorIs(t, err, identkit.ErrCredential)
		require.ErrorIs(t, err, failed, "it stays reachable")
		require.NotErrorIs(t, err, kind, "it is not the provider's")
		var e *identkit.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, identkit.ErrCredential, e.Kind)
		assert.Equal(t, []identkit.Phase{identkit.PhaseCredential}, []identkit.Phase{e.Attempts[0].Phase})
		assert.Equal(t, 1, asked, "not retried")
		assert.Zero(t, srv.Journal().Len())

		asked = 0
		_, err = Wait(t.Context(), client, Poll[thing]{Operation: "test.Wait", Done: func(*thing) (bool, error) { return false, nil }, Read: func(ctx context.Context, _ []identkit.CallOption) (*thing, error) {
			return readOne(ctx, client, "1")
		}})
		require.ErrorIs(t, err, identkit.ErrCredential)
		assert.Equal(t, 1, asked, "it ends a wait")
	}
}

func TestACredentialSourceCountsIntoTheCallsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := func(ctx context.Context) (identkit.Secret, error) {
			select {
			case <-time.After(20 * time.Second):
				return "late", nil
			case <-ctx.Done():
				return "", ctx.Err()
			}
		}
		auth := &pairAuth{key: slow, secret: slow}
		var results []identkit.CallResult
		var attempts []identkit.AttemptInfo
		srv, client := keyedServer(t, auth, func(cfg *Config) {
			cfg.Options.Timeout = time.Second
			cfg.Options.Observer.CallEnd = func(_ context.Context, r identkit.CallResult) { results = append(results, r) }
			cfg.Options.Observer.AttemptEnd = func(_ context.Context, a identkit.AttemptInfo) { attempts = append(attempts, a) }
		})
		start := time.Now()
		err := keyed.Exec(t.Context(), client, keyedParams{jsonBody(testCodec, struct{}{})}, nil)
		require.ErrorIs(t, err, identkit.ErrTimeout)
		require.NotErrorIs(t, err, identkit.ErrOutcomeUnknown, "nothing was sent")
		assert.Equal(t, time.Second, time.Since(start))
		require.Len(t, results, 1)
		require.Len(t, attempts, 1)
		assert.Equal(t, identkit.PhaseCredential, attempts[0].Phase)
		assert.Equal(t, time.Second, attempts[0].Queued)
		assert.Zero(t, srv.Journal().Len())
	})
}

func TestAuthenticationIsNeverPrinted(t *testing.T) {
	t.Parallel()
	lc := identkittest.NewLeakCheck(t)
	secret := lc.Secret("password")
	auth := Basic("user", identkit.Static(secret))
	out := Outgoing{Header: make(http.Header)}
	require.NoError(t, auth.Authorize(t.Context(), &out))
	lc.Value(auth)
	_, client := keyedServer(t, auth)
	_, err := readOne(t.Context(), client, "1")
	require.NoError(t, err)
	lc.Value(client)
	assert.NotContains(t, fmt.Sprintf("%+v", auth), secret.Reveal())
}
