package iproov_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/iproov"
	"github.com/identkit/identkit/iproov/iproovtest"
)

func TestEveryCodeHasItsKind(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		code     string
		statuses []int
		kind     identkit.Kind
	}{
		{iproov.CodeInvalidKey, []int{400, 401, 403, 500}, identkit.ErrUnauthorized},
		{iproov.CodeInvalidUserID, []int{400, 404}, identkit.ErrNotFound},
		{iproov.CodeNoUser, []int{400, 404}, identkit.ErrNotFound},
		{iproov.CodeInactiveUser, []int{400}, identkit.ErrConflict},
		{iproov.CodeAlreadyEnrolled, []int{400, 409}, identkit.ErrConflict},
		{iproov.CodeInvalidToken, []int{400, 404}, identkit.ErrConflict},
		{iproov.CodeInvalidValidation, []int{400}, identkit.ErrRejected},
		{iproov.CodeInvalidRiskAppetite, []int{400}, identkit.ErrRejected},
		{iproov.CodeMissingData, []int{400}, identkit.ErrRejected},
		{iproov.CodeInvalidEnrolImage, []int{400, 413}, identkit.ErrRejected},
		{iproov.CodeInvalidSource, []int{400}, identkit.ErrRejected},
		{iproov.CodeInvalidReason, []int{400}, identkit.ErrRejected},
		{iproov.CodeInvalidGrant, []int{400}, identkit.ErrUnauthorized},
		{iproov.CodeInvalidClient, []int{400, 401, 403}, identkit.ErrUnauthorized},
		{iproov.CodeInvalidScope, []int{400}, identkit.ErrRejected},
		{iproov.CodeUnsupportedGrantType, []int{400}, identkit.ErrRejected},
		{iproov.CodeInvalidRequest, []int{400}, identkit.ErrRejected},
		{iproov.CodeInvalidOAuth, []int{401, 403}, identkit.ErrUnauthorized},
		{iproov.CodeTokenQuotaExceeded, []int{401, 403}, identkit.ErrUnauthorized},
		{iproov.CodeInvalidAssuranceType, []int{403}, identkit.ErrForbidden},
		{iproov.CodeTooManyRequests, []int{429}, identkit.ErrRateLimited},
		{iproov.CodeServerError, []int{500}, identkit.ErrUnavailable},
		{iproov.CodeInvalidAgent, []int{400}, identkit.ErrRejected},
		{iproov.CodeInvalidIP, []int{400}, identkit.ErrRejected},
		{"code_of_tomorrow", []int{400}, identkit.ErrRejected},
		{"code_of_tomorrow", []int{401}, identkit.ErrUnauthorized},
		{"code_of_tomorrow", []int{403}, identkit.ErrForbidden},
		{"code_of_tomorrow", []int{404}, identkit.ErrNotFound},
		{iproov.CodeAlreadyEnrolled, []int{500}, identkit.ErrUnavailable},
	} {
		for _, status := range row.statuses {
			t.Run(fmt.Sprintf("%s %d", row.code, status), func(t *testing.T) {
				t.Parallel()
				srv := iproovtest.New(iproovtest.Options{})
				srv.Fault(identkittest.Any().JSON(status, map[string]string{"error": row.code, "error_description": "made up for developers"}))
				_, err := srv.Client().Verify.Validate(t.Context(), iproov.ValidateParams{Token: "t", UserID: alice, Client: "c"})
				if row.kind == identkit.ErrRateLimited {
					assert.Equal(t, 3, srv.Journal().Len(), "refused, so it may be sent again")
				} else {
					assert.Equal(t, 1, srv.Journal().Len(), "a verdict is asked for once")
				}
				e := fails(t, err, row.kind, row.code)
				assert.Equal(t, status, e.Status)
				assert.Equal(t, "made up for developers", e.Message)
				assert.NotContains(t, e.Error(), "developers")
				assert.Equal(t, status >= 500, e.OutcomeUnknown, "a 5xx does not say that the verdict was not given")
			})
		}
	}
}

func TestAWrongKeyHintsAtTheRegion(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{})
	client := srv.Client(func(cfg *iproov.Config) {
		cfg.BaseURL, cfg.Region = "", iproov.RegionLATAM
		cfg.Credentials = iproov.Keys("k", "s")
	})
	_, err := client.Enrol.CreateToken(t.Context(), tokenIn)
	fails(t, err, identkit.ErrUnauthorized, iproov.CodeInvalidKey)
	require.EqualError(t, err, "iproov.Enrol.CreateToken: unauthorized (HTTP 401, invalid_key): key or secret is wrong, or belongs to another region than latam.rp.secure.iproov.me")
}

func TestInvalidKeyWithStatus500IsNotRetried(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{})
	client := srv.Client(func(cfg *iproov.Config) { cfg.Credentials = iproov.Keys("wrong", "s") })
	_, err := client.AccessToken(t.Context())
	e := fails(t, err, identkit.ErrUnauthorized, iproov.CodeInvalidKey)
	assert.Len(t, e.Attempts, 1)
	assert.Equal(t, 1, srv.Journal().Len())

	srv.Fault(identkittest.Any().JSON(500, map[string]string{"error": iproov.CodeServerError}))
	_, err = srv.Client().AccessToken(t.Context())
	e = fails(t, err, identkit.ErrUnavailable, iproov.CodeServerError)
	assert.Len(t, e.Attempts, 3, "another 500 is")
}

