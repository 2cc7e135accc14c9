package entrupytest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/webhook/webhooktest"
)

// SignatureHeader is the header of deliveries with their signature.
const SignatureHeader = "Entrupy-Signature"

// SignatureForm is how a signature is written. Real deliveries carry the prefix SHA256:; the encoding is not documented.
type SignatureForm struct {
	Prefix   string // such as SHA256: or sha256=; NoPrefix means none
	Encoding SignatureEncoding
}

// NoPrefix is the prefix of a signature that has none.
const NoPrefix = "none"

// SignatureEncoding is how the 32 bytes of a signature are written.
type SignatureEncoding string

// The encodings.
const (
	EncodingHex          SignatureEncoding = ""
	EncodingUpperHex     SignatureEncoding = "HEX"
	EncodingBase64       SignatureEncoding = "base64"
	EncodingRawBase64    SignatureEncoding = "base64 without padding"
	EncodingBase64URL    SignatureEncoding = "base64url"
	EncodingRawBase64URL SignatureEncoding = "base64url without padding"
)

var encodings = map[SignatureEncoding]func([]byte) string{
	EncodingHex:          hex.EncodeToString,
	EncodingUpperHex:     func(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) },
	EncodingBase64:       base64.StdEncoding.EncodeToString,
	EncodingRawBase64:    base64.RawStdEncoding.EncodeToString,
	EncodingBase64URL:    base64.URLEncoding.EncodeToString,
	EncodingRawBase64URL: base64.RawURLEncoding.EncodeToString,
}

// SignatureForms are all forms that a receiver must read.
func SignatureForms() []SignatureForm {
	var all []SignatureForm
	for _, prefix := range []string{NoPrefix, "SHA256:", "sha256:", "sha256=", "SHA256=", "SHA256: "} {
		for _, encoding := range []SignatureEncoding{EncodingHex, EncodingUpperHex, EncodingBase64, EncodingRawBase64, EncodingBase64URL, EncodingRawBase64URL} {
			all = append(all, SignatureForm{prefix, encoding})
		}
	}
	return all
}

// Sign signs deliveries as Entrupy does: HMAC-SHA256 of the body, keyed with the bytes of the secret's text. The zero form is a bare
// digest in hex.
func Sign(secret identkit.Secret, form SignatureForm) webhooktest.Signer {
	return func(o *webhooktest.Outgoing) error {
		encode := encodings[form.Encoding]
		if encode == nil {
			return fmt.Errorf("entrupytest: unknown encoding %q", form.Encoding)
		}
		mac := hmac.New(sha256.New, []byte(secret.Reveal()))
		mac.Write(o.Body)
		prefix := form.Prefix
		if prefix == NoPrefix {
			prefix = ""
		}
		o.Request.Header.Set(SignatureHeader, prefix+encode(mac.Sum(nil)))
		return nil
	}
}
