package powerauth

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/identkit/identkit/internal/pacrypto"
)

const fingerprintDigits = 8

// Fingerprint computes activationFingerprint, the 8 digits that phone and backend show so that the user can compare
// them: SHA-256 over the X coordinate of the device's key, the registration's id as it is written, and the X coordinate
// of the server's key, cut to 8 digits. The coordinates lose their leading zero bytes.
//
// The provider returns neither key, so a backend normally shows the activationFingerprint it reads; this is for fakes,
// and for those who hold the keys. The error is [ErrPublicKey] for a zero key.
//
// Source: wultra/powerauth-crypto, published vectors public-key-fingerprint-v3.json, checked 2026-11.
func Fingerprint(device, server PublicKey, registrationID string) (string, error) {
	deviceX, err := coordinateX(device)
	if err != nil {
		return "", fmt.Errorf("device key: %w", err)
	}
	serverX, err := coordinateX(server)
	if err != nil {
		return "", fmt.Errorf("server key: %w", err)
	}
	h := sha256.New()
	h.Write(deviceX)
	h.Write([]byte(registrationID))
	h.Write(serverX)
	sum := h.Sum(nil)
	return pacrypto.Decimal(binary.BigEndian.Uint32(sum[len(sum)-4:]), fingerprintDigits), nil
}

// coordinateX returns X as an unsigned integer without leading zeros.
func coordinateX(k PublicKey) ([]byte, error) {
	point, err := pacrypto.PublicKeyBytes(k.key)
	if err != nil {
		return nil, ErrPublicKey
	}
	x := point[1 : 1+(len(point)-1)/2]
	return bytes.TrimLeft(x, "\x00"), nil
}
