package powerauthtest

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/pacrypto"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/protocol"
)

// DeviceOptions configure a [Device]. The zero value is an Android phone with the PIN 1234 that accepts codes of any application.
type DeviceOptions struct {
	// Application is the app that is installed; empty accepts codes of any application.
	Application powerauth.ApplicationID
	// Name, Platform (android, ios, hw) and DeviceInfo describe the phone.
	Name, Platform, DeviceInfo string
	// PIN is chosen on activation; empty means "1234".
	PIN identkit.Secret
	// Version is the protocol version of its headers: 3.0, 3.1, 3.2 or 3.3. Empty means 3.3.
	Version string
}

// Device is a simulated phone. It has real keys, exchanges them with the fake as a phone does, and computes real headers and codes
// of protocol 3, so that protected endpoints can be tested from end to end:
//
//	phone := powerauthtest.NewDevice(srv, powerauthtest.DeviceOptions{PIN: "1379"})
//	err := phone.Activate(created.ActivationQRCodeData)
//	err = phone.SignRequest(request, "/payment/create", powerauthtest.PIN("1379"))
//
// A PIN is never compared: it opens the knowledge key, and a wrong one opens another key, whose codes are invalid. A Device is safe
// for concurrent use. Printing it shows the registration's id alone.
type Device struct{ state func() *phone }

// phone is the state of a device.
type phone struct {
	server *Server
	opts   DeviceOptions
	master protocol.PublicKey

	mu         sync.Mutex
	grant      *grant // nil until activated
	serverKey  protocol.PublicKey
	possession pacrypto.Key
	biometry   pacrypto.Key
	knowledge  sealedKey
	counter    pacrypto.Counter
}

// ErrNotActivated is the error of a phone that has no registration yet.
var ErrNotActivated = errors.New("powerauthtest: the phone is not activated")

// NewDevice returns a phone that is not yet activated. It panics if the version is not one of protocol 3.
func NewDevice(srv *Server, opts DeviceOptions) *Device {
	opts.PIN = cmp.Or(opts.PIN, "1234")
	opts.Version = cmp.Or(opts.Version, "3.3")
	opts.Platform = cmp.Or(opts.Platform, "android")
	switch opts.Version {
	case "3.0", "3.1", "3.2", "3.3":
	default:
		panic("powerauthtest: a phone implements protocol 3.0, 3.1, 3.2 or 3.3")
	}
	p := &phone{server: srv, opts: opts, master: protocolKey(&srv.key.PublicKey)}
	return &Device{func() *phone { return p }} // a function prints as an address, whatever the verb
}

// Format prints the registration's id, whatever the verb: the rest is keys.
func (d *Device) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "powerauthtest.Device("+string(d.RegistrationID())+")")
}

// Activate uses an activation code: typed, or as the text of the QR code, whose signature is then verified first. The OTP is for
// registrations that check one at the key exchange. Afterwards the registration is PENDING_COMMIT, or ACTIVE if it commits on key
// exchange.
//
// Errors: those of protocol.ParseActivationQR and protocol.NormalizeActivationCode, [protocol.ErrSignature],
// [ErrNoRegistration], [ErrInvalidOTP].
func (d *Device) Activate(text identkit.Secret, otp ...identkit.Secret) error {
	p := d.state()
	code, err := p.read(text)
	if err != nil {
		return err
	}
	own := must(pacrypto.GenerateKey())
	self := Activation{Name: p.opts.Name, Platform: p.opts.Platform, DeviceInfo: p.opts.DeviceInfo}
	if len(otp) > 0 {
		self.OTP = otp[0]
	}
	grant, err := p.server.exchange(string(code), p.opts.Application, self, &own.PublicKey)
	if err != nil {
		return err
	}
	keys := pacrypto.DeriveKeys(must(pacrypto.MasterSecret(own, grant.server)))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.grant, p.serverKey, p.counter = grant, protocolKey(grant.server), grant.counter
	p.possession, p.biometry, p.knowledge = keys.Possession, keys.Biometry, sealKey(keys.Knowledge, p.opts.PIN)
	return nil
}

// read extracts the code from typed or scanned text.
func (p *phone) read(text identkit.Secret) (protocol.ActivationCode, error) {
	if !strings.Contains(text.Reveal(), "#") {
		return protocol.NormalizeActivationCode(text.Reveal())
	}
	qr, err := protocol.ParseActivationQR(text.Reveal())
	if err != nil {
		return "", err
	}
	return qr.Code, qr.Verify(p.master)
}

// RegistrationID is the phone's registration; empty until it is activated.
func (d *Device) RegistrationID() powerauth.RegistrationID {
	return d.state().granted().id
}

// Fingerprint is the number that the phone shows after the key exchange, to be compared with activationFingerprint; empty until it
// is activated.
func (d *Device) Fingerprint() string {
	return d.state().granted().fingerprint
}

// granted is what the key exchange gave, or the zero value.
func (p *phone) granted() grant {
	p.mu.Lock()
	defer p.mu.Unlock()
	return value(p.grant)
}

// Status is the state of the registration as the phone learns it from the server; empty until it is activated.
func (d *Device) Status() powerauth.RegistrationStatus {
	id, s := d.RegistrationID(), d.state().server
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now()
	if r := s.registrations[id]; r != nil {
		return r.status
	}
	return ""
}

// ChangePIN changes the PIN on the phone alone: the server knows neither. A wrong old PIN is not detected, and makes all later codes with the
// new one invalid.
func (d *Device) ChangePIN(from, to identkit.Secret) {
	d.state().mu.Lock()
	defer d.state().mu.Unlock()
	d.state().knowledge = sealKey(d.state().knowledge.open(from), to)
}

// SkipCounter advances the phone's counter by n, like n codes that never reach the server. The server follows up to 19.
func (d *Device) SkipCounter(n int) {
	d.state().mu.Lock()
	defer d.state().mu.Unlock()
	for range n {
		d.state().counter = d.state().counter.Next()
	}
}
