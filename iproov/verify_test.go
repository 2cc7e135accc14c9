package iproov_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/iproov"
	"github.com/identkit/identkit/iproov/iproovtest"
)

func TestValidateIsRefused(t *testing.T) {
	t.Parallel()
	clock := manualClock()
	srv := iproovtest.NewServer(t, func(o *iproovtest.Options) { o.Clock = clock })
	srv.AddUser(alice, iproov.UserActive)
	client, ctx := srv.Client(), t.Context()
	claim, err := client.Verify.CreateToken(ctx, tokenIn)
	require.NoError(t, err)
	in := iproov.ValidateParams{Token: claim.Token, UserID: alice, Client: userAgent}
	_, err = client.Verify.Validate(ctx, in)
	fails(t, err, identkit.ErrConflict, iproov.CodeInvalidToken) // too early
	require.NoError(t, srv.Complete(claim.Token, iproovtest.Pass()))

	other := in
	other.UserID = "another"
	_, err = client.Verify.Validate(ctx, other)
	fails(t, err, identkit.ErrRejected, iproov.CodeInvalidValidation)
	other = in
	other.RiskProfile = "P"
	_, err = client.Verify.Validate(ctx, other)
	fails(t, err, identkit.ErrRejected, iproov.CodeInvalidValidation)
	_, err = client.Enrol.Validate(ctx, iproov.ValidateEnrolmentParams{ValidateParams: in})
	fails(t, err, identkit.ErrConflict, iproov.CodeInvalidToken) // the other pair
	_, err = client.Verify.Validate(ctx, in)
	require.NoError(t, err)

	claim, err = client.Verify.CreateToken(ctx, tokenIn)
	require.NoError(t, err)
	clock.Advance(2 * time.Minute)
	require.ErrorIs(t, srv.Complete(claim.Token, iproovtest.Pass()), iproovtest.ErrExpired)
	in.Token = claim.Token
	_, err = client.Verify.Validate(ctx, in)
	fails(t, err, identkit.ErrConflict, iproov.CodeInvalidToken)
}
