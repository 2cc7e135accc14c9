package webhook_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/webhook"
)

func dial(t *testing.T, server *httptest.Server) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	return conn
}

// The bodies never come, so that a server which waits for them would wait until the test's deadline.
func TestARefusalDoesNotWaitForTheBody(t *testing.T) {
	t.Parallel()
	apiKey, err := webhook.NewAPIKey(webhook.APIKeyConfig{Keys: keyring(t, secret), Header: "X-Api-Key"})
	require.NoError(t, err)
	h, _, _ := counting(t, webhook.Config[any]{Verify: apiKey, MaxBytes: 1 << 20})
	for rule, c := range map[string]struct{ method, header, want string }{
		"content type":     {"POST", "Content-Type: text/plain\r\nContent-Length: 100", "415"},
		"method":           {"PUT", "Content-Type: application/json\r\nContent-Length: 100", "405"},
		"encoding":         {"POST", "Content-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 100", "415"},
		"chunked":          {"POST", "Content-Type: text/plain\r\nTransfer-Encoding: chunked", "415"},
		"no credential":    {"POST", "Content-Type: application/json\r\nContent-Length: 100", "401"},
		"expects continue": {"POST", "Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 900000", "401"},
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			request := c.method + " / HTTP/1.1\r\nHost: x\r\n" + c.header + "\r\n\r\n"
			if !strings.Contains(request, "Expect") {
				request += "1"
			}
			line, closed := rawResponse(t, h, request, nil)
			assert.Contains(t, line, "HTTP/1.1 "+c.want)
			assert.True(t, closed)
		})
	}
}

func TestAShorterTimeoutOfTheServerHolds(t *testing.T) {
	t.Parallel()
	h, _, _ := counting(t, webhook.Config[any]{})
	line, _ := rawResponse(t, h, "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n[1,", func(s *http.Server) {
		s.ReadTimeout = 50 * time.Millisecond
	})
	assert.Contains(t, line, "408", "within the 20 s of the connection, and not after 10 s")
}

func TestABodyThatWasReadBefore(t *testing.T) {
	t.Parallel()
	h, seen, runs := counting(t, webhook.Config[any]{Verify: hmacVerifier(t, webhook.HMACConfig{Header: "X-Signature"})})
	for rule, read := range map[string]func(io.ReadCloser) error{
		"all of it":    func(b io.ReadCloser) error { _, err := io.Copy(io.Discard, b); return err },
		"some of it":   func(b io.ReadCloser) error { _, err := io.ReadFull(b, make([]byte, 5)); return err },
		"closed":       func(b io.ReadCloser) error { return b.Close() },
		"read, closed": func(b io.ReadCloser) error { _, err := io.Copy(io.Discard, b); b.Close(); return err },
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			assert.NoError(t, read(r.Body))
			h.ServeHTTP(w, r)
		}))
		response, err := server.Client().Post(server.URL, "application/json", strings.NewReader(`{"a":"0123"}`))
		require.NoError(t, err)
		response.Body.Close()
		server.Close()
		assert.Equal(t, 503, response.StatusCode, rule)
		assert.Equal(t, string(webhook.ReasonBodyConsumed), seen.last().Reason, rule)
	}
	assert.Zero(t, runs.Load())
}

func TestContentEncodings(t *testing.T) {
	t.Parallel()
	for encoding, want := range map[string]int{
		"UTF-8": 200, "none": 200, "identity, identity": 200, "": 200, "gzip": 415, "identity, br": 415, "jane-doe": 415,
	} {
		h, seen, _ := counting(t, webhook.Config[any]{})
		assert.Equal(t, want, post(h, "{}", "Content-Encoding", encoding).Code, encoding)
		switch encoding {
		case "gzip":
			assert.ErrorContains(t, seen.last().Err, "gzip")
		case "jane-doe":
			assert.NotContains(t, seen.last().Err.Error(), "jane")
		}
	}
}

func TestContentTypesAreCheckedAtConstruction(t *testing.T) {
	t.Parallel()
	for i, types := range [][]string{
		{"application/json; charset=utf-8"}, {"application/*"}, {" application/json"}, {""}, {"json"}, {"*/*", "text/plain"},
	} {
		_, err := webhook.NewHandler(webhook.Config[int]{Verify: accept, ContentTypes: types})
		assert.ErrorContains(t, err, "ContentTypes[0]", strconv.Itoa(i))
	}
	h, _, _ := counting(t, webhook.Config[any]{ContentTypes: []string{"Application/JSON"}})
	assert.Equal(t, 200, post(h, "{}", "Content-Type", "application/json; charset=utf-8").Code)
}
