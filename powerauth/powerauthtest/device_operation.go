package powerauthtest

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/identkit/identkit/powerauth"
)

// Pending lists the operations that the phone can decide, oldest first.
func (d *Device) Pending() []powerauth.OperationID {
	id, s := d.RegistrationID(), d.state().server
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now()
	r := s.registrations[id]
	if r == nil {
		return nil
	}
	var open []*operation
	for _, o := range s.operations {
		if o.status == powerauth.OperationPending && o.mayBeDecidedBy(r) {
			open = append(open, o)
		}
	}
	slices.SortFunc(open, func(a, b *operation) int { return a.sequence - b.sequence })
	ids := make([]powerauth.OperationID, len(open))
	for i, o := range open {
		ids[i] = o.id
	}
	return ids
}

// approval is what a phone signs when its user approves.
type approval struct {
	ID        powerauth.OperationID `json:"id"`
	Data      string                `json:"data"`
	Proximity *proximity            `json:"proximityCheck,omitempty"`
}

type proximity struct {
	OTP  string `json:"otp"`
	Type string `json:"type"`
}

// Approve approves an operation online, as the app does: the operation's data are signed with possession and the factors of the
// proofs, and the server checks the code, the factors and the proximity code. A wrong code costs the device an attempt and the
// operation one too.
//
// Errors: [ErrNoOperation]; [ErrState] for a decided operation or a device that is not active; [ErrNotAllowed] for an operation that is
// not this device's, or factors that the template does not take; [ErrRefused] for a wrong PIN; [ErrWrongOTP] for a missing or wrong
// proximity code.
func (d *Device) Approve(id powerauth.OperationID, proofs ...Proof) error {
	s := d.state().server
	data, known := s.operationData(id)
	if !known {
		return ErrNoOperation
	}
	signed := approval{ID: id, Data: data}
	if scanned := gather(proofs).scanned.Reveal(); scanned != "" {
		otp, err := readProximity(scanned, id)
		if err != nil {
			return err
		}
		signed.Proximity = &proximity{OTP: otp, Type: "QR_CODE"}
	}
	body, err := json.Marshal(signed)
	if err != nil {
		return err
	}
	err = d.decideOnline("/operation/authorize", id, body, func(o *operation, c *presented) error {
		template, _ := s.template(o.template)
		var sent approval
		if json.Unmarshal(body, &sent) != nil || sent.Data != o.data || !template.allows(c.factors) {
			s.failApproval(o, c.now)
			return ErrNotAllowed
		}
		otp := ""
		if sent.Proximity != nil {
			otp = sent.Proximity.OTP
		}
		return s.approve(o, c.registration, c.factors, otp, c.now)
	}, proofs)
	if errors.Is(err, ErrRefused) {
		s.countRefusal(id, d.RegistrationID())
	}
	return err
}

// Reject rejects an operation online, with a reason such as UNEXPECTED_OPERATION. Possession is enough.
//
// Errors are those of [Device.Approve].
func (d *Device) Reject(id powerauth.OperationID, reason string, proofs ...Proof) error {
	body, err := json.Marshal(map[string]string{"id": string(id), "reason": reason})
	if err != nil {
		return err
	}
	return d.decideOnline("/operation/cancel", id, body, func(o *operation, c *presented) error {
		d.state().server.reject(o, c.registration, reason, c.now)
		return nil
	}, proofs)
}

// Remove ends the registration from the phone.
func (d *Device) Remove(proofs ...Proof) error {
	return d.present("/pa/activation/remove", nil, func(c *presented) error {
		d.state().server.remove(c.registration)
		return nil
	}, proofs)
}

// presented is a request of a phone whose code was right.
type presented struct {
	registration *registration
	factors      powerauth.Factors
	now          time.Time
}

// present signs a request to the server that phones talk to, and has it verified and played.
func (d *Device) present(uriID string, body []byte, play func(*presented) error, proofs []Proof) error {
	value, err := d.Sign(Request{Method: http.MethodPost, URIID: uriID, Body: body}, proofs...)
	if err != nil {
		return err
	}
	header, err := powerauth.ParseAuthorizationHeader(value)
	if err != nil {
		return err
	}
	s := d.state().server
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	r := s.registrations[powerauth.RegistrationID(header.ActivationID)]
	switch {
	case r == nil:
		return ErrNoRegistration
	case r.status != powerauth.RegistrationActive:
		return ErrState
	case !s.checkHeader(r, header, http.MethodPost, uriID, body, now):
		return ErrRefused
	}
	return play(&presented{registration: r, factors: header.Factors, now: now})
}

// decideOnline is present for a request about an operation.
func (d *Device) decideOnline(uriID string, id powerauth.OperationID, body []byte, play func(*operation, *presented) error, proofs []Proof) error {
	s := d.state().server
	return d.present(uriID, body, func(c *presented) error {
		o := s.operations[id]
		switch {
		case o == nil:
			return ErrNoOperation
		case o.status != powerauth.OperationPending:
			return ErrState
		case !o.mayBeDecidedBy(c.registration):
			return ErrNotAllowed
		}
		return play(o, c)
	}, proofs)
}

func (s *Server) operationData(id powerauth.OperationID) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.operations[id]
	if o == nil {
		return "", false
	}
	return o.data, true
}

// countRefusal counts an approval with a wrong code against the operation, if it is the device's.
func (s *Server) countRefusal(id powerauth.OperationID, by powerauth.RegistrationID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if o := s.operations[id]; o != nil && o.status == powerauth.OperationPending && o.mayBeDecidedBy(s.registrations[by]) {
		s.failApproval(o, now)
	}
}

// readProximity gets the code out of what was scanned, which must be about the operation at hand.
func readProximity(text string, id powerauth.OperationID) (string, error) {
	const length = 8
	if len(text) == length && strings.Trim(text, "0123456789") == "" {
		return text, nil
	}
	link, err := powerauth.ParseProximityDeeplink(text)
	if err != nil {
		return "", err
	}
	if link.OperationID != string(id) {
		return "", ErrNoOperation
	}
	return link.OTP.Reveal(), nil
}
