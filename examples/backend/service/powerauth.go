package service

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/protocol"
	"github.com/identkit/identkit/webhook"
)

// PowerAuthConfig is what the service needs for PowerAuth.
type PowerAuthConfig struct {
	// Client should have a Notifier in its Options, so that callbacks wake the waits; several processes need one that they share.
	Client *powerauth.Client
	// CallbackUser and CallbackPassword are what PowerAuth sends with callbacks to /callbacks/powerauth.
	CallbackUser     string
	CallbackPassword identkit.Secret
}

// mobile uses PowerAuth: phones are registered, and asked to approve.
type mobile struct {
	client *powerauth.Client

	payments *payments
}

func newMobile(cfg PowerAuthConfig, logger *slog.Logger) (*mobile, error) {
	p, err := newPayments(cfg, logger)
	return &mobile{cfg.Client, p}, err
}

func (m *mobile) routes(rt router) {
	rt.on("POST /registrations", withBody(m.createRegistration))
	rt.on("GET /registrations", m.listRegistrations)
	rt.on("GET /registrations/{id}", m.getRegistration)
	rt.on("PUT /registrations/{id}", withBody(m.changeRegistration))
	rt.on("POST /registrations/{id}/commit", withBody(m.commitRegistration))
	rt.on("DELETE /registrations/{id}", m.deleteRegistration)
	rt.on("POST /operations", withBody(m.createOperation))
	rt.on("GET /operations/{id}", m.getOperation)
	rt.on("DELETE /operations/{id}", m.cancelOperation)
	m.payments.routes(rt)
}

// RegistrationView is what this service shows its own clients of a registration.
type RegistrationView struct {
	ID             powerauth.RegistrationID     `json:"registrationId"`
	Status         powerauth.RegistrationStatus `json:"registrationStatus,omitzero"`
	UserID         powerauth.UserID             `json:"userId,omitzero"`
	Name           string                       `json:"name,omitzero"`
	Platform       string                       `json:"platform,omitzero"`
	BlockedReason  string                       `json:"blockedReason,omitzero"`
	Fingerprint    string                       `json:"activationFingerprint,omitzero"`
	ActivationCode string                       `json:"activationCode,omitzero"` // only to show it to the user
	QRCodeData     string                       `json:"activationQrCodeData,omitzero"`
	Created        time.Time                    `json:"created,omitzero"`
}

func viewRegistration(r powerauth.Registration) RegistrationView {
	return RegistrationView{
		ID: r.ID, Status: r.Status, UserID: r.UserID, Name: r.Name, Platform: r.Platform, BlockedReason: r.BlockedReason,
		Fingerprint: r.ActivationFingerprint, Created: r.Created,
	}
}

func registrationID(r *http.Request) powerauth.RegistrationID {
	return powerauth.RegistrationID(r.PathValue("id"))
}

func (m *mobile) createRegistration(r *http.Request, in powerauth.CreateRegistrationParams) (response, error) {
	in.IncompleteStatusCheck = r.URL.Query().Get("incompleteStatusCheck") == "true"
	created, err := m.client.Registrations.Create(r.Context(), in)
	if err != nil {
		return response{}, err
	}
	return response{http.StatusCreated, RegistrationView{
		ID: created.ID, Status: powerauth.RegistrationCreated, UserID: in.UserID,
		ActivationCode: created.ActivationCode.Reveal(), QRCodeData: created.ActivationQRCodeData.Reveal(),
	}}, nil
}

func (m *mobile) listRegistrations(_ http.ResponseWriter, r *http.Request) (response, error) {
	q := r.URL.Query()
	list, err := m.client.Registrations.List(r.Context(), powerauth.ListRegistrationsParams{
		UserID: powerauth.UserID(q.Get("userId")), Removed: q.Get("removed") == "true",
	})
	if err != nil {
		return response{}, err
	}
	views := make([]RegistrationView, len(list.Registrations))
	for i, reg := range list.Registrations {
		views[i] = viewRegistration(reg)
	}
	return response{http.StatusOK, map[string]any{"registrations": views}}, nil
}

func (m *mobile) getRegistration(_ http.ResponseWriter, r *http.Request) (response, error) {
	reg, err := m.client.Registrations.Get(r.Context(), registrationID(r))
	if err != nil {
		return response{}, err
	}
	return response{http.StatusOK, viewRegistration(*reg)}, nil
}

type changeBody struct {
	Change string `json:"change"`
}

func (m *mobile) changeRegistration(r *http.Request, in changeBody) (response, error) {
	switch in.Change {
	case "BLOCK":
		return response{}, m.client.Registrations.Block(r.Context(), registrationID(r))
	case "UNBLOCK":
		return response{}, m.client.Registrations.Unblock(r.Context(), registrationID(r))
	}
	return response{}, refuse(http.StatusBadRequest, "invalid request", "change must be BLOCK or UNBLOCK")
}

func (m *mobile) commitRegistration(r *http.Request, in powerauth.CommitRegistrationParams) (response, error) {
	return response{}, m.client.Registrations.Commit(r.Context(), registrationID(r), in)
}

func (m *mobile) deleteRegistration(_ http.ResponseWriter, r *http.Request) (response, error) {
	return response{}, m.client.Registrations.Delete(r.Context(), registrationID(r))
}

