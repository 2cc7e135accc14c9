package oauth_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/oauth"
	"github.com/identkit/identkit/internal/transport"
)

// deployment is an API and, on another host, its token endpoint.
type deployment struct {
	uses  int // calls that a token is accepted for; zero: any number
	login func() (status int, err error)
	api   func(r *http.Request) int // a status other than 200

	mu       sync.Mutex
	accepted map[string]int
	refused  map[string]bool
	tokens   int
	repeated int // requests with a token that was refused before
}

func (d *deployment) RoundTrip(r *http.Request) (*http.Response, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	respond := func(status int, body string) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}, nil
	}
	if r.URL.Host == "login.example" {
		d.tokens++
		if d.login != nil {
			if status, err := d.login(); err != nil || status != http.StatusOK {
				resp, _ := respond(status, `{}`)
				return resp, err
			}
		}
		return respond(http.StatusOK, fmt.Sprintf(`{"access_token":"t%d","expires_in":3600}`, d.tokens))
	}
	token := r.Header.Get("Authorization")
	if d.api != nil {
		if status := d.api(r); status != http.StatusOK {
			return respond(status, `{}`)
		}
	}
	if d.uses > 0 && d.accepted[token] >= d.uses {
		if d.refused[token] {
			d.repeated++
		}
		d.refused[token] = true
		return respond(http.StatusUnauthorized, `{}`)
	}
	d.accepted[token]++
	return respond(http.StatusOK, `{}`)
}

var (
	fetchToken = transport.Op[transport.None, oauth.Response]{
		Name: "test.Token", Method: http.MethodPost, Path: "/realm/token", Retry: identkit.RetrySafe, Unmetered: true, Check: (*oauth.Response).Check,
	}
	readThing = transport.Op[transport.None, transport.None]{Name: "test.Read", Method: http.MethodGet, Path: "/things", Retry: identkit.RetrySafe}
)

// client makes a client of the API whose tokens come from the other host.
func (d *deployment) client(t *testing.T, o identkit.Options) *transport.Client {
	t.Helper()
	d.accepted, d.refused = map[string]int{}, map[string]bool{}
	o.HTTPClient = &http.Client{Transport: d}
	var check transport.Check
	api := transport.New(transport.Config{
		Provider: "test", BaseURL: "https://api.example", Options: o, Operations: []transport.Operation{&fetchToken, &readThing},
	}, &check)
	login := api.WithBase("TokenURL", "https://login.example/auth", o, &check)
	require.NoError(t, check.Err("test", "test.New"))
	return api.WithAuth(transport.Tokens(oauth.New(oauth.Config[string]{
		Credential: func(context.Context) (string, error) { return "", nil },
		Fetch: func(ctx context.Context, _ string) (oauth.Token, error) {
			r, err := fetchToken.Do(ctx, login, transport.None{}, nil)
			if err != nil {
				return oauth.Token{}, err
			}
			return r.Token(), nil
		},
	})))
}

func call(t *testing.T, c *transport.Client, opts ...identkit.CallOption) error {
	t.Helper()
	_, err := readThing.Do(t.Context(), c, transport.None{}, opts)
	return err
}

func TestCallsSucceedWhereEachTokenIsAcceptedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &deployment{uses: 1}
		c := d.client(t, identkit.Options{})
		for n := range 60 {
			require.NoError(t, call(t, c), "call %d", n+1)
		}
		assert.Zero(t, d.repeated)
		assert.Equal(t, 60, d.tokens)
	})
}

func TestNoCallSendsATokenThatWasRefusedBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &deployment{uses: 1}
		c := d.client(t, identkit.Options{})
		d.api = func(r *http.Request) int { // refuses a second token as well, after which the call is not sent again
			if d.tokens <= 2 {
				d.refused[r.Header.Get("Authorization")] = true
				return http.StatusUnauthorized
			}
			return http.StatusOK
		}
		require.ErrorIs(t, call(t, c), identkit.ErrUnauthorized)
		require.NoError(t, call(t, c))
		assert.Equal(t, 3, d.tokens)
		assert.Equal(t, map[string]bool{"Bearer t1": true, "Bearer t2": true}, d.refused)
		assert.Equal(t, map[string]int{"Bearer t3": 1}, d.accepted)
	})
}

