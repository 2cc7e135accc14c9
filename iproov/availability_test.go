package iproov_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/iproov"
	"github.com/identkit/identkit/iproov/iproovtest"
)

func TestAvailability(t *testing.T) {
	t.Parallel()
	srv := iproovtest.NewServer(t)
	health, err := srv.Client().Availability(t.Context())
	require.NoError(t, err)
	assert.True(t, health.Up)
	_, err = srv.Client(func(cfg *iproov.Config) { cfg.Credentials = iproov.Keys("other", "s") }).Availability(t.Context())
	fails(t, err, identkit.ErrUnauthorized, iproov.CodeInvalidKey)

	for body, up := range map[string]bool{`{"up":false}`: true, `{"up":"true"}`: false, `{"up":null}`: false, `{}`: false} {
		srv.ClearFaults()
		srv.Fault(identkittest.Any().Body(200, "application/json", []byte(body)))
		health, err = srv.Client().Availability(t.Context())
		if up {
			require.NoError(t, err)
			assert.False(t, health.Up)
		} else {
			require.ErrorIs(t, err, identkit.ErrBadResponse, body)
		}
	}
}
