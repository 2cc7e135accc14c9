package iproov_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/iproov"
	"github.com/identkit/identkit/iproov/iproovtest"
)

func TestEveryRegionHasItsAddresses(t *testing.T) {
	t.Parallel()
	var labels []string
	for _, r := range iproov.Regions() {
		assert.True(t, r.Known())
		labels = append(labels, string(r))
		e := r.Endpoint()
		assert.Equal(t, "https://"+string(r)+".rp.secure.iproov.me/api/v2", e.BaseURL)
		for _, p := range []iproov.Platform{iproov.PlatformAndroid, iproov.PlatformIOS, iproov.PlatformFlutter, iproov.PlatformReactNative, iproov.PlatformDotNet} {
			assert.True(t, p.Known())
			assert.Equal(t, "wss://"+string(r)+".rp.secure.iproov.me/ws", e.StreamingURL(p), p)
		}
		assert.Equal(t, "https://"+string(r)+".rp.secure.iproov.me", e.StreamingURL(iproov.PlatformWeb))
		assert.Empty(t, e.StreamingURL("toaster"))
	}
	assert.Equal(t, []string{"eu", "us", "sg", "au", "jkt", "latam"}, labels)
	assert.False(t, iproov.Region("gds").Known())
}

func TestAddressesAreNormalised(t *testing.T) {
	t.Parallel()
	for address, base := range map[string]string{
		"https://eu.rp.secure.iproov.me/api/v2":      "https://eu.rp.secure.iproov.me/api/v2",
		"https://eu.rp.secure.iproov.me/api/v2/":     "https://eu.rp.secure.iproov.me/api/v2",
		"https://eu.rp.secure.iproov.me":             "https://eu.rp.secure.iproov.me/api/v2",
		"https://eu.rp.secure.iproov.me/":            "https://eu.rp.secure.iproov.me/api/v2",
		"EU.rp.secure.iproov.me":                     "https://eu.rp.secure.iproov.me/api/v2",
		"https://eu.rp.iproov.me/api/v2":             "https://eu.rp.secure.iproov.me/api/v2",
		"https://gds.rp.secure.iproov.me":            "https://gds.rp.secure.iproov.me/api/v2",
		"https://proxy.acme.example:8443/face":       "https://proxy.acme.example:8443/face/api/v2",
		"https://proxy.acme.example/face/api/v2//":   "https://proxy.acme.example/face/api/v2",
		"http://127.0.0.1:8080/api/v2":               "http://127.0.0.1:8080/api/v2",
		"https://secure.iproov.me/api/v2":            "https://secure.iproov.me/api/v2",
		"https://proxy.acme.example/a%2Fb/api/v2":    "https://proxy.acme.example/a%2Fb/api/v2",
		"https://rp.iproov.me.attacker.example/x/y/": "https://rp.iproov.me.attacker.example/x/y/api/v2",
	} {
		e, err := iproov.ParseEndpoint(address)
		require.NoError(t, err, address)
		assert.Equal(t, base, e.BaseURL, address)
	}
	e, err := iproov.ParseEndpoint("https://proxy.acme.example/face")
	require.NoError(t, err)
	assert.Equal(t, "wss://proxy.acme.example/face/ws", e.NativeURL)
	assert.Equal(t, "https://proxy.acme.example/face", e.WebURL)
	for _, address := range []string{"", "wss://eu.rp.secure.iproov.me/ws", "ftp://x", "https://u:p@eu.rp.secure.iproov.me", " eu.rp.secure.iproov.me", "https://x/face ", "https://x/face\n", "https://x:99999", "https://x/?a=b", "https://x/#f", "https://", ":"} {
		_, err := iproov.ParseEndpoint(address)
		require.ErrorIs(t, err, identkit.ErrInvalidRequest, address)
	}
}

func TestLaunchNamesTheStreamingURL(t *testing.T) {
	t.Parallel()
	until := time.Date(2026, 11, 28, 18, 0, 59, 999_999_999, time.FixedZone("", 3600))
	claim := &iproov.Claim{Token: "tok", Type: iproov.TypeVerify, StartBefore: until}
	client, err := iproov.New(iproov.Config{Region: "GDS", Credentials: iproov.Keys("key", "secret")})
	require.NoError(t, err)
	b, err := json.Marshal(client.Launch(claim, iproov.PlatformIOS))
	require.NoError(t, err)
	assert.JSONEq(t, `{"token":"tok","type":"verify","streamingUrl":"wss://gds.rp.secure.iproov.me/ws","startBefore":"2026-11-28T17:00:59Z"}`, string(b))
	b, err = json.Marshal(client.Launch(&iproov.Claim{Token: "tok"}, iproov.PlatformIOS))
	require.NoError(t, err)
	assert.NotContains(t, string(b), "startBefore")

	client, err = iproov.New(iproov.Config{
		BaseURL: "https://proxy.acme.example", NativeStreamingURL: "wss://stream.acme.example/ws", WebStreamingURL: "https://stream.acme.example",
		Credentials: iproov.Keys("key", "secret"),
	})
	require.NoError(t, err)
	assert.Equal(t, iproov.Endpoint{BaseURL: "https://proxy.acme.example/api/v2", NativeURL: "wss://stream.acme.example/ws", WebURL: "https://stream.acme.example"}, client.Endpoint())
}

func TestLookalikeHostsAndCredentialsInAddressesAreRefused(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"https://\u0435u.rp.secure.iproov.me", "eu\u3002rp.secure.iproov.me"} {
		_, err := iproov.ParseEndpoint(address)
		require.ErrorIs(t, err, identkit.ErrInvalidRequest, address)
	}
	_, err := iproov.New(iproov.Config{Region: iproov.RegionEU, Credentials: iproov.Keys("k", "s"), WebStreamingURL: "https://user:pw@stream.example/"})
	require.ErrorIs(t, err, identkit.ErrInvalidRequest)
	srv := iproovtest.New(iproovtest.Options{})
	srv.Fault(identkittest.Any().JSON(401, map[string]string{"error": iproov.CodeInvalidKey}))
	client := srv.Client(func(cfg *iproov.Config) { cfg.WebStreamingURL = "https://stream.example/x?token=abcdef" })
	_, err = client.Verify.CreateToken(t.Context(), tokenIn)
	require.ErrorIs(t, err, identkit.ErrUnauthorized)
	assert.NotContains(t, err.Error(), "abcdef")
	assert.Contains(t, err.Error(), "region")
	for _, address := range []string{"eu.rp.iproov.me:443", "eu.rp.iproov.me."} {
		e, err := iproov.ParseEndpoint(address)
		require.NoError(t, err)
		assert.Contains(t, e.BaseURL, "eu.rp.secure.iproov.me")
	}
}

func FuzzParseEndpoint(f *testing.F) {
	f.Fuzz(func(t *testing.T, address string) {
		e, err := iproov.ParseEndpoint(address)
		if err != nil {
			require.ErrorIs(t, err, identkit.ErrInvalidRequest)
			return
		}
		again, err := iproov.ParseEndpoint(e.BaseURL)
		require.NoError(t, err)
		require.Equal(t, e, again, "a normalised address stays as it is")
	})
}
