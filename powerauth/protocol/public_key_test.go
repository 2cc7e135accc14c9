package protocol_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/internal/pacrypto"
	"github.com/identkit/identkit/powerauth/protocol"
)

const (
	fingerprintDevice = "BHS5kLb7nQkN4D8hMNbYs7uAj1yVHShh5l/YKIZowo8cN4CK6Q/9X5jb0mQruk/RB4AenmNB9jSKv00T9J8EneA="
	fingerprintServer = "BLVfJ2NrOBByBZhfS4UtEQU3fLhnzYbWdp3ZVEQPfKtTGXzXIpKqxCVwpRl3X++4OJQJoemybZ/cmkLU5fY2SZE="
	fingerprintID     = "6ae8cd16-67a7-4840-8d37-33d9aab6ea51"
)

func TestPublicKeyHasTwoEncodings(t *testing.T) {
	t.Parallel()
	point := publicKey(t, signedKey)
	assert.Equal(t, signedKey, point.String())

	raw, err := base64.StdEncoding.DecodeString(signedKey)
	require.NoError(t, err)
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), raw)
	require.NoError(t, err)
	der, err := x509.MarshalPKIXPublicKey(key)
	require.NoError(t, err)
	info := publicKey(t, base64.StdEncoding.EncodeToString(der))
	assert.Equal(t, signedKey, info.String())
	assert.NoError(t, protocol.ActivationQR{Code: signedCode, Signature: signedSignature}.Verify(info))
}

func TestPublicKeyRefusesEverythingElse(t *testing.T) {
	t.Parallel()
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKIXPublicKey(&p384.PublicKey)
	require.NoError(t, err)
	for name, s := range map[string]string{
		"nothing": "", "not Base64": "?", "P-384": base64.StdEncoding.EncodeToString(der), "cut": signedKey[:84],
		"off the curve": "BA" + signedKey[2:84] + "AAA=", "too long": strings.Repeat("AAAA", 1000), "PEM": "-----BEGIN PUBLIC KEY-----",
	} {
		key, err := protocol.ParsePublicKey(s)
		require.ErrorIs(t, err, protocol.ErrPublicKey, name)
		assert.Zero(t, key, name)
		assert.Empty(t, key.String(), name)
	}
}

func ExampleFingerprint() {
	device, errDevice := protocol.ParsePublicKey(fingerprintDevice)
	server, errServer := protocol.ParsePublicKey(fingerprintServer)
	if errDevice != nil || errServer != nil {
		fmt.Println(errDevice, errServer)
		return
	}
	fmt.Println(protocol.Fingerprint(device, server, fingerprintID))
	// Output: 80201993 <nil>
}

func TestFingerprintDependsOnKeysAndID(t *testing.T) {
	t.Parallel()
	device, server := publicKey(t, fingerprintDevice), publicKey(t, fingerprintServer)
	want, err := protocol.Fingerprint(device, server, fingerprintID)
	require.NoError(t, err)

	swapped, err := protocol.Fingerprint(server, device, fingerprintID)
	require.NoError(t, err)
	assert.NotEqual(t, want, swapped)
	otherID, err := protocol.Fingerprint(device, server, "6AE8CD16-67a7-4840-8d37-33d9aab6ea51")
	require.NoError(t, err)
	assert.NotEqual(t, want, otherID)
}

func TestFingerprintNeedsBothKeys(t *testing.T) {
	t.Parallel()
	key := publicKey(t, fingerprintDevice)
	_, err := protocol.Fingerprint(protocol.PublicKey{}, key, fingerprintID)
	assert.ErrorIs(t, err, protocol.ErrPublicKey)
	_, err = protocol.Fingerprint(key, protocol.PublicKey{}, fingerprintID)
	assert.ErrorIs(t, err, protocol.ErrPublicKey)
}

func TestFingerprintsMatchPublishedVectors(t *testing.T) {
	t.Parallel()
	var file struct {
		Data []struct {
			Input  struct{ DevicePublicKey, ServerPublicKey string }
			Output struct{ ActivationID, Fingerprint string }
		}
	}
	readVectors(t, "public-key-fingerprint-v3.json", &file)
	require.NotEmpty(t, file.Data)
	for i, c := range file.Data {
		got, err := protocol.Fingerprint(
			publicKey(t, c.Input.DevicePublicKey), publicKey(t, c.Input.ServerPublicKey), protocol.ActivationID(c.Output.ActivationID))
		require.NoError(t, err)
		assert.Equal(t, c.Output.Fingerprint, got, "vector %d", i)
	}
}

func TestFingerprintDropsLeadingZerosOfTheCoordinate(t *testing.T) {
	t.Parallel()
	server, err := pacrypto.DecodeBase64(fingerprintServer)
	require.NoError(t, err)
	point := pointWithLeadingZero(t)
	got, err := protocol.Fingerprint(
		publicKey(t, pacrypto.EncodeBase64(point)), publicKey(t, fingerprintServer), fingerprintID)
	require.NoError(t, err)

	sum := sha256.Sum256(slices.Concat(point[2:33], []byte(fingerprintID), server[1:33]))
	last := binary.BigEndian.Uint32(sum[28:]) & 0x7FFFFFFF
	assert.Equal(t, fmt.Sprintf("%08d", last%100_000_000), got)
}

// pointWithLeadingZero finds a point whose X starts with one zero byte; about one key in 256 has such a point.
func pointWithLeadingZero(t *testing.T) []byte {
	t.Helper()
	for scalar := range uint16(5000) {
		private, err := pacrypto.ParsePrivateKey(binary.BigEndian.AppendUint16(nil, scalar+1))
		require.NoError(t, err)
		point, err := pacrypto.PublicKeyBytes(&private.PublicKey)
		require.NoError(t, err)
		if point[1] == 0 && point[2] != 0 {
			return point
		}
	}
	t.Fatal("no such point")
	return nil
}
