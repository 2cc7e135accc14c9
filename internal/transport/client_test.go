package transport

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
)

func TestBadConfigurationNamesTheField(t *testing.T) {
	t.Parallel()
	const good = "https://host/ctx"
	for name, c := range map[string]struct {
		base  string
		o     identkit.Options
		field string
	}{
		"empty base URL":           {"", identkit.Options{}, "BaseURL"},
		"relative base URL":        {"/powerauth-cloud", identkit.Options{}, "BaseURL"},
		"base URL without host":    {"https://", identkit.Options{}, "BaseURL"},
		"base URL with port only":  {"https://:80", identkit.Options{}, "BaseURL"},
		"other scheme":             {"ftp://host", identkit.Options{}, "BaseURL"},
		"not a URL":                {"https://host:port%", identkit.Options{}, "BaseURL"},
		"credentials in the URL":   {"https://u:p@host", identkit.Options{}, "BaseURL"},
		"query in the URL":         {"https://host?x=1", identkit.Options{}, "BaseURL"},
		"path that moves":          {"https://host/a/../b", identkit.Options{}, "BaseURL"},
		"plain HTTP to a host":     {"http://host", identkit.Options{}, "BaseURL"},
		"plain HTTP, fake loop":    {"http://localhost.example.com", identkit.Options{}, "BaseURL"},
		"negative attempts":        {good, identkit.Options{Retry: identkit.RetryPolicy{MaxAttempts: -1}}, "Options.Retry.MaxAttempts"},
		"negative wait":            {good, identkit.Options{Retry: identkit.RetryPolicy{InitialBackoff: -1}}, "Options.Retry.InitialBackoff"},
		"negative most wait":       {good, identkit.Options{Retry: identkit.RetryPolicy{MaxBackoff: -1}}, "Options.Retry.MaxBackoff"},
		"negative attempt timeout": {good, identkit.Options{Retry: identkit.RetryPolicy{AttemptTimeout: -1}}, "Options.Retry.AttemptTimeout"},
		"negative timeout":         {good, identkit.Options{Timeout: -1}, "Options.Timeout"},
		"negative cap":             {good, identkit.Options{MaxResponseBytes: -1}, "Options.MaxResponseBytes"},
		"line break in agent":      {good, identkit.Options{UserAgent: "a\r\nb"}, "Options.UserAgent"},
		"path of no operation":     {good, identkit.Options{Paths: map[string]string{"test.None": "/"}}, "Options.Paths[test.None]"},
		"path without its part":    {good, identkit.Options{Paths: map[string]string{"test.Read": "/x"}}, "Options.Paths[test.Read]"},
		"path that is none":        {good, identkit.Options{Paths: map[string]string{"test.Read": "x/{id}"}}, "Options.Paths[test.Read]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var check Check
			r := New(Config{Provider: "test", BaseURL: c.base, Options: c.o, Operations: []Operation{&readThing}}, &check)
			assert.Nil(t, r)
			err := check.Err("test", "test.New")
			require.ErrorIs(t, err, identkit.ErrInvalidRequest)
			var e *identkit.Error
			require.ErrorAs(t, err, &e)
			require.NotEmpty(t, e.Fields)
			assert.Equal(t, c.field, e.Fields[0].Field)
			assert.Contains(t, err.Error(), c.field)
			assert.NotContains(t, err.Error(), "u:p")
		})
	}
}

func TestGoodConfigurations(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"https://host", "https://host/", "https://host:8443/ctx/", "http://localhost:8080/powerauth-cloud", "http://127.0.0.1", "http://[::1]:1"} {
		var check Check
		assert.NotNil(t, New(Config{Provider: "test", BaseURL: base}, &check), base)
		assert.NoError(t, check.Err("test", "test.New"))
	}
	var check Check
	assert.NotNil(t, New(Config{Provider: "test", BaseURL: "http://host", Options: identkit.Options{AllowPlainHTTP: true}}, &check))
}

func TestTheCallersHTTPClientIsCopiedNotChanged(t *testing.T) {
	t.Parallel()
	own := &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{}}
	before := *own
	var check Check
	r := New(Config{Provider: "test", BaseURL: "https://host", Options: identkit.Options{HTTPClient: own}}, &check)
	require.NotNil(t, r)
	assert.Equal(t, before.Transport, own.Transport)
	assert.Nil(t, own.CheckRedirect)
	assert.Equal(t, 3*time.Second, own.Timeout)
	assert.Equal(t, 3*time.Second, r.retry.AttemptTimeout, "its timeout bounds an attempt")
}

func TestOwnPoolIsSizedForManyGoroutines(t *testing.T) {
	t.Parallel()
	p := pooled()
	assert.GreaterOrEqual(t, p.MaxIdleConnsPerHost, 512)
	assert.Zero(t, p.MaxConnsPerHost)
	assert.GreaterOrEqual(t, p.TLSClientConfig.MinVersion, uint16(0x0303))
	assert.True(t, p.ForceAttemptHTTP2)
	assert.Zero(t, http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost, "the default transport is not touched")
}
