package main

import (
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
)

// mobile is the service's side of PowerAuth: phones are registered, and asked to approve.
type mobile struct {
	client *powerauth.Client
	logger *slog.Logger
	fake   *powerauthtest.Server // nil on a real deployment

	payments *payments
}

func newPowerAuth(opts identkit.Options) (*mobile, error) {
	m := &mobile{logger: opts.Logger}
	if os.Getenv("POWERAUTH_BASE_URL") == "" {
		m.fake = powerauthtest.New(powerauthtest.Options{})
		if err := m.fake.Start(); err != nil {
			return nil, err
		}
		m.client = m.fake.Client(func(cfg *powerauth.Config) { cfg.Options = opts })
	} else {
		cfg, err := powerauth.ConfigFromEnv()
		if err != nil {
			return nil, err
		}
		cfg.Options = opts
		if m.client, err = powerauth.New(cfg); err != nil {
			return nil, err
		}
	}
	var err error
	m.payments, err = newPayments(m)
	return m, err
}

func (m *mobile) onFake() bool { return m.fake != nil }

func (m *mobile) close() {
	m.client.CloseIdleConnections()
	if m.fake != nil {
		m.fake.Close()
	}
}

func (m *mobile) routes(mux *http.ServeMux) {
	mux.HandleFunc("POST /registrations", m.createRegistration)
	mux.HandleFunc("GET /registrations", m.listRegistrations)
	mux.HandleFunc("GET /registrations/{id}", m.getRegistration)
	mux.HandleFunc("PUT /registrations/{id}", m.changeRegistration)
	mux.HandleFunc("POST /registrations/{id}/commit", m.commitRegistration)
	mux.HandleFunc("DELETE /registrations/{id}", m.deleteRegistration)
	mux.HandleFunc("POST /operations", m.createOperation)
	mux.HandleFunc("GET /operations/{id}", m.getOperation)
	mux.HandleFunc("DELETE /operations/{id}", m.cancelOperation)
	m.payments.routes(mux)
	if m.fake != nil { // a phone to play with
		mux.HandleFunc("POST /phone/activate", m.phoneActivates)
		mux.HandleFunc("POST /phone/approve", m.phoneApproves)
	}
}

// registrationView is what this service tells its own clients of a registration.
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

func (m *mobile) createRegistration(w http.ResponseWriter, r *http.Request) {
	var in powerauth.CreateRegistrationParams
	if !read(w, r, &in) {
		return
	}
	in.IncompleteStatusCheck = r.URL.Query().Get("incompleteStatusCheck") == "true"
	created, err := m.client.Registrations.Create(r.Context(), in)
	if err != nil {
		fail(w, r, m.logger, err)
		return
	}
	reply(w, http.StatusCreated, registrationView{
		ID: created.ID, Status: powerauth.RegistrationCreated, UserID: in.UserID,
		ActivationCode: created.ActivationCode.Reveal(), QRCodeData: created.ActivationQRCodeData.Reveal(),
	})
}

func (m *mobile) listRegistrations(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	list, err := m.client.Registrations.List(r.Context(), powerauth.ListRegistrationsParams{
		UserID: powerauth.UserID(q.Get("userId")), Removed: q.Get("removed") == "true",
	})
	if err != nil {
		fail(w, r, m.logger, err)
		return
	}
	views := make([]registrationView, 0, len(list.Registrations))
	for _, reg := range list.Registrations {
		views = append(views, viewRegistration(reg))
	}
	reply(w, http.StatusOK, map[string]any{"registrations": views})
}

func (m *mobile) getRegistration(w http.ResponseWriter, r *http.Request) {
	reg, err := m.client.Registrations.Get(r.Context(), powerauth.RegistrationID(r.PathValue("id")))
	if err != nil {
		fail(w, r, m.logger, err)
		return
	}
	reply(w, http.StatusOK, viewRegistration(*reg))
}

func (m *mobile) changeRegistration(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Change string `json:"change"`
	}
	if !read(w, r, &in) {
		return
	}
	id := powerauth.RegistrationID(r.PathValue("id"))
	switch in.Change {
	case "BLOCK":
		m.done(w, r, m.client.Registrations.Block(r.Context(), id))
	case "UNBLOCK":
		m.done(w, r, m.client.Registrations.Unblock(r.Context(), id))
	default:
		reply(w, http.StatusBadRequest, problem{Error: "invalid request", Fields: []string{"change must be BLOCK or UNBLOCK"}})
	}
}

