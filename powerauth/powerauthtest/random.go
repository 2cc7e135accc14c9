package powerauthtest

import (
	"crypto/rand"
	"fmt"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/pacrypto"
)

// randomBytes reads the system's random source, which never fails.
func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func randomSecret() identkit.Secret { return identkit.Secret(rand.Text()) }

// randomValue is Base64 of n random bytes, the form of application keys, secrets and nonces.
func randomValue(n int) string { return pacrypto.EncodeBase64(randomBytes(n)) }

func uuid() string {
	b := randomBytes(16)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func digits(n int) string {
	b := randomBytes(n)
	for i := range b {
		b[i] = '0' + b[i]%10
	}
	return string(b)
}
