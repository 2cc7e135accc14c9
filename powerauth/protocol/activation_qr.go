package protocol

import (
	"errors"
	"fmt"
	"strings"

	"github.com/identkit/identkit/internal/pacrypto"
)

// ErrActivationQR is the error of a text that is not an activation QR text. Errors never repeat the text.
var ErrActivationQR = errors.New("powerauth: not an activation QR text")

// ActivationQR is the content of the QR code from which a phone registers, activationQrCodeData: the activation code,
// a # and its signature. The provider makes it; show it as it came.
//
// Source: wultra/powerauth-crypto, docs/Implementation-notes.md; parser rules of wultra/powerauth-mobile-sdk; checked
// 2026-11.
type ActivationQR struct {
	Code ActivationCode
	// Signature is activationCodeSignature in Base64; empty when the text had none. The provider signs anew on each read, so that
	// two signatures of one code differ: never compare them, verify them.
	Signature string
}

const maxActivationQR = 1024

// ParseActivationQR reads the content of an activation QR code. The signature may be missing; a # with nothing after
// it, a second #, or a signature that is not Base64 is refused, as is the old recovery form with its prefix "R:".
// The signature is read, not verified: see [ActivationQR.Verify]. The error is [ErrActivationQR], beside
// [ErrActivationCode] when the code is at fault.
func ParseActivationQR(s string) (ActivationQR, error) {
	if len(s) > maxActivationQR {
		return ActivationQR{}, fmt.Errorf("%w: too long", ErrActivationQR)
	}
	text, signature, signed := strings.Cut(s, "#")
	if b, err := pacrypto.DecodeBase64(signature); signed && (err != nil || len(b) == 0) {
		return ActivationQR{}, fmt.Errorf("%w: the signature is not Base64", ErrActivationQR)
	}
	code, err := ParseActivationCode(text)
	if err != nil {
		return ActivationQR{}, fmt.Errorf("%w: %w", ErrActivationQR, err)
	}
	return ActivationQR{Code: code, Signature: signature}, nil
}

// Text returns the content of the QR code, the inverse of [ParseActivationQR].
func (q ActivationQR) Text() string {
	if q.Signature == "" {
		return string(q.Code)
	}
	return string(q.Code) + "#" + q.Signature
}

// Verify verifies the signature, a DER ECDSA P-256 signature with SHA-256 over the 23 characters of the code, with the
// application's master server key. It returns nil only for a good signature, otherwise [ErrSignature]. Applications of
// protocol 4 also sign with P-384 and ML-DSA keys; those signatures are not supported.
//
// Source: wultra/powerauth-crypto, published vectors verify-activation-data-signature-v3.json, checked 2026-11.
func (q ActivationQR) Verify(key PublicKey) error {
	der, err := pacrypto.DecodeBase64(q.Signature)
	if err != nil || len(der) == 0 {
		return fmt.Errorf("%w: it is not Base64", ErrSignature)
	}
	if !pacrypto.Verify(key.key, []byte(q.Code), der) {
		return ErrSignature
	}
	return nil
}
