package pacrypto

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
)

// LookAhead is the number of counters that the server tries by default, the current one included.
const LookAhead = 20

// OfflineSecret replaces the application secret in the input of an offline code.
const OfflineSecret = "offline"

const (
	minCodeDigits = 4
	componentSize = 16
	maxFactors    = 3
)

var (
	errFactors = errors.New("unknown combination of factors")
	errDigits  = errors.New("a decimal code has 4 to 8 digits for each factor")
)

// Counter is the hash-based counter CTR_DATA, which device and server advance together.
type Counter [16]byte

// NewCounter returns a random initial counter.
func NewCounter(random io.Reader) (Counter, error) {
	var c Counter
	if _, err := io.ReadFull(random, c[:]); err != nil {
		return Counter{}, fmt.Errorf("draw a counter: %w", err)
	}
	return c, nil
}

// Next returns the counter's next value: SHA-256 of this one, its 32 bytes folded to 16.
func (c Counter) Next() Counter { return Counter(fold(sha256.Sum256(c[:]))) }

// CodeData returns the input of a code: the request's base string, and the application secret as its Base64
// text, or [OfflineSecret].
func CodeData(baseString, secret string) []byte { return []byte(baseString + "&" + secret) }

// OnlineCode computes the value of pa_signature for protocol 3.1, 3.2 and 3.3: 16 bytes for each factor, as Base64.
// The keys come from [Keys.For].
func OnlineCode(data []byte, keys []Key, ctr Counter) (string, error) {
	parts, err := components(data, keys, ctr)
	if err != nil {
		return "", err
	}
	var code []byte
	for _, p := range parts {
		code = append(code, p[len(p)-componentSize:]...)
	}
	return EncodeBase64(code), nil
}

// DecimalCode computes the value of pa_signature for protocol 3.0, and the code of an offline operation: 4 to 8 digits,
// normally 8, for each factor, joined by dashes.
func DecimalCode(data []byte, keys []Key, ctr Counter, digits int) (string, error) {
	if digits < minCodeDigits || digits > maxDigits {
		return "", errDigits
	}
	parts, err := components(data, keys, ctr)
	if err != nil {
		return "", err
	}
	code := make([]string, len(parts))
	for i, p := range parts {
		code[i] = Decimal(binary.BigEndian.Uint32(p[len(p)-4:]), digits)
	}
	return strings.Join(code, "-"), nil
}

// components computes one authentication value for each factor; each builds on the keys of those before it.
func components(data []byte, keys []Key, ctr Counter) ([][]byte, error) {
	if len(keys) == 0 || len(keys) > maxFactors {
		return nil, errFactors
	}
	out := make([][]byte, len(keys))
	for i, key := range keys {
		derived := mac(sha256.New, key[:], ctr[:])
		for j := range i {
			derived = mac(sha256.New, mac(sha256.New, keys[j+1][:], ctr[:]), derived)
		}
		out[i] = mac(sha256.New, derived, data)
	}
	return out, nil
}

func mac(h func() hash.Hash, key []byte, parts ...[]byte) []byte {
	m := hmac.New(h, key)
	for _, p := range parts {
		m.Write(p)
	}
	return m.Sum(nil)
}

// VerifyCode reports whether code is that of compute for ctr or one of the next counters, lookAhead in all, and
// returns the counter that a later code must start from. A code that does not match returns ctr.
func VerifyCode(code string, ctr Counter, lookAhead int, compute func(Counter) (string, error)) (Counter, bool, error) {
	for c, i := ctr, 0; i < lookAhead; i++ {
		want, err := compute(c)
		if err != nil {
			return ctr, false, err
		}
		c = c.Next()
		if hmac.Equal([]byte(want), []byte(code)) {
			return c, true, nil
		}
	}
	return ctr, false, nil
}
