package main

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/protocol"
)

// walk registers a phone and gets a payment approved on it.
func (m *mobile) walk(w *walker) {
	device := m.walkRegistration(w)
	m.walkOperations(w, device)
	m.payments.walk(w, m.fake)
}

func (m *mobile) walkRegistration(w *walker) powerauth.RegistrationID {
	w.chapter("Alice registers her phone (PowerAuth)")
	var created, reg registrationView
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
		Registrations []registrationView `json:"registrations"`
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

func (m *mobile) walkOperations(w *walker, device powerauth.RegistrationID) {
	const payment = `{"userId":"alice","template":"payment","language":"en","externalId":"order-1","parameters":{"amount":"100","currency":"CZK","iban":"CZ2730300000001165254011"}}`
	w.chapter("Alice pays (PowerAuth)")
	var op operationView
	w.call("Ask Alice to approve a payment of 100 CZK", http.MethodPost, "/operations", payment, http.StatusCreated, &op)
	w.check(op.Status == powerauth.OperationPending, "a new payment should be pending, not %s", op.Status)
	path := "/operations/" + url.PathEscape(string(op.ID))
	w.call("It is pending", http.MethodGet, path, "", http.StatusOK, &op)
	w.call("It is pending after a short wait, too", http.MethodGet, path+"?wait=10ms", "", http.StatusOK, &op)
	w.check(op.Status == powerauth.OperationPending, "the payment should still be pending, not %s", op.Status)
	// Alice takes a moment, while the request waits.
	approved := time.AfterFunc(50*time.Millisecond, func() { _ = m.fake.Approve(op.ID, device, "") })
	defer approved.Stop()
	var done operationView
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
