package iproov_test

import (
	"context"
	"net/http"
	"strings"
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

func TestAnAnswerThatNamesAFieldTwiceIsNoAnswer(t *testing.T) {
	t.Parallel()
	validate := func(c *iproov.Client) error {
		_, err := c.Verify.Validate(t.Context(), iproov.ValidateParams{Token: "T", UserID: alice, Client: "x"})
		return err
	}
	token := func(c *iproov.Client) error { _, err := c.Verify.CreateToken(t.Context(), tokenIn); return err }
	image := func(c *iproov.Client) error {
		_, err := c.Enrol.Image(t.Context(), iproov.EnrolImageParams{Token: "T", UserID: alice, Source: iproov.SourceSelfie, Image: strings.NewReader(string(jpeg(100)))})
		return err
	}
	user := func(c *iproov.Client) error { _, err := c.Users.Get(t.Context(), alice); return err }
	for _, c := range []struct {
		call func(*iproov.Client) error
		body string
	}{
		{validate, `{"passed":true,"token":"WRONG","Token":"T"}`},
		{validate, `{"passed":true,"token":"WRONG","token":"T"}`},
		{validate, `{"passed":true,"token":"T","token":null}`},
		{validate, `{"passed":true,"token":"T","type":"enrol","Type":"verify"}`},
		{validate, `{"passed":true,"token":"T","type":"ENROL"}`},
		{validate, `{"Passed":true,"token":"T"}`},
		{image, `{"success":true,"token":"WRONG","Token":"T","user_id":"` + string(alice) + `"}`},
		{image, `{"success":true,"token":"T","user_id":"other","User_id":"` + string(alice) + `"}`},
		{token, `{"token":"T","user_id":"mallory","user_id":null}`},
		{token, `{"TOKEN":"U"}`},
		{user, `{"user_id":"` + string(alice) + `","Status":"active"}`},
	} {
		srv := iproovtest.New(iproovtest.Options{})
		srv.Fault(identkittest.Any().When(func(r *http.Request) bool { return !strings.HasSuffix(r.URL.Path, "/access_token") }).Body(200, "application/json", []byte(c.body)))
		require.ErrorIs(t, c.call(srv.Client()), identkit.ErrBadResponse, c.body)
	}
}

func TestA5xxWithInvalidKeyIsNotAskedForAgain(t *testing.T) {
	t.Parallel()
	for _, status := range []int{500, 502, 503} {
		srv := iproovtest.New(iproovtest.Options{})
		srv.Fault(identkittest.Any().JSON(status, map[string]string{"error": iproov.CodeInvalidKey}))
		n := 0
		client := srv.Client(func(cfg *iproov.Config) {
			key, _ := srv.Keys()
			cfg.Credentials = iproov.KeysFrom(identkit.Static(key), func(context.Context) (identkit.Secret, error) {
				n++
				return identkit.Secret(strings.Repeat("k", n)), nil
			})
		})
		_, err := client.Verify.Validate(t.Context(), iproov.ValidateParams{Token: "T", UserID: alice, Client: "x"})
		require.ErrorIs(t, err, identkit.ErrOutcomeUnknown, status)
		assert.Equal(t, 1, srv.Journal().Len(), status)
	}
}

func TestRemoveBelievesIProovsCodesOnly(t *testing.T) {
	t.Parallel()
	for code, gone := range map[string]bool{"not_found": false, "Not Found": false, iproov.CodeNoUser: true, iproov.CodeInvalidUserID: true} {
		srv := iproovtest.New(iproovtest.Options{})
		srv.Fault(identkittest.On("iproov.Users.Delete").JSON(404, map[string]string{"error": code}))
		assert.Equal(t, gone, srv.Client().Users.DeleteIfExists(t.Context(), alice) == nil, code)
	}
}

func TestLookalikeHostsAndCredentialsInAddressesAreRefused(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"https://\u0435u.rp.secure.iproov.me", "eu\u3002rp.secure.iproov.me"} {
		_, err := iproov.ParseEndpoint(address)
		require.ErrorIs(t, err, identkit.ErrInvalidRequest, address)
	}
	_, err := iproov.New(iproov.Config{Region: iproov.RegionEU, Credentials: iproov.Keys("k", "s"), WebStreamingURL: "https://user:pw@stream.example/"})
	require.ErrorIs(t, err, identkit.ErrInvalidRequest)
	srv := iproovtest.New(iproovtest.Options{})
	srv.Fault(identkittest.Any().JSON(401, map[string]string{"error": iproov.CodeInvalidKey}))
	client := srv.Client(func(cfg *iproov.Config) { cfg.WebStreamingURL = "https://stream.example/x?token=abcdef" })
	_, err = client.Verify.CreateToken(t.Context(), tokenIn)
	require.ErrorIs(t, err, identkit.ErrUnauthorized)
	assert.NotContains(t, err.Error(), "abcdef")
	assert.Contains(t, err.Error(), "region")
	for _, address := range []string{"eu.rp.iproov.me:443", "eu.rp.iproov.me."} {
		e, err := iproov.ParseEndpoint(address)
		require.NoError(t, err)
		assert.Contains(t, e.BaseURL, "eu.rp.secure.iproov.me")
	}
}

func TestAKeySourceThatHangsDoesNotHangTheCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := iproovtest.New(iproovtest.Options{})
		asked := 0
		client := srv.Client(func(cfg *iproov.Config) {
			cfg.Credentials = iproov.KeysFrom(identkit.Static("k"), func(ctx context.Context) (identkit.Secret, error) {
				asked++
				<-ctx.Done()
				return "", ctx.Err()
			})
		})
		_, err := client.Verify.CreateToken(context.Background(), iproov.CreateTokenParams{UserID: ".."})
		require.ErrorIs(t, err, identkit.ErrInvalidRequest)
		assert.Zero(t, asked, "bad input is refused before anybody is asked")
		start := time.Now()
		_, err = client.Verify.CreateToken(context.Background(), tokenIn)
		require.Error(t, err)
		assert.LessOrEqual(t, time.Since(start), time.Minute)
		assert.Zero(t, srv.Journal().Len())
	})
}
