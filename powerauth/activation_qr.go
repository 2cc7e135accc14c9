package powerauth

import (
	"crypto/ecdsa"
	"errors"
	"fmt"
	"strings"

	"github.com/identkit/identkit/internal/pacrypto"
)

var (
	// ErrActivationQR is the error of a text that is not an activation QR text. Errors never repeat the text.
	ErrActivationQR = errors.New("powerauth: not an activation QR text")
	// ErrSignature is the error of a signature that is missing or does not belong to its text and key.
	ErrSignature = errors.New("powerauth: signature not valid")
	// ErrPublicKey is the error of a text that is not a P-256 public key.
	ErrPublicKey = errors.New("powerauth: not a P-256 public key")
)

// ActivationQR is the content of the QR code from which a phone registers, activationQrCodeData: the activation code,
// a # and its signature. The provider makes it; show it as it came.
//
// Source: wultra/powerauth-crypto, docs/Implementation-notes.md; parser rules of wultra/powerauth-mobile-sdk; checked
// 2026-11.
type ActivationQR struct {
	// Code is the activation code.
	Code ActivationCode
	// Signature is Base64 text; empty when the text had none. The provider signs anew on each read, so that two
	// signatures of one code differ: never compare them, verify them.
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

// Verify reports with [ErrSignature] that the signature is missing or not made over the code with the private part of
// key, the application's master server key.
func (q ActivationQR) Verify(key PublicKey) error {
	return VerifyActivationSignature(key, q.Code, q.Signature)
}

// VerifyActivationSignature verifies activationCodeSignature, Base64 of a DER ECDSA P-256 signature with SHA-256 over
// the 23 characters of the code. It returns nil only for a good signature, otherwise [ErrSignature]. Applications of
// protocol 4 also sign with P-384 and ML-DSA keys; those signatures are not covered.
//
// Source: wultra/powerauth-crypto, published vectors verify-activation-data-signature-v3.json, checked 2026-11.
func VerifyActivationSignature(key PublicKey, code ActivationCode, signature string) error {
	der, err := pacrypto.DecodeBase64(signature)
	if err != nil || len(der) == 0 {
		return fmt.Errorf("%w: it is not Base64", ErrSignature)
	}
	if !pacrypto.Verify(key.key, []byte(code), der) {
		return ErrSignature
	}
	return nil
}

// PublicKey is a public key on the curve P-256: the master server key of an application, or one of a registration's
// keys. The zero value verifies nothing.
type PublicKey struct{ key *ecdsa.PublicKey }

const maxPublicKeyText = 1024

// ParseMasterPublicKey reads a masterServerPublicKey: Base64 of the 65 bytes of an uncompressed point, which is what
// live systems give, or of a DER SubjectPublicKeyInfo, which is what the reference shows; that both occur is an
// assumption. Device and server keys of a registration are written the same way. The error is [ErrPublicKey].
//
// Source: Wultra tutorial Server-Side-Tutorial-Deployment and PowerAuth Cloud API-Admin, checked 2026-11.
func ParseMasterPublicKey(s string) (PublicKey, error) {
	if len(s) > maxPublicKeyText {
		return PublicKey{}, fmt.Errorf("%w: too long", ErrPublicKey)
	}
	b, err := pacrypto.DecodeBase64(s)
	if err != nil {
		return PublicKey{}, fmt.Errorf("%w: not Base64", ErrPublicKey)
	}
	return newPublicKey(b)
}

// String returns Base64 of the key's uncompressed point, or an empty text for the zero value.
func (k PublicKey) String() string {
	point, err := pacrypto.PublicKeyBytes(k.key)
	if err != nil {
		return ""
	}
	return pacrypto.EncodeBase64(point)
}

func newPublicKey(b []byte) (PublicKey, error) {
	key, err := pacrypto.ParsePublicKey(b)
	if err != nil {
		return PublicKey{}, ErrPublicKey
	}
	return PublicKey{key: key}, nil
}
