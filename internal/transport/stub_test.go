package transport

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
)

// stub is a RoundTripper that reads the request and gives one response.
func stub(status int, body string) tripper {
	return func(r *http.Request) (*http.Response, error) {
		if r.Body != nil {
			_, _ = io.Copy(io.Discard, r.Body)
			_ = r.Body.Close()
		}
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}, nil
	}
}

func TestCookiesOfAJarAreThoseOfNow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		jar, err := cookiejar.New(nil)
		require.NoError(t, err)
		base, err := url.Parse("https://h")
		require.NoError(t, err)
		jar.SetCookies(base, []*http.Cookie{{Name: "lane", Value: "start"}})
		var seen []string
		next := []string{"lane=1; Path=/", "lane=2; Path=/", "lane=; Path=/; Max-Age=0", ""}
		trip := tripper(func(r *http.Request) (*http.Response, error) {
			seen = append(seen, strings.Join(r.Header["Cookie"], "|"))
			n := len(seen) - 1
			resp, _ := stub(503, `{}`)(r)
			resp.Header.Set("Set-Cookie", next[n])
			if n == len(next)-1 {
				resp, _ = stub(200, `{"id":"1"}`)(r)
			}
			return resp, nil
		})
		var check Check
		c := New(Config{Provider: "test", BaseURL: "https://h", Operations: []Operation{&readThing}, Options: identkit.Options{
			HTTPClient: &http.Client{Transport: trip, Jar: jar}, Retry: identkit.RetryPolicy{MaxAttempts: 4},
		}}, &check)
		_, err = readOne(t.Context(), c, "1")
		require.NoError(t, err)
		assert.Equal(t, []string{"lane=start", "lane=1", "lane=2", ""}, seen, "they neither pile up nor survive their deletion")
	})
}

func TestABodyInMemoryIsSeenAsOne(t *testing.T) {
	t.Parallel()
	var body io.ReadCloser
	trip := tripper(func(r *http.Request) (*http.Response, error) {
		body = r.Body
		return stub(200, `{"id":"1"}`)(r)
	})
	var check Check
	c := New(Config{Provider: "test", BaseURL: "https://h", Operations: []Operation{&writeThing}, Options: identkit.Options{HTTPClient: &http.Client{Transport: trip}}}, &check)
	_, err := writeThing.Do(t.Context(), c, thingParams{"1", "2", map[string]int{"a": 1}}, nil)
	require.NoError(t, err)
	assert.IsType(t, io.NopCloser(strings.NewReader("")), body, "net/http then writes header and body together")
}

// Ceilings, so that the transport does not grow unnoticed. Not parallel: allocations are counted process-wide.
func TestAllocationCeilings(t *testing.T) {
	var check Check
	c := New(Config{
		Provider: "test", BaseURL: "https://h/ctx", Operations: []Operation{&readThing, &writeThing}, Auth: Basic("u", identkit.Static("p")),
		Options: identkit.Options{HTTPClient: &http.Client{Transport: stub(200, `{"id":"1"}`)}},
	}, &check)
	count := func(call func() error) int {
		return int(testing.AllocsPerRun(300, func() {
			if err := call(); err != nil {
				t.Error(err)
			}
		}))
	}
	var out thing
	for name, test := range map[string]struct {
		ceiling int
		call    func() error
	}{
		"typed GET": {32, func() error { _, err := readOne(t.Context(), c, "1"); return err }},
		"typed POST": {46, func() error {
			_, err := writeThing.Do(t.Context(), c, thingParams{"1", "2", map[string]string{"a": "b"}}, nil)
			return err
		}},
		"Call GET": {36, func() error { return c.Call(t.Context(), identkit.Request{Path: "/things/1"}, &out, nil) }},
		"Call POST": {48, func() error {
			return c.Call(t.Context(), identkit.Request{Method: http.MethodPost, Path: "/things/1", Body: map[string]string{"a": "b"}}, &out, nil)
		}},
	} {
		n := count(test.call)
		t.Log(name, n)
		assert.LessOrEqual(t, n, test.ceiling, name)
	}
}