// OperationView is what this service shows its own clients of an operation.
type OperationView struct {
	ID           powerauth.OperationID     `json:"operationId"`
	Status       powerauth.OperationStatus `json:"status"`
	StatusReason string                    `json:"statusReason,omitzero"`
	UserID       powerauth.UserID          `json:"userId,omitzero"`
	Parameters   map[string]string         `json:"parameters,omitempty"`
	Expires      time.Time                 `json:"expires,omitzero"`
	ProximityOTP string                    `json:"proximityOtp,omitzero"` // only to draw it as a QR code
}

// showOperation is the response with an operation, or its error.
func showOperation(status int, o *powerauth.Operation, err error) (response, error) {
	if err != nil {
		return response{}, err
	}
	return response{status, OperationView{
		ID: o.ID, Status: o.Status, StatusReason: o.StatusReason, UserID: o.UserID, Parameters: o.Parameters, Expires: o.Expires,
		ProximityOTP: o.ProximityOTP.Reveal(),
	}}, nil
}

func (m *mobile) createOperation(r *http.Request, in powerauth.CreateOperationParams) (response, error) {
	op, err := m.client.Operations.Create(r.Context(), in)
	return showOperation(http.StatusCreated, op, err)
}

// getOperation shows an operation. With a query such as ?wait=30s it responds when the operation has ended, or after that time.
func (m *mobile) getOperation(_ http.ResponseWriter, r *http.Request) (response, error) {
	id := powerauth.OperationID(r.PathValue("id"))
	if !r.URL.Query().Has("wait") {
		op, err := m.client.Operations.Get(r.Context(), id)
		return showOperation(http.StatusOK, op, err)
	}
	policy, err := waitPolicy(r)
	if err != nil {
		return response{}, err
	}
	op, err := m.client.Operations.Wait(r.Context(), id, policy)
	var undecided *identkit.WaitError[powerauth.Operation]
	if errors.As(err, &undecided) && errors.Is(err, identkit.ErrTimeout) && undecided.Failure == nil {
		op, err = undecided.Last, nil
	}
	return showOperation(http.StatusOK, op, err)
}

func (m *mobile) cancelOperation(_ http.ResponseWriter, r *http.Request) (response, error) {
	id, reason := powerauth.OperationID(r.PathValue("id")), r.URL.Query().Get("statusReason")
	return response{}, m.client.Operations.Cancel(r.Context(), id, reason)
}

// payments are what phones ask for themselves: an endpoint that needs a signed request, and the callbacks about how the approval
// ended.
type payments struct {
	client    *powerauth.Client
	pay       http.Handler
	callbacks *webhook.Handler

	// states would live in the team's database.
	mu     sync.Mutex
	states map[powerauth.OperationID]powerauth.OperationStatus
}

// PaymentURI is the constant that the app and this service agreed on for POST /payments.
const PaymentURI = "/payment/create"

func newPayments(cfg PowerAuthConfig, logger *slog.Logger) (*payments, error) {
	p := &payments{client: cfg.Client, states: make(map[powerauth.OperationID]powerauth.OperationStatus)}
	signed, err := powerauth.Protect(p.client, powerauth.ProtectConfig{
		URIID:   PaymentURI,
		Require: powerauth.RequireFactors(protocol.Possession, protocol.Knowledge).Or(protocol.Possession, protocol.Biometry),
	})
	if err != nil {
		return nil, err
	}
	p.pay = signed(withBody(p.create).handler(logger))

	keys, err := webhook.NewKeyring(webhook.Key{Secret: cfg.CallbackPassword})
	if err != nil {
		return nil, err
	}
	verify, err := webhook.NewBasicAuth(cfg.CallbackUser, keys)
	if err != nil {
		return nil, err
	}
	p.callbacks, err = powerauth.NewCallbackHandler(powerauth.CallbackConfig{
		Verify: verify, Client: p.client, Logger: logger,
		HandleOperation: p.record,
		HandleUnknown:   func(context.Context, powerauth.UnknownCallback) error { return nil },
	})
	return p, err
}

func (p *payments) routes(rt router) {
	rt.Handle("POST /payments", p.pay)
	rt.on("GET /payments/{id}", p.state)
	rt.Handle("POST /callbacks/powerauth", p.callbacks)
}

// create turns a phone's request, whose user and factors are verified, into an operation to approve.
func (p *payments) create(r *http.Request, order map[string]string) (response, error) {
	who, ok := powerauth.IdentityFrom(r.Context())
	if !ok || len(order) == 0 {
		return response{}, refuse(http.StatusBadRequest, "a signed order is needed")
	}
	op, err := p.client.Operations.Create(r.Context(), powerauth.CreateOperationParams{
		UserID: who.UserID, RegistrationID: who.RegistrationID, Template: "payment", Parameters: order,
	})
	if err == nil {
		p.set(op.ID, op.Status)
	}
	return showOperation(http.StatusCreated, op, err)
}

// record notes the state that was read again after a callback: the callback's own payload is not trusted.
func (p *payments) record(_ context.Context, c powerauth.OperationCallback) error {
	if c.Operation != nil { // nil: PAC does not know it any more
		p.set(c.Operation.ID, c.Operation.Status)
	}
	return nil
}

func (p *payments) set(id powerauth.OperationID, status powerauth.OperationStatus) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.states[id].IsFinal() { // callbacks come in any order
		p.states[id] = status
	}
}

// state is what the callbacks led to; the provider is not asked.
func (p *payments) state(_ http.ResponseWriter, r *http.Request) (response, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	status, ok := p.states[powerauth.OperationID(r.PathValue("id"))]
	if !ok {
		return response{}, refuse(http.StatusNotFound, "no such payment")
	}
	return response{http.StatusOK, map[string]any{"status": status}}, nil
}