func TestATokenRefusedWhileTheCallEndsIsNotSentAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &deployment{}
		c := d.client(t, identkit.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		d.api = func(*http.Request) int { cancel(); return http.StatusUnauthorized }
		_, err := readThing.Do(ctx, c, transport.None{}, nil)
		require.Error(t, err)
		d.api = nil
		require.NoError(t, call(t, c))
		assert.Equal(t, map[string]int{"Bearer t2": 1}, d.accepted)
	})
}

func TestATokenEndpointOnAnotherHostWaitsForNothingOfTheAPI(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var hosts []string
		limiter := new(countingLimiter)
		d := &deployment{}
		c := d.client(t, identkit.Options{Limiter: limiter, Observer: identkit.Observer{CallEnd: func(_ context.Context, r identkit.CallResult) {
			hosts = append(hosts, r.Host+" "+r.Path)
		}}})
		require.NoError(t, call(t, c))
		assert.Equal(t, []string{"login.example:443 /realm/token", "api.example:443 /things"}, hosts, "one observer for both")
		assert.Equal(t, 1, limiter.waits, "tokens are not metered")

		d.api = func(*http.Request) int { return http.StatusTooManyRequests }
		require.ErrorIs(t, call(t, c, identkit.WithAttempts(1)), identkit.ErrRateLimited)
		d.api = nil
		start, fetches := time.Now(), d.tokens
		require.ErrorIs(t, call(t, c, identkit.WithTimeout(time.Millisecond)), identkit.ErrRateLimited, "the API's gate is closed")
		_, err := fetchToken.Do(t.Context(), login(t, c), transport.None{}, nil)
		require.NoError(t, err)
		assert.Zero(t, time.Since(start), "that of the token endpoint is not")
		assert.Equal(t, fetches+1, d.tokens)
		require.NoError(t, call(t, c))
	})
}

func login(t *testing.T, c *transport.Client) *transport.Client {
	t.Helper()
	var check transport.Check
	other := c.WithAuth(nil).WithBase("TokenURL", "https://login.example/auth", identkit.Options{}, &check)
	require.Empty(t, check.Faults)
	return other
}

type countingLimiter struct{ waits int }

func (l *countingLimiter) Wait(context.Context) error { l.waits++; return nil }

func TestBothHostsShareTheRetryBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &deployment{login: func() (int, error) { return http.StatusServiceUnavailable, nil }}
		c := d.client(t, identkit.Options{Retry: identkit.RetryPolicy{Budget: 2}})
		require.ErrorIs(t, call(t, c), identkit.ErrUnavailable)
		assert.Equal(t, 3, d.tokens)
		d.login, d.api = nil, func(*http.Request) int { return http.StatusServiceUnavailable }
		time.Sleep(time.Second)
		require.ErrorIs(t, call(t, c), identkit.ErrRetryBudget)
	})
}

func TestCallsGoAgainAfterAnOutageOfTheTokenEndpoint(t *testing.T) {
	t.Parallel()
	for name, failure := range map[string]func() (int, error){
		"503":              func() (int, error) { return http.StatusServiceUnavailable, nil },
		"429":              func() (int, error) { return http.StatusTooManyRequests, nil },
		"connection fails": func() (int, error) { return 0, io.ErrUnexpectedEOF },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := &deployment{login: failure}
				c, start := d.client(t, identkit.Options{}), time.Now()
				for time.Since(start) < 2*time.Minute {
					err := call(t, c)
					var e *identkit.Error
					require.ErrorAs(t, err, &e)
					require.ErrorContains(t, err, "no access token")
					time.Sleep(100 * time.Millisecond)
				}
				d.mu.Lock()
				d.login = nil
				d.mu.Unlock()
				end := time.Now()
				for call(t, c) != nil {
					time.Sleep(10 * time.Millisecond)
				}
				atMost := 1100 * time.Millisecond
				if name == "429" {
					atMost = 2100 * time.Millisecond // the endpoint's own gate: a second, and the second in which calls leave
				}
				assert.LessOrEqual(t, time.Since(end), atMost)
			})
		})
	}
}
