package webhook

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

var someDigest = []byte("0123456789abcdef\xff\xfe\xfd\xfb0123456789ab") // 32 bytes with + and / in base64

func TestDecodeDigest(t *testing.T) {
	t.Parallel()
	std, url := base64.StdEncoding.EncodeToString(someDigest), base64.URLEncoding.EncodeToString(someDigest)
	lower := hex.EncodeToString(someDigest)
	for _, c := range []struct {
		rule string
		text string
		enc  Encoding
		ok   bool
	}{
		{"lower hex", lower, HexOrBase64, true},
		{"upper hex", strings.ToUpper(lower), HexOrBase64, true},
		{"standard base64, padded", std, HexOrBase64, true},
		{"standard base64, bare", strings.TrimRight(std, "="), HexOrBase64, true},
		{"URL base64, padded", url, HexOrBase64, true},
		{"URL base64, bare", strings.TrimRight(url, "="), HexOrBase64, true},
		{"hex where hex is asked for", lower, Hex, true},
		{"base64 where base64 is asked for", std, Base64, true},
		{"hex where base64 is asked for", lower, Base64, false},
		{"base64 where hex is asked for", std, Hex, false},
		{"empty", "", HexOrBase64, false},
		{"a byte short", lower[2:], HexOrBase64, false},
		{"a byte long", lower + "00", HexOrBase64, false},
		{"a nibble short", lower[1:], HexOrBase64, false},
		{"not hex", "g" + lower[1:], HexOrBase64, false},
		{"too much padding", std + "=", HexOrBase64, false},
		{"padding in the middle", std[:10] + "=" + std[11:], HexOrBase64, false},
		{"both alphabets", "+" + url[1:], HexOrBase64, false},
		{"line break inside", std[:10] + "\n" + std[11:], HexOrBase64, false},
		{"line break for padding", std[:43] + "\n", HexOrBase64, false},
		{"bits left over", std[:42] + "l=", HexOrBase64, false},
		{"space in front", " " + lower, HexOrBase64, false},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			var got [maxDigest]byte
			assert.Equal(t, c.ok, decodeDigest(&got, c.text, len(someDigest), c.enc))
			if c.ok {
				assert.Equal(t, someDigest, got[:len(someDigest)])
			}
		})
	}
}

func FuzzDecodeDigest(f *testing.F) {
	f.Add(hex.EncodeToString(someDigest), 32)
	f.Add(base64.StdEncoding.EncodeToString(someDigest), 32)
	f.Add(base64.RawURLEncoding.EncodeToString(someDigest), 32)
	f.Add(strings.Repeat("=", 44), 32)
	f.Add(strings.Repeat("\n", 43), 32)
	f.Fuzz(func(t *testing.T, text string, size int) {
		if size < 1 || size > maxDigest {
			return
		}
		var got [maxDigest]byte
		if !decodeDigest(&got, text, size, HexOrBase64) {
			return
		}
		back := []string{hex.EncodeToString(got[:size]), base64.RawStdEncoding.EncodeToString(got[:size])}
		bare := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
		if !strings.EqualFold(text, back[0]) && bare != back[1] {
			t.Fatalf("%q was read as %x", text, got[:size])
		}
	})
}
