package powerauth_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/powerauth"
)

func TestHealthIsAStatusWheneverPACSaysIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		body   string
		want   powerauth.HealthState // "": an error
	}{
		{200, `{"status":"UP","components":{"db":{"status":"UP"}}}`, powerauth.HealthUp},
		{503, `{"status":"DOWN"}`, powerauth.HealthDown},
		{503, `{"status":"OUT_OF_SERVICE","components":{}}`, powerauth.HealthOutOfService},
		{503, `{"status":"NEW"}`, "NEW"},
		{200, `{"status":"DOWN"}`, powerauth.HealthDown},
		{200, `{}`, ""},
		{200, `<html>`, ""},
		{503, `{"status":"UP"}`, ""},
		{503, `{"status":503,"error":"Service Unavailable"}`, ""},
		{503, `{"status":"ERROR","responseObject":{"code":"ERROR_GENERIC"}}`, ""},
		{503, `{"status":"ERROR"}`, ""},
		{503, `{"Status":"DOWN"}`, ""},
		{503, `{"status":"DOWN","status":"UP"}`, ""},
		{503, `{"status":"DOWN","components":{"db":{"a":1,"a":2}}}`, ""},
		{503, `{"status":"DOWN"}{}`, ""},
		{503, `{"status":null}`, ""},
		{503, `null`, ""},
		{200, `null`, ""},
		{200, `{"status":true}`, ""},
		{200, `{"status":"UP","components":"hidden"}`, powerauth.HealthUp},
		{503, `<html>`, ""},
		{503, ``, ""},
		{500, `{"status":"DOWN"}`, ""},
		{404, `{"status":"DOWN"}`, ""},
	} {
		s, client := stubbed(t, c.status, c.body)
		for path, ask := range map[string]func(context.Context, ...identkit.CallOption) (*powerauth.HealthStatus, error){
			"/actuator/health": client.Health.Get, "/actuator/health/liveness": client.Health.Liveness, "/actuator/health/readiness": client.Health.Readiness,
		} {
			before := s.count()
			h, err := ask(t.Context())
			assert.Equal(t, 1, s.count()-before, "a probe is not retried")
			assert.Equal(t, "/powerauth-cloud"+path, s.last(t).path)
			assert.Empty(t, s.last(t).header.Get("Authorization"), "no credentials")
			assert.Equal(t, c.want == powerauth.HealthUp, h.IsUp(), c.body)
			if c.want == "" {
				require.Error(t, err, c.body)
				assert.Nil(t, h)
				continue
			}
			require.NoError(t, err, c.body)
			assert.Equal(t, c.want, h.Status)
			assert.JSONEq(t, c.body, string(h.RawJSON()))
		}
	}
}

func TestHealthTakesTheCallersOptions(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 503, `{"status":"DOWN"}`)
	var resp identkit.Response
	h, err := client.Health.Get(t.Context(), identkit.WithResponse(&resp), identkit.WithAttempts(3))
	require.NoError(t, err)
	assert.Equal(t, powerauth.HealthDown, h.Status)
	assert.Equal(t, 503, resp.Status)
	assert.JSONEq(t, `{"status":"DOWN"}`, string(resp.Body))
	assert.Equal(t, 1, s.count(), "a state is a result, and not asked for again")
	s.respond(503, `<html>`)
	_, err = client.Health.Get(t.Context(), identkit.WithAttempts(3))
	require.ErrorIs(t, err, identkit.ErrUnavailable)
	assert.Equal(t, 4, s.count())
	_, err = new(powerauth.Client).Health.Get(t.Context())
	require.ErrorIs(t, err, identkit.ErrInvalidRequest, "New did not make it")
}

func TestAdminHealthSendsItsCredentials(t *testing.T) {
	t.Parallel()
	s, admin := stubbedAdmin(t, 200, `{"status":"UP"}`)
	h, err := admin.Health.Get(t.Context())
	require.NoError(t, err)
	assert.True(t, h.IsUp())
	assert.NotEmpty(t, s.last(t).header.Get("Authorization"))
}
