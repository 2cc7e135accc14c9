package pacrypto

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"slices"
)

const (
	scalarSize = 32
	pointSize  = 1 + 2*scalarSize
	// maxKeyDER is far above the 91 bytes of a P-256 SubjectPublicKeyInfo.
	maxKeyDER = 512
)

var (
	errPublicKey  = errors.New("not a P-256 public key")
	errPrivateKey = errors.New("not a P-256 private key")
)

// GenerateKey makes a P-256 key pair.
func GenerateKey() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

// ParsePublicKey reads a P-256 public key: the 65 bytes of an uncompressed point (04‖X‖Y), or a DER SubjectPublicKeyInfo.
// Points off the curve are refused.
func ParsePublicKey(b []byte) (*ecdsa.PublicKey, error) {
	var parsed any
	var err error
	switch {
	case len(b) == pointSize:
		parsed, err = ecdsa.ParseUncompressedPublicKey(elliptic.P256(), b)
	case len(b) <= maxKeyDER:
		parsed, err = x509.ParsePKIXPublicKey(b)
	}
	key, ok := parsed.(*ecdsa.PublicKey)
	if err != nil || !ok || key.Curve != elliptic.P256() {
		return nil, errPublicKey
	}
	return key, nil
}

// PublicKeyBytes returns the 65 bytes of the key's uncompressed point.
func PublicKeyBytes(key *ecdsa.PublicKey) ([]byte, error) {
	if key == nil || key.Curve != elliptic.P256() {
		return nil, errPublicKey
	}
	b, err := key.Bytes()
	if err != nil {
		return nil, errPublicKey
	}
	return b, nil
}

// ParsePrivateKey reads a P-256 private key from its scalar, big-endian; as the vendor's vectors write it, leading zeros
// may be missing, or there may be more of them than needed.
func ParsePrivateKey(scalar []byte) (*ecdsa.PrivateKey, error) {
	scalar = bytes.TrimLeft(scalar, "\x00")
	if len(scalar) > scalarSize {
		return nil, errPrivateKey
	}
	padding := make([]byte, scalarSize-len(scalar))
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), slices.Concat(padding, scalar))
	if err != nil {
		return nil, errPrivateKey
	}
	return key, nil
}

// Sign returns the DER form of an ECDSA signature with SHA-256 over data. Two signatures of the same data differ.
func Sign(key *ecdsa.PrivateKey, data []byte) ([]byte, error) {
	if key == nil || key.Curve != elliptic.P256() {
		return nil, errPrivateKey
	}
	digest := sha256.Sum256(data)
	return ecdsa.SignASN1(rand.Reader, key, digest[:])
}

// Verify reports whether signature is a DER ECDSA signature with SHA-256 over data. It is false for a key
// that is nil or not on P-256.
func Verify(key *ecdsa.PublicKey, data, signature []byte) bool {
	if _, err := PublicKeyBytes(key); err != nil {
		return false
	}
	digest := sha256.Sum256(data)
	return ecdsa.VerifyASN1(key, digest[:], signature)
}
