package protocol_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/pacrypto"
	"github.com/identkit/identkit/powerauth/powerauthtest"
	"github.com/identkit/identkit/powerauth/protocol"
)

func sdkConfig(t *testing.T, b ...[]byte) identkit.Secret {
	t.Helper()
	var all []byte
	for _, part := range b {
		all = append(all, part...)
	}
	return identkit.Secret(pacrypto.EncodeBase64(all))
}

func ExampleParseMobileSDKConfig() {
	const text = "ARAAAQIDBAUGBwgJCgsMDQ4PEBAREhMUFRYXGBkaGxwdHh8BAUEEEiiljzNnidXTZAdLicYxeypl" +
		"Q/3iOu9Hn0y8te0Ag2YbhWqpwFajYOcgB68cC3n9MSUgA/RNk/qRVw23zbgR9A=="
	config, err := protocol.ParseMobileSDKConfig(text)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(config.AppKey, config.AppSecret, len(config.Keys))
	// Output: AAECAwQFBgcICQoLDA0ODw== [secret] 1
}

func TestMobileSDKConfigIsReadWithAndWithoutLengths(t *testing.T) {
	t.Parallel()
	appKey, secret := []byte("0123456789abcdef"), []byte("ABCDEFGHIJKLMNOP")
	key, err := pacrypto.DecodeBase64(signedKey)
	require.NoError(t, err)
	for name, text := range map[string]identkit.Secret{
		"with lengths":    sdkConfig(t, []byte{1, 16}, appKey, []byte{16}, secret, []byte{1, 1, 65}, key),
		"without lengths": sdkConfig(t, []byte{1}, appKey, secret, []byte{1, 1, 65}, key),
		"longer lengths":  sdkConfig(t, []byte{1, 0x80, 16}, appKey, []byte{0xC0, 0, 0, 16}, secret, []byte{1, 1, 0x80, 65}, key),
	} {
		c, err := protocol.ParseMobileSDKConfig(text)
		require.NoError(t, err, name)
		assert.Equal(t, protocol.ApplicationKey(pacrypto.EncodeBase64(appKey)), c.AppKey, name)
		assert.Equal(t, pacrypto.EncodeBase64(secret), c.AppSecret.Reveal(), name)
		master, err := c.MasterPublicKey()
		require.NoError(t, err, name)
		assert.Equal(t, signedKey, master.String(), name)
		assertSilent(t, c, c.AppSecret.Reveal(), string(secret))
	}
}

func TestMobileSDKConfigHoldsKeysOfEverySize(t *testing.T) {
	t.Parallel()
	want := &protocol.MobileSDKConfig{
		AppKey: protocol.ApplicationKey(pacrypto.EncodeBase64(make([]byte, 16))), AppSecret: identkit.Secret(pacrypto.EncodeBase64(make([]byte, 16))),
		Keys: []protocol.MobileSDKKey{
			{ID: protocol.MobileSDKKeyP384, Bytes: make([]byte, 97)},
			{ID: protocol.MobileSDKKeyMLDSA87, Bytes: make([]byte, 2592)},
			{ID: 200, Bytes: make([]byte, 0x4000)},
		},
	}
	text, err := powerauthtest.FormatMobileSDKConfig(want)
	require.NoError(t, err)
	got, err := protocol.ParseMobileSDKConfig(text)
	require.NoError(t, err)
	assert.Equal(t, want, got)
	assert.True(t, got.Keys[0].ID.Known())
	assert.False(t, got.Keys[2].ID.Known(), "unknown ids are kept")

	_, err = got.MasterPublicKey()
	assert.ErrorIs(t, err, protocol.ErrPublicKey, "no P-256 key")
	got.Keys[0].ID = protocol.MobileSDKKeyP256
	_, err = got.MasterPublicKey()
	assert.ErrorIs(t, err, protocol.ErrPublicKey, "not a point")
}

func TestMobileSDKConfigRefusesMalformedTexts(t *testing.T) {
	t.Parallel()
	head := []byte("\x01\x100123456789abcdef\x10ABCDEFGHIJKLMNOP")
	for name, text := range map[string]identkit.Secret{
		"nothing":           "",
		"not Base64":        "?",
		"other version":     sdkConfig(t, []byte{2}, head[1:], []byte{0}),
		"only a version":    sdkConfig(t, []byte{1}),
		"cut in the key":    sdkConfig(t, head[:9]),
		"cut in the secret": sdkConfig(t, head[:30]),
		"no count":          sdkConfig(t, head),
		"key missing":       sdkConfig(t, head, []byte{1}),
		"key cut":           sdkConfig(t, head, []byte{1, 1, 65, 4}),
		"trailing byte":     sdkConfig(t, head, []byte{0, 0}),
		"large count":       sdkConfig(t, head, []byte{0xFF, 0xFF, 0xFF, 0xFF}),
		"large key":         sdkConfig(t, head, []byte{1, 1, 0xFF, 0xFF, 0xFF, 0xFF}),
		"length cut":        sdkConfig(t, head, []byte{1, 1, 0x80}),
		"duplicate key":     sdkConfig(t, head, []byte{2, 1, 1, 0, 1, 1, 0}),
		"key of 15 bytes":   sdkConfig(t, []byte("\x01\x0f0123456789abcde\x10ABCDEFGHIJKLMNOP\x00")),
		"too long":          identkit.Secret(strings.Repeat("AQAA", 10_000)),
	} {
		c, err := protocol.ParseMobileSDKConfig(text)
		require.ErrorIs(t, err, protocol.ErrMobileSDKConfig, name)
		assert.Nil(t, c, name)
		assertSilent(t, err, "ABCDEF", "012345")
	}
}

func TestMobileSDKConfigsMatchPublishedVectors(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct{ MobileSDKConfig, AppKey, AppSecret, MasterServerPublicKey string }
	}
	readVectors(t, "mobile-sdk-config.json", &file)
	require.NotEmpty(t, file.Vectors)
	for _, v := range file.Vectors {
		c, err := protocol.ParseMobileSDKConfig(identkit.Secret(v.MobileSDKConfig))
		require.NoError(t, err)
		assert.Equal(t, protocol.ApplicationKey(v.AppKey), c.AppKey)
		assert.Equal(t, v.AppSecret, c.AppSecret.Reveal())
		master, err := c.MasterPublicKey()
		require.NoError(t, err)
		assert.Equal(t, v.MasterServerPublicKey, master.String())
		text, err := powerauthtest.FormatMobileSDKConfig(c)
		require.NoError(t, err)
		assert.Equal(t, v.MobileSDKConfig, text.Reveal())
	}
}

func FuzzMobileSDKConfig(f *testing.F) {
	f.Fuzz(func(t *testing.T, s string) {
		c, err := protocol.ParseMobileSDKConfig(identkit.Secret(s))
		if err != nil {
			return
		}
		text, err := powerauthtest.FormatMobileSDKConfig(c)
		if err != nil {
			if len(s) > 30_000 {
				return // added lengths make it longer than allowed
			}
			t.Fatalf("cannot write what was parsed: %v", err)
		}
		again, err := protocol.ParseMobileSDKConfig(text)
		if err != nil || again.AppKey != c.AppKey || again.AppSecret != c.AppSecret || len(again.Keys) != len(c.Keys) {
			t.Fatalf("%q was written as %q", s, text.Reveal())
		}
	})
}
