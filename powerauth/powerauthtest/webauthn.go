package powerauthtest

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"

	"github.com/identkit/identkit/internal/pacrypto"
)

// clientData is what the browser says about a ceremony.
type clientData struct {
	Type      string `json:"type"`
	Challenge string `json:"challenge"` // Base64URL without padding
	Origin    string `json:"origin"`
}

const (
	typeCreate = "webauthn.create"
	typeGet    = "webauthn.get"
)

// The flags of authenticator data.
const (
	userPresent  = 0x01
	userVerified = 0x04
	hasKey       = 0x40
)

// authenticatorData is what an authenticator says, and signs.
type authenticatorData struct {
	relyingParty [sha256.Size]byte
	flags        byte
	count        uint32
	credential   []byte           // on registration
	key          *ecdsa.PublicKey // on registration
}

const authenticatorHead = sha256.Size + 1 + 4

func (d authenticatorData) encode() ([]byte, error) {
	b := append([]byte{}, d.relyingParty[:]...)
	b = binary.BigEndian.AppendUint32(append(b, d.flags), d.count)
	if d.key == nil {
		return b, nil
	}
	point, err := pacrypto.PublicKeyBytes(d.key)
	if err != nil {
		return nil, err
	}
	b = append(b, make([]byte, aaguidSize)...)
	b = append(binary.BigEndian.AppendUint16(b, uint16(len(d.credential))), d.credential...)
	// A COSE key: elliptic curve, ES256, P-256, X and Y.
	return encodeCBOR(b, []pair{{1, 2}, {3, -7}, {-1, 1}, {-2, point[1:33]}, {-3, point[33:]}}), nil
}

const aaguidSize = 16

var errAuthenticator = errors.New("malformed authenticator data")

func parseAuthenticatorData(b []byte) (authenticatorData, error) {
	var d authenticatorData
	if len(b) < authenticatorHead {
		return d, errAuthenticator
	}
	d.relyingParty = [sha256.Size]byte(b)
	d.flags, d.count = b[sha256.Size], binary.BigEndian.Uint32(b[sha256.Size+1:])
	rest := b[authenticatorHead:]
	if d.flags&hasKey == 0 {
		return d, nil
	}
	if len(rest) < aaguidSize+2 {
		return d, errAuthenticator
	}
	size := int(binary.BigEndian.Uint16(rest[aaguidSize:]))
	rest = rest[aaguidSize+2:]
	if size == 0 || size > len(rest) {
		return d, errAuthenticator
	}
	d.credential = slices.Clone(rest[:size])
	r := cborReader{rest: rest[size:]}
	v, err := r.value()
	if err != nil {
		return d, err
	}
	cose, _ := v.(map[any]any)
	x, okX := cose[-2].([]byte)
	y, okY := cose[-3].([]byte)
	if cose[1] != 2 || cose[3] != -7 || cose[-1] != 1 || !okX || !okY {
		return d, errAuthenticator
	}
	d.key, err = pacrypto.ParsePublicKey(slices.Concat([]byte{4}, x, y))
	return d, err
}

// ceremony is what the backend demands of an answer. Without allowed origins none is allowed.
type ceremony struct {
	kind         string
	relyingParty string
	origins      []string
	verifiedUser bool
}

// check checks client data and authenticator data, and returns the challenge that was answered.
func (want ceremony) check(rawClient []byte, d authenticatorData) (challenge string, err error) {
	var client clientData
	if json.Unmarshal(rawClient, &client) != nil {
		return "", errors.New("client data are not JSON")
	}
	text, err := base64.RawURLEncoding.DecodeString(client.Challenge)
	switch {
	case err != nil || len(text) == 0:
		return "", errors.New("challenge missing")
	case client.Type != want.kind:
		return string(text), errors.New("wrong ceremony")
	case !slices.Contains(want.origins, client.Origin):
		return string(text), errors.New("origin not allowed")
	case d.relyingParty != sha256.Sum256([]byte(want.relyingParty)):
		return string(text), errors.New("wrong relying party")
	case d.flags&userPresent == 0, want.verifiedUser && d.flags&userVerified == 0:
		return string(text), errors.New("user not present or not verified")
	}
	return string(text), nil
}
