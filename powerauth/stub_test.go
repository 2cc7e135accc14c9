package powerauth_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/powerauth"
)

// stub sends every request the same response and records the requests. It is for responses that the fake cannot send.
type stub struct {
	mu     sync.Mutex
	status int
	body   string
	fail   error
	came   []stubRequest
}

type stubRequest struct {
	method, path, query string
	header              http.Header
	body                []byte
}

func (s *stub) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		_ = r.Body.Close()
	}
	s.came = append(s.came, stubRequest{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Clone(), body})
	if s.fail != nil {
		return nil, s.fail
	}
	return &http.Response{
		StatusCode: s.status, Body: io.NopCloser(strings.NewReader(s.body)), ContentLength: int64(len(s.body)),
		Header: http.Header{"Content-Type": {"application/json"}}, Request: r, ProtoMajor: 1, ProtoMinor: 1,
	}, nil
}

func (s *stub) respond(status int, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.body, s.fail = status, body, nil
}

func (s *stub) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.came)
}

func (s *stub) last(t *testing.T) stubRequest {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	require.NotEmpty(t, s.came)
	return s.came[len(s.came)-1]
}

// sends checks the body of the last request.
func (s *stub) sends(t *testing.T, want string) {
	t.Helper()
	assert.JSONEq(t, want, string(s.last(t).body))
}

const stubURL = "https://pac.example.test/powerauth-cloud"

func stubOptions(s *stub) identkit.Options {
	return identkit.Options{HTTPClient: &http.Client{Transport: s}, Retry: identkit.RetryPolicy{InitialBackoff: time.Millisecond, MaxBackoff: 2 * time.Millisecond}}
}

func stubbed(t testing.TB, status int, body string, adjust ...func(*powerauth.Config)) (*stub, *powerauth.Client) {
	t.Helper()
	s := &stub{status: status, body: body}
	cfg := powerauth.Config{BaseURL: stubURL, Credentials: powerauth.BasicAuth("integration", "p"), Options: stubOptions(s)}
	for _, f := range adjust {
		f(&cfg)
	}
	client, err := powerauth.New(cfg)
	require.NoError(t, err)
	return s, client
}

func stubbedAdmin(t testing.TB, status int, body string) (*stub, *powerauth.AdminClient) {
	t.Helper()
	s := &stub{status: status, body: body}
	client, err := powerauth.NewAdmin(powerauth.AdminConfig{BaseURL: stubURL, Credentials: powerauth.BasicAuth("admin", "p"), Options: stubOptions(s)})
	require.NoError(t, err)
	return s, client
}

// invalidField checks that input is rejected for a field and nothing is sent.
func invalidField(t *testing.T, s *stub, err error, field string) {
	t.Helper()
	require.ErrorIs(t, err, identkit.ErrInvalidRequest)
	var e *identkit.Error
	require.ErrorAs(t, err, &e)
	require.NotEmpty(t, e.Fields)
	assert.Equal(t, field, e.Fields[0].Field)
	assert.Zero(t, s.count(), "nothing is sent")
}

func decoded[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	require.NoError(t, json.Unmarshal([]byte(text), &v))
	return v
}
