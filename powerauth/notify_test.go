package powerauth_test

import (
	"context"
	"fmt"
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

func TestAnApprovalThatACallbackReportsIsSeenAtOnce(t *testing.T) {
	t.Parallel()
	for name, adjust := range map[string]func(*powerauth.CallbackConfig, identkit.Notifier){
		"by the client's notifier": func(*powerauth.CallbackConfig, identkit.Notifier) {},
		"by the handler's own": func(cfg *powerauth.CallbackConfig, n identkit.Notifier) {
			cfg.Notifier, cfg.TrustBody, cfg.Client = n, true, nil
		},
		"by a callback without a function": func(cfg *powerauth.CallbackConfig, _ identkit.Notifier) { cfg.HandleOperation = nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, powerauthtest.Options{SendCallbacks: true}, func(t *testing.T, srv *powerauthtest.Server) {
				n := identkit.NewNotifier() // not the fake's: only the callback notifies it
				client := srv.Client(func(cfg *powerauth.Config) { cfg.Options.Notifier = n })
				h, _ := callbacks(t, client, func(cfg *powerauth.CallbackConfig) { adjust(cfg, n) })
				srv.AddCallback(powerauthtest.Callback{Type: powerauth.CallbackOperation, Handler: h, Username: "pac", Password: "hook-password"})
				device := active(t, srv, client, "u-1")
				op, err := client.Operations.Create(t.Context(), paymentIn)
				require.NoError(t, err)
				var approved time.Time
				time.AfterFunc(100*time.Second, func() {
					approved = time.Now()
					assert.NoError(t, srv.Approve(op.ID, device, ""))
				})
				op, err = client.Operations.Wait(t.Context(), op.ID, identkit.WaitPolicy{})
				require.NoError(t, err)
				assert.True(t, op.IsApproved())
				assert.LessOrEqual(t, time.Since(approved), 250*time.Millisecond)
			})
		})
	}
}

func TestACallbackWakesAWaitForARegistration(t *testing.T) {
	t.Parallel()
	bubble(t, powerauthtest.Options{SendCallbacks: true}, func(t *testing.T, srv *powerauthtest.Server) {
		client := srv.Client(func(cfg *powerauth.Config) { cfg.Options.Notifier = identkit.NewNotifier() })
		h, _ := callbacks(t, client)
		srv.AddCallback(powerauthtest.Callback{Type: powerauth.CallbackRegistration, Handler: h, Username: "pac", Password: "hook-password"})
		created, err := client.Registrations.Create(t.Context(), powerauth.CreateRegistrationParams{UserID: "u", AppID: "a"})
		require.NoError(t, err)
		var activated time.Time
		time.AfterFunc(100*time.Second, func() {
			activated = time.Now()
			_, _ = srv.Activate(created.ActivationCode, powerauthtest.Activation{})
		})
		_, err = client.Registrations.WaitFor(t.Context(), created.ID, powerauth.RegistrationPendingCommit, identkit.WaitPolicy{})
		require.NoError(t, err)
		assert.LessOrEqual(t, time.Since(activated), 250*time.Millisecond)
	})
}

func TestTheFakeNotifiesItsOwnClients(t *testing.T) {
	t.Parallel()
	bubble(t, powerauthtest.Options{}, func(t *testing.T, srv *powerauthtest.Server) {
		client, err := powerauth.New(srv.Config())
		require.NoError(t, err)
		created, err := client.Registrations.Create(t.Context(), powerauth.CreateRegistrationParams{UserID: "u-1", AppID: "app"})
		require.NoError(t, err)
		var changed time.Time
		later := func(change func()) {
			time.AfterFunc(30*time.Second, func() {
				changed = time.Now()
				change()
			})
		}
		seen := func(err error) {
			t.Helper()
			require.NoError(t, err)
			assert.LessOrEqual(t, time.Since(changed), 250*time.Millisecond)
		}
		later(func() { _, _ = srv.Activate(created.ActivationCode, powerauthtest.Activation{}) })
		_, err = client.Registrations.WaitFor(t.Context(), created.ID, powerauth.RegistrationPendingCommit, identkit.WaitPolicy{})
		seen(err)
		require.NoError(t, client.Registrations.Commit(t.Context(), created.ID, powerauth.CommitRegistrationParams{}))
		later(func() { _ = client.Registrations.Block(context.WithoutCancel(t.Context()), created.ID) })
		_, err = client.Registrations.WaitFor(t.Context(), created.ID, powerauth.RegistrationBlocked, identkit.WaitPolicy{})
		seen(err)
		op, err := client.Operations.Create(t.Context(), paymentIn)
		require.NoError(t, err)
		later(func() { _ = client.Operations.Cancel(context.WithoutCancel(t.Context()), op.ID, "") })
		op, err = client.Operations.Wait(t.Context(), op.ID, identkit.WaitPolicy{})
		seen(err)
		assert.Equal(t, powerauth.OperationCanceled, op.Status)
	})
}

