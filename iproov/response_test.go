package iproov_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
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

func TestContradictoryResponsesAreRefused(t *testing.T) {
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

// responses has one call of each operation with a response that it takes.
func responses() map[string]struct {
	call func(context.Context, *iproov.Client) error
	good string
} {
	type row = struct {
		call func(context.Context, *iproov.Client) error
		good string
	}
	user := `{"user_id":"` + string(alice) + `","name":"A","status":"active","activation_date":"2026-01-02T03:04:05Z"}`
	claim := `{"token":"t","user_id":"` + string(alice) + `","pod":"p","fallback":[{"type":"a","message":"b"}]}`
	verdict := `{"passed":true,"token":"t","signals":{"matching":{"passed":true}}}`
	in := iproov.ValidateParams{Token: "t", UserID: alice, Client: userAgent}
	return map[string]row{
		"iproov.Enrol.CreateToken": {func(ctx context.Context, c *iproov.Client) error {
			_, err := c.Enrol.CreateToken(ctx, tokenIn)
			return err
		}, claim},
		"iproov.Verify.CreateToken": {func(ctx context.Context, c *iproov.Client) error {
			_, err := c.Verify.CreateToken(ctx, tokenIn)
			return err
		}, claim},
		"iproov.Enrol.Validate": {func(ctx context.Context, c *iproov.Client) error {
			_, err := c.Enrol.Validate(ctx, iproov.ValidateEnrolmentParams{ValidateParams: in})
			return err
		}, verdict},
		"iproov.Verify.Validate": {func(ctx context.Context, c *iproov.Client) error { _, err := c.Verify.Validate(ctx, in); return err }, verdict},
		"iproov.Enrol.Image": {func(ctx context.Context, c *iproov.Client) error {
			_, err := c.Enrol.Image(ctx, iproov.EnrolImageParams{Token: "t", UserID: alice, Source: iproov.SourceEID, Image: bytes.NewReader(jpeg(100))})
			return err
		}, `{"success":true,"token":"t"}`},
		"iproov.Claims.Invalidate": {func(ctx context.Context, c *iproov.Client) error {
			_, err := c.Claims.Invalidate(ctx, "t", "why")
			return err
		},
			`{"claim_aborted":true,"user_informed":false}`},
		"iproov.AccessToken":  {func(ctx context.Context, c *iproov.Client) error { _, err := c.AccessToken(ctx); return err }, `{"access_token":"a"}`},
		"iproov.Users.Get":    {func(ctx context.Context, c *iproov.Client) error { _, err := c.Users.Get(ctx, alice); return err }, user},
		"iproov.Users.Delete": {func(ctx context.Context, c *iproov.Client) error { _, err := c.Users.Delete(ctx, alice); return err }, user},
		"iproov.Users.Update": {func(ctx context.Context, c *iproov.Client) error {
			_, err := c.Users.Update(ctx, alice, iproov.UpdateUserParams{UserID: "bob"})
			return err
		}, user},
		"iproov.Users.Activate": {func(ctx context.Context, c *iproov.Client) error {
			_, err := c.Users.Activate(ctx, alice, time.Time{})
			return err
		}, user},
		"iproov.Users.Suspend": {func(ctx context.Context, c *iproov.Client) error {
			_, err := c.Users.Suspend(ctx, alice, time.Time{})
			return err
		}, user},
		"iproov.Availability": {func(ctx context.Context, c *iproov.Client) error { _, err := c.Availability(ctx); return err }, `{"up":true}`},
	}
}

// optional are the members that decide nothing.
var optional = []string{"pod", "fallback", "name", "activation_date", "signals"}

func TestResponsesAreReadByTheRulesOfJSON(t *testing.T) {
	t.Parallel()
	table := responses()
	for _, op := range iproov.Catalog() {
		row, ok := table[op.Name]
		require.True(t, ok, op.Name)
		t.Run(op.Name, func(t *testing.T) {
			t.Parallel()
			srv := iproovtest.New(iproovtest.Options{})
			client := srv.Client()
			read := func(body string) error {
				srv.ClearFaults()
				srv.Fault(identkittest.On(op.Name).Body(200, "application/json", []byte(body)))
				return row.call(t.Context(), client)
			}
			require.NoError(t, read(row.good))
			require.NoError(t, read("\xef\xbb\xbf"+row.good), "a byte order mark")
			require.NoError(t, read(`{"tomorrow":{"a":[1]},`+row.good[1:]), "a member that is not known")
			bad := []string{
				"", "null", "[]", "[" + row.good + "]", `"text"`, "{}", row.good + "{}", row.good[:len(row.good)-1], "<html></html>",
				`{"x":"\xff",` + row.good[1:], `{"x":"\ud800",` + row.good[1:], `{"x":[{"a":1,"a":1}],` + row.good[1:],
			}
			var members map[string]json.RawMessage
			require.NoError(t, json.Unmarshal([]byte(row.good), &members))
			for name, value := range members {
				bad = append(bad, `{"`+name+`":`+string(value)+","+row.good[1:])
				if slices.Contains(optional, name) || name == "user_id" && strings.HasSuffix(op.Name, ".CreateToken") {
					continue // it may be missing
				}
				for _, other := range []string{strings.ToUpper(name), strings.ToUpper(name[:1]) + name[1:], strings.Replace(name, "s", "\u017f", 1)} {
					if other != name {
						bad = append(bad, strings.Replace(row.good, `"`+name+`":`, `"`+other+`":`, 1))
					}
				}
			}
			for _, body := range bad {
				require.ErrorIs(t, read(body), identkit.ErrBadResponse, body)
			}
		})
	}
}

func TestWhatDecidesNothingCostsNoResult(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{})
	client, ctx := srv.Client(), t.Context()
	respond := func(body string) {
		srv.ClearFaults()
		srv.Fault(identkittest.Any().When(func(r *http.Request) bool { return !strings.HasSuffix(r.URL.Path, "/access_token") }).Body(200, "application/json", []byte(body)))
	}
	for _, value := range []string{`null`, `17`, `true`, `{"a":{}}`, `[[1]]`, `"x"`, `["x",{"type":1,"message":null}]`} {
		respond(`{"token":"t","pod":` + value + `,"primary":` + value + `,"fallback":` + value + `,"risk_profile":` + value + `}`)
		_, err := client.Verify.CreateToken(ctx, tokenIn)
		require.NoError(t, err, value)

		respond(`{"token":"t","passed":true,"assurance_type":` + value + `,"reason":` + value + `,"result":` + value + `,"risk_profile":` + value +
			`,"signals":` + value + `,"return_frame_quality":` + value + `,"frame_available":` + value + `,"frame":` + value + `}`)
		v, err := client.Verify.Validate(ctx, iproov.ValidateParams{Token: "t", UserID: alice, Client: userAgent})
		require.NoError(t, err, value)
		assert.True(t, v.Passed)
		assert.Equal(t, value == "true", v.FrameAvailable)
		if value == "null" {
			assert.Nil(t, v.Signals.JSON)
		} else {
			assert.JSONEq(t, value, string(v.Signals.JSON))
		}

		respond(`{"user_id":"` + string(alice) + `","status":"active","name":` + value + `,"activation_date":` + value + `}`)
		_, err = client.Users.Get(ctx, alice)
		require.NoError(t, err, value)
	}
	for text, want := range map[string]string{
		`"2026-03-01T10:00Z"`: "2026-03-01T10:00:00Z", `"2026-03-01T10:00:00+01"`: "2026-03-01T09:00:00Z", `"2026-03-01T10:00:00.123456789Z[UTC]"`: "2026-03-01T10:00:00.123456789Z",
		`1772359200`: "2026-03-01T10:00:00Z", `1772359200123`: "2026-03-01T10:00:00.123Z", `"yesterday"`: "0001-01-01T00:00:00Z",
	} {
		respond(`{"user_id":"` + string(alice) + `","status":"active","suspension_date":` + text + `}`)
		u, err := client.Users.Get(ctx, alice)
		require.NoError(t, err, text)
		assert.Equal(t, want, u.Suspended.UTC().Format(time.RFC3339Nano), text)
	}
}

func TestAClientThatWasNotMadeByNewGivesErrors(t *testing.T) {
	t.Parallel()
	for name, row := range responses() {
		require.ErrorIs(t, row.call(t.Context(), new(iproov.Client)), identkit.ErrInvalidRequest, name)
	}
	c := new(iproov.Client)
	require.ErrorIs(t, c.Ping(t.Context()), identkit.ErrInvalidRequest)
	require.ErrorIs(t, c.Call(t.Context(), identkit.Request{Path: "/x"}, nil), identkit.ErrInvalidRequest)
	_, err := begin(t.Context(), c, journey(iproov.JourneyVerify))
	require.ErrorIs(t, err, identkit.ErrInvalidRequest)
	c.CloseIdleConnections()
}
