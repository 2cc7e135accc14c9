// Package pacrypto holds the PowerAuth algorithms of protocol 3 that both sides compute: package powerauth checks
// codes and signatures with them, the fake and the simulated phone of package powerauthtest also produce them.
//
// The facts come from the public repository wultra/powerauth-crypto (docs/Activation-Code.md,
// docs/Computing-and-Validating-Signatures.md, docs/MAC-Token-Based-Authentication.md, the key derivation page of the 1.x
// releases, and the published test vectors), checked 2026-11. Protocol 4 (KMAC, P-384, ML-DSA) is not covered.
//
// Errors of this package never repeat their input.
package pacrypto

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strings"
)

// NonceSize is the length of every PowerAuth nonce, in bytes.
const NonceSize = 16

var errBase64 = errors.New("not standard Base64")

// DecodeBase64 reads standard Base64 with padding. Padding bits that are not zero are accepted, because the vendor's own
// samples have them; line breaks, which encoding/base64 would skip, are refused.
func DecodeBase64(s string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil || strings.ContainsAny(s, "\r\n") {
		return nil, errBase64
	}
	return b, nil
}

// EncodeBase64 writes standard Base64 with padding.
func EncodeBase64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// CRC16 returns the CRC-16/ARC checksum: polynomial 0x8005 reflected, initial value 0, no final XOR.
// The check value of "123456789" is 0xBB3D.
func CRC16(b []byte) uint16 {
	const reflected = 0xA001
	var crc uint16
	for _, c := range b {
		crc ^= uint16(c)
		for range 8 {
			crc = crc>>1 ^ crc&1*reflected
		}
	}
	return crc
}

// maxDigits is the most digits a decimal code has: more would not fit the 31 bits it is cut from.
const maxDigits = 8

// Decimal returns the lower 31 bits of word modulo 10^digits, padded with zeros. It is how fingerprints, offline codes
// and proximity codes become digits. Digits above 8 count as 8, below 1 as 1.
func Decimal(word uint32, digits int) string {
	digits = max(1, min(digits, maxDigits))
	return fmt.Sprintf("%0*d", digits, (word&0x7FFFFFFF)%uint32(math.Pow10(digits)))
}
