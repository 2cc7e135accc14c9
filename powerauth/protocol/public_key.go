package protocol

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/identkit/identkit/internal/pacrypto"
)

var (
	// ErrPublicKey is the error of a text that is not a P-256 public key.
	ErrPublicKey = errors.New("powerauth: not a P-256 public key")
	// ErrSignature is the error of a signature that is missing or does not belong to its text and key.
	ErrSignature = errors.New("powerauth: signature not valid")
)

// PublicKey is a public key on the curve P-256: the master server key of an application, or one of a registration's
// keys. The zero value verifies nothing.
type PublicKey struct{ key *ecdsa.PublicKey }

const maxPublicKeyText = 1024

// ParsePublicKey reads a key such as masterServerPublicKey: Base64 of the 65 bytes of an uncompressed point, which is what
// live systems give, or of a DER SubjectPublicKeyInfo, which is what the reference shows; that both occur is an
// assumption. Device and server keys of a registration are written the same way. The error is [ErrPublicKey].
//
// Source: Wultra tutorial Server-Side-Tutorial-Deployment and PowerAuth Cloud API-Admin, checked 2026-11.
func ParsePublicKey(s string) (PublicKey, error) {
	if len(s) > maxPublicKeyText {
		return PublicKey{}, fmt.Errorf("%w: too long", ErrPublicKey)
	}
	b, err := pacrypto.DecodeBase64(s)
	if err != nil {
		return PublicKey{}, fmt.Errorf("%w: not Base64", ErrPublicKey)
	}
	return newPublicKey(b)
}

// String returns Base64 of the key's uncompressed point, or an empty text for the zero value.
func (k PublicKey) String() string {
	point, err := pacrypto.PublicKeyBytes(k.key)
	if err != nil {
		return ""
	}
	return pacrypto.EncodeBase64(point)
}

func newPublicKey(b []byte) (PublicKey, error) {
	key, err := pacrypto.ParsePublicKey(b)
	if err != nil {
		return PublicKey{}, ErrPublicKey
	}
	return PublicKey{key: key}, nil
}

const fingerprintDigits = 8

// Fingerprint computes activationFingerprint, the 8 digits that phone and backend show so that the user can compare
// them: SHA-256 over the X coordinate of the device's key, the id as it is written, and the X coordinate
// of the server's key, cut to 8 digits. The coordinates lose their leading zero bytes.
//
// The provider returns neither key, so a backend normally shows the activationFingerprint it reads; this is for those who hold
// the keys. The error is [ErrPublicKey] for a zero key.
//
// Source: wultra/powerauth-crypto, published vectors public-key-fingerprint-v3.json, checked 2026-11.
func Fingerprint(device, server PublicKey, id ActivationID) (string, error) {
	deviceX, err := coordinateX(device)
	if err != nil {
		return "", fmt.Errorf("device key: %w", err)
	}
	serverX, err := coordinateX(server)
	if err != nil {
		return "", fmt.Errorf("server key: %w", err)
	}
	sum := sha256.Sum256(slices.Concat(deviceX, []byte(id), serverX))
	return pacrypto.Decimal(binary.BigEndian.Uint32(sum[len(sum)-4:]), fingerprintDigits), nil
}

// coordinateX returns X as an unsigned integer without leading zeros.
func coordinateX(k PublicKey) ([]byte, error) {
	point, err := pacrypto.PublicKeyBytes(k.key)
	if err != nil {
		return nil, ErrPublicKey
	}
	return bytes.TrimLeft(point[1:1+(len(point)-1)/2], "\x00"), nil
}
