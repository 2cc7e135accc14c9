package powerauthtest

import (
	"crypto/aes"
	"crypto/pbkdf2"
	"crypto/sha256"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/pacrypto"
	"github.com/identkit/identkit/powerauth/protocol"
)

// Proof is what the user of a [Device] gives, beside having the phone in hand.
type Proof func(*given)

type given struct {
	pin      *identkit.Secret
	biometry bool
	scanned  identkit.Secret
}

// PIN is the user's PIN, or a wrong one. It adds the factor knowledge.
func PIN(pin identkit.Secret) Proof { return func(g *given) { g.pin = &pin } }

// Biometry is the user's fingerprint or face. It adds the factor biometry.
func Biometry() Proof { return func(g *given) { g.biometry = true } }

// Scanned is what the phone read off a screen for a proximity check: a deeplink or token of [protocol.ProximityDeeplink], or the
// 8 digits alone. It adds no factor.
func Scanned(text identkit.Secret) Proof { return func(g *given) { g.scanned = text } }

func gather(proofs []Proof) (g given) {
	for _, p := range proofs {
		p(&g)
	}
	return g
}

func (g given) factors() protocol.Factors {
	switch {
	case g.pin != nil && g.biometry:
		return protocol.Factors(pacrypto.Possession + "_" + pacrypto.Knowledge + "_" + pacrypto.Biometry)
	case g.pin != nil:
		return possessionKnowledge
	case g.biometry:
		return possessionBiometry
	}
	return protocol.Factors(pacrypto.Possession)
}

// sealedKey is a key under a PIN. Nothing in it tells whether a PIN is right: every PIN opens some key.
type sealedKey struct{ salt, sealed [pacrypto.KeySize]byte }

// pinRounds is far less than on a real phone, where guessing must be slow.
const pinRounds = 1000

func sealKey(key pacrypto.Key, pin identkit.Secret) sealedKey {
	s := sealedKey{salt: [pacrypto.KeySize]byte(randomBytes(pacrypto.KeySize))}
	block, err := aes.NewCipher(s.lock(pin))
	if err != nil {
		panic("powerauthtest: " + err.Error()) // the size is right
	}
	block.Encrypt(s.sealed[:], key[:])
	return s
}

func (s sealedKey) open(pin identkit.Secret) (key pacrypto.Key) {
	block, err := aes.NewCipher(s.lock(pin))
	if err != nil {
		panic("powerauthtest: " + err.Error()) // the size is right
	}
	block.Decrypt(key[:], s.sealed[:])
	return key
}

func (s sealedKey) lock(pin identkit.Secret) []byte {
	key, err := pbkdf2.Key(sha256.New, pin.Reveal(), s.salt[:], pinRounds, pacrypto.KeySize)
	if err != nil {
		panic("powerauthtest: " + err.Error()) // the sizes are right
	}
	return key
}
