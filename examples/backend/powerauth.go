package main

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/examples/backend/service"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
	"github.com/identkit/identkit/powerauth/protocol"
)

// phones are the users' phones, and the PowerAuth that they register with.
type phones struct {
	config service.PowerAuthConfig
	fake   *powerauthtest.Server // nil on a real deployment
}

func newPhones(opts identkit.Options) (*phones, error) {
	p := &phones{config: service.PowerAuthConfig{
		CallbackUser:     "powerauth",
		CallbackPassword: identkit.Secret(cmp.Or(os.Getenv("BACKEND_CALLBACK_PASSWORD"), rand.Text())), // a random one is the fake's alone
	}}
	if os.Getenv("POWERAUTH_BASE_URL") == "" {
		p.fake = powerauthtest.New(powerauthtest.Options{})
		p.config.Client = p.fake.Client(func(cfg *powerauth.Config) { cfg.Options = opts })
		return p, nil
	}
	cfg, err := powerauth.ConfigFromEnv()
	if err != nil {
		return nil, err
	}
	cfg.Options = opts
	cfg.Options.Notifier = identkit.NewNotifier()
	p.config.Client, err = powerauth.New(cfg)
	return p, err
}

// connect makes the fake send its callbacks to the service, and adds the simulated phones to its API.
func (p *phones) connect(mux *http.ServeMux, s *service.Service) {
	if p.fake == nil {
		return
	}
	p.fake.AddCallback(powerauthtest.Callback{
		Type: powerauth.CallbackOperation, URL: "https://backend.example/callbacks/powerauth", Handler: s,
		Username: p.config.CallbackUser, Password: p.config.CallbackPassword, Attributes: []string{"status"},
	})
	mux.Handle("POST /phone/activate", simulate(p.activate))
	mux.Handle("POST /phone/approve", simulate(p.approve))
}

func (p *phones) close() {
	p.config.Client.CloseIdleConnections()
	if p.fake != nil {
		p.fake.Close()
	}
}

// walk registers a phone and gets a payment approved on it.
func (p *phones) walk(w *walker) {
	device := p.walkRegistration(w)
	p.walkOperations(w, device)
	p.walkPayments(w)
}

func (p *phones) walkRegistration(w *walker) powerauth.RegistrationID {
	w.chapter("Alice registers her phone (PowerAuth)")
	var created, reg service.RegistrationView
	w.call("Create a registration", http.MethodPost, "/registrations", `{"userId":"alice","appId":"my-bank","flags":["PRIMARY"]}`, http.StatusCreated, &created)
	w.note("activation code", created.ActivationCode)
	_, err := protocol.ParseActivationQR(created.QRCodeData)
	w.check(err == nil, "the QR text: %v", err)
	path := "/registrations/" + url.PathEscape(string(created.ID))
	w.call("The phone reads the code", http.MethodPost, "/phone/activate",
		fmt.Sprintf(`{"activationCode":%q,"name":"Alice's phone"}`, created.ActivationCode), http.StatusOK, nil)
	w.poll("It now waits for the commit", path, &reg, func() bool { return reg.Status == powerauth.RegistrationPendingCommit })
	w.note("fingerprint", reg.Fingerprint+" (Alice compares it with her phone)")
	w.call("Commit", http.MethodPost, path+"/commit", `{"externalUserId":"clerk-7"}`, http.StatusNoContent, nil)
	w.call("A second commit is refused", http.MethodPost, path+"/commit", `{}`, http.StatusConflict, nil)

	var list struct {
		Registrations []service.RegistrationView `json:"registrations"`
	}
	w.call("List Alice's phones", http.MethodGet, "/registrations?userId=alice", "", http.StatusOK, &list)
	w.check(len(list.Registrations) == 1 && list.Registrations[0].Status == powerauth.RegistrationActive, "Alice should have one active phone")
	for _, r := range list.Registrations {
		w.note(string(r.Status), r.Name+" ("+r.Platform+")")
	}
	w.call("Block it", http.MethodPut, path, `{"change":"BLOCK"}`, http.StatusNoContent, nil)
	w.poll("It is blocked", path, &reg, func() bool { return reg.Status == powerauth.RegistrationBlocked })
	w.call("Unblock it", http.MethodPut, path, `{"change":"UNBLOCK"}`, http.StatusNoContent, nil)
	w.poll("It is active", path, &reg, func() bool { return reg.Status == powerauth.RegistrationActive })
	return created.ID
}

