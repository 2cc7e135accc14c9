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

// Authenticator simulates a passkey authenticator and its browser: it signs challenges with real
// P-256 keys. It is safe for concurrent use. Printing it shows no key.
type Authenticator struct {
	origin       string
	relyingParty string
	state        func() *authenticatorState // a function, which prints as an address
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
	return &Authenticator{origin: origin, relyingParty: relyingPartyID, state: func() *authenticatorState { return state }}
}

// Format prints the origin, whatever the verb.
func (a *Authenticator) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "powerauthtest.Authenticator("+a.origin+")")
}

// SetUserVerification sets whether the user is verified. Initially they are.
func (a *Authenticator) SetUserVerification(verifies bool) {
	a.state().mu.Lock()
	defer a.state().mu.Unlock()
	a.state().verifies = verifies
}

// ErrNoPasskey is the error of an authenticator that has none of the requested passkeys.
var ErrNoPasskey = errors.New("powerauthtest: no such passkey")

// Register creates a passkey for a registration challenge, which is a text.
func (a *Authenticator) Register(challenge identkit.Secret) (powerauth.PasskeyAttestation, error) {
	out := powerauth.PasskeyAttestation{Type: "public-key", AuthenticatorAttachment: "platform"}
	key, err := pacrypto.GenerateKey()
	if err != nil {
		return out, err
	}
	const idSize = 32
	id := randomBytes(idSize)
	a.state().mu.Lock()
	defer a.state().mu.Unlock()
	data := authenticatorData{
		relyingParty: sha256.Sum256([]byte(a.relyingParty)), flags: a.state().flags() | hasKey, credential: id, key: &key.PublicKey,
	}.encode()
	a.state().keys[string(id)] = &credential{key: key}
	a.state().order = append(a.state().order, string(id))
	out.ID = id
	out.Response.ClientDataJSON, out.Response.Transports = a.clientData(typeCreate, challenge), []string{"internal"}
	out.Response.AttestationObject = must(cborEncoding.Marshal(attestation{Format: "none", Statement: map[string]any{}, Data: cbor.ByteString(data)}))
	return out, nil
}

// Assert signs an assertion challenge with the newest of the allowed passkeys, or of all if none are named.
func (a *Authenticator) Assert(challenge identkit.Secret, allowed ...powerauth.PasskeyDescriptor) (powerauth.PasskeyAssertion, error) {
	out := powerauth.PasskeyAssertion{Type: "public-key", AuthenticatorAttachment: "platform"}
	a.state().mu.Lock()
	defer a.state().mu.Unlock()
	id, key := a.state().choose(allowed)
	if key == nil {
		return out, ErrNoPasskey
	}
	key.count++
	data := authenticatorData{relyingParty: sha256.Sum256([]byte(a.relyingParty)), flags: a.state().flags(), count: key.count}.encode()
	client := a.clientData(typeGet, challenge)
	signature, err := pacrypto.Sign(key.key, assertedText(data, client))
	if err != nil {
		return out, err
	}
	out.ID = []byte(id)
	out.Response.ClientDataJSON, out.Response.AuthenticatorData, out.Response.Signature = client, data, signature
	return out, nil
}

// assertedText is the signed content of an assertion.
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
	return must(wire.Marshal(clientData{
		Type: kind, Challenge: base64.RawURLEncoding.EncodeToString([]byte(challenge.Reveal())), Origin: a.origin,
	}))
}
