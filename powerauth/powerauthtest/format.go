package powerauthtest

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/pacrypto"
	"github.com/identkit/identkit/powerauth/protocol"
)

// GenerateActivationCode makes a code from ten random bytes. The provider and the fake accept only codes of their own. A nil
// random means crypto/rand. It fails when random does.
func GenerateActivationCode(random io.Reader) (protocol.ActivationCode, error) {
	if random == nil {
		random = rand.Reader
	}
	b := make([]byte, 10, 12)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", fmt.Errorf("powerauthtest: generate an activation code: %w", err)
	}
	b = binary.BigEndian.AppendUint16(b, pacrypto.CRC16(b))
	return protocol.NormalizeActivationCode(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b))
}

// FormatAuthorizationHeader writes a value of X-PowerAuth-Authorization, as a phone does; [Device.Sign] computes a valid one. It is
// not checked, so that tests can write malformed ones. Versions other than 3.x have the field names of 4.0.
func FormatAuthorizationHeader(h *protocol.AuthorizationHeader) string {
	codeName, typeName := "pa_auth_code", "pa_auth_code_type"
	if strings.HasPrefix(h.Version, "3.") {
		codeName, typeName = "pa_signature", "pa_signature_type"
	}
	return fmt.Sprintf(`PowerAuth pa_activation_id="%s", pa_application_key="%s", pa_nonce="%s", %s="%s", %s="%s", pa_version="%s"`,
		h.ActivationID, h.ApplicationKey, h.Nonce, typeName, h.Factors, codeName, h.Code.Reveal(), h.Version)
}

// FormatTokenHeader writes a value of X-PowerAuth-Token, as a phone does; [Token.Header] computes a valid one. It is not checked.
func FormatTokenHeader(h *protocol.TokenHeader) string {
	return fmt.Sprintf(`PowerAuth token_id="%s", token_digest="%s", nonce="%s", timestamp="%s", version="%s"`,
		h.TokenID, h.Digest.Reveal(), h.Nonce, h.TimestampText, h.Version)
}

// FormatOfflineQR writes the QR text of an offline operation, as the provider does. Sign gets the text to sign and returns the
// signature; q.Signature is not read. The data are DataText, or Data when that is empty. The error is [protocol.ErrOfflineQR] for
// what a phone would refuse.
func FormatOfflineQR(q *protocol.OfflineQR, sign func(signedText []byte) ([]byte, error)) (string, error) {
	data := q.DataText
	if data == "" {
		encoded, err := q.Data.Encode()
		if err != nil {
			return "", fmt.Errorf("%w: %w", protocol.ErrOfflineQR, err)
		}
		data = encoded
	}
	escape := strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	lines := []string{string(q.OperationID), escape.Replace(q.Title), escape.Replace(q.Message), data, string(q.Flags)}
	lines = append(lines, q.ExtraLines...)
	lines = append(lines, q.Nonce, string(q.KeyType))
	for _, line := range lines {
		if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' }) {
			return "", fmt.Errorf("%w: control characters", protocol.ErrOfflineQR)
		}
	}
	signed := strings.Join(lines, "\n")
	signature, err := sign([]byte(signed))
	if err != nil {
		return "", fmt.Errorf("powerauthtest: sign an offline operation: %w", err)
	}
	text := signed + pacrypto.EncodeBase64(signature)
	if _, err := protocol.ParseOfflineQR(text); err != nil {
		return "", err
	}
	return text, nil
}

// FormatMobileSDKConfig writes a mobileSdkConfig in the form of live systems. The error is [protocol.ErrMobileSDKConfig].
func FormatMobileSDKConfig(c *protocol.MobileSDKConfig) (identkit.Secret, error) {
	b := []byte{1} // the format's version
	for _, text := range []string{string(c.AppKey), c.AppSecret.Reveal()} {
		value, err := pacrypto.DecodeBase64(text)
		if err != nil || len(value) != pacrypto.KeySize {
			return "", fmt.Errorf("%w: key and secret are Base64 of %d bytes", protocol.ErrMobileSDKConfig, pacrypto.KeySize)
		}
		b = appendBytes(b, value)
	}
	b = appendCount(b, len(c.Keys))
	for _, k := range c.Keys {
		b = appendBytes(append(b, byte(k.ID)), k.Bytes)
	}
	text := identkit.Secret(pacrypto.EncodeBase64(b))
	if _, err := protocol.ParseMobileSDKConfig(text); err != nil {
		return "", err
	}
	return text, nil
}

func appendBytes(b, value []byte) []byte { return append(appendCount(b, len(value)), value...) }

// appendCount writes a length in one, two or four bytes; the two upper bits of the first say which.
func appendCount(b []byte, n int) []byte {
	switch {
	case n < 0x80:
		return append(b, byte(n))
	case n < 0x4000:
		return binary.BigEndian.AppendUint16(b, 0x8000|uint16(n))
	}
	return binary.BigEndian.AppendUint32(b, 0xC000_0000|uint32(n))
}