func (m *mobile) commitRegistration(w http.ResponseWriter, r *http.Request) {
	var in powerauth.CommitRegistrationParams
	if read(w, r, &in) {
		m.done(w, r, m.client.Registrations.Commit(r.Context(), powerauth.RegistrationID(r.PathValue("id")), in))
	}
}

func (m *mobile) deleteRegistration(w http.ResponseWriter, r *http.Request) {
	m.done(w, r, m.client.Registrations.Delete(r.Context(), powerauth.RegistrationID(r.PathValue("id"))))
}

// operationView is what this service tells its own clients of an operation.
type operationView struct {
	ID           powerauth.OperationID     `json:"operationId"`
	Status       powerauth.OperationStatus `json:"status"`
	StatusReason string                    `json:"statusReason,omitzero"`
	UserID       powerauth.UserID          `json:"userId,omitzero"`
	Parameters   map[string]string         `json:"parameters,omitempty"`
	Expires      time.Time                 `json:"expires,omitzero"`
	ProximityOTP string                    `json:"proximityOtp,omitzero"` // only to draw it as a QR code
}

func viewOperation(o *powerauth.Operation) operationView {
	return operationView{
		ID: o.ID, Status: o.Status, StatusReason: o.StatusReason, UserID: o.UserID, Parameters: o.Parameters, Expires: o.Expires,
		ProximityOTP: o.ProximityOTP.Reveal(),
	}
}

func (m *mobile) createOperation(w http.ResponseWriter, r *http.Request) {
	var in powerauth.CreateOperationParams
	if !read(w, r, &in) {
		return
	}
	op, err := m.client.Operations.Create(r.Context(), in)
	if err != nil {
		fail(w, r, m.logger, err)
		return
	}
	reply(w, http.StatusCreated, viewOperation(op))
}

func (m *mobile) getOperation(w http.ResponseWriter, r *http.Request) {
	op, err := m.client.Operations.Get(r.Context(), powerauth.OperationID(r.PathValue("id")))
	if err != nil {
		fail(w, r, m.logger, err)
		return
	}
	reply(w, http.StatusOK, viewOperation(op))
}

func (m *mobile) cancelOperation(w http.ResponseWriter, r *http.Request) {
	id, reason := powerauth.OperationID(r.PathValue("id")), r.URL.Query().Get("statusReason")
	m.done(w, r, m.client.Operations.Cancel(r.Context(), id, reason))
}

func (m *mobile) done(w http.ResponseWriter, r *http.Request, err error) {
	if err != nil {
		fail(w, r, m.logger, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// phoneActivates plays a phone that uses an activation code; only on the fake.
func (m *mobile) phoneActivates(w http.ResponseWriter, r *http.Request) {
	var in struct {
		ActivationCode identkit.Secret `json:"activationCode"`
		Name           string          `json:"name"`
		OTP            identkit.Secret `json:"otp"`
	}
	if !read(w, r, &in) {
		return
	}
	id, err := m.fake.Activate(in.ActivationCode, powerauthtest.Activation{Name: in.Name, DeviceInfo: "Simulated", OTP: in.OTP})
	if err != nil {
		reply(w, http.StatusConflict, problem{Error: err.Error()})
		return
	}
	reply(w, http.StatusOK, map[string]any{"registrationId": id})
}

// phoneApproves plays a phone whose user approves an operation; only on the fake.
func (m *mobile) phoneApproves(w http.ResponseWriter, r *http.Request) {
	var in struct {
		OperationID    powerauth.OperationID    `json:"operationId"`
		RegistrationID powerauth.RegistrationID `json:"registrationId"`
		ProximityOTP   identkit.Secret          `json:"proximityOtp"`
	}
	if !read(w, r, &in) {
		return
	}
	if err := m.fake.Approve(in.OperationID, in.RegistrationID, in.ProximityOTP); err != nil {
		reply(w, http.StatusConflict, problem{Error: err.Error()})
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
