package powerauth_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
)

// A deployment that is down is a status, not an error.
func ExampleHealth_Get() {
	srv := powerauthtest.New(powerauthtest.Options{})
	defer srv.Close()
	client := srv.Client()
	srv.SetHealth(powerauth.HealthDown)

	h, err := client.Health.Get(context.Background())
	if err == nil {
		fmt.Println(h.IsUp(), h.Status)
	}
	// Output: false DOWN
}

// What an orchestrator asks: does the process run, and does it take requests?
func ExampleHealth_Readiness() {
	srv := powerauthtest.New(powerauthtest.Options{})
	defer srv.Close()
	client, ctx := srv.Client(), context.Background()

	alive, err := client.Health.Liveness(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	ready, err := client.Health.Readiness(ctx)
	fmt.Println(alive.IsUp(), ready.IsUp(), err)
	// Output: true true <nil>
}

// An application gets what it needs for sending push messages to its phones.
func ExampleAdminClient_SetAPNs() {
	srv := powerauthtest.New(powerauthtest.Options{Applications: []powerauth.ApplicationID{"my-bank"}})
	defer srv.Close()
	cfg := srv.Config()
	admin, err := powerauth.NewAdmin(powerauth.AdminConfig{
		BaseURL: cfg.BaseURL, Credentials: powerauth.BasicAuth(srv.AdminCredentials()), Options: cfg.Options,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	app, err := admin.GetApplication(ctx, "my-bank")
	if err != nil {
		fmt.Println(err)
		return
	}
	key := identkit.Secret(base64.StdEncoding.EncodeToString([]byte("the key file, from your vault")))
	err = admin.SetAPNs(ctx, app.ID, powerauth.SetAPNsParams{
		Topic: "com.example.bank", KeyID: "KEY1234567", TeamID: "TEAM123456", Environment: powerauth.APNsProduction, PrivateKey: key,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = admin.SetFCM(ctx, app.ID, powerauth.SetFCMParams{ProjectID: "bank-1", PrivateKey: key})
	fmt.Println(app.AppSecret, err)
	// Output: [secret] <nil>
}

// At start: are address and credentials correct?
func ExampleAdminClient_Ping() {
	srv := powerauthtest.New(powerauthtest.Options{})
	defer srv.Close()
	cfg := srv.Config()
	admin, err := powerauth.NewAdmin(powerauth.AdminConfig{
		BaseURL: cfg.BaseURL, Credentials: powerauth.BasicAuth("admin", "an old password"), Options: cfg.Options,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(errors.Is(admin.Ping(context.Background()), identkit.ErrUnauthorized))
	// Output: true
}

// A deployment is set up: an application, a user for the backend, and callbacks to it.
func ExampleAdminClient() {
	srv := powerauthtest.New(powerauthtest.Options{})
	defer srv.Close()
	cfg := srv.Config()
	admin, err := powerauth.NewAdmin(powerauth.AdminConfig{
		BaseURL: cfg.BaseURL, Credentials: powerauth.BasicAuth(srv.AdminCredentials()), Options: cfg.Options,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	app, err := admin.CreateApplication(ctx, powerauth.CreateApplicationParams{ID: "my-bank"})
	if err != nil {
		fmt.Println(err)
		return
	}
	user, err := admin.CreateUser(ctx, "backend")
	if err != nil {
		fmt.Println(err)
		return
	}
	// Put user.Password.Reveal() into the vault now: it is never shown again.
	if _, err = admin.BindUser(ctx, user.Username, app.ID); err != nil {
		fmt.Println(err)
		return
	}
	_, err = admin.CreateCallback(ctx, app.ID, powerauth.CreateCallbackParams{
		Name: "operations", Type: powerauth.CallbackOperation, URL: "https://backend.example/hooks/pac", Attributes: []string{"status"}, MaxAttempts: 10,
		Authentication: powerauth.CallbackAuthentication{HTTPBasic: powerauth.CallbackBasic{Username: "pac", Password: "from your vault"}},
	})
	fmt.Println(user.Password, err)
	// Output: [secret] <nil>
}
