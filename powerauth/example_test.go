package powerauth_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
)

func ExampleNew() {
	_, err := powerauth.New(powerauth.Config{
		BaseURL:     "https://pac.internal.example/powerauth-cloud",
		Credentials: powerauth.BasicAuth("integration", "from your vault"),
	})
	fmt.Println(err)

	_, err = powerauth.New(powerauth.Config{BaseURL: "http://pac.internal.example", Credentials: powerauth.BasicAuth("integration", "")})
	fmt.Println(err)
	// Output:
	// <nil>
	// powerauth.New: invalid request: Credentials.Password is empty; BaseURL must be https:// outside loopback (Options.AllowPlainHTTP allows http://)
}

// A device is registered: the backend shows a code, the phone uses it, the backend commits.
func ExampleRegistrations() {
	srv := powerauthtest.New(powerauthtest.Options{}) // simulates the provider
	defer srv.Close()
	client := srv.Client()
	ctx := context.Background()

	created, err := client.Registrations.Create(ctx, powerauth.CreateRegistrationParams{UserID: "alice", AppID: "my-bank"})
	if err != nil {
		fmt.Println(err)
		return
	}
	// Show created.ActivationQRCodeData.Reveal() as a QR code. Here the fake simulates the phone that reads it.
	if _, err = srv.Activate(created.ActivationCode, powerauthtest.Activation{Name: "Alice's phone"}); err != nil {
		fmt.Println(err)
		return
	}
	reg, err := client.Registrations.WaitFor(ctx, created.ID, powerauth.RegistrationPendingCommit, identkit.WaitPolicy{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(reg.Status, reg.Name)
	if err = client.Registrations.Commit(ctx, created.ID, powerauth.CommitRegistrationParams{}); err != nil {
		fmt.Println(err)
		return
	}
	list, err := client.Registrations.List(ctx, powerauth.ListRegistrationsParams{UserID: "alice"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range list.Registrations {
		fmt.Println(r.Status, r.Platform)
	}
	// Output:
	// PENDING_COMMIT Alice's phone
	// ACTIVE android
}

// A payment is approved on the user's phone.
func ExampleOperations() {
	srv := powerauthtest.New(powerauthtest.Options{})
	defer srv.Close()
	client := srv.Client()
	ctx := context.Background()
	device := registered(srv, client, "alice")

	op, err := client.Operations.Create(ctx, powerauth.CreateOperationParams{
		UserID: "alice", Template: "payment",
		Parameters: map[string]string{"amount": "100", "currency": "CZK", "iban": "CZ2730300000001165254011"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(op.Status)
	if err = srv.Approve(op.ID, device, ""); err != nil { // the fake simulates the phone
		fmt.Println(err)
		return
	}
	op, err = client.Operations.Wait(ctx, op.ID, identkit.WaitPolicy{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(op.IsApproved())

	err = client.Operations.Cancel(ctx, op.ID, "TOO_LATE")
	fmt.Println(errors.Is(err, identkit.ErrConflict))
	// Output:
	// PENDING
	// true
	// true
}

// When the response to a create is lost, its outcome is unknown: the user may have been asked. The SDK does not send it again.
func ExampleOperations_Create_outcomeUnknown() {
	srv := powerauthtest.New(powerauthtest.Options{})
	defer srv.Close()
	srv.Fault(identkittest.On("powerauth.Operations.Create").LoseResponse())

	_, err := srv.Client().Operations.Create(context.Background(), powerauth.CreateOperationParams{UserID: "alice", Template: "payment"})
	fmt.Println(errors.Is(err, identkit.ErrOutcomeUnknown))
	fmt.Println(srv.Journal().Count("powerauth.Operations.Create"))
	// Output:
	// true
	// 1
}

// When time runs out, the error holds the last state seen.
func ExampleOperations_Wait_timeout() {
	srv := powerauthtest.New(powerauthtest.Options{})
	defer srv.Close()
	client := srv.Client()
	op, err := client.Operations.Create(context.Background(), powerauth.CreateOperationParams{UserID: "alice", Template: "payment"})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_, err = client.Operations.Wait(ctx, op.ID, identkit.WaitPolicy{InitialInterval: time.Millisecond})

	var we *identkit.WaitError[powerauth.Operation]
	if errors.As(err, &we) {
		fmt.Println(we.Last.Status, errors.Is(err, identkit.ErrTimeout))
	}
	// Output: PENDING true
}

// Calls that the package does not wrap use the same transport.
func ExampleClient_Call() {
	srv := powerauthtest.New(powerauthtest.Options{})
	defer srv.Close()

	var out struct {
		Registrations []struct{} `json:"registrations"`
	}
	err := srv.Client().Call(context.Background(), identkit.Request{
		Path: "/v2/registrations", Query: map[string][]string{"userId": {"alice"}}, Retry: identkit.RetrySafe,
	}, &out)
	fmt.Println(len(out.Registrations), err)
	// Output: 0 <nil>
}

// The deployment names the reason of a block differently? Send the field it knows.
func ExampleRegistrations_Block() {
	srv := powerauthtest.New(powerauthtest.Options{})
	defer srv.Close()
	client := srv.Client()
	device := registered(srv, client, "alice")

	err := client.Registrations.Block(context.Background(), device, identkit.WithBodyField("reason", "DEVICE_LOST"))
	fmt.Println(err)
	reg, err := client.Registrations.Get(context.Background(), device)
	if err == nil {
		fmt.Println(reg.Status, reg.BlockedReason)
	}
	// Output:
	// <nil>
	// BLOCKED DEVICE_LOST
}

// A lost phone is found again; another one is removed.
func ExampleRegistrations_Delete() {
	srv := powerauthtest.New(powerauthtest.Options{})
	defer srv.Close()
	client, ctx := srv.Client(), context.Background()
	found, gone := registered(srv, client, "alice"), registered(srv, client, "alice")

	if err := client.Registrations.Block(ctx, found); err != nil {
		fmt.Println(err)
		return
	}
	if err := client.Registrations.Unblock(ctx, found); err != nil {
		fmt.Println(err)
		return
	}
	if err := client.Registrations.Delete(ctx, gone); err != nil {
		fmt.Println(err)
		return
	}
	list, err := client.Registrations.List(ctx, powerauth.ListRegistrationsParams{UserID: "alice"})
	if err == nil {
		fmt.Println(len(list.Registrations), list.Registrations[0].Status)
	}
	// Output: 1 ACTIVE
}

func ExampleCatalog() {
	for _, op := range powerauth.Catalog()[:3] {
		fmt.Println(op.Name, op.Method, op.Path, op.Retry)
	}
	// Output:
	// powerauth.Registrations.Create POST /v2/registrations if not processed
	// powerauth.Registrations.List GET /v2/registrations safe
	// powerauth.Registrations.Get GET /v2/registrations/{registrationId} safe
}

// registered takes a device of the user to ACTIVE.
func registered(srv *powerauthtest.Server, client *powerauth.Client, user powerauth.UserID) powerauth.RegistrationID {
	created, err := client.Registrations.Create(context.Background(), powerauth.CreateRegistrationParams{UserID: user, AppID: "my-bank", CommitPhase: powerauth.CommitOnKeyExchange})
	if err != nil {
		panic(err)
	}
	id, err := srv.Activate(created.ActivationCode, powerauthtest.Activation{})
	if err != nil {
		panic(err)
	}
	return id
}
