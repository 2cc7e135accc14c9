package powerauthtest

import (
	"crypto/sha256"
	"slices"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/internal/pacrypto"
)

func registered(tb testing.TB) []byte {
	tb.Helper()
	c, err := NewAuthenticator("https://a.test", "a.test").Register("challenge")
	require.NoError(tb, err)
	return c.Response.AttestationObject
}

func TestAttestationIsReadStrictly(t *testing.T) {
	t.Parallel()
	valid := registered(t)
	d, err := parseAttestation(valid)
	require.NoError(t, err)
	assert.NotNil(t, d.key)
	assert.Len(t, d.credential, 32)
	for name, object := range map[string]string{
		"trailing bytes":            string(valid) + "\x00",
		"cut short":                 string(valid[:len(valid)-1]),
		"a duplicate name":          "\xa4\x63fmt\x60" + string(valid[1:]),
		"a duplicate name deep":     strings.Replace(string(valid), "attStmt\xa0", "attStmt\xa2\x61a\x01\x61a\x01", 1),
		"a name in another case":    strings.Replace(string(valid), "authData", "AuthData", 1),
		"a list of indefinite size": strings.Replace(string(valid), "attStmt\xa0", "attStmt\xa1\x63x5c\x9f\xff", 1),
		"a tag":                     strings.Replace(string(valid), "attStmt\xa0", "attStmt\xa1\x61a\xc1\x00", 1),
		"nested too deeply":         strings.Replace(string(valid), "attStmt\xa0", "attStmt\xa1\x61a\x81\x81\x80", 1),
		"data as a text":            "\xa1\x68authData\x61x",
		"a list":                    "\x80",
	} {
		assert.NotEqual(t, string(valid), object, name)
		_, err := parseAttestation([]byte(object))
		require.Error(t, err, name)
	}
	chain := strings.Replace(string(valid), "attStmt\xa0", "attStmt\xa1\x63x5c\x81\x41x", 1)
	_, err = parseAttestation([]byte(chain))
	require.NoError(t, err, "a certificate chain is nested within the limit")
}

func TestAuthenticatorDataIsReadStrictly(t *testing.T) {
	t.Parallel()
	private, err := pacrypto.GenerateKey()
	require.NoError(t, err)
	in := authenticatorData{relyingParty: sha256.Sum256([]byte("a.test")), flags: userPresent | hasKey, count: 7, credential: []byte("id"), key: &private.PublicKey}
	valid := in.encode()
	out, err := parseAuthenticatorData(valid)
	require.NoError(t, err)
	assert.True(t, in.key.Equal(out.key))
	in.key, out.key = nil, nil
	assert.Equal(t, in, out)

	extended := slices.Concat(valid, []byte("\xa1\x61a\x01"))
	_, err = parseAuthenticatorData(extended)
	require.Error(t, err, "extensions without their flag")
	extended[sha256.Size] |= hasExtensions
	_, err = parseAuthenticatorData(extended)
	require.NoError(t, err)
	_, err = parseAuthenticatorData(append(extended, 0))
	require.Error(t, err, "bytes behind the extensions")

	head := string(valid[:authenticatorHead+aaguidSize]) + "\x00\x02id"
	point, err := pacrypto.PublicKeyBytes(&private.PublicKey)
	require.NoError(t, err)
	for name, key := range map[string]coseKey{
		"another type":      {1, coseES256, coseP256, cbor.ByteString(point[1:33]), cbor.ByteString(point[33:])},
		"another algorithm": {coseEC2, -8, coseP256, cbor.ByteString(point[1:33]), cbor.ByteString(point[33:])},
		"another curve":     {coseEC2, coseES256, 2, cbor.ByteString(point[1:33]), cbor.ByteString(point[33:])},
		"unequal lengths":   {coseEC2, coseES256, coseP256, cbor.ByteString(point[1:32]), cbor.ByteString(point[32:])},
		"not on the curve":  {coseEC2, coseES256, coseP256, cbor.ByteString(point[1:33]), cbor.ByteString(point[1:33])},
	} {
		b, err := cborEncoding.Marshal(key)
		require.NoError(t, err)
		_, err = parseAuthenticatorData([]byte(head + string(b)))
		require.Error(t, err, name)
	}
	for name, b := range map[string]string{
		"too short": string(valid[:authenticatorHead-1]), "no key": string(valid[:authenticatorHead]), "no id": string(valid[:authenticatorHead+aaguidSize]) + "\x00\x00\xa0",
		"an id that is cut": string(valid[:authenticatorHead+aaguidSize]) + "\x00\xffid", "an invalid key": head + "\x01", "a duplicate key": head + "\xa2\x01\x02\x01\x02",
	} {
		_, err := parseAuthenticatorData([]byte(b))
		require.Error(t, err, name)
	}
}

// FuzzAttestation: a key is never read without the id of its credential.
func FuzzAttestation(f *testing.F) {
	f.Add(registered(f))
	f.Add([]byte{0x9a, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x00})
	f.Fuzz(func(t *testing.T, b []byte) {
		data, err := parseAttestation(b)
		if err == nil && data.key != nil && len(data.credential) == 0 {
			t.Fatal("a key without an id")
		}
	})
}
