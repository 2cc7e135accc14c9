package pacrypto

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"time"
)

var errTokenVersion = errors.New("no token digest is known for that protocol version")

// TokenDigest computes token_digest: HMAC-SHA-256 under the token secret over nonce, "&" and the timestamp as in
// the header (decimal epoch milliseconds); since protocol 3.2 also "&" and the version. Versions other than 3.0 to
// 3.3 are an error.
func TokenDigest(secret Key, nonce []byte, timestamp, version string) ([]byte, error) {
	data := [][]byte{nonce, []byte("&"), []byte(timestamp)}
	switch version {
	case "3.0", "3.1":
	case "3.2", "3.3":
		data = append(data, []byte("&"), []byte(version))
	default:
		return nil, errTokenVersion
	}
	return mac(sha256.New, secret[:], data...), nil
}

// VerifyTokenDigest reports whether digest is valid. It is false for unknown versions.
func VerifyTokenDigest(secret Key, nonce []byte, timestamp, version string, digest []byte) bool {
	want, err := TokenDigest(secret, nonce, timestamp, version)
	return err == nil && hmac.Equal(want, digest)
}

const (
	totpStep   = 30 * time.Second
	totpDigits = 8
	// minSeed is RFC 4226's minimum length of a shared secret, and the length of PowerAuth's seeds, in bytes.
	minSeed = 16
)

var errSeed = errors.New("a proximity seed has at least 16 bytes")

// TOTP computes the proximity code of an instant: RFC 6238 with HMAC-SHA-256, 8 digits, 30-second steps.
func TOTP(seed []byte, at time.Time) (string, error) {
	if len(seed) < minSeed {
		return "", errSeed
	}
	return totp(sha256.New, seed, timeStep(at)), nil
}

// VerifyTOTP reports whether code belongs to the step of at or to the step before it. It is false for a short
// seed.
func VerifyTOTP(seed []byte, code string, at time.Time) bool {
	if len(seed) < minSeed {
		return false
	}
	step := timeStep(at)
	current := hmac.Equal([]byte(totp(sha256.New, seed, step)), []byte(code))
	previous := hmac.Equal([]byte(totp(sha256.New, seed, step-1)), []byte(code))
	return current || previous
}

func timeStep(at time.Time) int64 { return at.Unix() / int64(totpStep/time.Second) }

func totp(h func() hash.Hash, seed []byte, step int64) string {
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], uint64(step)) //nolint:gosec // RFC 6238 counts steps since 1970
	sum := mac(h, seed, counter[:])
	offset := sum[len(sum)-1] & 0xF
	return Decimal(binary.BigEndian.Uint32(sum[offset:]), totpDigits)
}
