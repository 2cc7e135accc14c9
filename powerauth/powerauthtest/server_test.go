package powerauthtest_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
)

func TestPrintsAndStateHideSecrets(t *testing.T) {
	t.Parallel()
	lc := identkittest.NewLeakCheck(t)
	srv := powerauthtest.New(powerauthtest.Options{Password: lc.Secret("password"), AdminPassword: lc.Secret("admin password"), CallbackToken: lc.Secret("token")})
	t.Cleanup(srv.Close)
	client := srv.Client()
	otp := lc.Secret("otp")
	created, err := client.Registrations.Create(t.Context(), powerauth.CreateRegistrationParams{UserID: "u-1", AppID: "app", OTP: otp, CommitPhase: powerauth.CommitOnKeyExchange})
	require.NoError(t, err)
	phone := powerauthtest.NewDevice(srv, powerauthtest.DeviceOptions{})
	require.NoError(t, phone.Activate(created.ActivationQRCodeData, otp))
	_, err = client.Operations.Create(t.Context(), powerauth.CreateOperationParams{UserID: "u-1", Template: "payment"})
	require.NoError(t, err)

	lc.Value(srv)
	lc.Value(srv.Journal())
	lc.Value(string(srv.State()))
	assert.Equal(t, "powerauthtest.Server(https://fake.test/powerauth-cloud)", fmt.Sprintf("%+v", srv))
	var state struct {
		Registrations []struct{ ID, UserID, Status string }
		Operations    []struct{ Template, Status string }
	}
	require.NoError(t, json.Unmarshal(srv.State(), &state))
	assert.Equal(t, string(created.ID), state.Registrations[0].ID)
	assert.Equal(t, "ACTIVE", state.Registrations[0].Status)
	assert.Equal(t, "payment", state.Operations[0].Template)
	srv.Clock().Advance(time.Hour)
	require.NoError(t, json.Unmarshal(srv.State(), &state))
	assert.Equal(t, "EXPIRED", state.Operations[0].Status, "by the fake's clock")
}

func TestReplacedOptionsAndOtherBaseURLsReachTheFake(t *testing.T) {
	t.Parallel()
	srv := powerauthtest.New(powerauthtest.Options{Dialect: powerauthtest.Dialect{AuditUnderV2: true, PasskeyBase64URL: true}})
	t.Cleanup(srv.Close)
	client := srv.Client(func(cfg *powerauth.Config) { cfg.Options = identkit.Options{UserAgent: "shop/1"} })
	_, err := client.Health.Get(t.Context())
	require.NoError(t, err)
	admin := srv.AdminClient(func(cfg *powerauth.AdminConfig) { cfg.Options = identkit.Options{} })
	_, err = admin.CreateUser(t.Context(), "shop")
	require.NoError(t, err)

	mounted := httptest.NewServer(srv)
	defer mounted.Close()
	cfg := srv.ConfigFor(mounted.URL + "/powerauth-cloud")
	assert.Nil(t, cfg.Options.HTTPClient)
	client, err = powerauth.New(cfg)
	require.NoError(t, err)
	defer client.CloseIdleConnections()
	for _, err := range client.Audit.Log(t.Context(), powerauth.AuditLogParams{UserID: "u-1"}) {
		require.ErrorContains(t, err, powerauth.CodeAudit, "no such user, says the fake")
	}
	entry, _ := srv.Journal().Last("powerauth.Audit.Log")
	assert.Equal(t, "/powerauth-cloud/v2/audit/log", entry.Path)
}

func TestTheFeedShowsChangesWithoutARequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := powerauthtest.New(powerauthtest.Options{})
		created, err := srv.Client().Registrations.Create(t.Context(), powerauth.CreateRegistrationParams{UserID: "u-1", AppID: "app"})
		require.NoError(t, err)
		changes := srv.Changes(t.Context())
		_, err = srv.Activate(created.ActivationCode, powerauthtest.Activation{})
		require.NoError(t, err)
		for c := range changes {
			assert.Equal(t, identkittest.Change{Number: c.Number, Kind: identkittest.ChangeState, Name: "registration", ID: string(created.ID)}, c)
			break
		}
	})
}
