package powerauthtest

import (
	"crypto/ecdsa"
	"errors"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/pacrypto"
	"github.com/identkit/identkit/powerauth"
)

// The reasons why a simulated phone is refused.
var (
	ErrNoRegistration = errors.New("powerauthtest: no registration waits for this code")
	ErrNoOperation    = errors.New("powerauthtest: no such operation")
	ErrWrongOTP       = errors.New("powerauthtest: wrong OTP")
	ErrState          = errors.New("powerauthtest: wrong state")
	ErrNotAllowed     = errors.New("powerauthtest: this registration may not decide this operation")
	ErrRefused        = errors.New("powerauthtest: the code was not valid") // a wrong PIN, above all
)

// Activation is what a phone says of itself when it uses an activation code.
type Activation struct {
	Name       string // as the user calls it
	Platform   string // ios, android, hw; empty means android
	DeviceInfo string
	OTP        identkit.Secret // for registrations that check one at the key exchange
}

// Activate plays a phone that uses an activation code, for tests that need no signatures: it makes no keys, so that nothing it
// could send would be valid. [Device] is the phone that has them. The registration becomes PENDING_COMMIT, or ACTIVE if it
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

// pairing is what phone and server share after the exchange of their keys, on either side.
type pairing struct {
	keys    pacrypto.Keys
	counter pacrypto.Counter
	server  *ecdsa.PrivateKey // the server's; nil on the phone
}

// grant is what the server gives a phone.
type grant struct {
	id          powerauth.RegistrationID
	appKey      string
	appSecret   string
	server      *ecdsa.PublicKey
	counter     pacrypto.Counter
	fingerprint string
}

// exchange is the key exchange with a phone. App restricts it to the codes of one application; empty means any.
func (s *Server) exchange(code, app string, phone Activation, device *ecdsa.PublicKey) (*grant, error) {
	own, err := pacrypto.GenerateKey()
	if err != nil {
		return nil, err
	}
	master, err := pacrypto.MasterSecret(own, device)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now()
	r, err := s.useCode(code, app, phone)
	if err != nil {
		return nil, err
	}
	fingerprint, err := fingerprint(device, &own.PublicKey, r.id)
	if err != nil {
		return nil, err
	}
	counter := pacrypto.Counter(randomBytes(len(pacrypto.Counter{})))
	r.pairing = &pairing{keys: pacrypto.DeriveKeys(master), counter: counter, server: own}
	r.fingerprint = fingerprint
	s.registered(r)
	a := s.applications[r.app]
	return &grant{
		id: r.id, server: &own.PublicKey, counter: counter, fingerprint: fingerprint,
		appKey: a.key, appSecret: a.secret,
	}, nil
}

// useCode finds the registration that waits for a code, and checks what the phone presents with it.
func (s *Server) useCode(code, app string, phone Activation) (*registration, error) {
	for _, r := range s.registrations {
		if string(r.code) != code || r.passkey != nil || r.status != powerauth.RegistrationCreated || app != "" && app != r.app {
			continue
		}
		if r.phase == powerauth.CommitOnKeyExchange && !s.checkOTP(r, phone.OTP.Reveal()) {
			return nil, ErrWrongOTP
		}
		if phone.Platform == "" {
			phone.Platform = "android"
		}
		phone.OTP = ""
		r.phone = phone
		return r, nil
	}
	return nil, ErrNoRegistration
}

// registered moves a registration on after its device has registered.
func (s *Server) registered(r *registration) {
	r.status = powerauth.RegistrationPendingCommit
	if r.phase == powerauth.CommitOnKeyExchange {
		r.status = powerauth.RegistrationActive
	}
	s.registrationChanged(r)
}

func fingerprint(device, server *ecdsa.PublicKey, id powerauth.RegistrationID) (string, error) {
	deviceKey, err := powerauth.ParseMasterPublicKey(publicKeyText(device))
	if err != nil {
		return "", err
	}
	serverKey, err := powerauth.ParseMasterPublicKey(publicKeyText(server))
	if err != nil {
		return "", err
	}
	return powerauth.Fingerprint(deviceKey, serverKey, string(id))
}
