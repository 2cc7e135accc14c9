package entrupy_test

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/entrupy"
)

// stub sends every request the same response and records the requests. It is for responses that the fake cannot send.
type stub struct {
	mu     sync.Mutex
	status int
	body   string
	next   func() (status int, body string) // in place of them
	date   string                           // the Date of responses; empty sends none
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
	if s.next != nil {
		s.status, s.body = s.next()
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if s.date != "" {
		header.Set("Date", s.date)
	}
	return &http.Response{
		StatusCode: s.status, Body: io.NopCloser(strings.NewReader(s.body)), ContentLength: int64(len(s.body)),
		Header: header, Request: r, ProtoMajor: 1, ProtoMinor: 1,
	}, nil
}

func (s *stub) respond(status int, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.body = status, body
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

// stubbed is a client of a stub. It has no limiter.
func stubbed(t *testing.T, status int, body string, adjust ...func(*entrupy.Config)) (*stub, *entrupy.Client) {
	t.Helper()
	s := &stub{status: status, body: body}
	cfg := entrupy.Config{
		Credentials: entrupy.Token("token"),
		Options: identkit.Options{
			HTTPClient: &http.Client{Transport: s}, Limiter: identkit.NoLimit, Retry: identkit.RetryPolicy{InitialBackoff: time.Millisecond},
		},
	}
	for _, f := range adjust {
		f(&cfg)
	}
	client, err := entrupy.New(cfg)
	require.NoError(t, err)
	return s, client
}
