package powerauthtest

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/fxamacker/cbor/v2"

	"github.com/identkit/identkit/internal/pacrypto"
	"github.com/identkit/identkit/internal/wire"
)

// clientData is the browser's description of a ceremony.
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
	userPresent   = 0x01
	userVerified  = 0x04
	hasKey        = 0x40
	hasExtensions = 0x80
)

// Authenticators write CBOR in CTAP2's canonical form.
var (
	cborEncoding = must(cbor.CTAP2EncOptions().EncMode())
	cborDecoding = must(cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
		MaxNestedLevels: 4, FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
	}.DecMode())
)

// must is for calls that only an error in this package could fail.
func must[T any](v T, err error) T {
	if err != nil {
		panic("powerauthtest: " + err.Error())
	}
	return v
}

// attestation is the attestation object of a registration.
type attestation struct {
	Format    string          `cbor:"fmt"`
	Statement map[string]any  `cbor:"attStmt"`
	Data      cbor.ByteString `cbor:"authData"`
}

func parseAttestation(object []byte) (authenticatorData, error) {
	var a attestation
	if err := cborDecoding.Unmarshal(object, &a); err != nil {
		return authenticatorData{}, err
	}
	return parseAuthenticatorData(a.Data.Bytes())
}

// coseKey is a public key of COSE: of the type elliptic curve, for ES256, on P-256.
type coseKey struct {
	Type      int             `cbor:"1,keyasint"`
	Algorithm int             `cbor:"3,keyasint"`
	Curve     int             `cbor:"-1,keyasint"`
	X         cbor.ByteString `cbor:"-2,keyasint"`
	Y         cbor.ByteString `cbor:"-3,keyasint"`
}

const (
	coseEC2   = 2
	coseES256 = -7
	coseP256  = 1
)

// authenticatorData is the authenticator's part of what a passkey signs.
type authenticatorData struct {
	relyingParty [sha256.Size]byte
	flags        byte
	count        uint32
	credential   []byte           // on registration
	key          *ecdsa.PublicKey // on registration
}

const (
	authenticatorHead = sha256.Size + 1 + 4
	aaguidSize        = 16
	coordinateSize    = 32
)

func (d authenticatorData) encode() []byte {
	b := append([]byte{}, d.relyingParty[:]...)
	b = binary.BigEndian.AppendUint32(append(b, d.flags), d.count)
	if d.key == nil {
		return b
	}
	point := must(pacrypto.PublicKeyBytes(d.key))
	x, y := cbor.ByteString(point[1:1+coordinateSize]), cbor.ByteString(point[1+coordinateSize:])
	b = append(b, make([]byte, aaguidSize)...)
	b = append(binary.BigEndian.AppendUint16(b, uint16(len(d.credential))), d.credential...)
	return append(b, must(cborEncoding.Marshal(coseKey{coseEC2, coseES256, coseP256, x, y}))...)
}

var errAuthenticator = errors.New("malformed authenticator data")

func parseAuthenticatorData(b []byte) (authenticatorData, error) {
	var d authenticatorData
	if len(b) < authenticatorHead {
		return d, errAuthenticator
	}
	d.relyingParty = [sha256.Size]byte(b)
	d.flags, d.count = b[sha256.Size], binary.BigEndian.Uint32(b[sha256.Size+1:])
	rest := b[authenticatorHead:]
	if d.flags&hasKey != 0 {
		var err error
		if rest, err = d.parseKey(rest); err != nil {
			return d, err
		}
	}
	if d.flags&hasExtensions != 0 {
		var extensions map[string]any
		return d, cborDecoding.Unmarshal(rest, &extensions)
	}
	if len(rest) > 0 {
		return d, errAuthenticator
	}
	return d, nil
}

// parseKey reads the credential's id and key, and returns what follows them.
func (d *authenticatorData) parseKey(b []byte) ([]byte, error) {
	if len(b) < aaguidSize+2 {
		return nil, errAuthenticator
	}
	size := int(binary.BigEndian.Uint16(b[aaguidSize:]))
	b = b[aaguidSize+2:]
	if size == 0 || size > len(b) {
		return nil, errAuthenticator
	}
	d.credential = slices.Clone(b[:size])
	var key coseKey
	rest, err := cborDecoding.UnmarshalFirst(b[size:], &key)
	switch {
	case err != nil:
		return nil, err
	case key.Type != coseEC2, key.Algorithm != coseES256, key.Curve != coseP256, len(key.X) != coordinateSize:
		return nil, errAuthenticator
	}
	d.key, err = pacrypto.ParsePublicKey([]byte("\x04" + key.X + key.Y))
	return rest, err
}

// ceremony holds the requirements of the backend. Without origins none is allowed.
type ceremony struct {
	kind         string
	relyingParty string
	origins      []string
	verifiedUser bool
}

// check checks client data and authenticator data, and returns the challenge.
func (want ceremony) check(rawClient []byte, d authenticatorData) (challenge string, err error) {
	var client clientData
	if wire.Unmarshal(rawClient, &client) != nil {
		return "", errors.New("client data are not JSON")
	}
	text, err := base64.RawURLEncoding.DecodeString(client.Challenge)
	switch {
	case err != nil || len(text) == 0:
		return "", errors.New("challenge missing")
	case client.Type != want.kind:
		return string(text), errors.New("type mismatch")
	case !slices.Contains(want.origins, client.Origin):
		return string(text), errors.New("origin not allowed")
	case d.relyingParty != sha256.Sum256([]byte(want.relyingParty)):
		return string(text), errors.New("relying party mismatch")
	case d.flags&userPresent == 0, want.verifiedUser && d.flags&userVerified == 0:
		return string(text), errors.New("user not present or not verified")
	}
	return string(text), nil
}
