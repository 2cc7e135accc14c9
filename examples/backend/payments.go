package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
	"github.com/identkit/identkit/powerauth/protocol"
	"github.com/identkit/identkit/webhook"
)

// payments are what phones ask for themselves: an endpoint that only a signed request reaches, and the callbacks that tell how the
// approval ended.
type payments struct {
	mobile *mobile
	pay    http.Handler
	told   http.Handler

	// states would live in the team's database.
	mu     sync.Mutex
	states map[powerauth.OperationID]powerauth.OperationStatus
}

// paymentURI is the constant that the app and this service agreed on.
const paymentURI = "/payment/create"

func newPayments(m *mobile) (*payments, error) {
	p := &payments{mobile: m, states: make(map[powerauth.OperationID]powerauth.OperationStatus)}
	signed, err := powerauth.Protect(m.client, powerauth.ProtectConfig{
		URIID:   paymentURI,
		Require: powerauth.RequireFactors(protocol.Possession, protocol.Knowledge).Or(protocol.Possession, protocol.Biometry),
	})
	if err != nil {
		return nil, err
	}
	p.pay = signed(http.HandlerFunc(p.create))

	password := identkit.Secret(os.Getenv("BACKEND_CALLBACK_PASSWORD"))
	if password == "" {
		password = identkit.Secret(rand.Text()) // nobody outside can know it; the fake does
	}
	keys, err := webhook.NewKeyring(webhook.Key{Secret: password})
	if err != nil {
		return nil, err
	}
	proof, err := webhook.NewBasicAuth("powerauth", keys)
	if err != nil {
		return nil, err
	}
	p.told, err = powerauth.NewCallbackHandler(powerauth.CallbackConfig{
		Verify: proof, Client: m.client, Logger: m.logger,
		OnOperation: p.record,
		OnUnknown:   func(context.Context, powerauth.UnknownCallback) error { return nil },
	})
	if err == nil && m.fake != nil {
		m.fake.AddCallback(powerauthtest.Callback{
			Type: powerauth.CallbackOperation, Handler: p.told, Username: "powerauth", Password: password, Attributes: []string{"status"},
		})
	}
	return p, err
}

func (p *payments) routes(mux *http.ServeMux) {
	mux.Handle("POST /payments", p.pay)
	mux.HandleFunc("GET /payments/{id}", p.state)
	mux.Handle("POST /callbacks/powerauth", p.told)
}

// create turns a phone's request, whose user and factors are proven, into an operation to approve.
func (p *payments) create(w http.ResponseWriter, r *http.Request) {
	who, ok := powerauth.IdentityFrom(r.Context())
	var order map[string]string
	body, err := io.ReadAll(r.Body)
	if err = errors.Join(err, json.Unmarshal(body, &order)); err != nil || !ok {
		reply(w, http.StatusBadRequest, problem{Error: "the body is not the JSON that is expected here"})
		return
	}
	op, err := p.mobile.client.Operations.Create(r.Context(), powerauth.CreateOperationParams{
		UserID: who.UserID, RegistrationID: who.RegistrationID, Template: "payment", Parameters: order,
	})
	if err != nil {
		fail(w, r, p.mobile.logger, err)
		return
	}
	p.set(op.ID, op.Status)
	reply(w, http.StatusCreated, viewOperation(op))
}

// record notes what a callback led to: not what it says, but what was read again.
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

// state tells what the callbacks told, without asking the provider.
func (p *payments) state(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	status, ok := p.states[powerauth.OperationID(r.PathValue("id"))]
	p.mu.Unlock()
	if !ok {
		reply(w, http.StatusNotFound, problem{Error: "no such payment"})
		return
	}
	reply(w, http.StatusOK, map[string]any{"status": status})
}
