package pacrypto

import (
	"crypto/aes"
	"crypto/ecdsa"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// KeySize is the length of every symmetric key of protocol 3, in bytes.
const KeySize = 16

// Key is a symmetric key of protocol 3. Printing one gives a mask.
type Key [KeySize]byte

var errKeySize = errors.New("a key has 16 bytes")

// ParseKey reads a key from its bytes.
func ParseKey(b []byte) (Key, error) {
	if len(b) != KeySize {
		return Key{}, errKeySize
	}
	return Key(b), nil
}

// Format prints a mask for every verb.
func (Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[secret]") }

// MasterSecret computes KEY_MASTER_SECRET: the ECDH secret of one side's private and the other side's public key, its 32
// bytes folded to 16. Device and server reach the same value.
func MasterSecret(private *ecdsa.PrivateKey, public *ecdsa.PublicKey) (Key, error) {
	point, err := PublicKeyBytes(public)
	if err != nil {
		return Key{}, err
	}
	if private == nil {
		return Key{}, errPrivateKey
	}
	own, err := private.ECDH()
	if err != nil {
		return Key{}, errPrivateKey
	}
	peer, err := own.Curve().NewPublicKey(point)
	if err != nil {
		return Key{}, errPublicKey
	}
	shared, err := own.ECDH(peer)
	if err != nil {
		return Key{}, errPublicKey
	}
	return fold([2 * KeySize]byte(shared)), nil
}

// fold is the vendor's convert32Bto16B: the XOR of both halves.
func fold(b [2 * KeySize]byte) (k Key) {
	for i := range k {
		k[i] = b[i] ^ b[i+KeySize]
	}
	return k
}

// DeriveKey is KDF.derive: the index as a 16-byte big-endian block, encrypted by AES-128 under the source key. The vendor
// writes it as CBC with a zero vector and keeps the first block, which is the same.
func DeriveKey(source Key, index uint64) Key {
	block, err := aes.NewCipher(source[:])
	if err != nil {
		return Key{} // cannot happen: the key has a fixed, valid size
	}
	var in, out Key
	binary.BigEndian.PutUint64(in[KeySize-8:], index)
	block.Encrypt(out[:], in[:])
	return out
}

// Keys are the keys that device and server derive from their master secret.
type Keys struct {
	Possession Key // KEY_SIGNATURE_POSSESSION
	Knowledge  Key // KEY_SIGNATURE_KNOWLEDGE
	Biometry   Key // KEY_SIGNATURE_BIOMETRY
	Transport  Key // KEY_TRANSPORT
	Vault      Key // KEY_ENCRYPTION_VAULT
}

// DeriveKeys derives all of them, each by its index.
func DeriveKeys(master Key) Keys {
	return Keys{
		Possession: DeriveKey(master, 1),
		Knowledge:  DeriveKey(master, 2),
		Biometry:   DeriveKey(master, 3),
		Transport:  DeriveKey(master, 1000),
		Vault:      DeriveKey(master, 2000),
	}
}

// The names of the factors, in the order in which their keys are used.
const (
	Possession = "possession"
	Knowledge  = "knowledge"
	Biometry   = "biometry"
)

// combinations are the six that PowerAuth knows.
var combinations = []string{
	Possession, Knowledge, Biometry,
	Possession + "_" + Knowledge, Possession + "_" + Biometry, Possession + "_" + Knowledge + "_" + Biometry,
}

// SplitFactors returns the factors of a combination such as "possession_knowledge", in any case. It is false for
// anything else than the six combinations that PowerAuth knows.
func SplitFactors(name string) ([]string, bool) {
	name = strings.ToLower(name)
	if !slices.Contains(combinations, name) {
		return nil, false
	}
	return strings.Split(name, "_"), true
}

// For returns the signature keys of a combination of factors, in the order in which they are used.
func (k Keys) For(factors string) ([]Key, error) {
	names, ok := SplitFactors(factors)
	if !ok {
		return nil, errFactors
	}
	all := map[string]Key{Possession: k.Possession, Knowledge: k.Knowledge, Biometry: k.Biometry}
	out := make([]Key, len(names))
	for i, name := range names {
		out[i] = all[name]
	}
	return out, nil
}
