package powerauth_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
)

var paymentIn = powerauth.CreateOperationParams{UserID: "u-1", Template: "payment", Parameters: map[string]string{"amount": "100", "currency": "CZK"}}

// active makes a registration and takes it to ACTIVE.
func active(t *testing.T, srv *powerauthtest.Server, client *powerauth.Client, user powerauth.UserID) powerauth.RegistrationID {
	t.Helper()
	created, err := client.Registrations.Create(t.Context(), powerauth.CreateRegistrationParams{UserID: user, AppID: "app", CommitPhase: powerauth.CommitOnKeyExchange})
	require.NoError(t, err)
	id, err := srv.Activate(created.ActivationCode, powerauthtest.Activation{Name: "Phone", DeviceInfo: "Pixel"})
	require.NoError(t, err)
	require.Equal(t, created.ID, id)
	return id
}

// bubble runs a test on fake time, against a fake without a socket.
func bubble(t *testing.T, opts powerauthtest.Options, test func(t *testing.T, srv *powerauthtest.Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		srv := powerauthtest.New(opts)
		defer srv.Close()
		test(t, srv)
	})
}

func manualClock() *identkittest.Clock {
	return identkittest.NewClock(time.Now())
}

// clientOf is a client of any server over the caller's transport.
func clientOf(t *testing.T, url string, transport http.RoundTripper) *powerauth.Client {
	t.Helper()
	client, err := powerauth.New(powerauth.Config{
		BaseURL: url, Credentials: powerauth.BasicAuth("u", "p"),
		Options: identkit.Options{HTTPClient: &http.Client{Transport: transport}, Retry: identkit.RetryPolicy{InitialBackoff: time.Millisecond}},
	})
	require.NoError(t, err)
	return client
}

// The two calls that tests make where any will do: one that is safe to retry and one that is not.
func read(ctx context.Context, c *powerauth.Client, opts ...identkit.CallOption) error {
	_, err := c.Registrations.List(ctx, powerauth.ListRegistrationsParams{UserID: "u-1"}, opts...)
	return err
}

func create(ctx context.Context, c *powerauth.Client, opts ...identkit.CallOption) error {
	_, err := c.Operations.Create(ctx, paymentIn, opts...)
	return err
}
