package transport

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
)

// responding is a client whose every request gets the same response.
func responding(t *testing.T, status int, header http.Header, body string, adjust ...func(*Config)) *Client {
	t.Helper()
	trip := tripper(func(r *http.Request) (*http.Response, error) {
		resp, err := stub(status, body)(r)
		for name, values := range header {
			resp.Header[name] = values
		}
		return resp, err
	})
	_, c := things(t, append(adjust, func(cfg *Config) { cfg.Options.HTTPClient = &http.Client{Transport: trip} })...)
	return c
}

func TestARequestIDInABodyReachesEveryone(t *testing.T) {
	t.Parallel()
	o, logged := new(recorder), new(strings.Builder)
	take := func(e *identkit.Error, r FailedResponse) { e.RequestID = string(r.Body) }
	header := http.Header{"X-Request-Id": {"from-header"}}
	for body, want := range map[string]string{
		"from-body": "from-body", "": "from-header", "two words": "from-header", "a\nb": "from-header", "größe": "from-header", strings.Repeat("x", 129): "from-header",
	} {
		*o = recorder{}
		var resp identkit.Response
		c := responding(t, 400, header, body, func(cfg *Config) {
			cfg.Failure, cfg.Options.Observer, cfg.Options.Logger = take, o.observer(), slog.New(slog.NewTextHandler(logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
		})
		_, err := readOne(t.Context(), c, "1", identkit.WithResponse(&resp))
		var e *identkit.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, want, e.RequestID)
		assert.Equal(t, want, resp.RequestID)
		assert.Equal(t, want, o.attempts[0].RequestID)
		assert.Equal(t, want, o.ends[0].RequestID)
	}
	assert.Contains(t, logged.String(), "request_id=from-body")
}

func TestARequestIDInASuccessfulResponseThatIsAFailureIsKept(t *testing.T) {
	t.Parallel()
	c := responding(t, 200, nil, `{}`, func(cfg *Config) {
		cfg.Unwrap = func([]byte) ([]byte, error) {
			return nil, &identkit.Error{Kind: identkit.ErrRejected, RequestID: "inside"}
		}
	})
	_, err := readOne(t.Context(), c, "1")
	require.EqualError(t, err, "test.Read: rejected (HTTP 200, request id inside)")
}

func TestTheReaderOfFailuresSeesTheWholeResponse(t *testing.T) {
	t.Parallel()
	var seen []FailedResponse
	for _, contentType := range []string{"Application/Problem+JSON; charset=utf-8", "a/b; c", ";", ""} {
		header := http.Header{"Content-Type": {contentType}, "X-Lane": {"7"}}
		c := responding(t, 418, header, `{"a":1}`, func(cfg *Config) {
			cfg.Failure = func(_ *identkit.Error, r FailedResponse) { seen = append(seen, r) }
		})
		_, err := readOne(t.Context(), c, "1")
		require.ErrorIs(t, err, identkit.ErrRejected)
	}
	require.Len(t, seen, 4)
	for i, want := range []string{"application/problem+json", "a/b", "", ""} {
		assert.Equal(t, want, seen[i].ContentType)
		assert.Equal(t, 418, seen[i].Status)
		assert.Equal(t, "7", seen[i].Header.Get("X-Lane"))
		assert.Equal(t, `{"a":1}`, string(seen[i].Body))
	}
}

func TestOnlyRedirectsAreCalledSo(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]string{
		300: "", 301: "redirects are not followed", 302: "redirects are not followed", 303: "redirects are not followed", 304: "not modified, by a condition that the request has",
		305: "", 306: "", 307: "redirects are not followed", 308: "redirects are not followed", 399: "",
	} {
		_, err := readOne(t.Context(), responding(t, status, http.Header{"Location": {"/elsewhere"}}, ""), "1")
		var e *identkit.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, identkit.ErrBadResponse, e.Kind)
		assert.Equal(t, want, e.Detail, status)
	}
}

func TestNotModifiedHadNoEffect(t *testing.T) {
	t.Parallel()
	c := responding(t, http.StatusNotModified, nil, "")
	in := identkit.Request{Path: "/x", Header: http.Header{"If-None-Match": {`"1"`}}}
	err := c.Call(t.Context(), in, nil, nil)
	require.ErrorIs(t, err, identkit.ErrBadResponse)
	require.NotErrorIs(t, err, identkit.ErrOutcomeUnknown)
	require.EqualError(t, err, "test.Call: bad response (HTTP 304): not modified, by a condition that the request has")

	in.Method = http.MethodPost
	require.ErrorIs(t, c.Call(t.Context(), in, nil, nil), identkit.ErrOutcomeUnknown, "no server means that by it")
}

func TestAnHTMLPageIsCalledSo(t *testing.T) {
	t.Parallel()
	const canary = "canary"
	for name, c := range map[string]struct {
		contentType, body string
		html              bool
	}{
		"by its type":             {"Text/HTML; charset=utf-8", canary, true},
		"by its type, malformed":  {"text/html; charset", canary, true},
		"XHTML":                   {"application/xhtml+xml", canary, true},
		"by its first byte":       {"", "<html>" + canary, true},
		"behind blanks":           {"text/plain", "\xef\xbb\xbf \r\n<!doctype html>" + canary, true},
		"JSON":                    {"application/json", `{"a":"` + canary + `"}`, false},
		"text":                    {"text/plain", canary, false},
		"JSON that holds a page":  {"application/json", `{"a":"<html>"}`, false},
		"empty":                   {"", "", false},
		"JSON under a wrong type": {"text/html", `{"a":1}`, true},
	} {
		for _, status := range []int{400, 404, 502} {
			client := responding(t, status, http.Header{"Content-Type": {c.contentType}}, c.body)
			_, err := readOne(t.Context(), client, "1", identkit.WithAttempts(1))
			require.ErrorIs(t, err, kindOf(status), name)
			assert.Equal(t, c.html, strings.Contains(err.Error(), "HTML page"), "%s: %v", name, err)
			assert.NotContains(t, err.Error(), canary)
		}
	}
}

func TestAProxyThatAsksForCredentialsIsNotAskedAgain(t *testing.T) {
	t.Parallel()
	srv, c := things(t)
	srv.Fault(identkittest.Any().Status(http.StatusProxyAuthRequired))
	_, err := readOne(t.Context(), c, "1")
	require.ErrorIs(t, err, identkit.ErrRejected)
	require.NotErrorIs(t, err, identkit.ErrUnauthorized, "it is not about the provider's credentials")
	require.EqualError(t, err, "test.Read: rejected (HTTP 407): a proxy asks for credentials")
	assert.Equal(t, 1, srv.Journal().Len())
}

func TestAnErrorThatAProviderSharesIsNotChanged(t *testing.T) {
	t.Parallel()
	shared := &identkit.Error{Kind: identkit.ErrRejected, Detail: "not accepted"}
	op := Op[None, thing]{Name: "test.Shared", Method: http.MethodGet, Path: "/x", Check: func(*thing) error { return shared }}
	c := responding(t, 200, http.Header{"X-Request-Id": {"first"}}, `{"id":"1"}`)
	_, err := op.Do(t.Context(), c, None{}, nil)
	require.ErrorContains(t, err, "first")
	assert.Equal(t, identkit.Error{Kind: identkit.ErrRejected, Detail: "not accepted"}, *shared)
}
