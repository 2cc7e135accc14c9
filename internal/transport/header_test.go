package transport

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/internal/fakeserver"
)

var ownHeaders = []string{
	"Authorization", "host", "Content-Type", "Content-Length", "Transfer-Encoding", "Trailer", "Te", "accept-encoding", "Expect",
	"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "Upgrade",
}

func TestHeadersOfTheTransportAreRefused(t *testing.T) {
	t.Parallel()
	srv, c := things(t)
	for _, name := range append(ownHeaders, "bad name", "") {
		_, err := readOne(t.Context(), c, "1", identkit.WithHeader(name, "gzip"))
		require.ErrorIs(t, err, identkit.ErrInvalidRequest, name)
		err = c.Call(t.Context(), identkit.Request{Path: "/things/1", Header: http.Header{name: {"gzip"}}}, nil, nil)
		require.ErrorIs(t, err, identkit.ErrInvalidRequest, name)
	}
	assert.Zero(t, srv.Journal().Len())
}

func TestAHeaderUnderTwoSpellingsIsRefused(t *testing.T) {
	t.Parallel()
	srv, c := things(t)
	for range 60 { // the order of a map would decide
		for _, h := range []http.Header{
			{"X-Tenant": {"north"}, "x-tenant": {"south"}}, {"X-TENANT": {"north"}, "X-Tenant": {"south"}}, {"x-TENANT": {"north"}, "X-tenant": {"south"}},
		} {
			err := c.Call(t.Context(), identkit.Request{Path: "/things/1", Header: h}, nil, nil)
			require.EqualError(t, err, "test.Call: invalid request: header X-Tenant is given under more than one spelling")
		}
	}
	assert.Zero(t, srv.Journal().Len())
	require.NoError(t, c.Call(t.Context(), identkit.Request{Path: "/things/1", Header: http.Header{"x-tenant": {"north", "south"}}}, nil, nil))
	entry, _ := srv.Journal().Last("test.Read")
	assert.Equal(t, []string{"north", "south"}, entry.Header.Values("X-Tenant"))
}

// withGateway is a client whose configuration has a header.
func withGateway(t *testing.T, header map[string]identkit.Secret, adjust ...func(*Config)) (*fakeserver.Server, *Client) {
	t.Helper()
	return things(t, append(adjust, func(cfg *Config) { cfg.Header = header })...)
}

func TestTheHeaderOfAConfigurationIsSentWithEveryCall(t *testing.T) {
	t.Parallel()
	lc := identkittest.NewLeakCheck(t)
	key := lc.Secret("gateway key")
	srv, c := withGateway(t, map[string]identkit.Secret{"x-gateway-key": key}, func(cfg *Config) {
		cfg.Options.Logger, cfg.Options.Observer = lc.Logger(), lc.Observer()
		cfg.Options.Retry.InitialBackoff = 1
		lc.Value(*cfg)
	})
	srv.Fault(identkittest.On("test.Read").First(1).Status(503))
	_, err := readOne(t.Context(), c, "1", identkit.WithHeader("X-Tenant", "north"))
	require.NoError(t, err)
	require.NoError(t, create(t.Context(), c))
	require.NoError(t, c.Call(t.Context(), identkit.Request{Path: "/things/1"}, nil, nil))
	_, err = readOne(t.Context(), c.WithAuth(Bearer(identkit.Static("token"))), "1")
	require.NoError(t, err)
	require.Equal(t, 5, srv.Journal().Len())
	for _, entry := range srv.Journal().All() {
		assert.Equal(t, []string{key.Reveal()}, entry.Header.Values("X-Gateway-Key"), entry.Number)
	}
	lc.Value(c)
	lc.Value(*c)

	_, err = readOne(t.Context(), c, "1", identkit.WithHeader("X-Gateway-Key", "another"))
	require.EqualError(t, err, "test.Read: invalid request: header X-Gateway-Key is sent by the client's configuration already")
	lc.Error(err)
	srv.Fault(identkittest.Any().Status(400))
	_, err = readOne(t.Context(), c, "1")
	require.ErrorIs(t, err, identkit.ErrRejected)
	lc.Error(err)
}

func TestTheHeaderOfAConfigurationStaysWithItsHost(t *testing.T) {
	t.Parallel()
	var check Check
	c := New(Config{Provider: "test", BaseURL: "https://h/ctx", Header: map[string]identkit.Secret{"X-Gateway-Key": "k"}}, &check)
	for address, sent := range map[string]bool{"https://h/other": true, "https://tokens.test/ctx": false, "https://h:8443/ctx": false, "http://h/ctx": false} {
		u, err := url.Parse(address)
		require.NoError(t, err)
		assert.Equal(t, sent, c.header(u).Get("X-Gateway-Key") == "k", address)
	}
	assert.Empty(t, c.header(nil))
}

func TestAHeaderOfAConfigurationThatCannotBeSentIsRefused(t *testing.T) {
	t.Parallel()
	refused := map[string]map[string]identkit.Secret{
		"Header":                {"bad name": "x"},
		"Header[User-Agent]":    {"user-agent": "x"},
		"Header[X-Key]":         {"X-Key": "x"}, // the authentication's
		"Header[X-Empty]":       {"X-Empty": ""},
		"Header[X-Blank]":       {"X-Blank": " "},
		"Header[X-Line]":        {"X-Line": "key\n"},
		"Header[X-Mask]":        {"X-Mask": "[secret]"},
		"Header[X-Letters]":     {"X-Letters": "klíč"},
		"Header[X-Gateway-Key]": {"X-Gateway-Key": "a", "x-gateway-key": "b"},
	}
	for _, name := range append(ownHeaders, "Accept", "Idempotency-Key") {
		refused[fmt.Sprintf("Header[%s]", http.CanonicalHeaderKey(name))] = map[string]identkit.Secret{name: "x"}
	}
	for field, header := range refused {
		var check Check
		auth := Join(Bearer(identkit.Static("t")), Header("x-key", "", identkit.Static("k")))
		assert.Nil(t, New(Config{Provider: "test", BaseURL: "https://h", Auth: auth, Header: header}, &check), field)
		require.Len(t, check.Faults, 1, field)
		assert.Equal(t, field, check.Faults[0].Field)
		assert.NotContains(t, check.Err("test", "test.New").Error(), "klíč")
	}
}
