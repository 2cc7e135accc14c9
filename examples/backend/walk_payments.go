package main

import (
	"net/http"
	"strings"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
)

// walk lets a simulated phone with real keys use the protected endpoint.
func (p *payments) walk(w *walker, fake *powerauthtest.Server) {
	const pin, wrong, order = "1379", "0000", `{"amount":"42","currency":"EUR"}`
	w.chapter("Erin's phone pays by itself (PowerAuth, protected endpoint and callback)")
	var created registrationView
	w.call("Register Erin's phone", http.MethodPost, "/registrations", `{"userId":"erin","appId":"my-bank","commitPhase":"ON_KEY_EXCHANGE"}`, http.StatusCreated, &created)
	if w.err != nil {
		return
	}
	phone := powerauthtest.NewDevice(fake, powerauthtest.DeviceOptions{Name: "Erin's phone", PIN: pin})
	err := phone.Activate(identkit.Secret(created.QRCodeData))
	w.check(err == nil, "the phone: %v", err)

	w.call("A payment without a signature is refused", http.MethodPost, "/payments", order, http.StatusUnauthorized, nil)
	sign := func(input powerauthtest.UserInput) http.Header {
		r, err := http.NewRequestWithContext(w.ctx, http.MethodPost, w.base+"/payments", strings.NewReader(order))
		w.check(err == nil, "%v", err)
		if w.err == nil {
			err = phone.SignRequest(r, paymentURI, input)
			w.check(err == nil, "the phone: %v", err)
			return r.Header
		}
		return nil
	}
	w.header = sign(powerauthtest.PIN(wrong))
	w.call("So is one with a wrong PIN", http.MethodPost, "/payments", order, http.StatusUnauthorized, nil)
	w.header = sign(powerauthtest.PIN(pin))
	var op operationView
	w.call("With the right PIN the payment begins", http.MethodPost, "/payments", order, http.StatusCreated, &op)
	w.call("The same signature is refused the second time", http.MethodPost, "/payments", order, http.StatusUnauthorized, nil)
	w.header = nil
	if w.err != nil {
		return
	}
	err = phone.Approve(op.ID, powerauthtest.PIN(pin))
	w.check(err == nil, "the phone: %v", err)
	_, err = fake.Deliver(w.ctx)
	w.check(err == nil, "the callbacks: %v", err)
	var paid struct {
		Status powerauth.OperationStatus `json:"status"`
	}
	w.call("Erin approves; after the callback the state was read again", http.MethodGet, "/payments/"+string(op.ID), "", http.StatusOK, &paid)
	w.check(paid.Status == powerauth.OperationApproved, "the payment should be approved, not %s", paid.Status)
	w.note("status", string(paid.Status))
	w.call("A forged callback is refused", http.MethodPost, "/callbacks/powerauth", `{"type":"OPERATION","operationId":"`+string(op.ID)+`"}`, http.StatusUnauthorized, nil)
}
