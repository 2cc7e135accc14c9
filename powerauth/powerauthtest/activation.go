package powerauthtest

import (
	"cmp"
	"crypto/ecdsa"
	"errors"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/pacrypto"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/protocol"
)

// The errors of a simulated phone.
var (
	ErrNoRegistration = errors.New("powerauthtest: no registration has this code")
	ErrNoOperation    = errors.New("powerauthtest: no such operation")
	ErrInvalidOTP     = errors.New("powerauthtest: invalid OTP")
	ErrState          = errors.New("powerauthtest: invalid state")
	ErrNotAllowed     = errors.New("powerauthtest: this registration may not decide this operation")
	ErrInvalidCode    = errors.New("powerauthtest: invalid code") // usually because of a wrong PIN
)

// Activation describes a phone that uses an activation code.
type Activation struct {
	Name       string // as the user calls it
	Platform   string // ios, android, hw; empty means android
	DeviceInfo string
	OTP        identkit.Secret // for registrations that check one at the key exchange
}

// Activate simulates a phone that uses an activation code, for tests that need no signatures: it has no keys, so it can sign
// nothing. [Device] is a phone with keys. The registration becomes PENDING_COMMIT, or ACTIVE if it
// commits on key exchange. A wrong OTP counts; the fifth removes the registration.
func (s *Server) Activate(code identkit.Secret, phone Activation) (powerauth.RegistrationID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now()
	r, err := s.useCode(code.Reveal(), "", phone)
	if err != nil {
		return "", err
	}
	r.fingerprint = digits(8)
	s.registered(r)
	return r.id, nil
}

// pairing is the state that phone and server share after the key exchange.
type pairing struct {
	keys    pacrypto.Keys
	counter pacrypto.Counter
	server  *ecdsa.PrivateKey // nil on the phone
}

// grant is the server's part of the key exchange.
type grant struct {
	id          powerauth.RegistrationID
	appKey      protocol.ApplicationKey
	appSecret   string
	server      *ecdsa.PublicKey
	counter     pacrypto.Counter
	fingerprint string
}

// exchange is the key exchange with a phone. App restricts it to the codes of one application; empty means any.
func (s *Server) exchange(code string, app powerauth.ApplicationID, phone Activation, device *ecdsa.PublicKey) (*grant, error) {
	own := must(pacrypto.GenerateKey())
	keys := pacrypto.DeriveKeys(must(pacrypto.MasterSecret(own, device)))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now()
	r, err := s.useCode(code, app, phone)
	if err != nil {
		return nil, err
	}
	r.fingerprint = must(protocol.Fingerprint(protocolKey(device), protocolKey(&own.PublicKey), protocol.ActivationID(r.id)))
	counter := pacrypto.Counter(randomBytes(len(pacrypto.Counter{})))
	r.pairing = &pairing{keys: keys, counter: counter, server: own}
	s.registered(r)
	a := s.applications[r.app]
	return &grant{id: r.id, server: &own.PublicKey, counter: counter, fingerprint: r.fingerprint, appKey: a.key, appSecret: a.secret}, nil
}

// useCode finds the created registration with a code, and checks the phone's OTP.
func (s *Server) useCode(code string, app powerauth.ApplicationID, phone Activation) (*registration, error) {
	r := s.registrationBy(func(r *registration) bool {
		return string(r.code) == code && r.passkey == nil && r.status == powerauth.RegistrationCreated && (app == "" || app == r.app)
	})
	switch {
	case r == nil:
		return nil, ErrNoRegistration
	case r.phase == powerauth.CommitOnKeyExchange && !s.checkOTP(r, phone.OTP.Reveal()):
		return nil, ErrInvalidOTP
	}
	phone.OTP, phone.Platform = "", cmp.Or(phone.Platform, "android")
	r.phone = phone
	return r, nil
}

// registered moves a registration on after its device has registered.
func (s *Server) registered(r *registration) {
	r.status = powerauth.RegistrationPendingCommit
	if r.phase == powerauth.CommitOnKeyExchange {
		r.status = powerauth.RegistrationActive
	}
	s.registrationChanged(r)
}

func protocolKey(key *ecdsa.PublicKey) protocol.PublicKey {
	return must(protocol.ParsePublicKey(publicKeyText(key)))
}
