package powerauthtest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
)

const rightPIN, wrongPIN identkit.Secret = "1379", "2468"

var start = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// fake is a server without a socket on a manual clock.
func fake(t *testing.T, adjust ...func(*powerauthtest.Options)) (*powerauthtest.Server, *identkittest.Clock) {
	t.Helper()
	clock := identkittest.NewClock(start)
	opts := powerauthtest.Options{Clock: clock}
	for _, f := range adjust {
		f(&opts)
	}
	srv := powerauthtest.New(opts)
	t.Cleanup(srv.Close)
	return srv, clock
}

// activated is a phone of user u-1 that is ACTIVE in application "app".
func activated(t *testing.T, srv *powerauthtest.Server, adjust ...func(*powerauthtest.DeviceOptions)) *powerauthtest.Device {
	t.Helper()
	created, err := srv.Client().Registrations.Create(t.Context(), powerauth.CreateRegistrationParams{
		UserID: "u-1", AppID: "app", CommitPhase: powerauth.CommitOnKeyExchange, Flags: []string{"vip"},
	})
	require.NoError(t, err)
	opts := powerauthtest.DeviceOptions{Name: "My phone", DeviceInfo: "Pixel", PIN: rightPIN}
	for _, f := range adjust {
		f(&opts)
	}
	phone := powerauthtest.NewDevice(srv, opts)
	require.NoError(t, phone.Activate(created.ActivationQRCodeData))
	require.Equal(t, created.ID, phone.RegistrationID())
	return phone
}

// verify signs a payment and verifies it as a backend does.
func verify(t *testing.T, srv *powerauthtest.Server, phone *powerauthtest.Device, user ...powerauthtest.UserInput) *powerauth.Verification {
	t.Helper()
	return verifyHeader(t, srv, sign(t, phone, user...))
}

var payment = powerauthtest.Request{Method: "POST", URIID: "/payment", Body: []byte(`{"amount": 1}`)}

func sign(t *testing.T, phone *powerauthtest.Device, user ...powerauthtest.UserInput) string {
	t.Helper()
	header, err := phone.Sign(payment, user...)
	require.NoError(t, err)
	return header
}

func verifyHeader(t *testing.T, srv *powerauthtest.Server, header string) *powerauth.Verification {
	t.Helper()
	got, err := srv.Client().Signatures.Verify(t.Context(), powerauth.VerifySignatureParams{
		Method: payment.Method, URIID: payment.URIID, Body: payment.Body, AuthHeader: identkit.Secret(header),
	})
	require.NoError(t, err)
	return &got.Verification
}

// code is the provider's code of an error, which must be one.
func code(t *testing.T, err error) string {
	t.Helper()
	var e *identkit.Error
	require.ErrorAs(t, err, &e)
	return e.Code
}

// assertSilent checks that no print of a value repeats a hidden text.
func assertSilent(t *testing.T, v any, hidden ...string) {
	t.Helper()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, h := range hidden {
			assert.NotContains(t, fmt.Sprintf(verb, v), h, verb)
		}
	}
}
