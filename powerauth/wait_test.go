package powerauth_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
)

func TestActivationCodeExpiresOnTheFakesClock(t *testing.T) {
	t.Parallel()
	clock := manualClock()
	srv := powerauthtest.NewServer(t, func(o *powerauthtest.Options) { o.Clock = clock })
	client := srv.Client()
	created, err := client.Registrations.Create(t.Context(), powerauth.CreateRegistrationParams{UserID: "u", AppID: "a"})
	require.NoError(t, err)
	clock.Advance(5 * time.Minute)
	_, err = srv.Activate(created.ActivationCode, powerauthtest.Activation{})
	require.ErrorIs(t, err, powerauthtest.ErrNoRegistration)
	reg, err := client.Registrations.Get(t.Context(), created.ID)
	require.NoError(t, err)
	assert.Equal(t, powerauth.RegistrationRemoved, reg.Status)
}

func TestWaitForARegistration(t *testing.T) {
	t.Parallel()
	t.Run("comes", func(t *testing.T) {
		t.Parallel()
		bubble(t, powerauthtest.Options{}, func(t *testing.T, srv *powerauthtest.Server) {
			client := srv.Client()
			created, err := client.Registrations.Create(t.Context(), powerauth.CreateRegistrationParams{UserID: "u", AppID: "a"})
			require.NoError(t, err)
			time.AfterFunc(40*time.Second, func() { _, _ = srv.Activate(created.ActivationCode, powerauthtest.Activation{}) })
			reg, err := client.Registrations.WaitFor(t.Context(), created.ID, powerauth.RegistrationPendingCommit, identkit.WaitPolicy{})
			require.NoError(t, err)
			assert.Equal(t, powerauth.RegistrationPendingCommit, reg.Status)
			assert.Less(t, srv.Journal().Count("powerauth.Registrations.Get"), 25, "intervals grow")
		})
	})
	t.Run("expires", func(t *testing.T) {
		t.Parallel()
		bubble(t, powerauthtest.Options{CodeValidity: 2 * time.Minute}, func(t *testing.T, srv *powerauthtest.Server) {
			client := srv.Client()
			created, err := client.Registrations.Create(t.Context(), powerauth.CreateRegistrationParams{UserID: "u", AppID: "a"})
			require.NoError(t, err)
			start := time.Now()
			_, err = client.Registrations.WaitFor(t.Context(), created.ID, powerauth.RegistrationActive, identkit.WaitPolicy{})
			require.ErrorIs(t, err, identkit.ErrConflict)
			var we *identkit.WaitError[powerauth.Registration]
			require.ErrorAs(t, err, &we)
			assert.Equal(t, powerauth.RegistrationRemoved, we.Last.Status)
			assert.InDelta(t, 2*time.Minute, time.Since(start), float64(10*time.Second))
		})
	})
	t.Run("is past", func(t *testing.T) {
		t.Parallel()
		srv := powerauthtest.NewServer(t)
		client := srv.Client()
		id := active(t, srv, client, "u")
		_, err := client.Registrations.WaitFor(t.Context(), id, powerauth.RegistrationPendingCommit, identkit.WaitPolicy{})
		require.ErrorIs(t, err, identkit.ErrConflict)
	})
	t.Run("policy's end", func(t *testing.T) {
		t.Parallel()
		bubble(t, powerauthtest.Options{}, func(t *testing.T, srv *powerauthtest.Server) {
			client := srv.Client()
			created, err := client.Registrations.Create(t.Context(), powerauth.CreateRegistrationParams{UserID: "u", AppID: "a"})
			require.NoError(t, err)
			start := time.Now()
			_, err = client.Registrations.WaitFor(t.Context(), created.ID, powerauth.RegistrationActive, identkit.WaitPolicy{Until: start.Add(20 * time.Second)})
			require.ErrorIs(t, err, identkit.ErrTimeout)
			var we *identkit.WaitError[powerauth.Registration]
			require.ErrorAs(t, err, &we)
			assert.Equal(t, powerauth.RegistrationCreated, we.Last.Status)
			assert.InDelta(t, 20*time.Second, time.Since(start), float64(3*time.Second))
		})
	})
}

func TestWaitForRemovedEndsWithNotFound(t *testing.T) {
	t.Parallel()
	reg, err := powerauthtest.NewServer(t).Client().Registrations.WaitFor(t.Context(), "unknown", powerauth.RegistrationRemoved, identkit.WaitPolicy{})
	require.NoError(t, err)
	assert.True(t, reg.Status.IsFinal())
}
