package webhook

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// Encoding says how a signature is written. The length tells hex and base64 apart, so the zero value reads both.
type Encoding string

// The encodings. Hex is read in either case; Base64 in the standard or the URL alphabet, padded or not.
const (
	HexOrBase64 Encoding = ""
	Hex         Encoding = "hex"
	Base64      Encoding = "base64"
)

func (e Encoding) known() bool { return e == HexOrBase64 || e == Hex || e == Base64 }

// maxDigest is the size of the longest digest or signature: SHA-512, ed25519.
const maxDigest = 64

// decodeDigest writes the size bytes that s stands for to dst. Exactly one writing of a digest is accepted
// per encoding, but for case, alphabet and padding.
func decodeDigest(dst *[maxDigest]byte, s string, size int, enc Encoding) bool {
	if len(s) == hex.EncodedLen(size) {
		if enc == Base64 {
			return false
		}
		n, err := hex.Decode(dst[:], []byte(s))
		return err == nil && n == size
	}
	if enc == Hex {
		return false
	}
	padded, bare := base64.StdEncoding.EncodedLen(size), base64.RawStdEncoding.EncodedLen(size)
	switch {
	case len(s) == bare:
	case len(s) == padded && strings.Count(s[bare:], "=") == padded-bare:
		s = s[:bare]
	default:
		return false
	}
	alphabet := strictStd
	if strings.ContainsAny(s, "-_") {
		alphabet = strictURL
	}
	// A line break inside is skipped by the decoder, but then a byte is missing in the end.
	n, err := alphabet.Decode(dst[:], []byte(s))
	return err == nil && n == size
}

var (
	strictStd = base64.RawStdEncoding.Strict()
	strictURL = base64.RawURLEncoding.Strict()
)

// decodeKeyBase64 reads key material in any of the usual writings of base64.
func decodeKeyBase64(s string) ([]byte, error) {
	s = strings.TrimRight(s, "=")
	if strings.ContainsAny(s, "-_") {
		return base64.RawURLEncoding.DecodeString(s)
	}
	return base64.RawStdEncoding.DecodeString(s)
}
