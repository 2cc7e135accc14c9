package powerauth_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
	"github.com/identkit/identkit/powerauth/protocol"
	"github.com/identkit/identkit/webhook"
)

// phoneOf is a simulated phone of a user, registered with the fake.
func phoneOf(srv *powerauthtest.Server, client *powerauth.Client, user powerauth.UserID) *powerauthtest.Device {
	phone := powerauthtest.NewDevice(srv, powerauthtest.DeviceOptions{PIN: "1379"})
	created, err := client.Registrations.Create(context.Background(), powerauth.CreateRegistrationParams{
		UserID: user, AppID: "my-bank", CommitPhase: powerauth.CommitOnKeyExchange,
	})
	if err != nil {
		panic(err)
	}
	if err = phone.Activate(created.ActivationQRCodeData); err != nil {
		panic(err)
	}
	return phone
}

// An endpoint of the team's own takes payments that were signed on a phone with its PIN.
func ExampleProtect() {
	srv := powerauthtest.New(powerauthtest.Options{})
	defer srv.Close()
	client := srv.Client()
	phone := phoneOf(srv, client, "alice")

	protect, err := powerauth.Protect(client, powerauth.ProtectConfig{
		URIID:   "/payment/create",
		Require: powerauth.RequireFactors(protocol.Possession, protocol.Knowledge),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	payments := protect(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		who, _ := powerauth.IdentityFrom(r.Context())
		body, _ := io.ReadAll(r.Body)
		fmt.Println(who.UserID, "pays", string(body))
	}))
	for _, pin := range []identkit.Secret{"1379", "0000"} {
		r, err := http.NewRequest(http.MethodPost, "https://backend.example/payments", strings.NewReader(`{"amount":100}`))
		if err != nil {
			fmt.Println(err)
			return
		}
		if err = phone.SignRequest(r, "/payment/create", powerauthtest.PIN(pin)); err != nil {
			fmt.Println(err)
			return
		}
		w := httptest.NewRecorder()
		payments.ServeHTTP(w, r)
		fmt.Println(w.Code)
	}
	// Output:
	// alice pays {"amount":100}
	// 200
	// 401
}

// A token lets the app read without asking the user for the PIN.
func ExampleProtectToken() {
	srv := powerauthtest.New(powerauthtest.Options{})
	defer srv.Close()
	client := srv.Client()
	token, err := phoneOf(srv, client, "alice").CreateToken(powerauthtest.PIN("1379"))
	if err != nil {
		fmt.Println(err)
		return
	}
	protect, err := powerauth.ProtectToken(client, powerauth.ProtectTokenConfig{})
	if err != nil {
		fmt.Println(err)
		return
	}
	operations := protect(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		who, _ := powerauth.IdentityFrom(r.Context())
		fmt.Println(who.UserID, who.Authentication, who.Has(protocol.Knowledge))
	}))
	r := httptest.NewRequest(http.MethodGet, "/operations", nil)
	token.SignRequest(r) // the fake simulates the phone
	operations.ServeHTTP(httptest.NewRecorder(), r)
	// Output: alice token false
}

// Without the middleware: a token is verified by hand.
func ExampleTokens_Verify() {
	srv := powerauthtest.New(powerauthtest.Options{})
	defer srv.Close()
	client := srv.Client()
	token, err := phoneOf(srv, client, "alice").CreateToken(powerauthtest.PIN("1379"))
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := client.Tokens.Verify(context.Background(), powerauth.VerifyTokenParams{AuthHeader: identkit.Secret(token.Header())})
	if err == nil {
		fmt.Println(result.IsActive(), result.UserID)
	}
	// Output: true alice
}

