package iproovtest_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/iproov"
	"github.com/identkit/identkit/iproov/iproovtest"
)

func TestPrintsAndStateHideSecrets(t *testing.T) {
	t.Parallel()
	lc := identkittest.NewLeakCheck(t)
	srv := iproovtest.New(iproovtest.Options{APIKey: lc.Secret("api key"), Secret: lc.Secret("secret"), OAuthPassword: lc.Secret("password")})
	client := srv.Client(func(cfg *iproov.Config) { cfg.Options = identkit.Options{UserAgent: "shop/1"} })
	claim, err := client.Enrol.CreateToken(t.Context(), iproov.CreateTokenParams{UserID: "u-1", Resource: "r"})
	require.NoError(t, err)
	lc.Seed("claim", string(claim.Token))
	require.NoError(t, srv.Complete(claim.Token, iproovtest.Pass()))
	_, err = client.Users.Get(t.Context(), "u-1")
	require.NoError(t, err)
	_, err = client.Availability(t.Context())
	require.NoError(t, err)
	lc.Seed("access token", srv.AccessTokens()[0].Token.Reveal())

	lc.Value(srv)
	lc.Value(reflect.ValueOf(srv).Elem().Interface())
	lc.Value(srv.Journal())
	lc.Value(srv.Journal().All())
	lc.Value(string(srv.State()))
	assert.Equal(t, "iproovtest.Server(https://fake.test/api/v2)", fmt.Sprintf("%+v", srv))
	var state struct {
		Users  []struct{ Status string }
		Claims []struct{ Passed bool }
	}
	require.NoError(t, json.Unmarshal(srv.State(), &state))
	assert.Equal(t, "inactive", state.Users[0].Status)
	assert.True(t, state.Claims[0].Passed)
}
