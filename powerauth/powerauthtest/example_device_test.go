package powerauthtest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
	"github.com/identkit/identkit/powerauth/protocol"
)

// A simulated phone calls an endpoint that is protected by PowerAuth, first with the right PIN and then with a wrong one.
func ExampleDevice() {
	srv := powerauthtest.New(powerauthtest.Options{})
	defer srv.Close()
	client := srv.Client()

	created, err := client.Registrations.Create(context.Background(), powerauth.CreateRegistrationParams{
		UserID: "alice", AppID: "my-bank", CommitPhase: powerauth.CommitOnKeyExchange,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	phone := powerauthtest.NewDevice(srv, powerauthtest.DeviceOptions{Name: "Alice's phone", PIN: "1379"})
	if err := phone.Activate(created.ActivationQRCodeData); err != nil {
		fmt.Println(err)
		return
	}

	protect, err := powerauth.Protect(client, powerauth.ProtectConfig{
		URIID: "/payment/create", Require: powerauth.RequireFactors(protocol.Possession, protocol.Knowledge),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	endpoint := protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, _ := powerauth.IdentityFrom(r.Context())
		fmt.Fprintf(w, "paid by %s", who.UserID)
	}))

	for _, pin := range []identkit.Secret{"1379", "0000"} {
		r, err := http.NewRequest(http.MethodPost, "/payments", strings.NewReader(`{"amount":"100"}`))
		if err != nil {
			fmt.Println(err)
			return
		}
		if err := phone.SignRequest(r, "/payment/create", powerauthtest.PIN(pin)); err != nil {
			fmt.Println(err)
			return
		}
		w := httptest.NewRecorder()
		endpoint.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Body)
	}
	// Output:
	// 200 paid by alice
	// 401
}

// The user approves an operation on the phone, which has scanned the code on the screen.
func ExampleDevice_Approve() {
	srv := powerauthtest.New(powerauthtest.Options{
		Templates: map[string]powerauthtest.Template{"payment": {ProximityCheck: true}},
	})
	defer srv.Close()
	client, ctx := srv.Client(), context.Background()
	phone := alicesPhone(ctx, srv)

	o, err := client.Operations.Create(ctx, powerauth.CreateOperationParams{UserID: "alice", Template: "payment"})
	if err != nil {
		fmt.Println(err)
		return
	}
	link, err := protocol.ProximityDeeplink{OperationID: o.ID, OTP: o.ProximityOTP}.URL("my-bank")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(phone.Approve(o.ID, powerauthtest.PIN("1379")))
	fmt.Println(phone.Approve(o.ID, powerauthtest.PIN("1379"), powerauthtest.Scanned(identkit.Secret(link))))
	o, err = client.Operations.Get(ctx, o.ID)
	fmt.Println(o.Status, err)
	// Output:
	// powerauthtest: invalid OTP
	// <nil>
	// APPROVED <nil>
}

// The phone has no network: it reads a QR code, and the user types the code that it shows.
func ExampleDevice_OfflineCode() {
	srv := powerauthtest.New(powerauthtest.Options{})
	defer srv.Close()
	client, ctx := srv.Client(), context.Background()
	phone := alicesPhone(ctx, srv)

	o, err := client.Operations.Create(ctx, powerauth.CreateOperationParams{UserID: "alice", Template: "payment"})
	if err != nil {
		fmt.Println(err)
		return
	}
	qr, err := client.Operations.OfflineQR(ctx, o.ID, phone.RegistrationID())
	if err != nil {
		fmt.Println(err)
		return
	}
	typed, err := phone.OfflineCode(qr.Data, powerauthtest.PIN("1379"))
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := client.Operations.VerifyOfflineOTP(ctx, o.ID, powerauth.VerifyOfflineOTPParams{
		OTP: typed, Nonce: qr.Nonce, RegistrationID: phone.RegistrationID(),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(typed.Reveal()), result.Valid, result.Factors)
	// Output:
	// 17 true possession_knowledge
}

// A receiver is unavailable for the first callback, which is sent again two seconds later, on the fake's clock.
func ExampleServer_Deliver() {
	clock := identkittest.NewClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	srv := powerauthtest.New(powerauthtest.Options{Clock: clock})
	defer srv.Close()
	ctx := context.Background()
	srv.AddCallback(powerauthtest.Callback{
		Type: powerauth.CallbackOperation, Attributes: []string{"status", "timestampCreated"}, MaxAttempts: 3,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }),
	})
	srv.Fault(identkittest.On(powerauthtest.CallbackTarget).Nth(1).Status(http.StatusBadGateway))

	o, err := srv.Client().Operations.Create(ctx, powerauth.CreateOperationParams{UserID: "alice", Template: "payment"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 2 {
		deliveries, err := srv.Deliver(ctx)
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, d := range deliveries {
			fmt.Println(d.Attempt, d.Status, d.Pending, strings.ReplaceAll(string(d.Body), string(o.ID), "…"))
		}
		clock.Advance(2 * time.Second)
	}
	// Output:
	// 1 502 true {"operationId":"…","status":"PENDING","timestampCreated":1767323045000,"type":"OPERATION"}
	// 2 204 false {"operationId":"…","status":"PENDING","timestampCreated":"2026-01-02T03:04:05.000+00:00","type":"OPERATION"}
}

// A browser with a passkey signs in.
func ExampleAuthenticator() {
	srv := powerauthtest.New(powerauthtest.Options{})
	defer srv.Close()
	passkeys, ctx := srv.Client().Passkeys, context.Background()
	browser := powerauthtest.NewAuthenticator("https://bank.example", "bank.example")
	policy := powerauth.PasskeyPolicy{RelyingPartyID: "bank.example", AllowedOrigins: []string{"https://bank.example"}}

	creation, err := passkeys.RegistrationChallenge(ctx, powerauth.CreatePasskeyChallengeParams{UserID: "alice", AppID: "my-bank"})
	if err != nil {
		fmt.Println(err)
		return
	}
	attestation, err := browser.Register(creation.Challenge)
	if err != nil {
		fmt.Println(err)
		return
	}
	key, err := passkeys.Register(ctx, powerauth.RegisterPasskeyParams{AppID: "my-bank", Name: "Laptop", Credential: attestation, PasskeyPolicy: policy})
	if err != nil {
		fmt.Println(err)
		return
	}
	login, err := passkeys.AssertionChallenge(ctx, powerauth.CreateAssertionChallengeParams{TemplateName: "login", UserID: "alice"})
	if err != nil {
		fmt.Println(err)
		return
	}
	assertion, err := browser.Assert(login.Challenge, login.AllowCredentials...)
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := passkeys.VerifyAssertion(ctx, powerauth.VerifyPasskeyAssertionParams{Credential: assertion, PasskeyPolicy: policy})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(key.RegistrationStatus, result.Valid, result.UserID)
	// Output:
	// ACTIVE true alice
}

// alicesPhone is an active phone with the PIN 1379.
func alicesPhone(ctx context.Context, srv *powerauthtest.Server) *powerauthtest.Device {
	phone := powerauthtest.NewDevice(srv, powerauthtest.DeviceOptions{PIN: "1379"})
	created, err := srv.Client().Registrations.Create(ctx, powerauth.CreateRegistrationParams{
		UserID: "alice", AppID: "my-bank", CommitPhase: powerauth.CommitOnKeyExchange,
	})
	if err == nil {
		err = phone.Activate(created.ActivationQRCodeData)
	}
	if err != nil {
		panic(err)
	}
	return phone
}
