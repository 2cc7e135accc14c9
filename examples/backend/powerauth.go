package main

import (
	"errors"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
)

// mobile uses PowerAuth: phones are registered, and asked to approve.
type mobile struct {
	client *powerauth.Client
	logger *slog.Logger
	fake   *powerauthtest.Server // nil on a real deployment

	payments *payments
}

func newMobile(opts identkit.Options) (*mobile, error) {
	m := &mobile{logger: opts.Logger}
	if os.Getenv("POWERAUTH_BASE_URL") == "" {
		m.fake = powerauthtest.New(powerauthtest.Options{})
		m.client = m.fake.Client(func(cfg *powerauth.Config) { cfg.Options = opts })
	} else {
		cfg, err := powerauth.ConfigFromEnv()
		if err != nil {
			return nil, err
		}
		cfg.Options = opts
		cfg.Options.Notifier = identkit.NewNotifier() // callbacks wake the waits; several processes need one that they share
		if m.client, err = powerauth.New(cfg); err != nil {
			return nil, err
		}
	}
	var err error
	m.payments, err = newPayments(m)
	return m, err
}

func (m *mobile) close() {
	m.client.CloseIdleConnections()
	if m.fake != nil {
		m.fake.Close()
	}
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
	if m.fake != nil { // a simulated phone
		rt.on("POST /phone/activate", withBody(m.phoneActivates))
		rt.on("POST /phone/approve", withBody(m.phoneApproves))
	}
}

// registrationView is what this service shows its own clients of a registration.
type registrationView struct {
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

func viewRegistration(r powerauth.Registration) registrationView {
	return registrationView{
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
	return response{http.StatusCreated, registrationView{
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
	views := make([]registrationView, len(list.Registrations))
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

// operationView is what this service shows its own clients of an operation.
type operationView struct {
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
	return response{status, operationView{
		ID: o.ID, Status: o.Status, StatusReason: o.StatusReason, UserID: o.UserID, Parameters: o.Parameters, Expires: o.Expires,
		ProximityOTP: o.ProximityOTP.Reveal(),
	}}, nil
}

func (m *mobile) createOperation(r *http.Request, in powerauth.CreateOperationParams) (response, error) {
	op, err := m.client.Operations.Create(r.Context(), in)
	return showOperation(http.StatusCreated, op, err)
}

// longestWait is shorter than the server's WriteTimeout.
const longestWait = time.Minute

// getOperation shows an operation. With a query such as ?wait=30s it responds when the operation has ended, or after that time.
func (m *mobile) getOperation(_ http.ResponseWriter, r *http.Request) (response, error) {
	id, query := powerauth.OperationID(r.PathValue("id")), r.URL.Query()
	if !query.Has("wait") {
		op, err := m.client.Operations.Get(r.Context(), id)
		return showOperation(http.StatusOK, op, err)
	}
	wait, err := time.ParseDuration(query.Get("wait"))
	if err != nil || wait <= 0 || wait > longestWait {
		return response{}, refuse(http.StatusBadRequest, "wait must be a duration of up to "+longestWait.String())
	}
	op, err := m.client.Operations.Wait(r.Context(), id, identkit.WaitPolicy{Until: time.Now().Add(wait)})
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

type activateBody struct {
	ActivationCode identkit.Secret `json:"activationCode"`
	Name           string          `json:"name"`
	OTP            identkit.Secret `json:"otp"`
}

// phoneActivates simulates a phone that uses an activation code; only on the fake.
func (m *mobile) phoneActivates(_ *http.Request, in activateBody) (response, error) {
	id, err := m.fake.Activate(in.ActivationCode, powerauthtest.Activation{Name: in.Name, DeviceInfo: "Simulated", OTP: in.OTP})
	if err != nil {
		return response{}, refuse(http.StatusConflict, err.Error())
	}
	return response{http.StatusOK, map[string]any{"registrationId": id}}, nil
}

type approveBody struct {
	OperationID    powerauth.OperationID    `json:"operationId"`
	RegistrationID powerauth.RegistrationID `json:"registrationId"`
	ProximityOTP   identkit.Secret          `json:"proximityOtp"`
}

// phoneApproves simulates a phone whose user approves an operation; only on the fake.
func (m *mobile) phoneApproves(_ *http.Request, in approveBody) (response, error) {
	if err := m.fake.Approve(in.OperationID, in.RegistrationID, in.ProximityOTP); err != nil {
		return response{}, refuse(http.StatusConflict, err.Error())
	}
	return response{}, nil
}
