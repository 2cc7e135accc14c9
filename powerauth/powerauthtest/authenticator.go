package powerauthtest

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/fxamacker/cbor/v2"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/pacrypto"
	"github.com/identkit/identkit/internal/wire"
	"github.com/identkit/identkit/powerauth"
)

// Authenticator is a simulated passkey authenticator together with the browser in front of it: it answers challenges with real
// P-256 keys. It is safe for concurrent use. Printing it shows no key.
type Authenticator struct {
	origin       string
	relyingParty string
	held         func() *authenticatorState // a function, which prints as an address
}

type authenticatorState struct {
	mu       sync.Mutex
	verifies bool
	keys     map[string]*credential // by id
	order    []string
}

type credential struct {
	key   *ecdsa.PrivateKey
	count uint32
}

// NewAuthenticator returns an authenticator without passkeys, in a browser that shows a page of origin, such as
// "https://bank.example". The relying party's id is a domain, such as "bank.example".
func NewAuthenticator(origin, relyingPartyID string) *Authenticator {
	state := &authenticatorState{verifies: true, keys: make(map[string]*credential)}
	return &Authenticator{origin: origin, relyingParty: relyingPartyID, held: func() *authenticatorState { return state }}
}

// Format prints the origin, whatever the verb.
func (a *Authenticator) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "powerauthtest.Authenticator("+a.origin+")")
}

// SetUserVerification decides whether the user proves who they are. From the start they do.
func (a *Authenticator) SetUserVerification(verifies bool) {
	a.held().mu.Lock()
	defer a.held().mu.Unlock()
	a.held().verifies = verifies
}

// ErrNoPasskey is the error of an authenticator that has none of the passkeys asked for.
var ErrNoPasskey = errors.New("powerauthtest: no such passkey")

// Register makes a passkey and answers a registration challenge, which is a text.
func (a *Authenticator) Register(challenge identkit.Secret) (powerauth.PasskeyAttestation, error) {
	out := powerauth.PasskeyAttestation{Type: "public-key", AuthenticatorAttachment: "platform"}
	key, err := pacrypto.GenerateKey()
	if err != nil {
		return out, err
	}
	const idSize = 32
	id := randomBytes(idSize)
	a.held().mu.Lock()
	defer a.held().mu.Unlock()
	data, err := authenticatorData{
		relyingParty: sha256.Sum256([]byte(a.relyingParty)), flags: a.held().flags() | hasKey, credential: id, key: &key.PublicKey,
	}.encode()
	if err != nil {
		return out, err
	}
	object, err := cborEncoding.Marshal(attestation{Format: "none", Statement: map[string]any{}, Data: cbor.ByteString(data)})
	if err != nil {
		return out, err
	}
	a.held().keys[string(id)] = &credential{key: key}
	a.held().order = append(a.held().order, string(id))
	out.ID = id
	out.Response.ClientDataJSON, out.Response.Transports = a.clientData(typeCreate, challenge), []string{"internal"}
	out.Response.AttestationObject = object
	return out, nil
}

// Assert answers an assertion challenge with one of the allowed passkeys, or with the newest when none are named.
func (a *Authenticator) Assert(challenge identkit.Secret, allowed ...powerauth.PasskeyDescriptor) (powerauth.PasskeyAssertion, error) {
	out := powerauth.PasskeyAssertion{Type: "public-key", AuthenticatorAttachment: "platform"}
	a.held().mu.Lock()
	defer a.held().mu.Unlock()
	id, held := a.held().choose(allowed)
	if held == nil {
		return out, ErrNoPasskey
	}
	held.count++
	data, err := authenticatorData{
		relyingParty: sha256.Sum256([]byte(a.relyingParty)), flags: a.held().flags(), count: held.count,
	}.encode()
	if err != nil {
		return out, err
	}
	client := a.clientData(typeGet, challenge)
	signature, err := pacrypto.Sign(held.key, assertedText(data, client))
	if err != nil {
		return out, err
	}
	out.ID = []byte(id)
	out.Response.ClientDataJSON, out.Response.AuthenticatorData, out.Response.Signature = client, data, signature
	return out, nil
}

// assertedText is what an assertion signs.
func assertedText(data, client []byte) []byte {
	digest := sha256.Sum256(client)
	return slices.Concat(data, digest[:])
}

func (s *authenticatorState) flags() byte {
	if s.verifies {
		return userPresent | userVerified
	}
	return userPresent
}

func (s *authenticatorState) choose(allowed []powerauth.PasskeyDescriptor) (string, *credential) {
	for _, id := range slices.Backward(s.order) {
		if len(allowed) == 0 || slices.ContainsFunc(allowed, func(p powerauth.PasskeyDescriptor) bool { return string(p.CredentialID) == id }) {
			return id, s.keys[id]
		}
	}
	return "", nil
}

func (a *Authenticator) clientData(kind string, challenge identkit.Secret) []byte {
	b, err := wire.Marshal(clientData{
		Type: kind, Challenge: base64.RawURLEncoding.EncodeToString([]byte(challenge.Reveal())), Origin: a.origin,
	})
	if err != nil {
		panic("powerauthtest: " + err.Error()) // texts
	}
	return b
}
