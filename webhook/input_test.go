package webhook_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/webhook"
)

type pointerVerifier struct{ webhook.Verifier }

func TestAnInterfaceThatHoldsNothingIsRefused(t *testing.T) {
	t.Parallel()
	handle := func(context.Context, struct{}) error { return nil }
	for name, verifier := range map[string]webhook.Verifier{"pointer": (*pointerVerifier)(nil), "function": webhook.VerifierFunc(nil)} {
		_, err := webhook.NewHandler(webhook.Config[struct{}]{Verify: verifier, Handle: handle})
		require.ErrorIs(t, err, identkit.ErrInvalidRequest, name)
		require.ErrorContains(t, err, "Verify is nil", name)
		_, err = webhook.Any(accept, verifier)
		require.ErrorContains(t, err, "verifiers[1] is nil", name)
		_, err = webhook.Named("a", verifier)
		require.ErrorContains(t, err, "v is nil", name)
		_, err = webhook.VerifyRequest(t.Context(), verifier, &webhook.Request{})
		require.Equal(t, webhook.ReasonUnavailable, webhook.ReasonOf(err), name)
	}
	_, err := webhook.NewHandler(webhook.Config[struct{}]{Name: "n", Verify: accept, Handle: handle, Store: (*webhook.MemoryStore)(nil)})
	require.ErrorContains(t, err, "Store holds a nil pointer")
}

func TestANilContextDoesNotPanic(t *testing.T) {
	t.Parallel()
	var none context.Context
	_, err := webhook.VerifyRequest(none, accept, &webhook.Request{})
	require.Equal(t, webhook.ReasonUnavailable, webhook.ReasonOf(err))
	assert.Nil(t, webhook.DeliveryFrom(none))
	synctest.Test(t, func(t *testing.T) {
		slow := webhook.Config[any]{Timeout: time.Second, Handle: func(context.Context, any) error {
			time.Sleep(3 * time.Second)
			return nil
		}}
		h, _, _ := counting(t, slow)
		require.NoError(t, h.Close(none), "nothing to wait for")
		h, _, _ = counting(t, slow)
		assert.Equal(t, 503, post(h, "{}").Code)
		require.ErrorContains(t, h.Close(none), "the context is nil")
		require.NoError(t, h.Close(t.Context()))
	})
}

func TestAUserNameThatCannotBeOneIsRefused(t *testing.T) {
	t.Parallel()
	for _, user := range []string{"", " ", "pac\n", " pac", "p\x00ac", "pa:c"} {
		_, err := webhook.NewBasicAuth(user, keyring(t, secret))
		require.ErrorIs(t, err, identkit.ErrInvalidRequest, "%q", user)
		require.ErrorContains(t, err, "user ", "%q", user)
	}
}
