package powerauth_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/internal/pacrypto"
	"github.com/identkit/identkit/powerauth"
)

const (
	fingerprintDevice = "BHS5kLb7nQkN4D8hMNbYs7uAj1yVHShh5l/YKIZowo8cN4CK6Q/9X5jb0mQruk/RB4AenmNB9jSKv00T9J8EneA="
	fingerprintServer = "BLVfJ2NrOBByBZhfS4UtEQU3fLhnzYbWdp3ZVEQPfKtTGXzXIpKqxCVwpRl3X++4OJQJoemybZ/cmkLU5fY2SZE="
	fingerprintID     = "6ae8cd16-67a7-4840-8d37-33d9aab6ea51"
)

func ExampleFingerprint() {
	device, errDevice := powerauth.ParseMasterPublicKey(fingerprintDevice)
	server, errServer := powerauth.ParseMasterPublicKey(fingerprintServer)
	if errDevice != nil || errServer != nil {
		fmt.Println(errDevice, errServer)
		return
	}
	fmt.Println(powerauth.Fingerprint(device, server, fingerprintID))
	// Output: 80201993 <nil>
}

func TestFingerprintDependsOnAllItsParts(t *testing.T) {
	t.Parallel()
	device, server := publicKey(t, fingerprintDevice), publicKey(t, fingerprintServer)
	want, err := powerauth.Fingerprint(device, server, fingerprintID)
	require.NoError(t, err)

	swapped, err := powerauth.Fingerprint(server, device, fingerprintID)
	require.NoError(t, err)
	assert.NotEqual(t, want, swapped)
	otherID, err := powerauth.Fingerprint(device, server, "6AE8CD16-67a7-4840-8d37-33d9aab6ea51")
	require.NoError(t, err)
	assert.NotEqual(t, want, otherID)
}

func TestFingerprintNeedsBothKeys(t *testing.T) {
	t.Parallel()
	key := publicKey(t, fingerprintDevice)
	_, err := powerauth.Fingerprint(powerauth.PublicKey{}, key, fingerprintID)
	assert.ErrorIs(t, err, powerauth.ErrPublicKey)
	_, err = powerauth.Fingerprint(key, powerauth.PublicKey{}, fingerprintID)
	assert.ErrorIs(t, err, powerauth.ErrPublicKey)
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
		got, err := powerauth.Fingerprint(
			publicKey(t, c.Input.DevicePublicKey), publicKey(t, c.Input.ServerPublicKey), c.Output.ActivationID)
		require.NoError(t, err)
		assert.Equal(t, c.Output.Fingerprint, got, "vector %d", i)
	}
}

func TestFingerprintDropsLeadingZerosOfTheCoordinate(t *testing.T) {
	t.Parallel()
	server, err := pacrypto.DecodeBase64(fingerprintServer)
	require.NoError(t, err)
	point := pointWithZeroAhead(t)
	got, err := powerauth.Fingerprint(
		publicKey(t, pacrypto.EncodeBase64(point)), publicKey(t, fingerprintServer), fingerprintID)
	require.NoError(t, err)

	sum := sha256.Sum256(slices.Concat(point[2:33], []byte(fingerprintID), server[1:33]))
	last := binary.BigEndian.Uint32(sum[28:]) & 0x7FFFFFFF
	assert.Equal(t, fmt.Sprintf("%08d", last%100_000_000), got)
}

// pointWithZeroAhead finds a point whose X starts with one zero byte; about one key in 256 has such a point.
func pointWithZeroAhead(t *testing.T) []byte {
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
