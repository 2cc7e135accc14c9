package main

import (
	"context"
	"crypto/rand"
	"net/http"
	"os"
	"sync"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
	"github.com/identkit/identkit/powerauth/protocol"
	"github.com/identkit/identkit/webhook"
)

// payments are what phones ask for themselves: an endpoint that needs a signed request, and the callbacks about how the approval
// ended.
type payments struct {
	client    *powerauth.Client
	pay       http.Handler
	callbacks http.Handler

	// states would live in the team's database.
	mu     sync.Mutex
	states map[powerauth.OperationID]powerauth.OperationStatus
}

// paymentURI is the constant that the app and this service agreed on.
const paymentURI = "/payment/create"

func newPayments(m *mobile) (*payments, error) {
	p := &payments{client: m.client, states: make(map[powerauth.OperationID]powerauth.OperationStatus)}
	signed, err := powerauth.Protect(m.client, powerauth.ProtectConfig{
		URIID:   paymentURI,
		Require: powerauth.RequireFactors(protocol.Possession, protocol.Knowledge).Or(protocol.Possession, protocol.Biometry),
	})
	if err != nil {
		return nil, err
	}
	p.pay = signed(withBody(p.create).handler(m.logger))

	password := identkit.Secret(os.Getenv("BACKEND_CALLBACK_PASSWORD"))
	if password == "" {
		password = identkit.Secret(rand.Text()) // only the fake gets it
	}
	keys, err := webhook.NewKeyring(webhook.Key{Secret: password})
	if err != nil {
		return nil, err
	}
	verify, err := webhook.NewBasicAuth("powerauth", keys)
	if err != nil {
		return nil, err
	}
	p.callbacks, err = powerauth.NewCallbackHandler(powerauth.CallbackConfig{
		Verify: verify, Client: m.client, Logger: m.logger,
		HandleOperation: p.record,
		HandleUnknown:   func(context.Context, powerauth.UnknownCallback) error { return nil },
	})
	if err == nil && m.fake != nil {
		m.fake.AddCallback(powerauthtest.Callback{
			Type: powerauth.CallbackOperation, Handler: p.callbacks, Username: "powerauth", Password: password, Attributes: []string{"status"},
		})
	}
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