func TestKeysOfNotifications(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "powerauth.operation:aB-1", powerauth.OperationKey("aB-1"))
	assert.Equal(t, "powerauth.registration:ab-1", powerauth.RegistrationKey("aB-1"), "the letter case of its ids means nothing")
}

func TestAWaitComparesExpiryWithTheProvidersClock(t *testing.T) {
	t.Parallel()
	for _, skew := range []time.Duration{-16 * time.Minute, -10 * time.Minute, 10 * time.Minute} {
		t.Run(fmt.Sprint(skew), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				clock := new(identkittest.Clock)
				clock.Advance(skew)
				srv := powerauthtest.New(powerauthtest.Options{Clock: clock})
				defer srv.Close()
				client := srv.Client(func(cfg *powerauth.Config) { cfg.Options.Notifier = identkit.NewNotifier() }) // it only polls
				device := active(t, srv, client, "u-1")
				op, err := client.Operations.Create(t.Context(), paymentIn)
				require.NoError(t, err)
				time.AfterFunc(2*time.Minute, func() { assert.NoError(t, srv.Approve(op.ID, device, "")) })
				got, err := client.Operations.Wait(t.Context(), op.ID, identkit.WaitPolicy{})
				require.NoError(t, err)
				assert.True(t, got.IsApproved())

				op, err = client.Operations.Create(t.Context(), paymentIn)
				require.NoError(t, err)
				start := time.Now()
				got, err = client.Operations.Wait(t.Context(), op.ID, identkit.WaitPolicy{})
				require.NoError(t, err)
				assert.Equal(t, powerauth.OperationExpired, got.Status)
				assert.InDelta(t, 5*time.Minute, time.Since(start), float64(3*time.Second))
			})
		})
	}
}

func TestAFakeWhoseClockIsBehindOverASocket(t *testing.T) {
	t.Parallel()
	srv := powerauthtest.NewServer(t, func(o *powerauthtest.Options) { o.Clock = identkittest.NewClock(time.Now().Add(-10 * time.Minute)) })
	read := make(chan struct{}, 1000)
	client := srv.Client(func(cfg *powerauth.Config) {
		cfg.Options.Observer.CallEnd = func(_ context.Context, c identkit.CallResult) {
			if c.Operation == "powerauth.Operations.Get" {
				read <- struct{}{}
			}
		}
	})
	device := active(t, srv, client, "u-1")
	op, err := client.Operations.Create(t.Context(), paymentIn)
	require.NoError(t, err)
	go func() {
		for range 4 { // while the wait goes on
			<-read
		}
		_ = srv.Approve(op.ID, device, "")
	}()
	op, err = client.Operations.Wait(t.Context(), op.ID, identkit.WaitPolicy{InitialInterval: time.Millisecond})
	require.NoError(t, err)
	assert.True(t, op.IsApproved())
}

func TestTheErrorOfAWaitNamesStateAndFailure(t *testing.T) {
	t.Parallel()
	bubble(t, powerauthtest.Options{}, func(t *testing.T, srv *powerauthtest.Server) {
		client := srv.Client()
		op, err := client.Operations.Create(t.Context(), paymentIn)
		require.NoError(t, err)
		srv.Fault(identkittest.On("powerauth.Operations.Get").After(1).Status(503))
		_, err = client.Operations.Wait(t.Context(), op.ID, identkit.WaitPolicy{})
		require.ErrorIs(t, err, identkit.ErrTimeout)
		require.ErrorContains(t, err, "powerauth.Operations.Wait: timeout: the state has expired by the provider's clock; ")
		require.ErrorContains(t, err, "last state PENDING; last failure: powerauth.Operations.Get: unavailable (HTTP 503")
		require.NotContains(t, err.Error(), string(op.ID))
		var we *identkit.WaitError[powerauth.Operation]
		require.ErrorAs(t, err, &we)
		require.ErrorIs(t, we.Failure, identkit.ErrUnavailable)
	})
}

func TestAWaitForARegistrationHasAnEnd(t *testing.T) {
	t.Parallel()
	bubble(t, powerauthtest.Options{}, func(t *testing.T, srv *powerauthtest.Server) {
		client := srv.Client()
		id := active(t, srv, client, "u-1")
		start := time.Now()
		_, err := client.Registrations.WaitFor(t.Context(), id, powerauth.RegistrationBlocked, identkit.WaitPolicy{})
		require.ErrorIs(t, err, identkit.ErrTimeout)
		require.ErrorContains(t, err, "it took longer than 1h0m0s")
		require.ErrorContains(t, err, "last state ACTIVE")
		assert.Equal(t, time.Hour, time.Since(start))
	})
}
