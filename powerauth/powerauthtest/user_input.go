package powerauthtest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha256"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/pacrypto"
	"github.com/identkit/identkit/powerauth/protocol"
)

// UserInput is what the user of a [Device] enters or scans, in addition to having the phone.
type UserInput func(*inputs)

type inputs struct {
	pin      *identkit.Secret
	biometry bool
	scanned  identkit.Secret
}

// PIN is the PIN that the user enters, correct or not. It adds the factor knowledge.
func PIN(pin identkit.Secret) UserInput { return func(in *inputs) { in.pin = &pin } }

// Biometry is the user's fingerprint or face. It adds the factor biometry.
func Biometry() UserInput { return func(in *inputs) { in.biometry = true } }

// Scanned is what the phone scanned for a proximity check: a deeplink or token of protocol.ProximityDeeplink, or the
// 8 digits alone. It adds no factor.
func Scanned(text identkit.Secret) UserInput { return func(in *inputs) { in.scanned = text } }

func collect(all []UserInput) (in inputs) {
	for _, set := range all {
		set(&in)
	}
	return in
}

func (in inputs) factors() protocol.Factors {
	switch {
	case in.pin != nil && in.biometry:
		return protocol.Factors(pacrypto.Possession + "_" + pacrypto.Knowledge + "_" + pacrypto.Biometry)
	case in.pin != nil:
		return possessionKnowledge
	case in.biometry:
		return possessionBiometry
	}
	return protocol.Factors(pacrypto.Possession)
}

// sealedKey is a key under a PIN. It does not reveal whether a PIN is correct: every PIN opens some key.
type sealedKey struct{ salt, sealed [pacrypto.KeySize]byte }

// pinRounds is far fewer than on a real phone, where guessing must be slow.
const pinRounds = 1000

func sealKey(key pacrypto.Key, pin identkit.Secret) sealedKey {
	s := sealedKey{salt: [pacrypto.KeySize]byte(randomBytes(pacrypto.KeySize))}
	s.cipher(pin).Encrypt(s.sealed[:], key[:])
	return s
}

func (s sealedKey) open(pin identkit.Secret) (key pacrypto.Key) {
	s.cipher(pin).Decrypt(key[:], s.sealed[:])
	return key
}

func (s sealedKey) cipher(pin identkit.Secret) cipher.Block {
	return must(aes.NewCipher(must(pbkdf2.Key(sha256.New, pin.Reveal(), s.salt[:], pinRounds, pacrypto.KeySize))))
}
