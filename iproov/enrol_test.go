package iproov_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/iproov"
	"github.com/identkit/identkit/iproov/iproovtest"
)

func TestCaptureEnrolThenVerify(t *testing.T) {
	t.Parallel()
	srv := iproovtest.NewServer(t)
	client, ctx := srv.Client(), t.Context()

	_, err := client.Verify.CreateToken(ctx, tokenIn)
	fails(t, err, identkit.ErrNotFound, iproov.CodeNoUser)

	claim, err := client.Enrol.CreateToken(ctx, tokenIn)
	in := scanned(t, srv, claim, err, iproovtest.Pass())
	_, err = client.Verify.CreateToken(ctx, tokenIn)
	fails(t, err, identkit.ErrConflict, iproov.CodeInactiveUser)
	v, err := client.Enrol.Validate(ctx, iproov.ValidateEnrolmentParams{ValidateParams: in})
	require.NoError(t, err)
	assert.True(t, v.Passed)
	assert.Equal(t, claim.Token, v.Token)
	assert.Equal(t, iproov.TypeEnrol, v.Type)
	assert.Equal(t, iproov.GenuinePresence, v.AssuranceType)
	entry, _ := srv.Journal().Last("iproov.Enrol.Validate")
	assert.NotContains(t, string(entry.Body), "activate")
	assert.NotContains(t, string(entry.Body), `"ip"`)
	_, err = client.Enrol.Validate(ctx, iproov.ValidateEnrolmentParams{ValidateParams: in})
	fails(t, err, identkit.ErrConflict, iproov.CodeInvalidToken)
	_, err = client.Enrol.CreateToken(ctx, tokenIn)
	fails(t, err, identkit.ErrConflict, iproov.CodeAlreadyEnrolled)

	claim, err = client.Verify.CreateToken(ctx, tokenIn)
	in = scanned(t, srv, claim, err, iproovtest.Fail("Please Keep Still"))
	v, err = client.Verify.Validate(ctx, in)
	require.NoError(t, err, "not passed is a result")
	assert.False(t, v.Passed)
	assert.Equal(t, "Please Keep Still", v.Reason)
	assert.Equal(t, iproov.No, v.Signals.Matching)
	assert.Equal(t, iproov.Yes, v.Signals.AntiSpoofing)
	assert.True(t, v.Signals.AntiSpoofing.IsYes())
	assert.Equal(t, iproov.No, v.Signals.SeveralFaces)

	claim, err = client.Verify.CreateToken(ctx, tokenIn)
	in = scanned(t, srv, claim, err, iproovtest.Pass())
	v, err = client.Verify.Validate(ctx, in)
	require.NoError(t, err)
	assert.True(t, v.Passed)
}

func TestEnrolmentCanLeaveTheUserSuspended(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{})
	client, ctx := srv.Client(), t.Context()
	claim, err := client.Enrol.CreateToken(ctx, tokenIn)
	in := scanned(t, srv, claim, err, iproovtest.Pass())
	_, err = client.Enrol.Validate(ctx, iproov.ValidateEnrolmentParams{ValidateParams: in, LeaveSuspended: true})
	require.NoError(t, err)
	assert.Equal(t, iproov.UserSuspended, srv.UserStatus(alice))
	_, err = client.Verify.CreateToken(ctx, tokenIn)
	fails(t, err, identkit.ErrConflict, iproov.CodeInactiveUser)
	_, err = client.Users.Activate(ctx, alice, time.Time{})
	require.NoError(t, err)
	_, err = client.Verify.CreateToken(ctx, tokenIn)
	require.NoError(t, err)
}