// Without the middleware: what the phone signed is verified by hand, and its factors are judged.
func ExampleSignatures_Verify() {
	srv := powerauthtest.New(powerauthtest.Options{})
	defer srv.Close()
	client := srv.Client()
	phone := phoneOf(srv, client, "alice")

	body := []byte(`{"amount":100}`)
	header, err := phone.Sign(powerauthtest.Request{Method: http.MethodPost, URIID: "/payment/create", Body: body}) // with the device alone
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := client.Signatures.Verify(context.Background(), powerauth.VerifySignatureParams{
		Method: http.MethodPost, URIID: "/payment/create", Body: body, AuthHeader: identkit.Secret(header),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Valid, result.UserID, result.Factors)
	fmt.Println(result.Has(protocol.Possession, protocol.Knowledge))
	// Output:
	// true alice possession
	// false
}

// A phone without network approves a payment: it reads a QR code and shows a code, which the user types.
func ExampleOperations_VerifyOfflineOTP() {
	srv := powerauthtest.New(powerauthtest.Options{})
	defer srv.Close()
	client, ctx := srv.Client(), context.Background()
	phone := phoneOf(srv, client, "alice")

	op, err := client.Operations.Create(ctx, powerauth.CreateOperationParams{UserID: "alice", Template: "payment"})
	if err != nil {
		fmt.Println(err)
		return
	}
	qr, err := client.Operations.OfflineQR(ctx, op.ID, phone.RegistrationID())
	if err != nil {
		fmt.Println(err)
		return
	}
	typed, err := phone.OfflineCode(qr.Data, powerauthtest.PIN("1379")) // the fake simulates the phone
	if err != nil {
		fmt.Println(err)
		return
	}
	otp, err := protocol.NormalizeOfflineOTP(strings.ReplaceAll(typed.Reveal(), "-", " "), 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := client.Operations.VerifyOfflineOTP(ctx, op.ID, powerauth.VerifyOfflineOTPParams{OTP: otp, Nonce: qr.Nonce, RegistrationID: phone.RegistrationID()})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Has(protocol.Possession, protocol.Knowledge))
	op, err = client.Operations.Get(ctx, op.ID)
	if err == nil {
		fmt.Println(op.Status)
	}
	// Output:
	// true
	// APPROVED
}

// A passkey is registered and signs a login.
func ExamplePasskeys() {
	srv := powerauthtest.New(powerauthtest.Options{})
	defer srv.Close()
	client, ctx := srv.Client(), context.Background()
	browser := powerauthtest.NewAuthenticator("https://bank.example", "bank.example") // simulates browser and passkey
	policy := powerauth.PasskeyPolicy{RelyingPartyID: "bank.example", AllowedOrigins: []string{"https://bank.example"}, RequiresUserVerification: true}

	begin, err := client.Passkeys.RegistrationChallenge(ctx, powerauth.CreatePasskeyChallengeParams{UserID: "alice", AppID: "my-bank"})
	if err != nil {
		fmt.Println(err)
		return
	}
	credential, err := browser.Register(begin.Challenge)
	if err != nil {
		fmt.Println(err)
		return
	}
	key, err := client.Passkeys.Register(ctx, powerauth.RegisterPasskeyParams{
		AppID: "my-bank", Name: "Alice's laptop", ExpectedChallenge: begin.Challenge, Credential: credential, PasskeyPolicy: policy,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	list, err := client.Passkeys.List(ctx, powerauth.ListPasskeysParams{UserID: "alice", AppID: "my-bank"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(key.RegistrationStatus, list.Passkeys[0].Name)

	ask, err := client.Passkeys.AssertionChallenge(ctx, powerauth.CreateAssertionChallengeParams{TemplateName: "login", UserID: "alice", ApplicationIDs: []powerauth.ApplicationID{"my-bank"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	signed, err := browser.Assert(ask.Challenge, ask.AllowCredentials...)
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := client.Passkeys.VerifyAssertion(ctx, powerauth.VerifyPasskeyAssertionParams{
		ApplicationID: "my-bank", ExpectedChallenge: ask.Challenge, Credential: signed, PasskeyPolicy: policy,
	})
	if err == nil {
		fmt.Println(result.Valid, result.UserID)
	}
	// Output:
	// ACTIVE Alice's laptop
	// true alice
}

// The user is notified by push message and in the inbox.
func ExampleInbox_Create() {
	srv := powerauthtest.New(powerauthtest.Options{})
	defer srv.Close()
	client, ctx := srv.Client(), context.Background()
	phoneOf(srv, client, "alice")

	err := client.Messages.Send(ctx, powerauth.SendMessageParams{UserID: "alice", Title: "Your card", Message: "It is on its way."})
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := client.Inbox.Create(ctx, powerauth.CreateInboxMessageParams{
		UserID: "alice", Subject: "Your card", Summary: "It is on its way.", Body: "It will be there on Monday.", Type: powerauth.InboxText,
	})
	if err == nil {
		fmt.Println(m.Subject, m.Read)
	}
	// Output: Your card false
}

func ExampleAudit_Log() {
	srv := powerauthtest.New(powerauthtest.Options{})
	defer srv.Close()
	client, ctx := srv.Client(), context.Background()
	phone := phoneOf(srv, client, "alice")
	header, err := phone.Sign(powerauthtest.Request{Method: http.MethodPost, URIID: "/payment/create", Body: []byte(`{}`)}, powerauthtest.PIN("1379"))
	if err != nil {
		fmt.Println(err)
		return
	}
	in := powerauth.VerifySignatureParams{Method: http.MethodPost, URIID: "/payment/create", Body: []byte(`{}`), AuthHeader: identkit.Secret(header)}
	if _, err = client.Signatures.Verify(ctx, in); err != nil {
		fmt.Println(err)
		return
	}

	query := powerauth.AuditLogParams{UserID: "alice", From: time.Now().Add(-time.Hour)}
	for item, err := range client.Audit.Log(ctx, query) {
		if err != nil {
			fmt.Println(err)
			return
		}
		method, uriID, _, _ := item.Request()
		fmt.Println(item.EventType, method, uriID)
	}
	// Output: signature_ok POST /payment/create
}

// Callbacks say that something may have changed; what the function gets was read from PAC afterwards.
func ExampleNewCallbackHandler() {
	srv := powerauthtest.New(powerauthtest.Options{})
	defer srv.Close()
	client, ctx := srv.Client(), context.Background()
	device := registered(srv, client, "alice")

	passwords, err := webhook.NewKeyring(webhook.Key{Secret: "from your vault"})
	if err != nil {
		fmt.Println(err)
		return
	}
	verifier, err := webhook.NewBasicAuth("pac", passwords)
	if err != nil {
		fmt.Println(err)
		return
	}
	handler, err := powerauth.NewCallbackHandler(powerauth.CallbackConfig{
		Verify: verifier, Client: client,
		HandleOperation: func(_ context.Context, c powerauth.OperationCallback) error {
			if c.Operation != nil { // nil: PAC does not find it any more
				fmt.Println(c.Operation.Template, c.Operation.Status)
			}
			return nil
		},
		HandleUnknown: func(context.Context, powerauth.UnknownCallback) error { return nil },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	srv.AddCallback(powerauthtest.Callback{Type: powerauth.CallbackOperation, Handler: handler, Username: "pac", Password: "from your vault"})

	op, err := client.Operations.Create(ctx, powerauth.CreateOperationParams{UserID: "alice", Template: "payment"})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err = srv.Approve(op.ID, device, ""); err != nil { // the fake simulates the phone, and sends the callbacks
		fmt.Println(err)
		return
	}
	sent, err := srv.Deliver(ctx)
	fmt.Println(len(sent), sent[0].Status, err)
	// Output:
	// payment APPROVED
	// payment APPROVED
	// 2 200 <nil>
}
