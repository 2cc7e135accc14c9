package powerauthtest

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/identkit/identkit/internal/wire"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/protocol"
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
	var ids []powerauth.OperationID
	for _, o := range inOrder(s.operations, func(o *operation) bool { return o.isPendingFor(r) }) {
		ids = append(ids, o.id)
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
// user's input, and the server checks the code, the factors and the proximity code. A wrong code costs the device and the
// operation one attempt each.
//
// Errors: [ErrNoOperation]; [ErrState] for a decided operation or a device that is not active; [ErrNotAllowed] for an operation that is
// not this device's, or factors that the template does not allow; [ErrInvalidCode] for a wrong PIN; [ErrInvalidOTP] for a missing or wrong
// proximity code.
func (d *Device) Approve(id powerauth.OperationID, user ...UserInput) error {
	s := d.state().server
	data, known := s.operationData(id)
	if !known {
		return ErrNoOperation
	}
	signed := approval{ID: id, Data: data}
	if scanned := collect(user).scanned.Reveal(); scanned != "" {
		otp, err := readProximity(scanned, id)
		if err != nil {
			return err
		}
		signed.Proximity = &proximity{OTP: otp, Type: "QR_CODE"}
	}
	body := must(wire.Marshal(signed))
	err := d.decideOnline("/operation/authorize", id, body, func(o *operation, c *signedCall) error {
		template, _ := s.template(o.template)
		var sent approval
		if wire.Unmarshal(body, &sent) != nil || sent.Data != o.data || !template.allows(c.factors) {
			s.failApproval(o, c.now)
			return ErrNotAllowed
		}
		otp := ""
		if sent.Proximity != nil {
			otp = sent.Proximity.OTP
		}
		return s.approve(o, c.registration, c.factors, otp, c.now)
	}, user)
	if errors.Is(err, ErrInvalidCode) {
		s.countInvalid(id, d.RegistrationID())
	}
	return err
}

// Reject rejects an operation online, with a reason such as UNEXPECTED_OPERATION. Possession is enough.
//
// Errors are those of [Device.Approve].
func (d *Device) Reject(id powerauth.OperationID, reason string, user ...UserInput) error {
	body := must(wire.Marshal(map[string]string{"id": string(id), "reason": reason}))
	return d.decideOnline("/operation/cancel", id, body, func(o *operation, c *signedCall) error {
		d.state().server.reject(o, c.registration, reason, c.now)
		return nil
	}, user)
}

// Remove ends the registration from the phone.
func (d *Device) Remove(user ...UserInput) error {
	return d.call("/pa/activation/remove", nil, func(c *signedCall) error {
		d.state().server.remove(c.registration)
		return nil
	}, user)
}

// signedCall is a request of a phone with a valid code.
type signedCall struct {
	registration *registration
	factors      protocol.Factors
	now          time.Time
}

// call signs a request to the server's interface for phones, and handles it there once its code is verified.
func (d *Device) call(uriID string, body []byte, handle func(*signedCall) error, user []UserInput) error {
	value, err := d.Sign(Request{Method: http.MethodPost, URIID: uriID, Body: body}, user...)
	if err != nil {
		return err
	}
	header := must(protocol.ParseAuthorizationHeader(value))
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
		return ErrInvalidCode
	}
	return handle(&signedCall{registration: r, factors: header.Factors, now: now})
}

// decideOnline makes a call about a pending operation of the device.
func (d *Device) decideOnline(uriID string, id powerauth.OperationID, body []byte, handle func(*operation, *signedCall) error, user []UserInput) error {
	s := d.state().server
	return d.call(uriID, body, func(c *signedCall) error {
		o := s.operations[id]
		switch {
		case o == nil:
			return ErrNoOperation
		case o.status != powerauth.OperationPending:
			return ErrState
		case !o.mayBeDecidedBy(c.registration):
			return ErrNotAllowed
		}
		return handle(o, c)
	}, user)
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

// countInvalid counts an approval with a wrong code against the operation, if it is the device's.
func (s *Server) countInvalid(id powerauth.OperationID, by powerauth.RegistrationID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if o := s.operations[id]; o != nil && o.isPendingFor(s.registrations[by]) {
		s.failApproval(o, now)
	}
}

// readProximity extracts the code from scanned text, which must be about the operation.
func readProximity(text string, id powerauth.OperationID) (string, error) {
	const length = 8
	if len(text) == length && strings.Trim(text, "0123456789") == "" {
		return text, nil
	}
	link, err := protocol.ParseProximityDeeplink(text)
	if err != nil {
		return "", err
	}
	if link.OperationID != id {
		return "", ErrNoOperation
	}
	return link.OTP.Reveal(), nil
}