func (p *phones) walkOperations(w *walker, device powerauth.RegistrationID) {
	const payment = `{"userId":"alice","template":"payment","language":"en","externalId":"order-1","parameters":{"amount":"100","currency":"CZK","iban":"CZ2730300000001165254011"}}`
	w.chapter("Alice pays (PowerAuth)")
	var op service.OperationView
	w.call("Ask Alice to approve a payment of 100 CZK", http.MethodPost, "/operations", payment, http.StatusCreated, &op)
	w.check(op.Status == powerauth.OperationPending, "a new payment should be pending, not %s", op.Status)
	path := "/operations/" + url.PathEscape(string(op.ID))
	w.call("It is pending", http.MethodGet, path, "", http.StatusOK, &op)
	w.call("It is pending after a short wait, too", http.MethodGet, path+"?wait=10ms", "", http.StatusOK, &op)
	w.check(op.Status == powerauth.OperationPending, "the payment should still be pending, not %s", op.Status)
	// Alice takes a moment, while the request waits.
	approved := time.AfterFunc(50*time.Millisecond, func() { _ = p.fake.Approve(op.ID, device, "") })
	defer approved.Stop()
	var done service.OperationView
	w.call("Wait until Alice has decided on her phone", http.MethodGet, path+"?wait=30s", "", http.StatusOK, &done)
	w.check(done.Status == powerauth.OperationApproved, "the payment should be approved, not %s", done.Status)
	w.note("status", string(done.Status))

	w.call("Ask for a second payment", http.MethodPost, "/operations", payment, http.StatusCreated, &op)
	path = "/operations/" + url.PathEscape(string(op.ID))
	w.call("Cancel it", http.MethodDelete, path+"?statusReason=ORDER_WITHDRAWN", "", http.StatusNoContent, nil)
	w.call("It is cancelled", http.MethodGet, path, "", http.StatusOK, &op)
	w.check(op.Status == powerauth.OperationCanceled && op.StatusReason == "ORDER_WITHDRAWN", "the payment should be cancelled, not %s", op.Status)
	w.call("The phone cannot approve it any more", http.MethodPost, "/phone/approve",
		fmt.Sprintf(`{"operationId":%q,"registrationId":%q}`, op.ID, device), http.StatusConflict, nil)
	w.call("A payment without a template is refused before it is sent", http.MethodPost, "/operations", `{"userId":"alice"}`, http.StatusBadRequest, nil)
}

// walkPayments lets a simulated phone with real keys use the protected endpoint.
func (p *phones) walkPayments(w *walker) {
	const pin, wrong, order = "1379", "0000", `{"amount":"42","currency":"EUR"}`
	w.chapter("Erin's phone pays by itself (PowerAuth, protected endpoint and callback)")
	var created service.RegistrationView
	w.call("Register Erin's phone", http.MethodPost, "/registrations", `{"userId":"erin","appId":"my-bank","commitPhase":"ON_KEY_EXCHANGE"}`, http.StatusCreated, &created)
	if w.err != nil {
		return
	}
	phone := powerauthtest.NewDevice(p.fake, powerauthtest.DeviceOptions{Name: "Erin's phone", PIN: pin})
	err := phone.Activate(identkit.Secret(created.QRCodeData))
	w.check(err == nil, "the phone: %v", err)

	w.call("A payment without a signature is refused", http.MethodPost, "/payments", order, http.StatusUnauthorized, nil)
	sign := func(input powerauthtest.UserInput) http.Header {
		r, err := http.NewRequestWithContext(w.ctx, http.MethodPost, w.base+"/payments", strings.NewReader(order))
		w.check(err == nil, "%v", err)
		if w.err == nil {
			err = phone.SignRequest(r, service.PaymentURI, input)
			w.check(err == nil, "the phone: %v", err)
			return r.Header
		}
		return nil
	}
	w.header = sign(powerauthtest.PIN(wrong))
	w.call("So is one with a wrong PIN", http.MethodPost, "/payments", order, http.StatusUnauthorized, nil)
	w.header = sign(powerauthtest.PIN(pin))
	var op service.OperationView
	w.call("With the right PIN the payment begins", http.MethodPost, "/payments", order, http.StatusCreated, &op)
	w.call("The same signature is refused the second time", http.MethodPost, "/payments", order, http.StatusUnauthorized, nil)
	w.header = nil
	if w.err != nil {
		return
	}
	err = phone.Approve(op.ID, powerauthtest.PIN(pin))
	w.check(err == nil, "the phone: %v", err)
	_, err = p.fake.Deliver(w.ctx)
	w.check(err == nil, "the callbacks: %v", err)
	var paid struct {
		Status powerauth.OperationStatus `json:"status"`
	}
	w.call("Erin approves; after the callback the state was read again", http.MethodGet, "/payments/"+string(op.ID), "", http.StatusOK, &paid)
	w.check(paid.Status == powerauth.OperationApproved, "the payment should be approved, not %s", paid.Status)
	w.note("status", string(paid.Status))
	w.call("A forged callback is refused", http.MethodPost, "/callbacks/powerauth", `{"type":"OPERATION","operationId":"`+string(op.ID)+`"}`, http.StatusUnauthorized, nil)
}

type activateBody struct {
	ActivationCode identkit.Secret `json:"activationCode"`
	Name           string          `json:"name"`
	OTP            identkit.Secret `json:"otp"`
}

// activate simulates a phone that uses an activation code.
func (p *phones) activate(in activateBody) (any, error) {
	id, err := p.fake.Activate(in.ActivationCode, powerauthtest.Activation{Name: in.Name, DeviceInfo: "Simulated", OTP: in.OTP})
	return map[string]any{"registrationId": id}, err
}

type approveBody struct {
	OperationID    powerauth.OperationID    `json:"operationId"`
	RegistrationID powerauth.RegistrationID `json:"registrationId"`
	ProximityOTP   identkit.Secret          `json:"proximityOtp"`
}

// approve simulates a phone whose user approves an operation.
func (p *phones) approve(in approveBody) (any, error) {
	return nil, p.fake.Approve(in.OperationID, in.RegistrationID, in.ProximityOTP)
}