func TestErrorBodiesOfEveryForm(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{})
	for body, code := range map[string]string{
		``:                       "",
		`<html>502</html>`:       "",
		`null`:                   "",
		`[]`:                     "",
		`{"error":17}`:           "17",
		`{"error":{"code":"x"}}`: "",
		`{"error":"no_user","error_description":{"a":1},"more":[1]}`:  iproov.CodeNoUser,
		`{"error":"inactive_user","Error":"no_user"}`:                 iproov.CodeInactiveUser,
		`{"error":"inactive_user","error":"no_user"}`:                 "",
		`{"Error":"no_user"}`:                                         "",
		`{"error":"no_user","x":{"a":1,"a":2}}`:                       "",
		`{"error":"no_user"}{}`:                                       "",
		"\xef\xbb\xbf" + `{"error":"no_user"}`:                        iproov.CodeNoUser,
		`{"error":"no_user","error_description":"J` + "\xf6" + `rg"}`: "",
		`{"error":"\ud800"}`:                                          "",
		`{"error":"no_user"`:                                          "",
		`{"error":"` + strings.Repeat("x", 5000) + `"}`:               strings.Repeat("x", 5000),
	} {
		srv.ClearFaults()
		srv.Fault(identkittest.Any().Body(400, "", []byte(body)))
		_, err := srv.Client().Verify.CreateToken(t.Context(), tokenIn)
		var e *identkit.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, 400, e.Status)
		assert.Equal(t, code, e.Code)
		assert.Less(t, len(e.Error()), 300)
	}
}

// What the network does to calls that may and that may not be repeated.
func TestFaultsOfTheNetwork(t *testing.T) {
	t.Parallel()
	type calls struct {
		attempts int
		want     identkit.Kind
		unknown  bool
	}
	safe := func(attempts int, want identkit.Kind) calls { return calls{attempts, want, want != ""} }
	for name, row := range map[string]struct {
		fault    identkittest.Rule
		validate calls
		token    calls
	}{
		"cut before the response": {identkittest.Any().Nth(1).LoseResponse(), calls{1, identkit.ErrNetwork, true}, safe(2, "")},
		"reset":                   {identkittest.Any().Nth(1).Reset(), calls{1, identkit.ErrNetwork, true}, safe(2, "")},
		"cut in the response":     {identkittest.Any().Nth(1).TruncateHalf(), calls{1, identkit.ErrNetwork, true}, safe(2, "")},
		"half of the JSON":        {identkittest.Any().Nth(1).BadJSON(), calls{1, identkit.ErrBadResponse, true}, safe(1, identkit.ErrBadResponse)},
		"HTML with 200":           {identkittest.Any().Nth(1).HTML(200), calls{1, identkit.ErrBadResponse, true}, safe(1, identkit.ErrBadResponse)},
		"204":                     {identkittest.Any().Nth(1).Status(204), calls{1, identkit.ErrBadResponse, true}, safe(1, identkit.ErrBadResponse)},
		"500":                     {identkittest.Any().Nth(1).Status(500), calls{1, identkit.ErrUnavailable, true}, safe(2, "")},
		"502 of a gateway":        {identkittest.Any().Nth(1).HTML(502).Processed(), calls{1, identkit.ErrUnavailable, true}, safe(2, "")},
		"no response in time":     {identkittest.Any().Nth(1).SlowHeader(time.Minute), calls{1, identkit.ErrTimeout, true}, safe(2, "")},
		"refused connection":      {identkittest.Any().Nth(1).Refuse(), calls{2, "", false}, safe(2, "")},
		"429":                     {identkittest.Any().Nth(1).Status(429), calls{2, "", false}, safe(2, "")},
		"redirect":                {identkittest.Any().Nth(1).Redirect("https://evil.example"), calls{1, identkit.ErrBadResponse, true}, safe(1, identkit.ErrBadResponse)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check := func(t *testing.T, _ *iproovtest.Server, err error, want calls, attempts int) {
				t.Helper()
				assert.Equal(t, want.attempts, attempts, "attempts")
				if want.want == "" {
					require.NoError(t, err)
					return
				}
				require.ErrorIs(t, err, want.want)
				assert.Equal(t, want.unknown, unknown(err))
			}
			bubble(t, iproovtest.Options{}, func(t *testing.T, srv *iproovtest.Server) {
				srv.AddUser(alice, iproov.UserActive)
				claim, err := srv.Client().Verify.CreateToken(t.Context(), tokenIn)
				in := scanned(t, srv, claim, err, iproovtest.Pass())
				srv.Fault(row.fault)
				_, err = srv.Client().Verify.Validate(t.Context(), in)
				check(t, srv, err, row.validate, srv.Journal().Count("iproov.Verify.Validate"))
			})
			bubble(t, iproovtest.Options{}, func(t *testing.T, srv *iproovtest.Server) {
				srv.AddUser(alice, iproov.UserActive)
				srv.Fault(row.fault)
				_, err := srv.Client().Verify.CreateToken(t.Context(), tokenIn)
				check(t, srv, err, row.token, srv.Journal().Count("iproov.Verify.CreateToken"))
			})
		})
	}
}

func FuzzErrorBody(f *testing.F) {
	srv := iproovtest.New(iproovtest.Options{})
	client := srv.Client(func(cfg *iproov.Config) { cfg.Options.Retry.MaxAttempts = 1 })
	f.Fuzz(func(t *testing.T, body []byte, status int) {
		if status < 300 || status > 599 {
			status = 400
		}
		srv.ClearFaults()
		srv.Fault(identkittest.Any().Body(status, "application/json", body))
		_, err := client.Verify.CreateToken(t.Context(), tokenIn)
		var e *identkit.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, status, e.Status)
		require.NotEmpty(t, e.Kind)
		require.NotContains(t, e.Error(), "\n")
	})
}
