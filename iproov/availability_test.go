package iproov_test

import (
	"strings"
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

func TestPingProvesAddressAndKeys(t *testing.T) {
	t.Parallel()
	srv := iproovtest.NewServer(t)
	key, secret := srv.Keys()
	o := new(observed)
	require.NoError(t, srv.Client(func(cfg *iproov.Config) { cfg.Options.Observer = o.observer() }).Ping(t.Context()))
	require.Len(t, o.ends, 1)
	assert.Empty(t, o.ends[0].Kind, "the refusal of the token is its result")
	assert.Equal(t, "iproov.Verify.Validate", o.ends[0].Operation)
	entry, _ := srv.Journal().Last("iproov.Verify.Validate")
	assert.JSONEq(t, `{"api_key":"`+key.Reveal()+`","secret":"`+secret.Reveal()+`","token":"`+strings.Repeat("0", 64)+
		`","user_id":"identkit-ping","client":"identkit"}`, string(entry.Body))
	for name, c := range map[string]iproov.Credentials{"secret": iproov.Keys(key, "wrong"), "key": iproov.Keys("wrong", secret)} {
		client := srv.Client(func(cfg *iproov.Config) { cfg.Credentials = c })
		srv.Journal().Clear()
		fails(t, client.Ping(t.Context()), identkit.ErrUnauthorized, iproov.CodeInvalidKey)
		assert.Equal(t, 1, srv.Journal().Len(), name)
	}
}

func TestPingFailsClosed(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{})
	for _, c := range []struct {
		status int
		body   string
		kind   identkit.Kind
	}{
		{400, `{"error":"invalid_token"}`, ""},
		{404, `{"error":"invalid_token","error_description":"x"}`, ""},
		{400, `{"error":"invalid_token","error":"invalid_token"}`, identkit.ErrRejected},
		{400, `{"Error":"invalid_token"}`, identkit.ErrRejected},
		{400, `{"error":"INVALID_TOKEN"}`, identkit.ErrRejected},
		{400, `{"error":["invalid_token"]}`, identkit.ErrRejected},
		{400, `{"error":"invalid_key"}`, identkit.ErrUnauthorized},
		{400, `{"error":"no_user"}`, identkit.ErrNotFound},
		{400, `{"error":"invalid_validation"}`, identkit.ErrRejected},
		{404, `<html>404</html>`, identkit.ErrNotFound},
		{403, ``, identkit.ErrForbidden},
		{500, `{"error":"invalid_token"}`, identkit.ErrUnavailable},
		{302, `{"error":"invalid_token"}`, identkit.ErrBadResponse},
		{200, `{"error":"invalid_token"}`, ""},
		{200, `{"passed":true,"token":"` + strings.Repeat("0", 64) + `"}`, identkit.ErrBadResponse},
		{200, `{}`, identkit.ErrBadResponse},
		{200, `<html></html>`, identkit.ErrBadResponse},
		{204, ``, identkit.ErrBadResponse},
	} {
		srv.ClearFaults()
		srv.Fault(identkittest.Any().Body(c.status, "application/json", []byte(c.body)))
		err := srv.Client().Ping(t.Context())
		if c.kind == "" {
			require.NoError(t, err, c.body)
		} else {
			require.ErrorIs(t, err, c.kind, "%d %s", c.status, c.body)
		}
	}
	srv.ClearFaults()
	srv.Fault(identkittest.Any().Nth(1).LoseResponse(), identkittest.Any().Nth(2).Status(503))
	require.NoError(t, srv.Client().Ping(t.Context()), "it has no effect, so it is sent again")
}

func TestPingGoesWhereValidateGoes(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{})
	client := srv.Client(func(cfg *iproov.Config) {
		cfg.Options.Paths = map[string]string{"iproov.Verify.Validate": "/face/validate"}
	})
	require.ErrorIs(t, client.Ping(t.Context()), identkit.ErrNotFound)
	assert.Equal(t, "/api/v2/face/validate", srv.Journal().For("")[0].Path)
}
