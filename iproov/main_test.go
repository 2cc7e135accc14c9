package iproov_test

import (
	"bytes"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/iproov"
	"github.com/identkit/identkit/iproov/iproovtest"
)

const alice iproov.UserID = "b7c0e9a2-5f0e-4c1b-9d53-2a7d2f1f0c11"

const userAgent = "Mozilla/5.0 (made up)"

var tokenIn = iproov.CreateTokenParams{UserID: alice, Resource: "acme-login"}

// jpeg is enough of a photo for anybody who looks at its first bytes only.
func jpeg(size int) []byte {
	return append([]byte("\xff\xd8\xff\xe0"), bytes.Repeat([]byte{7}, size-4)...)
}

// bubble runs a test on fake time, against a fake without a socket.
func bubble(t *testing.T, opts iproovtest.Options, test func(t *testing.T, srv *iproovtest.Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		srv := iproovtest.New(opts)
		defer srv.Close()
		test(t, srv)
	})
}

func manualClock() *identkittest.Clock { return identkittest.NewClock(time.Now()) }

// fails checks kind and code of an error and returns it.
func fails(t *testing.T, err error, kind identkit.Kind, code string) *identkit.Error {
	t.Helper()
	require.ErrorIs(t, err, kind)
	var e *identkit.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, code, e.Code)
	return e
}

// scanned is an enrolment or verification claim whose scan has ended.
func scanned(t *testing.T, srv *iproovtest.Server, claim *iproov.Claim, err error, outcome iproovtest.Outcome) iproov.ValidateParams {
	t.Helper()
	require.NoError(t, err)
	require.NoError(t, srv.Complete(claim.Token, outcome))
	return iproov.ValidateParams{Token: claim.Token, UserID: claim.UserID, Client: userAgent}
}

func unknown(err error) bool { return errors.Is(err, identkit.ErrOutcomeUnknown) }
